"""A legacy backend: whatever happens, it answers 200 OK."""

import argparse
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
XML = "text/xml; charset=utf-8"

TRACEBACK = """\
Traceback (most recent call last):
  File "/srv/app/orders.py", line 87, in show
    return render(Order.find(number))
TypeError: 'NoneType' object is not callable
"""

SOAP_FAULT = """\
<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">
  <soap:Body>
    <soap:Fault>
      <faultcode>soap:Server</faultcode>
      <faultstring>The order database does not answer</faultstring>
    </soap:Fault>
  </soap:Body>
</soap:Envelope>
"""

ENVELOPE = r"""{"statusCode": 409, "headers": {"Content-Type": "application/json", "X-Order-Id": "17"},
 "body": "{\"message\":\"Already shipped\"}", "isBase64Encoded": false}"""

ANSWERS = {
    "/health": (TEXT, "ok\n"),
    "/orders/1": (JSON, '{"id": 1, "status": "shipped", "total": "40.00"}'),
    "/orders/2": (JSON, '{"statusCode": 404, "message": "No such order"}'),
    "/orders/3": (JSON, '{"status": "503", "message": "The warehouse does not answer"}'),
    "/orders/4": (TEXT, TRACEBACK),
    "/orders/5": (TEXT, "ERROR: record not found\n"),
    "/orders/6": (JSON, '{"error": "BUSY: try again later"}'),
    "/soap": (XML, SOAP_FAULT),
    "/envelope": (JSON, ENVELOPE),
    "/report": (JSON, '{"statusCode": 404, "message": "No such report"}'),
}
# Answers that take their time, in seconds.
DELAYS = {"/report": 1.0}
UNKNOWN = (JSON, '{"statusCode": 404, "message": "No such page"}')


class Legacy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are written one after the other.
    disable_nagle_algorithm = True

    def do_GET(self):
        path = self.path.partition("?")[0]
        time.sleep(DELAYS.get(path, 0))
        content_type, text = ANSWERS.get(path, UNKNOWN)
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def do_POST(self):
        # An unread body would be taken for the next request of the connection.
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.do_GET()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9000)
    arguments = parser.parse_args()
    # The first process of a container gets no default action for SIGTERM.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ThreadingHTTPServer((arguments.host, arguments.port), Legacy).serve_forever()
