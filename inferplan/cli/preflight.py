"""`inferplan preflight`: ask the account what it still lacks before a spec's stack can be made in it.

Not here: the questions (preflight_checks), planning (inferplan.plan) and formats (inferplan.report).
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import click

from inferplan.cli.app import Common, common_options
from inferplan.cli.screen import progress, show
from inferplan.cli.specfiles import one_spec
from inferplan.errors import InferplanError
from inferplan.exitcodes import ExitCode

if TYPE_CHECKING:
    from inferplan.report.preflight_contracts import Layer


class NoAccount(InferplanError):  # noqa: N818 - it reads as what it says
    """The stack stands where there is no account to ask."""


@click.command()
@click.argument("spec")
@click.option(
    "--layer",
    type=click.Choice(["foundation", "workload"]),
    help="Only what this layer needs (default: both).",
)
@click.option("--print-policy", is_flag=True, help="Print the IAM policy that this needs, and ask nothing.")
@click.option("--strict", is_flag=True, help="End with 1 also where something cannot be told.")
@common_options("text", "json")
def preflight(spec: str, layer: Layer | None, print_policy: bool, strict: bool, common: Common) -> int:
    """Ask the account that SPEC names what is missing, and print the fix of each finding in one line.

    All calls only read, under the credentials of the environment, and no secret's value is among them. What
    is not permitted is told, and does not stop the rest. Ends with 1 where something is to do.
    """
    from inferplan.cli.preflight_checks import questioning
    from inferplan.cli.preflight_checks.account_question import Wanted
    from inferplan.plan.make import make_plan
    from policies.gates import gates

    with one_spec(spec) as file:
        declaration = file.load(common)
    plan = make_plan(declaration, common.as_of, gates)
    if plan.target.platform != "aws":
        raise NoAccount(f"{file.name} stands on own nodes: there is no AWS account to ask")
    named = shlex.quote(file.name)  # it stands in commands to copy
    wanted = Wanted(plan=plan, declaration=declaration, spec=named, day=common.as_of)
    if print_policy:
        asked = questioning.questions(wanted, layer)
        click.echo(json.dumps(questioning.policy(asked), indent=2))
        return 0
    found = questioning.preflight(wanted, layer, progress(quiet=common.quiet))
    if common.format == "json":
        from inferplan.report import json_format

        click.echo(json_format.preflight(found))
    else:
        from inferplan.report import preflight_text

        lines = preflight_text.lines(found, quiet=common.quiet)
        show("\n".join(lines))
    blocks = found.decision == "blocked" or (strict and found.decision == "unknown")
    return int(ExitCode.DENIED if blocks else ExitCode.OK)
