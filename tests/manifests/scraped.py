"""Whether dashboard and alerts say something of a sidecar that runs.

Usage: scraped.py CANDOR PROMETHEUS    Both are programs.

Candor stands before deploy/compose/legacy as deploy/kubernetes/base configures it, a Prometheus scrapes it, and every
expression of the dashboard is asked.
"""

import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import dashboard

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATHS = ["/orders/1", "/orders/2", "/orders/3", "/orders/5", "/soap", "/envelope"]
PATIENCE_SECONDS = 60
# Series that nothing has until something has gone wrong, or that a part has which is not in use here.
QUIET = re.compile(
    r"candor_(retries|upstream_errors|upstream_shed|upstream_ejections|tls_handshake_failures|\w+_dropped)_total"
    r"|candor_(upstream_endpoint_healthy|tls_certificate_expiry)|changes"
)
VARIABLES = {"$__rate_interval": "4s", "$__range": "1m", "$job": ".*", "$instance": ".*", "$route": ".*"}


def main(candor, prometheus):
    legacy, traffic, admin, web = (f"127.0.0.1:{port}" for port in free_ports(4))
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        started(stack, folder, sys.executable, "-B", ROOT / "deploy/compose/legacy/server.py", "--port", legacy.split(":")[1])
        environment = {"LISTEN": traffic, "ADMIN": admin, "UPSTREAMS__LEGACY__URL": f"http://{legacy}"}
        started(stack, folder, candor, "serve", "-c", ROOT / "deploy/kubernetes/base/candor.yaml", **environment)
        (folder / "prometheus.yaml").write_text(json.dumps(configuration(admin)))
        arguments = [f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data"]
        started(stack, folder, prometheus, *arguments, f"--web.listen-address={web}")
        problems = list(problems_of(traffic, web))
    sys.exit("\n".join(problems) or 0)


def started(stack, folder, *command, **environment):
    log = stack.enter_context(open(folder / "log", "a"))
    named = {f"CANDOR_{name}": value for name, value in environment.items()}
    process = subprocess.Popen(command, env={**os.environ, **named}, stdout=log, stderr=log)
    stack.callback(process.wait)
    stack.callback(process.terminate)


def configuration(target):
    return {
        "global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"},
        "rule_files": [str(ROOT / "deploy/prometheus/alerts.yaml")],
        "scrape_configs": [{"job_name": "shop", "static_configs": [{"targets": [target]}]}],
    }


def problems_of(traffic, web):
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_seen(traffic, web):
        if time.monotonic() > end:
            yield f"nothing is seen after {PATIENCE_SECONDS} s"
            return
        time.sleep(0.1)
    with open(ROOT / "deploy/grafana/candor.json") as file:
        expressions = list(dashboard.expressions(json.load(file)))
    silent = [expression for expression in expressions if not QUIET.search(expression) and not asked(web, expression)]
    yield from (f"no data: {expression}" for expression in silent)
    # These have only to be understood.
    for expression in filter(QUIET.search, expressions):
        asked(web, expression)
    rules = {rule["name"]: rule for group in told(web, "rules")["groups"] for rule in group["rules"]}
    yield from (f"{name}: {rule.get('lastError')}" for name, rule in rules.items() if rule["health"] == "err")
    if rules["CandorHiddenErrorsRising"]["state"] != "pending":
        yield "CandorHiddenErrorsRising does not see what is there"
    print(f"{len(expressions)} expressions asked, {len(expressions) - len(silent)} fine; {len(rules)} rules")


def is_seen(traffic, web):
    """Calls the backend once each way; whether Prometheus knows of errors that were hidden, and the alert as well."""
    try:
        for path in PATHS:
            with contextlib.suppress(urllib.error.HTTPError):
                urllib.request.urlopen(f"http://{traffic}{path}").close()
        seen = asked(web, "sum(rate(candor_hidden_errors_total[$__rate_interval])) > 0")
        return bool(seen and asked(web, 'ALERTS{alertname="CandorHiddenErrorsRising"}'))
    except OSError:
        return False


def asked(web, expression):
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return told(web, "query?" + urllib.parse.urlencode({"query": expression}))["result"]


def told(web, path):
    with urllib.request.urlopen(f"http://{web}/api/v1/{path}") as answer:
        return json.load(answer)["data"]


def free_ports(number):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [each.getsockname()[1] for each in sockets]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
