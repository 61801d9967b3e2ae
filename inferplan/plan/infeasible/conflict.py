"""The smallest set of requirements that conflict, found from single probes of what is possible.

Pure combinatorics by implicit hitting sets (A. Ignatiev and others, "Smallest MUS extraction with minimal
hitting set dualization", CP 2015). Not here: what the requirements are (requirements) and how one is probed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations

Feasible = Callable[[frozenset[int]], bool]


def smallest_conflict(count: int, feasible: Feasible) -> tuple[int, ...] | None:
    """The fewest of `count` requirements that cannot hold together, the rest dropped; the first by index.

    `feasible` answers for a set of dropped requirements and is monotone: dropping more never makes a plan
    impossible. None where even dropping everything does not help. The empty tuple means there is no conflict.
    """
    every = frozenset(range(count))
    if not feasible(every):
        return None
    corrections: list[frozenset[int]] = []  # minimal sets to drop; every conflict meets each of them
    while True:
        kept = hitting_set(count, corrections)
        if not feasible(every - kept):
            return tuple(sorted(kept))
        grown = set(kept)
        for index in range(count):
            if index not in grown and feasible(every - grown - {index}):
                grown.add(index)
        if not every - grown:
            return ()
        corrections.append(every - grown)


def hitting_set(count: int, sets: Sequence[frozenset[int]]) -> frozenset[int]:
    """The smallest set that meets every one of `sets`; among equals the first by index."""
    return next(
        frozenset(chosen)
        for size in range(count + 1)
        for chosen in combinations(range(count), size)
        if all(one.intersection(chosen) for one in sets)
    )


def fewest_with(
    index: int, others: Iterable[int], feasible: Feasible, most: int = 3
) -> frozenset[int] | None:
    """The fewest requirements, at most `most`, that together allow a plan and without `index` do not."""
    rest = [other for other in others if other != index]
    for size in range(most):
        for chosen in combinations(rest, size):
            if feasible(frozenset((index, *chosen))) and not feasible(frozenset(chosen)):
                return frozenset((index, *chosen))
    return None
