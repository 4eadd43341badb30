"""Reads a sidecar's metrics with the parsers of Prometheus's own client library, in both formats.

Usage: parse.py ADMIN    ADMIN is the admin listener's URL. Needs the package prometheus_client.
Ends with 1 when one of them is not taken, or hidden errors are not in it.
"""

import sys
from urllib.request import Request, urlopen

from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

FORMATS = {
    "text/plain;version=0.0.4": prometheus,
    "application/openmetrics-text;version=1.0.0": open_metrics,
}


def main(admin):
    for accept, parse in FORMATS.items():
        with urlopen(Request(f"{admin}/metrics", headers={"accept": accept}), timeout=10) as answer:
            assert answer.headers["content-type"].startswith(accept.split(";")[0]), answer.headers
            families = {family.name: family for family in parse(answer.read().decode())}
        hidden = sum(sample.value for sample in families["candor_hidden_errors"].samples)
        assert hidden > 0, "no hidden errors"
        print(f"{len(families)} families as {accept}, {hidden:.0f} hidden errors")


main(sys.argv[1])
