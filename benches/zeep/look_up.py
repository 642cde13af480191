#!/usr/bin/env python3
"""The calls of a look-up scripted with zeep, to hold the ECM against.

    pip install zeep
    cargo build --release --bin ecm-lab --bench overhead
    python3 benches/zeep/look_up.py target/release/ecm-lab

One process, one kept session, the WSDL loaded once; everything on one core, as the bench
`overhead` does, which has its turn before and after each round. Prints the median of a warm
look-up (its searches one after the other), of the cold chain (Authenticate, ImpersonateUser, one
search), and of the cold chain with the start of a process that loads the WSDL anew; and how many
times faster the ECM's lists are, by the time at the appliance.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import time

SEARCHES = ("web01.acme.example", "web01", "10.0.0.1")
PAIRS = 3
WARM_ROUNDS = 300
COLD_ROUNDS = 100
PROCESS_ROUNDS = 10

NAMES = {"warm": f"warm look-up, {len(SEARCHES)} searches", "cold": "cold chain"}

SOAP_ENCODING_URL = "http://schemas.xmlsoap.org/soap/encoding/"
SOAP_ENCODING = f"""<schema xmlns="http://www.w3.org/2001/XMLSchema"
  targetNamespace="{SOAP_ENCODING_URL}"><complexType name="Array" />
  <attribute name="arrayType" type="string" /></schema>""".encode()


class Vault:
    def __init__(self, url, ca_file, password):
        import requests
        import zeep
        from zeep.transports import Transport

        class Offline(Transport):
            """The WSDL imports a schema of the world wide web, for bindings that nobody uses."""

            def load(self, url):
                return SOAP_ENCODING if url == SOAP_ENCODING_URL else super().load(url)

        session = requests.Session()
        session.verify = ca_file
        # The environment may name another authority.
        session.trust_env = False
        self.password = password
        client = zeep.Client(url + "?WSDL", transport=Offline(session=session))
        # The WSDL names the address that its server believes it has.
        binding = next(name for name in client.wsdl.bindings if name.endswith("Soap"))
        self.service = client.create_service(binding, url)

    def user_token(self):
        api = self.service.Authenticate("svc-ecm", self.password, "", "")
        user = self.service.ImpersonateUser(api.Token, "sam.ops", "", "acme.example")
        assert user.Token, user
        return user.Token

    def search(self, token, term):
        found = self.service.SearchSecretsByFieldValue(token, "Machine", term, False, True)
        assert not found.Errors, found.Errors


def median_us(rounds, work):
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1e6)
    return statistics.median(took)


def chain(vault):
    vault.search(vault.user_token(), SEARCHES[1])


def measure(program):
    simulator = subprocess.Popen(
        [program, "mock", "secret-server"], stdout=subprocess.PIPE, text=True
    )
    try:
        ready = json.loads(simulator.stdout.readline().removeprefix("READY "))
        with open(ready["secrets_file"]) as file:
            password = json.load(file)["svc-ecm"]
        where = (address(ready["url"]), ready["ca_file"], password)
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(simulator.pid, {0})
            for thread in os.listdir(f"/proc/{simulator.pid}/task"):
                os.sched_setaffinity(int(thread), {0})
        rounds = [(overhead(), scripted(where)) for _ in range(PAIRS)] + [(overhead(), None)]
    finally:
        simulator.terminate()
        simulator.wait()
    zeep = [zeep for _, zeep in rounds if zeep]
    ecm = [ecm for ecm, _ in rounds]
    for name in zeep[0]:
        of_zeep = statistics.median(one[name] for one in zeep)
        line = f"{name:<36} {of_zeep:10.0f} µs"
        if name in ecm[0]:
            of_ecm = statistics.median(one[name] for one in ecm)
            line += f"   the ECM {of_ecm:6.0f} µs   {of_zeep / of_ecm:5.1f}x"
        print(line)


def overhead():
    """The lists of the ECM, as the bench measures them."""
    bench = ["cargo", "bench", "--locked", "--bench", "overhead", "--", "3"]
    told = subprocess.run(bench, check=True, capture_output=True, text=True).stdout
    found = re.findall(r"^(warm|cold) list, at the appliance\s+([\d.]+)", told, re.MULTILINE)
    return {NAMES[kind]: float(us) for kind, us in found}


def scripted(where):
    """The same calls by zeep, in a process of its own on the simulator's core."""
    play = [sys.executable, __file__, "--play"]
    # Not on the command line: others can read that.
    once = {**os.environ, "VAULT": json.dumps(where)}
    played = subprocess.run(play, env=once, check=True, capture_output=True, text=True)
    return json.loads(played.stdout)


def play(where):
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {0})
    vault = Vault(*where)
    token = vault.user_token()
    chain(vault)
    again = [sys.executable, __file__, "--once"]
    told = {
        NAMES["warm"]: median_us(
            WARM_ROUNDS, lambda: [vault.search(token, term) for term in SEARCHES]
        ),
        NAMES["cold"]: median_us(COLD_ROUNDS, lambda: chain(vault)),
        "cold chain and process start": median_us(
            PROCESS_ROUNDS, lambda: subprocess.run(again, check=True)
        ),
    }
    print(json.dumps(told))


def address(url):
    return url.rstrip("/") + "/SecretServer/webservices/SSWebService.asmx"


if __name__ == "__main__":
    if sys.argv[1:] == ["--once"]:
        chain(Vault(*json.loads(os.environ["VAULT"])))
    elif sys.argv[1:] == ["--play"]:
        play(json.loads(os.environ["VAULT"]))
    elif len(sys.argv) == 2:
        measure(sys.argv[1])
    else:
        sys.exit(__doc__)
