"""What was probably meant: the known names closest to one that nobody knows, and the hint that offers them.

Not here: who asks (inferplan.spec, inferplan.catalog, inferplan.cli) and with which names.
"""

from __future__ import annotations

from collections.abc import Iterable

LONGEST = 100  # characters compared; a name of a megabyte is like nothing
SHORTEST_PART = 3  # `A100` means A100-80GB, while `id` is a part of far too much


def near(name: str, names: Iterable[str], limit: int = 1) -> tuple[str, ...]:
    """The known names closest to `name`, best first: those that contain it, then those written alike.

    Case, dashes and underscores do not count.
    """
    import difflib  # only needed for an error

    known = {_bare(known): known for known in names}
    wanted = _bare(name[:LONGEST])
    parts = sorted(key for key in known if wanted in key) if len(wanted) >= SHORTEST_PART else []
    alike = difflib.get_close_matches(wanted, known, n=limit, cutoff=0.6)
    return tuple(known[key] for key in dict.fromkeys([*parts, *alike]))[:limit]


def _bare(name: str) -> str:
    return name.lower().replace("_", "-")


def listed(names: Iterable[str], word: str = "or") -> str:
    """`a, b or c`."""
    *head, last = list(names) or ["nothing"]
    return f"{', '.join(head)} {word} {last}" if head else last


def did_you_mean(names: Iterable[str]) -> str:
    """The hint that offers `names`, empty when there are none."""
    names = tuple(names)
    return f"did you mean {listed(names)}?" if names else ""
