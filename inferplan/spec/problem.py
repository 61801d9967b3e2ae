"""What a check between fields reports, before it is known where in which file the field stands.

Not here: the checks (crossfield, names, registers) and the places (position).
"""

from __future__ import annotations

from typing import NamedTuple

from inferplan.spec.position import Part


class Problem(NamedTuple):
    """One thing that is not understandable. `parts` are those of the field's path: ("routes", 0, "load")."""

    parts: tuple[Part, ...]
    problem: str
    allowed: tuple[str, ...] = ()
    hint: str = ""
