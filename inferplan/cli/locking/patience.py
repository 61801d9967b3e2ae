"""What can go wrong with a question, and asking again where waiting helps.

Not here: the questions.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

WAITS_S = (1.0, 3.0, 9.0)  # before each further try
LONGEST_WAIT_S = 60.0  # of what a server may ask for
TIMEOUT_S = 20.0  # of one answer


class Unanswered(Exception):  # noqa: N818 - it reads as what it says
    """One pin that was not found; its text says why, and holds no credentials."""


class Waiting(Unanswered):
    """One pin that cannot be found yet: something else has to happen first."""


class Unknown(Unanswered):
    """A name that the other side does not have."""


class Passing(Unanswered):
    """What may be over soon: a limit of requests, a server that is not well, no answer at all."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


def patiently(question: Callable[[], T]) -> T:
    """What a question is answered; one that fails for a while is asked again, a few times."""
    for wait_s in WAITS_S:
        try:
            return question()
        except Passing as problem:
            asked_for = problem.wait_s if problem.wait_s is not None else wait_s
            if asked_for > LONGEST_WAIT_S:
                raise Unanswered(f"{problem}; it asks to come back in {asked_for:.0f} s") from None
            time.sleep(asked_for)
    try:
        return question()
    except Passing as problem:
        raise Unanswered(f"{problem}, {len(WAITS_S) + 1} times in a row") from None


def passing_or_not(status: int, what: str, retry_after: str | None) -> Unanswered:
    """What an HTTP status means that is no answer."""
    if status == 429 or status >= 500:
        meaning = " (too many requests)" if status == 429 else ""
        wait = retry_after or ""
        return Passing(f"{what} answers {status}{meaning}", float(wait) if wait.isdigit() else None)
    return Unanswered(f"{what} answers {status}")
