"""What is wrong with a file, in words: one `SpecError` per problem, all of them raised together.

Not here: finding problems (yaml12, structure, crossfield) and printing them (inferplan.cli).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from inferplan.errors import InferplanError

MAX_ERRORS = 100
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecError:
    """One problem. Lines and columns count from 1; what concerns a whole file is at 1:1, without path."""

    file: str
    line: int = 1
    column: int = 1
    path: str = ""
    problem: str
    allowed: tuple[str, ...] = ()
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: " + (f"{self.path}: " if self.path else "")
        return where + self.problem + (f"; {self.hint}" if self.hint else "")


class SpecErrors(InferplanError):  # noqa: N818 - it carries many
    """Every problem found, ordered by place; each is printed on its own line."""

    def __init__(self, errors: Iterable[SpecError]) -> None:
        unique = dict.fromkeys(
            sorted(errors, key=lambda error: (error.file, error.line, error.column, error.path))
        )
        self.errors = tuple(unique)
        super().__init__(self.errors)

    def to_list(self) -> list[dict[str, object]]:
        """Every problem as plain values, for machines."""
        return [asdict(error) for error in self.errors]

    def __str__(self) -> str:
        lines = [str(error) for error in self.errors[:MAX_ERRORS]]
        more = len(self.errors) - MAX_ERRORS
        return "\n".join([*lines, f"... and {more} more problems"] if more > 0 else lines)


def child(path: str, key: str | int) -> str:
    """The path of a field or item below `path`: `routes[0].load`, `models["org/name"]`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if not _PLAIN_KEY.fullmatch(key):
        return f'{path}["{clip(key)}"]'
    return f"{path}.{key}" if path else key


def clip(text: str, limit: int = 60) -> str:
    """Text short enough for one line of a message, line breaks made visible."""
    text = text if len(text) <= limit else text[: limit - 3] + "..."
    return text.replace("\n", "\\n").replace("\t", "\\t")
