"""The planned proxy while cache and database are down: nobody is served past a limit, and no task is ended.

Not here: what it does when all is well. These tests take parts away and do not bring them back, so this
module is the last one of its folder.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess

from tests.gateway.proxy import Gateway


def test_budget_is_closed_while_the_cache_is_down_row_8(gateway: Gateway) -> None:
    """Without Redis limits cannot be kept across replicas, so nobody is served."""
    gateway.redis_process.terminate()
    gateway.redis_process.wait()

    assert [gateway.chat()[0] for _ in range(3)] == [503, 503, 503]


def test_task_lives_while_the_database_is_down_row_12(gateway: Gateway) -> None:
    """A failover must not end every task: the container's own check still passes."""
    postmaster = gateway.folder / "pg/db/postmaster.pid"
    os.kill(int(postmaster.read_text().split()[0]), signal.SIGINT)  # at once, whoever is connected
    gateway.database_process.wait()
    for task in gateway.recorded.of("aws:ecs/taskDefinition:TaskDefinition"):
        for definition in json.loads(task.props["containerDefinitions"]):
            if "healthCheck" in definition:
                command = [
                    part.replace("4000", str(gateway.port))
                    for part in definition["healthCheck"]["command"][1:]
                ]
                assert subprocess.run(command, check=False, env=os.environ).returncode == 0
    assert gateway.ask("/health/liveliness")[0] == 200
