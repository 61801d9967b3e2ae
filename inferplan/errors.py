"""The base of every error that a user can cause; it carries its exit code.

Not here: the errors themselves, which live beside what raises them.
"""

from __future__ import annotations

from inferplan.exitcodes import ExitCode


class InferplanError(Exception):
    """An answer, not a bug: what is wrong, where, and what to do."""

    exit_code: ExitCode = ExitCode.NOT_UNDERSTOOD
