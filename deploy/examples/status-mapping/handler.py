"""Two functions: one behind mappings, which can only raise, and one that says its status itself."""

import json


def sample(event, context):
    error = event.get("error")
    if not error:
        return {"statusCode": 200, "body": "customerror"}
    if error == "400":
        raise Exception("Error: Raising 400 from within the Lambda function")
    if error == "500":
        raise Exception("Error: Raising 500 from within the Lambda function")
    return "`error` should be 400 or 500"


def proxy(event, context):
    return {
        "isBase64Encoded": False,
        "statusCode": 404,
        "headers": {"X-Order": event["pathParameters"]["id"]},
        "multiValueHeaders": {},
        "body": json.dumps({"message": "no such order"}),
    }
