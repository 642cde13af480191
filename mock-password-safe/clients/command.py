"""The vendor's command, unmodified. It ends with 0 also when it was refused, so the simulator's
journal is looked at after each call: only answers of success are as expected."""

import os
import re
import subprocess
import sys

from lab import API, CA, SCRATCH, Checks, calls, control, secrets

c = Checks("command")
told = secrets()
ENV = {
    **os.environ,
    "PSCLI_API_URL": API,
    "PSCLI_CLIENT_ID": told["user/provisioner/client-id"],
    "PSCLI_CLIENT_SECRET": told["user/provisioner/client-secret"],
    "PSCLI_VERIFY_CA": CA,
    "PSCLI_SETTINGS_PATH": f"{SCRATCH}/settings.toml",
    "HOME": SCRATCH,
}
GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def run(*words, wrong=()):
    def call():
        control("DELETE", "/journal")
        done = subprocess.run(
            [os.path.join(os.path.dirname(sys.executable), "ps-cli"), "-y", *words],
            env=ENV, capture_output=True, text=True, timeout=120, check=False,
        )
        refused = [
            f"{entry['operation']} {entry['status']}"
            for entry in calls()
            if entry["status"] >= 400 and entry["status"] not in wrong
        ]
        if done.returncode or refused or "not possible" in done.stdout and not wrong:
            raise AssertionError(f"{done.returncode} {refused} {done.stdout[-300:]} {done.stderr[-300:]}")
        return done.stdout

    return c.check(" ".join(words), call)


def made(*words):
    found = GUID.findall(run("--format", "json", *words) or "")
    return found[0] if found else "00000000-0000-4000-a000-000000000000"


run("--version")
run("managed-accounts", "list", "-id", "1")
run("managed-systems", "list")
run("platforms", "list")
run("ticket-systems", "list")
run("requests", "list")
run("requests", "create-by-alias", "-d", "10", "-a-id", "1")
run("requests", "create-request-set", "-s-id", "6", "-a-id", "7", "-d", "5", "-a-types", "View", "SSH")
run("requests", "get-request-sets")
for more in ([], ["--use-isa"]):
    run("short-commands", "retrieve-password", "-sn", "ts01", "-an", "erp-operator", "-r", "r", *more)
safe = made("safes", "create", "-n", "Command", "-d", "d")
run("safes", "list")
run("safes", "get", "-id", safe)
run("safes", "update", "-id", safe, "-n", "Command 2", "-d", "e")
run("safe-permissions", "update-safe-permissions", "-id", safe, "-pt", "0", "-pid", "1", "-pf", "Read")
folder = made("folders", "create", "-n", "F", "-pid", safe, "-d", "d")
run("folders", "favorite", "-id", folder)
run("folders", "list")
secret = made(
    "-av", "3.0", "secrets", "create", "-st", "Credential", "-t", "t", "-u", "u", "-p", "p",
    "-fid", folder, "-ot", "User", "-o", '{"owner_id": 1, "owner": "x", "email": "y"}',
)
run("secrets", "list")
run("folders", "delete", "-id", folder)
run("safes", "delete", "-id", safe)
c.end()
