// Answers to begin with.

const json = (body) => `HTTP/1.1 200 OK\ncontent-type: application/json\n\n${body}\n`;

export const SAMPLES = [
  { name: "The status is a field of the body", text: json('{"statusCode": 404, "message": "No such order"}') },
  { name: "A flag says that it failed", text: json('{"success": false, "message": "The quantity must be positive"}') },
  { name: "Only the words say so", text: "HTTP/1.1 200 OK\ncontent-type: text/plain; charset=utf-8\n\nERROR: record not found\n" },
  { name: "A Lambda function that threw", text: json('{"errorMessage": "[404] No such order", "errorType": "NotFoundError"}') },
  { name: "A Lambda envelope", text: json('{"statusCode": 409, "headers": {"x-order-id": "17"}, "body": "{\\"message\\":\\"Already shipped\\"}"}') },
  { name: "A SOAP fault", text: "HTTP/1.1 200 OK\ncontent-type: text/xml\n\n<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body><soap:Fault><faultcode>soap:Server</faultcode><faultstring>Out of stock</faultstring></soap:Fault></soap:Body></soap:Envelope>\n" },
  { name: "GraphQL errors and no data", text: json('{"errors": [{"message": "Log in first", "extensions": {"code": "UNAUTHENTICATED"}}], "data": null}') },
  { name: "A healthy answer", text: json('{"id": 1, "status": "shipped", "total": "40.00"}') },
];
