"""Says hello, in each of the ways in which that can go wrong."""

import json


def handler(event, context):
    response = {"statusCode": 400, "body": json.dumps("Hello from Lambda!")}
    how = event["how"]
    if how == "thrown":
        raise Exception("Internal Error - Intentionally throw this error")
    if how == "failed":
        raise Exception(json.dumps(response, separators=(",", ":")))
    return response
