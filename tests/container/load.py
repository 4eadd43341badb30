"""Asks a sidecar that is about to stop, on connections of its own, and misses no answer.

Each connection asks again as soon as it has been answered, until an answer says `Connection: close`: then it is at its
end, and a client goes elsewhere. Nothing is sent twice. A request is lost when its connection was open, nobody had said
that it would not stay so, and no whole and true answer came. Prints `running` once every connection has been answered,
and at the end what became of all requests; ends with 1 when one was lost.
"""

import argparse
import http.client
import sys
import threading
import time
from collections import Counter

# What the legacy backend of deploy/compose says of these with 200 OK, and what it means.
QUICK = [("/orders/1", 200, b'"shipped"'), ("/orders/2", 404, b"No such order"), ("/envelope", 409, b"Already shipped")]
# Takes a second: under way whenever the sidecar is told to stop.
SLOW = [("/report", 404, b"No such report")]


class Load:
    def __init__(self, host, port):
        self.address = host, port
        self.counts = Counter()
        self.lost = []
        self.lock = threading.Lock()
        self.answered = threading.Semaphore(0)

    def carry(self, requests):
        """One connection's life."""
        connection = http.client.HTTPConnection(*self.address, timeout=60)
        connection.connect()
        # A connection that has been closed is not opened again.
        connection.auto_open = 0
        number = 0
        while True:
            path, status, words = requests[number % len(requests)]
            number += 1
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                body = answer.read()
            except Exception as error:
                return self.lose(f"{path}, request {number} of its connection: {error!r}")
            if answer.status != status or words not in body:
                return self.lose(f"{path}: {answer.status} {body[:80]!r}")
            with self.lock:
                self.counts[status] += 1
            if number == 1:
                self.answered.release()
            if answer.getheader("Connection", "").lower() == "close":
                with self.lock:
                    self.counts["connections told to close"] += 1
                return connection.close()

    def lose(self, what):
        with self.lock:
            self.lost.append(what)
        self.answered.release()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--connections", type=int, default=24, help="a quarter of them with slow requests")
    arguments = parser.parse_args()
    load = Load(arguments.host, arguments.port)
    threads = [
        threading.Thread(target=load.carry, args=(SLOW if number % 4 == 0 else QUICK,))
        for number in range(arguments.connections)
    ]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for _ in threads:
        load.answered.acquire()
    print("running", flush=True)
    for thread in threads:
        thread.join()
    counts = ", ".join(f"{name}: {count}" for name, count in sorted(load.counts.items(), key=str))
    print(f"{time.monotonic() - started:.1f} s; {counts}; lost: {len(load.lost)}")
    for what in load.lost:
        print(f"lost: {what}")
    sys.exit(1 if load.lost else 0)


if __name__ == "__main__":
    main()
