"""Time of one warm `make_plan` as a ratio to loading the same spec, measured in turn (part of `make bench`).

Not here: cold, whole-process timings (tests.bench).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

from inferplan.plan.make import make_plan
from inferplan.spec.loading import load
from policies.gates import gates

AS_OF = date(2026, 11, 20)
RUNS = 9


def seconds(action: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def main() -> None:
    """Print the median of both and of their ratio per example."""
    for spec in sorted(Path("specs").glob("*.yaml")):
        if spec.name.endswith(".lock.yaml") or spec.name.startswith("account-"):
            continue
        loading = partial(load, spec, Path("organization"))
        planning = partial(make_plan, loading(), AS_OF, gates)
        planning()
        pairs = [(seconds(planning), seconds(loading)) for _ in range(RUNS)]
        ratio = statistics.median(a / b for a, b in pairs)
        plan, read = (statistics.median(column) * 1000 for column in zip(*pairs, strict=True))
        title = f"plan / load, warm: {spec.stem}"
        print(f"{title:58} {plan:5.1f} ms / {read:4.1f} ms = {ratio:5.2f}   goal <= 40")


if __name__ == "__main__":
    main()
