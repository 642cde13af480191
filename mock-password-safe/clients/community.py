"""The community's command `bt`, unmodified: check-out, lists, a user that is not there."""

import os
import subprocess
import sys

from lab import API, SCRATCH, Checks, secrets

c = Checks("community")
told = secrets()
ENV = {
    **os.environ,
    "BT_PWS_API_URL": API,
    "BT_PWS_API_KEY": told["registration/ECM/key"],
    "BT_PWS_VERIFY_SSL": "false",
    "HOME": SCRATCH,
    "NO_COLOR": "1",
}


def run(user, *words, code=0):
    def call():
        done = subprocess.run(
            [os.path.join(os.path.dirname(sys.executable), "bt"), "pws", *words],
            env={**ENV, "BT_PWS_RUN_AS": user}, capture_output=True, text=True, timeout=120,
            check=False,
        )
        if done.returncode != code:
            raise AssertionError(f"{done.returncode} {done.stdout[-300:]} {done.stderr[-300:]}")
        return done.stdout

    return c.check(f"{user}: {' '.join(words)}", call)


password = run("olga.operator", "quick", "checkout", "-s", "web01", "-a", "svc-web", "--raw")
c.check("the password", lambda: told["account/web01/svc-web/password/0"] in password, bool)
for words in (["systems", "list"], ["accounts", "list"], ["platforms", "list"], ["users", "list"], ["workgroups", "list"]):
    run("olga.operator", *words)
run("nobody", "systems", "list", code=1)
c.end()
