"""Takes new users. A failure is an object; its exception's text is that object as JSON."""

import json


class Refused(Exception):
    """Without the blanks that `json.dumps` puts in: the pattern for a status has none."""

    def __init__(self, status, *errors):
        super().__init__(json.dumps({"status": status, "errors": errors}, separators=(",", ":")))


def handler(event, context):
    errors = []
    if len(event.get("first_name", "")) < 3:
        errors.append(
            {
                "code": "123",
                "source": "/data/attributes/first-name",
                "message": "Value is too short",
                "detail": "First name must contain at least three characters.",
            }
        )
    if event.get("password") != event.get("password_confirmation"):
        errors.append(
            {
                "code": "226",
                "source": "/data/attributes/password",
                "message": "Password and password confirmation do not match.",
            }
        )
    if errors:
        raise Refused(400, *errors)
    if event["first_name"] == "Grace":
        raise Refused(409, {"code": "301", "message": "There is a Grace already."})
    return {"first_name": event["first_name"]}
