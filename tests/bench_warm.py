"""Time of one warm `make_plan`, after the tables are read (part of `make bench`).

Not here: cold, whole-process timings (bench).
"""

from __future__ import annotations

import statistics
import time
from datetime import date
from pathlib import Path

from inferplan.plan.make import make_plan
from inferplan.spec.loading import load

AS_OF = date(2026, 11, 20)


def main() -> None:
    """Print the median milliseconds per example."""
    for spec in sorted(Path("specs").glob("*.yaml")):
        if spec.name.endswith(".lock.yaml") or spec.name.startswith("account-"):
            continue
        declaration = load(spec, Path("organization"))
        make_plan(declaration, AS_OF)
        samples = []
        for _ in range(9):
            start = time.perf_counter()
            make_plan(declaration, AS_OF)
            samples.append(time.perf_counter() - start)
        title, milliseconds = f"plan, warm: {spec.stem}", statistics.median(samples) * 1000
        print(f"{title:58} {milliseconds:6.1f} ms                     goal < 100 ms")


if __name__ == "__main__":
    main()
