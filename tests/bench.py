"""Whole-process timings as ratios, every pair measured in turn in one run (`make bench`).

Not here: any assertion; a slow machine is no failure, a ratio drifting from its goal is for a person to see.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
RUNS = 7
PYTHON = sys.executable
INFERPLAN = str(Path(PYTHON).parent / "inferplan")
AS_OF = ["--as-of", "2026-11-20"]
LARGEST = "specs/in-bank-assistant.yaml"


def sdk_imports() -> str:
    """A program that only imports the SDKs and the submodules that the largest example uses."""
    from datetime import date

    from inferplan.plan.make import make_plan
    from inferplan.spec.loading import load
    from stacks.record import record_plan

    declaration = load(ROOT / LARGEST, ROOT / "organization")
    types = {r.type for r in record_plan(make_plan(declaration, date(2026, 11, 20)), declaration) if r.custom}
    lines = ["import pulumi, pulumi_aws, pulumi_kubernetes"]
    for token in sorted(types):
        package, module, name = token.split(":")
        group, _, version = module.partition("/")
        if package == "aws":
            lines.append(f"pulumi_aws.{group}.{name}")  # naming a class is what loads a lazy submodule
        elif package == "kubernetes" and "x-k8s.io" not in module:
            lines.append(f"pulumi_kubernetes.{group.split('.')[0]}.{version}.{name}")
    return "\n".join(lines)


def measure(command: list[str], env: dict[str, str] | None = None) -> tuple[float, float]:
    """Wall and CPU seconds of one whole process."""
    import time

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=False)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{command}: exit {done.returncode}\n{done.stderr.decode()}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(
    title: str, goal: str, ours: list[str], other: list[str], env: dict[str, str] | None = None
) -> None:
    """Print the median of ours, of the other, and of their ratio pair by pair."""
    measure(ours), measure(other, env)
    pairs = [(measure(ours)[0], measure(other, env)[0]) for _ in range(RUNS)]
    ratio = statistics.median(a / b for a, b in pairs)
    mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{title:58} {mine:6.2f} s / {theirs:6.2f} s = {ratio:5.2f}   goal {goal}")


def main() -> None:
    """Run every comparison; what cannot run says why."""
    check = [INFERPLAN, "check", LARGEST, *AS_OF]
    compare(
        "check (cold) / import of the Pulumi SDKs it uses", "<= 1.5", check, [PYTHON, "-c", sdk_imports()]
    )
    cpu = statistics.median(measure([INFERPLAN, "validate", LARGEST])[1] for _ in range(RUNS))
    print(f"{'validate, CPU of the whole process':58} {cpu:6.2f} s                      goal < 0.30 s")
    warm = subprocess.run(
        [PYTHON, "-m", "tests.bench_warm"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    print(warm.stdout, end="")
    _engine(check)


def _engine(check: list[str]) -> None:
    from tests.engine.workspace import find_engine

    engine = find_engine()
    if engine is None:
        print("check / preview with the pack on the real engine: skipped, no engine (run `make engine`)")
        return
    preview = [PYTHON, "-m", "tests.engine.preview_once", LARGEST]
    compare("check / preview with the pack on the real engine", "< 1", check, preview, dict(os.environ))


if __name__ == "__main__":
    if shutil.which(INFERPLAN) is None:
        raise SystemExit("run `make setup` first")
    main()
