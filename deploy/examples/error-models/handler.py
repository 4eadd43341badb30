"""Keeps users. What it has to say of a failure it says in the text of its exception, as JSON."""

import json


class Failure(Exception):
    """`reason` is a word that API Gateway looks for; `errors` are for the client."""

    def __init__(self, reason, *errors):
        super().__init__(json.dumps({"reason": reason, "errors": errors}))


def handler(event, context):
    user = event["user"]
    errors = [f"`{name}` is missing" for name in ("name", "email") if not user.get(name)]
    if "@" not in user.get("email", "@"):
        errors.append("`email` isn't an address")
    if errors:
        raise Failure("client_error", *errors)
    if event["id"] == "13":
        raise Failure("server_error", "The user database does not answer")
    return {"id": event["id"], **user}
