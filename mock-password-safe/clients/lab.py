"""What every client is told of the running simulator, and how its answers are counted."""

import json
import os
import sys
import urllib.request

READY = json.loads(os.environ["READY"])
SCRATCH = os.environ["SCRATCH"]
API = READY["url"] + "/BeyondTrust/api/public/v3"
CA = READY["ca_file"]


def secrets():
    with open(READY["secrets_file"], encoding="utf-8") as file:
        told = json.load(file)
    return told.get("secrets", told)


def control(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        READY["control_url"] + path,
        data=data,
        method=method,
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        return json.loads(reply.read() or b"null")


def calls():
    told = control("GET", "/journal")
    return told if isinstance(told, list) else told["entries"]


class Checks:
    """Counts what was as expected, and says what was not."""

    def __init__(self, name):
        self.name = name
        self.good = 0
        self.bad = 0

    def check(self, what, run, want=lambda value: True):
        try:
            value = run()
            if not want(value):
                raise AssertionError(f"unexpected answer: {value!r:.300}")
        except Exception as error:  # whatever a client throws is a finding
            self.bad += 1
            print(f"{self.name}: {what}: {type(error).__name__}: {error}", file=sys.stderr)
            return None
        self.good += 1
        return value

    def end(self):
        print(f"{self.name}: {self.good} as expected, {self.bad} not")
        sys.exit(1 if self.bad else 0)
