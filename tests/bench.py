"""Whole-process timings as ratios, every pair measured in turn in one run (`make bench`).

Not here: any assertion; a slow machine is no failure, a ratio drifting from its goal is for a person to see.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
RUNS = 5
PYTHON = sys.executable
INFERPLAN = str(Path(PYTHON).parent / "inferplan")
AS_OF = "2026-11-20"
LARGEST = "specs/in-bank-assistant.yaml"
CHECK = [INFERPLAN, "check", LARGEST, "--as-of", AS_OF]


def wall(command: list[str]) -> Callable[[], float]:
    """A measurement: the wall seconds of one whole process that gives an answer, be it a refusal."""

    def measure() -> float:
        start = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        seconds = time.perf_counter() - start
        if done.returncode not in (0, 1, 2):
            raise SystemExit(f"{command}: exit {done.returncode}\n{done.stderr.decode()}")
        return seconds

    return measure


def compare(title: str, goal: str, ours: Callable[[], float], other: Callable[[], float]) -> None:
    """Print the median of both, in turn after one warm-up each, and of their ratio pair by pair."""
    ours(), other()
    pairs = [(ours(), other()) for _ in range(RUNS)]
    ratio = statistics.median(a / b for a, b in pairs)
    mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{title:58} {mine:6.2f} s / {theirs:6.2f} s = {ratio:5.2f}   goal {goal}")


def sdk_imports() -> str:
    """A program that only imports the SDKs with the submodules that the largest example uses."""
    from datetime import date

    from inferplan.plan.make import make_plan
    from inferplan.spec.loading import load
    from policies.gates import gates
    from stacks.record import record_plan

    declaration = load(ROOT / LARGEST, ROOT / "organization")
    plan = make_plan(declaration, date.fromisoformat(AS_OF), gates)
    lines = ["import pulumi, pulumi_aws, pulumi_kubernetes"]
    for token in sorted({r.type for r in record_plan(plan, declaration) if r.custom}):
        package, module, name = token.split(":")
        group, _, version = module.partition("/")
        if package == "aws":
            lines.append(f"pulumi_aws.{group}.{name}")  # naming a class is what loads a lazy submodule
        elif package == "kubernetes" and "x-k8s.io" not in module:
            lines.append(f"pulumi_kubernetes.{group.split('.')[0]}.{version}.{name}")
    return "\n".join(lines)


def engine_preview() -> None:
    """`check` judges both layers; the engine previews the foundation alone, which favors the engine."""
    from policies.packs import pack_names
    from tests.engine.conftest import VERSIONS
    from tests.engine.provider import attached
    from tests.engine.workspace import Workspace, find_engine

    title = "check / preview with the packs on the real engine"
    packs = [word for pack in pack_names() for word in ("--policy-pack", str(ROOT / "policies" / pack))]
    with tempfile.TemporaryDirectory() as scratch, attached(VERSIONS) as (providers, _):
        folder = Path(scratch)
        engine = find_engine(folder)
        if isinstance(engine, str):
            print(f"{title}: skipped: {engine}")
            return
        workspace = Workspace(engine, folder, {"PULUMI_DEBUG_PROVIDERS": providers})
        workspace.project()
        stack = f"{Path(LARGEST).stem}.foundation"
        config = {"spec": ROOT / LARGEST, "organization": ROOT / "organization", "as-of": AS_OF}
        workspace.stack(stack, {f"inferplan:{key}": str(value) for key, value in config.items()})

        def preview() -> float:
            start = time.perf_counter()
            workspace.run("preview", "--stack", stack, *packs, check=True)
            return time.perf_counter() - start

        compare(title, "< 1", wall(CHECK), preview)


def main() -> None:
    """Run every comparison; what cannot run says why."""
    imports = wall([PYTHON, "-c", sdk_imports()])
    compare("check (cold) / import of the Pulumi SDKs it uses", "<= 1.5", wall(CHECK), imports)
    libraries = wall([PYTHON, "-c", "import click, msgspec, yaml"])
    compare(
        "validate / import of the libraries it uses",
        "<= 4",
        wall([INFERPLAN, "validate", LARGEST]),
        libraries,
    )
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as hostile:
        hostile.writelines(f"field{number}: 1\n" for number in range(60_000))
        hostile.flush()
        refusal = wall([INFERPLAN, "validate", hostile.name])
        compare("refusing a file of 60,000 unknown fields / the same", "<= 10", refusal, libraries)
    print(
        subprocess.check_output([PYTHON, "-m", "tests.bench_warm"], cwd=ROOT, text=True), end="", flush=True
    )
    engine_preview()


if __name__ == "__main__":
    main()
