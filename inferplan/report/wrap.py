"""Long lines folded to the width of a terminal, below the column where their text began.

Not here: how wide it is, and whether there is one (inferplan.cli.screen).
"""

from __future__ import annotations

import re

import click

LEAST = 40  # columns; below that folding helps nobody


def wrapped(text: str, width: int) -> str:
    """Every line of at most `width` visible characters, but for words that are longer themselves."""
    return "\n".join(folded for line in text.split("\n") for folded in _fold(line, max(width, LEAST)))


def _fold(line: str, width: int) -> list[str]:
    plain = click.unstyle(line)
    if len(plain) <= width:
        return [line]
    starts = [gap.end() for gap in re.finditer(r"(?<=\S) {2,}", plain) if gap.end() <= width // 2]
    indent = " " * (starts[-1] if starts else len(plain) - len(plain.lstrip()) + 2)
    lines, current = [], ""
    for word in re.findall(r"\s*\S+", line):
        if current.strip() and len(click.unstyle(current + word)) > width:
            lines.append(current)
            current = indent + word.lstrip()
        else:
            current += word
    return [*lines, current]
