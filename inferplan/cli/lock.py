"""`inferplan lock`: write the file that says what a spec's names stand for.

Not here: asking registries, hub and account (locking), and the records of the file (inferplan.spec.lock).
"""

from __future__ import annotations

import errno
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inferplan.cli.app import Common, common_options
from inferplan.cli.screen import progress, show
from inferplan.cli.specfiles import one_spec
from inferplan.errors import InferplanError
from inferplan.exitcodes import ExitCode, worst
from inferplan.report.money import counted

if TYPE_CHECKING:
    from inferplan.cli.locking.pinning import Pinning
    from inferplan.records.no_plan import NoPlan
    from inferplan.report.lock_contracts import OpenPin
    from inferplan.spec.declaration import Declaration

ONLY = ("images", "models", "adapters", "addons")


class NotWritten(InferplanError):  # noqa: N818 - it reads as what it says
    """The file system does not take the lock."""


@click.command()
@click.argument("spec", required=False)
@click.option("--upgrade", is_flag=True, help="Ask for what is pinned too: moved tags, newer revisions.")
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 where something would change.")
@click.option("--only", multiple=True, type=click.Choice(ONLY), help="Leave the rest as it is; repeatable.")
@click.option(
    "--registry",
    metavar="HOST/PATH",
    help="Where images lie that no publisher has (default: the stack's own place in the account's ECR).",
)
@click.option("--print-policy", is_flag=True, help="Print the IAM policy that this needs, and ask nothing.")
@common_options("text", "json")
def lock(
    spec: str | None,
    upgrade: bool,
    check: bool,
    only: tuple[str, ...],
    registry: str | None,
    print_policy: bool,
    common: Common,
) -> int:
    """Pin what SPEC names: images by digest, weights by revision and hash, add-ons by version.

    What is pinned stays, and is not asked for; a second run changes nothing. Registries are asked as docker
    is signed in, the hub with HF_TOKEN (HF_ENDPOINT names a mirror of it), AWS under the credentials of the
    environment. The file is replaced at the end, all at once; what could not be found is told and left as
    it was.
    """
    if print_policy:
        from inferplan.cli.locking.account_registry import policy

        click.echo(json.dumps(policy(), indent=2))
        return 0
    if not spec:
        raise click.UsageError("no SPEC given; name the file whose lock to write")
    if spec == "-":
        raise click.UsageError("a lock lies beside its spec, and standard input lies nowhere")
    with one_spec(spec) as file:
        declaration = file.load(common, locking=True)
    path = file.path.with_name(f"{file.path.stem}.lock.yaml")
    return _locked(declaration, path, only or ONLY, upgrade, check, registry, common)


def _locked(
    declaration: Declaration,
    path: Path,
    only: Sequence[str],
    upgrade: bool,
    is_check: bool,
    registry: str | None,
    common: Common,
) -> int:
    from inferplan import catalog
    from inferplan.cli.locking import needs
    from inferplan.cli.locking.pinning import Pinning
    from inferplan.spec.lock import NO_PINS
    from inferplan.spec.model import InferenceStack

    if not isinstance(declaration.spec, InferenceStack):
        raise click.UsageError(
            f"{declaration.spec.metadata.name} is an account baseline, which names nothing"
        )
    former = declaration.lock or NO_PINS
    region = declaration.spec.target.region or catalog.BASE_REGION
    pinning = Pinning(former=former, upgrade=upgrade, say=progress(quiet=common.quiet), region=region)
    refused: NoPlan | None = None
    try:
        needs.pin_weights(pinning, declaration, only)
        refused = needs.pin_the_rest(pinning, declaration, only, registry, common.as_of)
        pinning.finish(is_whole={*only} == {*ONLY} and refused is None)
    except KeyboardInterrupt:
        if not is_check:
            _write(pinning, path, declaration)
            show("stopped; what was found is written, and the next run goes on from there", err=True)
        raise
    told = _tell(pinning, path, declaration, is_check, common)
    codes = [ExitCode.OK]
    if any(one.state == "failed" for one in told):
        codes.append(ExitCode.NOT_UNDERSTOOD)
    if refused is not None:
        show(f"no plan, so what it would need besides is not pinned: {refused.summary}", err=True)
        codes.append(ExitCode.NO_PLAN)
    if is_check and pinning.lock != former:
        codes.append(ExitCode.DENIED)
    return int(worst(codes))


def _tell(
    pinning: Pinning, path: Path, declaration: Declaration, is_check: bool, common: Common
) -> tuple[OpenPin, ...]:
    """Write the lock and say what has become of it; gives what is open."""
    from inferplan.cli.locking.lock_changes import changes
    from inferplan.cli.locking.lock_file import SECTIONS, comments
    from inferplan.report.lock_contracts import LockDocument

    is_other = pinning.lock != pinning.former
    lost = comments(path) if is_other else 0
    if lost:
        kept = "would not be kept" if is_check else "are not kept"
        pinning.notes.append(f"the comments of the former file ({counted(lost, 'line')}) {kept}")
    written = False if is_check else _write(pinning, path, declaration)
    told = LockDocument(
        schema="inferplan.lock/v1beta1",
        file=str(path),
        written=written,
        pins=sum(len(getattr(pinning.lock, section)) for section in SECTIONS),
        changes=tuple(changes(declaration.lock, pinning.lock)),
        open=tuple(pinning.open),
        notes=tuple(dict.fromkeys(pinning.notes)),
    )
    if common.format == "json":
        from inferplan.report.json_format import lock_change

        click.echo(lock_change(told))
    elif common.quiet:
        for one in told.open:
            if one.state == "failed":
                show(f"{one.path}: {one.reason}", err=True)
    else:
        from inferplan.report.lock_report import lines

        show("\n".join(lines(told, common.verbose, is_check=is_check)))
    return told.open


def _write(pinning: Pinning, path: Path, declaration: Declaration) -> bool:
    """Replace the lock where it says something else; one that says the same keeps its own form."""
    from inferplan.cli.locking.lock_file import text
    from inferplan.cli.replacing import write

    if pinning.lock == declaration.lock:
        return False
    name = declaration.spec_path.name if declaration.spec_path is not None else path.name
    try:
        return write(path.resolve(), text(pinning.lock, name))
    except OSError as problem:
        if problem.errno == errno.ENOSPC:
            raise
        raise NotWritten(f"{path} cannot be written: {problem.strerror}") from None
