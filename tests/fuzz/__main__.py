"""`python -m tests.fuzz COUNT SEED`: that many inputs from a seed; prints what no input may bring about.

Not here: the sample of the unit tests (tests/unit/test_fuzz.py).
"""

from __future__ import annotations

import gc
import re
import resource
import sys
import tempfile
from collections import Counter
from pathlib import Path

from inferplan.cli.screen import show
from tests.fuzz.inputs import case, workplace
from tests.fuzz.judge import faults

COLLECT_EVERY = 50
SLOW_CPU_S = 2.0


def main(count: int, seed: str) -> int:
    """Run them all, print each fault once with the seed that repeats it; the exit code counts as a test's."""
    kinds: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        workplace(folder)
        for index in range(count):
            made = case(f"{seed}:{index}", folder)
            kinds[made.name.rpartition(" ")[2]] += 1
            for line in made.lines:
                before = _cpu_s()
                found = faults(line, folder)
                spent = _cpu_s() - before
                if spent > SLOW_CPU_S:
                    found.append(f"takes {spent:.1f} s of CPU time")
                for fault in found:
                    print_once(fault, made.name, line, seen)
            if index % COLLECT_EVERY == 0:
                gc.collect()
    told = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    show(f"{count} inputs ({told}), {sum(seen.values())} faults of {len(seen)} kinds, {peak} MiB at most")
    return 1 if seen else 0


def print_once(fault: str, name: str, line: tuple[str, ...], seen: Counter[str]) -> None:
    """The first of each kind of fault."""
    kind = re.sub(r"\d+", "0", fault.partition("\n")[0])[:160]
    seen[kind] += 1
    if seen[kind] == 1:
        show(f"{name}: {[word[:80] for word in line]}\n  {fault}")


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2]))
