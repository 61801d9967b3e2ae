"""A pack that judges nothing and writes the stack, as the adapter reads it, to the file in SPY_FILE."""

import os
import pickle
from pathlib import Path

from pulumi_policy import (
    PolicyPack,
    ReportViolation,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

from policies.crossguard import Judge


def ignore(_message: str, _urn: str | None = None) -> None:
    """Violations are not what this pack is for."""


judge = Judge((), Path("nowhere"))


def write(args: StackValidationArgs, _report: ReportViolation) -> None:
    """Keep what stack rules would be run on."""
    Path(os.environ["SPY_FILE"]).write_bytes(pickle.dumps(judge.stack(args)))


PolicyPack(
    name="spy",
    policies=[
        ResourceValidationPolicy(
            name="see", description="see", validate=lambda args, _: judge.see(args, ignore)
        ),
        StackValidationPolicy(name="write", description="write", validate=write),
    ],
)
