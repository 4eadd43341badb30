"""The dashboard's expressions as recording rules, which promtool can check.

Usage: dashboard.py DASHBOARD > RULES
"""

import json
import re
import sys

# What Grafana puts in for its own variables.
VARIABLES = {"$__rate_interval": "5m", "$__range": "1h"}


def expressions(value):
    """Every `expr` in a dashboard, however deep."""
    if isinstance(value, dict):
        yield from ([value["expr"]] if "expr" in value else [])
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from expressions(each)


def main(path):
    with open(path) as file:
        found = list(expressions(json.load(file)))
    for name, text in VARIABLES.items():
        found = [expression.replace(name, text) for expression in found]
    if not found:
        sys.exit(f"{path}: no expressions")
    if left := [each for each in found if re.search(r"\$__", each)]:
        sys.exit(f"{path}: an unknown variable: {left}")
    rules = [{"record": f"dashboard:{number}", "expr": expression} for number, expression in enumerate(found)]
    json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
