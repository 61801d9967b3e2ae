"""What a verb says, as wide and as colored as the place it is read in.

Not here: the words (inferplan.report).
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable

import click

PAGE = 100  # columns of running text where the place does not say


def color() -> bool | None:
    """False where color is not wanted (`NO_COLOR`, a dumb terminal); None: only on a terminal."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def columns() -> int:
    """Width of running text: the terminal's, at most a page."""
    return min(PAGE, shutil.get_terminal_size().columns) if on_terminal(err=False) else PAGE


def show(text: str, *, err: bool = False) -> None:
    """Print text; long lines are folded on a terminal and left whole for everything else.

    What a file or a name smuggles in (escape sequences, text that runs backwards) is made visible.
    """
    from inferplan.printable import printable

    text = printable(text)
    if on_terminal(err=err):
        from inferplan.report.wrap import wrapped

        text = wrapped(text, shutil.get_terminal_size().columns)
    click.echo(text, err=err)


def progress(*, quiet: bool) -> Callable[[str], None]:
    """Says what is being asked, on a terminal only."""
    if quiet or not on_terminal(err=True):
        return lambda _: None
    return lambda text: show(text, err=True)


def on_terminal(*, err: bool) -> bool:
    """Whether a person reads standard output, or standard error."""
    stream = sys.stderr if err else sys.stdout
    return stream is not None and stream.isatty()
