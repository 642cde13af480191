#!/usr/bin/env python3
"""The calls of a look-up scripted with zeep, to hold the ECM against.

    pip install zeep
    cargo build --release
    python3 benches/zeep/look_up.py target/release/ecm-lab

One process, one kept session, the WSDL loaded once; everything on one core, as the bench
`overhead` does. Prints the median of a warm look-up (its searches one after the other), of the
cold chain (Authenticate, ImpersonateUser, one search), and of the cold chain with the start of
a process that loads the WSDL anew.
"""

import json
import os
import statistics
import subprocess
import sys
import time

SEARCHES = ("web01.acme.example", "web01", "10.0.0.1")
WARM_ROUNDS = 300
COLD_ROUNDS = 100
PROCESS_ROUNDS = 10

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
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {0})
    simulator = subprocess.Popen(
        [program, "mock", "secret-server"], stdout=subprocess.PIPE, text=True
    )
    try:
        ready = json.loads(simulator.stdout.readline().removeprefix("READY "))
        with open(ready["secrets_file"]) as file:
            password = json.load(file)["svc-ecm"]
        where = (address(ready["url"]), ready["ca_file"], password)
        vault = Vault(*where)
        token = vault.user_token()
        chain(vault)
        warm = median_us(
            WARM_ROUNDS, lambda: [vault.search(token, term) for term in SEARCHES]
        )
        cold = median_us(COLD_ROUNDS, lambda: chain(vault))
        again = [sys.executable, __file__, "--once"]
        # Not on the command line: others can read that.
        once = {**os.environ, "VAULT": json.dumps(where)}
        process = median_us(
            PROCESS_ROUNDS, lambda: subprocess.run(again, env=once, check=True)
        )
    finally:
        simulator.terminate()
        simulator.wait()
    print(f"warm look-up, {len(SEARCHES)} searches        {warm:10.0f} µs")
    print(f"cold chain                      {cold:10.0f} µs")
    print(f"cold chain and process start    {process:10.0f} µs")


def address(url):
    return url.rstrip("/") + "/SecretServer/webservices/SSWebService.asmx"


if __name__ == "__main__":
    if sys.argv[1:] == ["--once"]:
        chain(Vault(*json.loads(os.environ["VAULT"])))
    elif len(sys.argv) == 2:
        measure(sys.argv[1])
    else:
        sys.exit(__doc__)
