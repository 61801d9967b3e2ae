"""The program that makes, updates and removes the callers' keys inside the proxy, from the plan's callers.

Not here: which caller may do what (the plan) and the keys' values, which are set out of band.

It runs beside the proxy in the proxy's own container, at every start and in every replica: the same
keys again change nothing. A key that cannot be set ends the proxy: no old right outlives its deployment.
"""

from __future__ import annotations

import json

from inferplan.records.plan import GatewayService as PlannedGateway

CALLERS = "GATEWAY_CALLERS"  # JSON: what each caller's key opens, and the name of the secret with its value
BUDGET_PERIOD = "30d"

# The table of keys holds hashes: a key with another value under the same name is a rotated one.
PROGRAM = """\
import hashlib, json, os, signal, sys, time, urllib.error, urllib.request
import boto3

def ask(path, body=None):
    request = urllib.request.Request(
        "http://127.0.0.1:" + sys.argv[1] + path,
        None if body is None else json.dumps(body).encode(),
        {"Authorization": "Bearer " + os.environ["LITELLM_MASTER_KEY"], "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)

def wait():
    for _ in range(300):
        try:
            return ask("/health/readiness")
        except OSError:
            time.sleep(1)
    raise TimeoutError("the proxy is not ready")

def known():
    found, page, pages = set(), 1, 1
    while page <= pages:
        answer = ask(f"/key/list?size=100&page={page}")
        found.update(answer["keys"])  # hashes
        page, pages = page + 1, answer["total_pages"]
    return found

def make():
    wait()
    client = boto3.client("secretsmanager", region_name=os.environ["AWS_REGION"])
    wanted = {}
    for caller in json.loads(os.environ["GATEWAY_CALLERS"]):
        value = client.get_secret_value(SecretId=caller.pop("secret"))["SecretString"]
        wanted[hashlib.sha256(value.encode()).hexdigest()] = {"key": value, **caller}
    there = known()
    gone = [token for token in there if token not in wanted]
    if gone:
        ask("/key/delete", {"keys": gone})
    for token, key in wanted.items():
        try:
            ask("/key/update" if token in there else "/key/generate", key)
        except urllib.error.HTTPError:
            if token in there:
                raise
            ask("/key/update", key)  # another replica was faster

try:
    make()
    print("callers' keys are set", flush=True)
except Exception as error:  # its text may quote a key
    print("callers' keys cannot be set:", type(error).__name__, getattr(error, "code", ""), flush=True)
    os.kill(int(sys.argv[2]), signal.SIGTERM)
"""


def callers_text(gateway: PlannedGateway) -> str:
    """What the program is told: one body of the proxy's key API per caller, without the key."""
    bodies = [
        {
            "secret": caller.secret,
            "key_alias": caller.name,
            "models": list(caller.models),
            "allowed_routes": list(caller.paths),
            "rpm_limit": caller.requests_per_minute,
            "max_budget": caller.monthly_usd,
            "budget_duration": BUDGET_PERIOD,
        }
        for caller in gateway.callers
    ]
    return json.dumps(bodies, sort_keys=True)
