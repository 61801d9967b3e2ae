"""`inferplan check`: prove specs against the policy packs, offline, without engine or cloud.

Not here: rules and verdicts (policies), formats (inferplan.report).
"""

from __future__ import annotations

import gc
from pathlib import Path

import click

from inferplan.cli.app import Common, common_options
from inferplan.cli.review import Review, review
from inferplan.cli.specfiles import spec_files
from inferplan.errors import InferplanError
from inferplan.exitcodes import ExitCode, worst

COLLECT_EVERY_SPECS = 8


@click.command()
@click.argument("specs", nargs=-1)
@click.option(
    "--locked", is_flag=True, help="Refuse pending pins: what `inferplan lock` has not settled denies."
)
@click.option(
    "--state",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Judge a `pulumi stack export` or `pulumi preview --json` file instead of the planned resources.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["mandatory", "advisory"]),
    default="mandatory",
    show_default=True,
    help="The lowest level whose findings deny.",
)
@common_options("text", "json")
def check(specs: tuple[str, ...], locked: bool, state: Path | None, fail_on: str, common: Common) -> int:
    """Judge SPECS (default: specs/) against every rule; the answer needs no cloud account.

    Prints one review per spec. Exit 1: a rule denies; 2: a spec cannot be understood; 3: no plan exists.
    """
    if state is not None and len(specs) != 1:
        raise click.UsageError("--state judges one deployment: name exactly one SPEC")
    codes: list[ExitCode] = []
    reviews: list[Review] = []
    with spec_files(specs) as files:
        for number, path in enumerate(files, start=1):
            try:
                done = review(path, common.organization_for(path), common.as_of, state=state, locked=locked)
            except InferplanError as problem:
                codes.append(problem.exit_code)
                click.echo(
                    f"{path}: {problem}" if problem.exit_code is ExitCode.NO_PLAN else str(problem), err=True
                )
                continue
            codes.append(_code(done, fail_on))
            if common.format == "text":
                from inferplan.report import text

                click.echo(
                    text.review(done.plan, done.report, declaration=done.declaration, verbose=common.verbose)
                )
            reviews.append(done)
            if number % COLLECT_EVERY_SPECS == 0:
                gc.collect()
    if common.format == "json":
        from inferplan.report import json_format

        click.echo(json_format.check([done.report for done in reviews]))
    elif len(codes) > 1 and not common.quiet:
        from inferplan.report import text

        click.echo(text.closing(codes, common.as_of), err=True)
    return int(worst(codes))


def _code(done: Review, fail_on: str) -> ExitCode:
    if done.report.decision == "deny":
        return ExitCode.DENIED
    if fail_on == "advisory" and any(
        finding.verdict in ("fail", "undecided") and not finding.waiver for finding in done.report.findings
    ):
        return ExitCode.DENIED
    return ExitCode.OK
