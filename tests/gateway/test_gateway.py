"""The planned proxy, started for real: it comes up, and lets callers do their own and no more.

Not here: the rows that need no running proxy (test_configuration, test_entrance), redaction, limits, and what
happens when a part fails. Tests end with their row of the list of what broke when it was first tried.
"""

from __future__ import annotations

import fnmatch
import json
import re
import socket
import subprocess
import time

from tests.gateway import machines
from tests.gateway.proxy import CHAT, MASTER_KEY, MASTER_PASSWORD, Gateway
from tests.unit.recorded import planned

PERSON = "John Smith"
PUBLIC = {"/", "/health/liveliness", "/health/liveness", "/health/readiness"}


def test_containers_start_as_planned_row_1_and_7(gateway: Gateway) -> None:
    """Bootstrap, proxy and configuration come up from the recorded command lines; a caller is answered."""
    assert gateway.first.returncode == 0, gateway.first.stderr
    status, text = gateway.chat()

    assert status == 200, text
    assert json.loads(text)["choices"][0]["message"]["content"]


def test_bootstrap_twice_changes_nothing_row_1(gateway: Gateway) -> None:
    """The login is made once."""
    assert gateway.run("bootstrap").returncode == 0


def test_failing_bootstrap_prints_no_password_row_6(gateway: Gateway) -> None:
    """Neither output nor command line carries the database's master password."""
    failed = gateway.run("bootstrap", DATABASE_PORT="1")

    assert failed.returncode != 0
    assert MASTER_PASSWORD not in failed.stdout + failed.stderr
    assert not re.search(r"command = .*\bwho\b", " ".join(gateway.containers["bootstrap"].command))


def test_caller_opens_his_path_only_row_2(
    gateway: Gateway, paths_of_the_proxy: list[tuple[str, str]]
) -> None:
    """No other path of the proxy's own route table lets a caller's key through or reaches a model."""
    caller = gateway.plan.callers[0]
    body = {
        "model": caller.models[0],
        "messages": [{"role": "user", "content": PERSON}],
        "input": PERSON,
        "prompt": PERSON,
    }
    paths = [(method, path) for method, path in paths_of_the_proxy if path not in (*PUBLIC, *caller.paths)]
    gateway.forget()
    answers = {
        (method, path): gateway.ask(
            re.sub(r"\{[^}]*\}", "x", path),
            None if method == "GET" else body,
            gateway.key_of(caller.name),
            method,
            seconds=3,
        )[0]
        for method, path in paths
    }

    assert len(answers) > 300
    assert [path for path, status in answers.items() if status == 0] == []
    assert gateway.asked() == []
    assert 429 not in answers.values()


def test_own_paths_answer_row_2(gateway: Gateway) -> None:
    """The health of the models is nobody's to ask with a caller's key; chat is."""
    caller = gateway.plan.callers[0]
    gateway.forget()

    assert gateway.ask("/health", key=gateway.key_of(caller.name))[0] in (401, 403)
    assert gateway.asked() == []
    assert gateway.chat()[0] == 200


def test_vendors_key_goes_to_the_vendor_only_row_3(gateway: Gateway) -> None:
    """Bedrock is called with the role's signature, never with a vendor's key as bearer token."""
    gateway.forget()
    gateway.chat()

    assert all(call.authorization.startswith("AWS4-HMAC-SHA256") for call in gateway.bedrock.calls)
    for call in gateway.vendor.calls:
        assert call.authorization.removeprefix("Bearer ") in {*gateway.secrets.values(), "", "fake-api-key"}


def test_keys_are_made_and_again_change_nothing_row_5(gateway: Gateway) -> None:
    """Every planned caller has one key with its models, paths, rate and budget; a second run is the same."""
    program = gateway.containers["gateway"].command[3]

    def keys() -> dict[str, tuple[object, ...]]:
        rows = machines.sql(
            gateway.database,
            'SELECT row_to_json(k) FROM "LiteLLM_VerificationToken" k WHERE key_alias IS NOT NULL',
            database="litellm",
        )
        found = [json.loads(row) for row in rows.splitlines()]
        held = ("token", "models", "allowed_routes", "rpm_limit", "max_budget")
        return {key["key_alias"]: tuple(key[name] for name in held) for key in found}

    first = keys()
    again = subprocess.run(
        [gateway.home / "venv/bin/python", "-c", program, str(gateway.port)],
        check=False,
        env=gateway.environment("gateway", LITELLM_MASTER_KEY=MASTER_KEY),
        capture_output=True,
        text=True,
    )
    assert "callers' keys are set" in again.stdout, again.stdout
    assert keys().keys() == first.keys() == {caller.name for caller in gateway.plan.callers}
    assert keys() == first
    for caller in gateway.plan.callers:
        models, paths = list(caller.models), list(caller.paths)
        assert first[caller.name][1:] == (models, paths, caller.requests_per_minute, caller.monthly_usd)
        assert caller.requests_per_minute > 0  # without a rate a spent budget passes while Redis is down


def test_adapters_can_be_called_row_10(gateway: Gateway) -> None:
    """Every model that a caller's key names answers him, adapters included."""
    offered = {entry["model_name"] for entry in gateway.plan.config["model_list"]}
    for caller in gateway.plan.callers:
        for model in caller.models:
            body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
            assert gateway.ask(CHAT, body, gateway.key_of(caller.name))[0] == 200, model
    assert {model for caller in gateway.plan.callers for model in caller.models} == offered


def test_revoked_key_is_refused_by_every_replica_row_11(gateway: Gateway) -> None:
    """With the planned rights in Redis, a replica that has just served a key hears of its end at once."""
    model, path = gateway.plan.callers[0].models[0], gateway.plan.callers[0].paths[0]
    key, body = "sk-to-be-revoked", {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    rights = {"key": key, "models": [model], "allowed_routes": [path], "rpm_limit": 100}
    other = gateway.start_replica(gateway.folder / "replica.log")
    assert gateway.ask("/key/generate", rights, MASTER_KEY)[0] == 200
    assert [gateway.ask(path, body, key, port=port)[0] for port in (gateway.port, other)] == [200, 200]

    assert gateway.ask("/key/delete", {"keys": [key]}, MASTER_KEY)[0] == 200
    time.sleep(2)  # its own memory would hold the key for a minute
    assert [gateway.ask(path, body, key, port=port)[0] for port in (gateway.port, other)] == [401, 401]
    for log in (gateway.log, gateway.folder / "replica.log"):
        assert "NOPERM" not in log.read_text().upper()
        assert "No permissions to access a channel" not in log.read_text()


def test_serving_looks_up_no_host_row_7(gateway: Gateway) -> None:
    """With loopback in place of every planned host, nothing else is asked for: no map, template or metric."""
    for container in ("bootstrap", "gateway"):
        assert gateway.lookups(container) - {socket.gethostname()} == {"127.0.0.1"}


# What the containers do first, without the stand-ins' addresses: the library's own hosts are asked for.
_READ_CONFIGURATION = """\
import os
from litellm.proxy.common_utils.load_config_utils import get_file_contents_from_s3 as read
read(os.environ["LITELLM_CONFIG_BUCKET_NAME"], os.environ["LITELLM_CONFIG_BUCKET_OBJECT_KEY"])
"""


def test_hosts_of_aws_are_those_that_dns_answers_row_7(gateway: Gateway) -> None:
    """Configuration and secrets are asked for at regional hosts, which the DNS allow list names."""
    gateway.forget_lookups("start")
    environment = {
        name: value
        for name, value in gateway.environment("gateway", **gateway.recorder("start")).items()
        if not name.startswith("AWS_ENDPOINT_URL")
    }
    commands = [gateway.containers["gateway"].command, gateway.containers["bootstrap"].command]
    if "LITELLM_CONFIG_BUCKET_NAME" in environment:
        commands.append(["python", "-c", _READ_CONFIGURATION])
    for command in commands:
        subprocess.run(
            command,
            env=environment | {"AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true"},
            check=False,
            cwd=gateway.site_packages,
            capture_output=True,
            timeout=60,
        )
    hosts = gateway.lookups("start")
    answered = planned(gateway.name).network.dns_allow

    assert len(hosts) == (2 if "LITELLM_CONFIG_BUCKET_NAME" in environment else 1)
    assert [host for host in hosts if not _answered(host, answered)] == []


def test_hosts_of_the_configuration_are_those_that_dns_answers_row_7(gateway: Gateway) -> None:
    """Every host that the proxy is told to call is on the DNS allow list, or a service of the cluster."""
    hosts = set(re.findall(r"https?://([a-z0-9.-]+)", json.dumps(gateway.plan.config))) - {"127.0.0.1"}
    outside = {host for host in hosts if not host.endswith(".svc.cluster.local")}

    assert outside
    assert [host for host in outside if not _answered(host, planned(gateway.name).network.dns_allow)] == []


def _answered(host: str, allowed: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(host, pattern) for pattern in allowed)


def test_api_description_is_closed_row_13(gateway: Gateway) -> None:
    """Nobody reads the proxy's own description or documentation."""
    for path in ("/openapi.json", "/docs", "/redoc"):
        assert gateway.ask(path)[0] in (401, 403, 404), path


def test_no_secret_in_the_log(gateway: Gateway) -> None:
    """No key, password or prompt is printed."""
    text = gateway.log.read_text()

    assert not [value for value in (*gateway.secrets.values(), PERSON) if value in text]
