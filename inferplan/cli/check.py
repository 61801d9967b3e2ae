"""`inferplan check`: prove specs against the policy packs, offline, without engine or cloud.

Not here: rules and verdicts (policies), formats (inferplan.report).
"""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import click

from inferplan.cli import report_bug
from inferplan.cli.app import Common, common_options
from inferplan.cli.review import Review, review
from inferplan.cli.screen import show
from inferplan.cli.specfiles import Stacks, spec_files
from inferplan.errors import InferplanError
from inferplan.exitcodes import ExitCode, worst

COLLECT_EVERY_SPECS = 8


@click.command()
@click.argument("specs", nargs=-1)
@click.option(
    "--locked", is_flag=True, help="Refuse pending pins: a spec without a lock beside it is denied."
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
    help="The lowest level whose findings end with exit code 1.",
)
@common_options("text", "json")
def check(specs: tuple[str, ...], locked: bool, state: Path | None, fail_on: str, common: Common) -> int:
    """Judge SPECS (default: specs/) against every rule; the answer needs no cloud account.

    Prints one review per spec. Exit 1: a rule denies; 2: a spec cannot be understood; 3: no plan exists.
    With --format json, specs without a review are in `errors`.
    """
    codes: list[ExitCode] = []
    reviews: list[Review] = []
    failures: list[dict[str, Any]] = []
    stacks = Stacks()
    with spec_files(specs, verbose=common.verbose) as files:
        if state is not None and len(files) != 1:
            raise click.UsageError("--state judges one deployment: name exactly one SPEC")
        for number, file in enumerate(files, start=1):
            try:
                declaration = file.load(common)
                stacks.add(file, declaration)
                done = review(declaration, common.as_of, state=state, locked=locked)
            except Exception as problem:  # one spec must not take the answers about the others with it
                codes.append(_failed(file.name, problem))
                if common.format == "json":
                    from inferplan.report import json_format

                    failures.append(json_format.error(file.name, problem))
                continue
            codes.append(_code(done, fail_on, locked=locked))
            if common.format == "text":
                _tell(done, codes[-1], common.verbose)
            else:
                reviews.append(done)
            if number % COLLECT_EVERY_SPECS == 0:
                gc.collect()
    if common.format == "json":
        from inferplan.report import json_format

        reports, states = [done.report for done in reviews], [done.state for done in reviews]
        click.echo(json_format.check(reports, failures, states))
    elif len(codes) > 1 and not common.quiet:
        from inferplan.report import text

        for told in stacks.waivers_for_nobody():
            show(told, err=True)
        show(text.closing(codes, common.as_of), err=True)
    return int(worst(codes))


def _tell(done: Review, code: ExitCode, verbose: int) -> None:
    from inferplan.report import text

    show(text.review(done.plan, done.report, declaration=done.declaration, state=done.state, verbose=verbose))
    if code is ExitCode.DENIED and done.report.decision == "allow":
        show(f"{done.report.spec.path}: an advisory rule has findings, and --fail-on is advisory", err=True)


def _failed(name: str, problem: Exception) -> ExitCode:
    if not isinstance(problem, InferplanError):
        return ExitCode(report_bug(problem, name))
    prefix = f"{name}: " if problem.exit_code is ExitCode.NO_PLAN else ""
    show(f"{prefix}{problem}", err=True)
    return problem.exit_code


def _code(done: Review, fail_on: str, *, locked: bool) -> ExitCode:
    if done.report.decision == "deny":
        return ExitCode.DENIED
    if fail_on == "advisory" and any(
        not finding.waiver and (locked or not finding.pending) for finding in done.report.findings
    ):
        return ExitCode.DENIED
    return ExitCode.OK
