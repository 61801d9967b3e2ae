"""The click application: lazy verbs, common options, and the mapping from errors to exit codes.

Not here: the verbs themselves, one per sibling file.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from inferplan.cli import VERBS, screen
from inferplan.exitcodes import ExitCode

F = TypeVar("F", bound=Callable[..., Any])


class LazyGroup(click.Group):
    """Imports a verb's module only when that verb runs; `--help` needs none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"inferplan.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from inferplan.near import did_you_mean, near

            hint = did_you_mean(near(args[0], VERBS)) or f"verbs: {', '.join(VERBS)}"
            raise click.UsageError(f"no such verb '{args[0]}'; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="inferplan")
def cli() -> None:
    """Plan, price and prove sovereign inference stacks: own GPUs, vendor APIs, or both.

    Exit codes: 0 fine, 1 a rule denies, 2 not understandable, 3 no plan exists, 4 a bug.
    """


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; usage errors are 2, as for any bad input."""
    from inferplan.errors import InferplanError

    try:
        _refuse_unreadable(arguments)
        result = cli.main(args=arguments, prog_name="inferplan", standalone_mode=False, color=screen.color())
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.Abort:
        return 130
    except click.ClickException as problem:
        answer_error(arguments, problem)
        problem.show()
        return int(ExitCode.NOT_UNDERSTOOD)
    except InferplanError as problem:
        answer_error(arguments, problem)
        screen.show(str(problem), err=True)
        return int(problem.exit_code)
    return int(result or 0)


def answer_error(arguments: list[str], problem: Exception) -> None:
    """Under `--format json` an error is a document on standard output too: a parser always gets one."""
    formats = [after for name, after in pairwise(arguments) if name == "--format"]
    formats += [argument.partition("=")[2] for argument in arguments if argument.startswith("--format=")]
    if "json" in formats:
        from inferplan.report import json_format

        click.echo(json_format.errors([json_format.error(None, problem)]))


def _refuse_unreadable(arguments: list[str]) -> None:
    """A name that no answer can repeat as it is has no place on a command line."""
    from inferplan.printable import NOT_TEXT, printable

    for argument in arguments:
        if NOT_TEXT.search(argument):
            raise click.UsageError(
                f"the argument '{printable(argument)}' is not UTF-8 text without control characters"
            )


class DateOption(click.ParamType[date]):
    """A date given as YYYY-MM-DD; `click.DateTime` would answer with a format of strftime."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return datetime.strptime(value, "%Y-%m-%d").date()
        except ValueError:
            self.fail(f"{value!r} is not a date such as 2026-11-20", param, ctx)


class Common(NamedTuple):
    """What most verbs are told: the organization folder, the date that counts, format and talkativeness."""

    organization: Path | None
    require_organization: bool
    as_of: date
    format: str
    quiet: bool
    verbose: int

    def organization_for(self, spec: Path | None) -> Path | None:
        """The folder given, else the nearest `organization/`, else None; SpecErrors where there are two."""
        from inferplan.spec.bar import organization_of, passed_over

        chosen = organization_of(spec, self.organization, Path())
        if chosen is None and self.require_organization:
            raise click.UsageError(
                "no organization, and --require-organization refuses the built-in one; name the platform "
                "team's folder with --organization"
            )
        for other in () if self.quiet else passed_over(spec, chosen):
            screen.show(f"{other} is not read: {chosen} judges", err=True)
        return chosen


def common_options(*formats: str) -> Callable[[F], F]:
    """Add the common options; the decorated verb receives them as keyword `common: Common`."""

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def wrapper(
            organization: Path | None,
            require_organization: bool,
            as_of: date | None,
            format: str,
            quiet: bool,
            verbose: int,
            **rest: Any,
        ) -> Any:
            day = as_of or date.today()
            common = Common(organization, require_organization, day, format, quiet, verbose)
            return function(common=common, **rest)

        for option in (
            click.option("-v", "--verbose", count=True, help="Say more."),
            click.option("-q", "--quiet", is_flag=True, help="Only the result."),
            click.option(
                "--format", type=click.Choice(formats or ("text", "json")), default="text", show_default=True
            ),
            click.option("--as-of", type=DateOption(), help="The date that counts (default: today)."),
            click.option(
                "--require-organization",
                is_flag=True,
                help="Refuse the built-in organization that applies where there is none.",
            ),
            click.option(
                "--organization",
                type=click.Path(exists=True, file_okay=False, path_type=Path),
                help="The platform team's folder (default: the nearest organization/, here or above).",
            ),
        ):
            wrapper = option(wrapper)
        return wrapper  # type: ignore[return-value]

    return decorate
