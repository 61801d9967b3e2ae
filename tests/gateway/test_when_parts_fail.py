"""The planned proxy while cache and database are down: nobody is served past a limit, and no task is ended.

Not here: what it does when all is well. These tests take parts away and do not bring them back, so this
module is the last one of its folder.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from tests.gateway import machines
from tests.gateway.proxy import CHAT, MASTER_KEY, MASTER_PASSWORD, Gateway
from tests.gateway.test_redaction import PERSONAL

POOR = "sk-with-a-spent-budget"
SPENT = 422
CLOSED = (401, SPENT, 503)


def _spend(gateway: Gateway) -> int:
    """A call of a vendor with the key of a spent budget."""
    body = {"model": gateway.redacted()[0], "messages": [{"role": "user", "content": "hello"}]}
    return gateway.ask(CHAT, body, POOR)[0]


def test_spent_budget_is_closed_row_8(gateway: Gateway) -> None:
    """A key whose budget is spent is refused."""
    key = {"key": POOR, "models": [gateway.redacted()[0]], "allowed_routes": [CHAT], "rpm_limit": 100}
    assert gateway.ask("/key/generate", {**key, "max_budget": 0.000001}, MASTER_KEY)[0] == 200
    for _ in range(40):
        if (answer := _spend(gateway)) != 200:
            break
        time.sleep(0.5)

    assert answer == SPENT


def test_budget_is_closed_while_the_cache_is_down_row_8(gateway: Gateway) -> None:
    """Without Redis limits cannot be kept across replicas, so nobody is served."""
    gateway.redis_process.terminate()
    gateway.redis_process.wait()

    assert [gateway.chat()[0] for _ in range(3)] == [503, 503, 503]
    assert _spend(gateway) in CLOSED
    gateway.redis_process = subprocess.Popen(gateway.redis_process.args)
    gateway.stack.callback(gateway.redis_process.wait)
    gateway.stack.callback(gateway.redis_process.terminate)
    machines.wait_for(gateway.redis)


def test_task_lives_while_the_database_is_down_row_12(gateway: Gateway) -> None:
    """A failover must not end every task: the container's own check still passes."""
    postmaster = gateway.folder / "pg/db/postmaster.pid"
    os.kill(int(postmaster.read_text().split()[0]), signal.SIGINT)  # at once, whoever is connected
    gateway.database_process.wait()
    for task in gateway.recorded.of("aws:ecs/taskDefinition:TaskDefinition"):
        for definition in json.loads(task.props["containerDefinitions"]):
            if "healthCheck" in definition:
                environment = os.environ | {
                    "PORT": str(gateway.helpers.get(definition["name"], gateway.port))
                }
                command = [
                    part.replace("4000", str(gateway.port))
                    for part in definition["healthCheck"]["command"][1:]
                ]
                assert subprocess.run(command, check=False, env=environment).returncode == 0
    assert gateway.ask("/health/liveliness")[0] == 200
    gateway.forget()

    assert _spend(gateway) in CLOSED
    assert gateway.ask(CHAT, {"model": gateway.redacted()[0], "messages": []}, "sk-unknown")[0] in CLOSED
    assert gateway.asked() == []


def test_nothing_secret_in_logs_and_argv_after_all(gateway: Gateway) -> None:
    """After every question and failure: no key, password or person in any log or command line."""
    texts = {str(log): log.read_text() for log in gateway.folder.glob("*.log")}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            texts[str(process)] = (process / "cmdline").read_text(errors="replace")
    persons = [secret for _, secrets in PERSONAL.values() for secret in secrets]

    assert len(texts) > 8
    for secret in (*gateway.secrets.values(), POOR, MASTER_PASSWORD, *persons):
        assert [place for place, text in texts.items() if secret in text] == []
