"""The one table of exit codes.

Not here: which error leads to which code (inferplan.cli maps exceptions to these).
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a process tells its caller; for many specs the worst in `SEVERITY` order."""

    OK = 0
    DENIED = 1
    NOT_UNDERSTOOD = 2
    NO_PLAN = 3
    BUG = 4


SEVERITY = (ExitCode.OK, ExitCode.DENIED, ExitCode.NO_PLAN, ExitCode.NOT_UNDERSTOOD, ExitCode.BUG)


def worst(codes: list[ExitCode]) -> ExitCode:
    """The code to exit with after several specs: 4, 2, 3, 1, 0."""
    return max(codes, key=SEVERITY.index, default=ExitCode.OK)
