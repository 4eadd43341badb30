#!/usr/bin/env python3
"""Answers Lambda's Invoke API for a handler, as a Lambda container does.

    python3 function.py [--host 127.0.0.1] [--port 9001] MODULE.FUNCTION

The handler is run by awslambdaric, Lambda's own runtime interface client for Python, where that is installed
(`pip install awslambdaric`): it asks for events at the Runtime API, which is spoken here too. Where it is not, the
handler is called right here, and what it returns or raises is written as awslambdaric writes it.

Like the Runtime Interface Emulator of the containers it runs one event at a time and does not say in a header that a
function has failed.
"""

import argparse
import atexit
import importlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import traceback
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata

INVOKE = "/2015-03-31/functions/function/invocations"
RUNTIME = "/2018-06-01/runtime/"

# The examples stay as they are.
sys.dont_write_bytecode = True

turn = threading.Lock()
events = queue.Queue()
answers = queue.Queue()


class Function(BaseHTTPRequestHandler):
    """The Invoke API for those who call, and the Runtime API for the runtime interface client."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == INVOKE:
            with turn:
                events.put(body)
                self.answer(200, answers.get())
        elif self.path.startswith(RUNTIME):
            self.answer(202, b'{"status":"OK"}')
            # Whoever called is told why the handler cannot be loaded, too.
            answers.put(body)
        else:
            self.answer(404, b"")

    def do_GET(self):
        if self.path != f"{RUNTIME}invocation/next":
            return self.answer(404, b"")
        self.answer(
            200,
            events.get(),
            ("Lambda-Runtime-Aws-Request-Id", str(uuid.uuid4())),
            ("Lambda-Runtime-Deadline-Ms", "9999999999999"),
            ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:function"),
        )

    def answer(self, status, body, *headers):
        self.send_response(status)
        for name, value in (("Content-Type", "application/json"), ("Content-Length", len(body)), *headers):
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def run_here(name):
    """Calls the handler for each event."""
    module, function = name.rsplit(".", 1)
    sys.path.insert(0, os.getcwd())
    handler = getattr(importlib.import_module(module), function)
    while True:
        event = events.get()
        try:
            answers.put(json.dumps(handler(json.loads(event), None)).encode())
        except Exception as error:  # whatever it raises is its answer
            answers.put(json.dumps(written(error)).encode())


def written(error):
    """An error as awslambdaric writes it."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": str(uuid.uuid4()),
        "stackTrace": traceback.format_list(frames),
    }


def end_with(client):
    """Without the runtime interface client nobody would answer."""
    code = client.wait()
    if code != -signal.SIGTERM:
        print(f"awslambdaric has ended with {code}", file=sys.stderr)
    os._exit(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9001)
    parser.add_argument("handler", metavar="MODULE.FUNCTION", help="looked for in this folder")
    arguments = parser.parse_args()
    server = ThreadingHTTPServer((arguments.host, arguments.port), Function)
    server.daemon_threads = True
    host, port = server.server_address
    try:
        version = metadata.version("awslambdaric")
    except metadata.PackageNotFoundError:
        version = None
    run_by = f"awslambdaric {version}" if version else "function.py itself, as awslambdaric is not installed"
    print(f"http://{host}:{port}{INVOKE}: {arguments.handler}, run by {run_by}", flush=True)
    if version:
        environment = {**os.environ, "AWS_LAMBDA_RUNTIME_API": f"{host}:{port}"}
        command = [sys.executable, "-B", "-m", "awslambdaric", arguments.handler]
        client = subprocess.Popen(command, env=environment, stdout=sys.stderr)
        atexit.register(client.terminate)
        threading.Thread(target=end_with, args=(client,), daemon=True).start()
    else:
        threading.Thread(target=run_here, args=(arguments.handler,), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
