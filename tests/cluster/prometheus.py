"""The real Prometheus: its own judge of rules and configuration, and the server itself.

Not here: the control plane (control_plane) and what is asserted.
"""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from components.watch import reader
from inferplan.records.plan import Plan

HERE = Path(__file__).parent


@cache
def folder() -> Path:
    """Where build_prometheus.sh has put the programs; skips, with the reason, where they cannot be made."""
    built = subprocess.run([str(HERE / "build_prometheus.sh")], capture_output=True, text=True, check=False)
    if built.returncode != 0:
        pytest.skip(f"no Prometheus: {built.stderr.strip()}")
    return Path(built.stdout.strip())


def promtool(work: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """One of its commands, in a folder that holds the files it names."""
    return subprocess.run(
        [str(folder() / "promtool"), *words], cwd=work, capture_output=True, text=True, check=False
    )


def reader_of(plan: Plan) -> reader.ReaderArgs:
    """The planned reader of a stack."""
    assert plan.watch is not None
    assert plan.cluster is not None
    return reader.ReaderArgs(
        image="prometheus",
        watch=plan.watch,
        servers=plan.servers,
        servers_namespace=plan.cluster.namespace,
    )


def written(work: Path, plan: Plan) -> reader.ReaderArgs:
    """The files of a stack's reader, as its ConfigMap holds them."""
    args = reader_of(plan)
    (work / "rules.yml").write_text(json.dumps(reader.rules(args.watch)))
    (work / "prometheus.yml").write_text(json.dumps(reader.configuration(args)))
    return args


def tried(work: Path, inputs: dict[str, str], expected: dict[str, tuple[str, list[dict[str, Any]]]]) -> str:
    """What promtool says of the rules, given series in its own notation; empty: all as expected.

    `expected` maps a query to the time and to the samples that it has then.
    """
    case = {
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in inputs.items()],
        "promql_expr_test": [
            {"expr": query, "eval_time": at, "exp_samples": samples}
            for query, (at, samples) in expected.items()
        ],
    }
    tests = {"rule_files": ["rules.yml"], "evaluation_interval": "15s", "tests": [case]}
    (work / "tests.yml").write_text(json.dumps(tests))
    answer = promtool(work, "test", "rules", "tests.yml")
    return "" if answer.returncode == 0 else answer.stdout + answer.stderr
