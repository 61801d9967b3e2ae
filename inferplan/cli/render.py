"""`inferplan render`: the Kubernetes objects of a stack as manifests, for whoever applies them from inside.

Not here: the manifests (inferplan.report), judging them (policies), and the folder (rendered_folder).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inferplan.cli.app import Common, common_options
from inferplan.cli.screen import show
from inferplan.cli.specfiles import one_spec
from inferplan.errors import InferplanError
from inferplan.exitcodes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inferplan.records.plan import Plan
    from inferplan.records.verdicts import Report
    from inferplan.report.manifests import Manifest
    from inferplan.resource import Resource
    from inferplan.spec.declaration import Declaration


class NotTheFoundation(InferplanError):  # noqa: N818 - it reads as what it says
    """The file given is not what Pulumi prints of this stack's foundation."""


@click.command()
@click.argument("spec")
@click.option(
    "-o",
    "--output-dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write a file for each object and a kustomization.yaml here (default: one stream of YAML).",
)
@click.option(
    "--foundation",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What `pulumi stack output --json` prints of the foundation: values that only it knows.",
)
@common_options("text")
def render(spec: str, folder: Path | None, foundation: Path | None, common: Common) -> int:
    """Write the Kubernetes objects of SPEC's stack as manifests, as Argo CD, Flux and kubectl take them.

    They are those that `pulumi up` would make. What `inferplan check --locked` denies is not rendered.
    """
    from inferplan.cli.review import review
    from inferplan.report import manifests

    with one_spec(spec) as file:
        declaration = file.load(common)
    judged = review(declaration, common.as_of, state=None, locked=True)
    plan = judged.plan
    assert plan is not None  # it is, where no state file is judged
    if not _allowed(judged.report, declaration):
        return int(ExitCode.DENIED)
    rendered = manifests.manifests(_workload(plan, declaration, foundation, common))
    if not rendered:
        show(f"{plan.name} has no Kubernetes objects: `pulumi up` deploys its workload", err=True)
        return int(ExitCode.NO_PLAN)
    if folder is None:
        click.echo(manifests.stream(rendered), nl=False)
    else:
        from inferplan.cli import rendered_folder

        rendered_folder.write(folder, manifests.files(rendered), manifests.HEADER)
        if not common.quiet:
            show(f"{folder}: {len(rendered)} objects: {manifests.counted_kinds(rendered)}")
    _tell_missing(rendered, folder)
    return int(ExitCode.OK)


def _allowed(report: Report, declaration: Declaration) -> bool:
    """The wall that the Pulumi program stands behind too (stacks.program)."""
    from inferplan.report.refusal_text import refusal

    if report.decision == "allow":
        return True
    show(refusal(report), err=True)
    return declaration.account.environment in declaration.organization.warn_only


def _workload(
    plan: Plan, declaration: Declaration, foundation: Path | None, common: Common
) -> tuple[Resource, ...]:
    """The layer with what the foundation's outputs say, where they are given."""
    from stacks.record import record_layer

    outputs = None if foundation is None else _outputs(foundation, plan)
    if outputs is not None and not common.quiet:
        from stacks import plan_digest

        if outputs.get("planDigest") != plan_digest(plan):
            show(f"{foundation}: the foundation was deployed from another plan than this one", err=True)
    try:
        return record_layer(plan, declaration, "workload", outputs)
    except KeyError as missing:
        if outputs is None:
            raise
        raise NotTheFoundation(f"{foundation}: the foundation has no output {missing}") from None


def _outputs(path: Path, plan: Plan) -> dict[str, Any]:
    """The outputs in a file; raises NotTheFoundation where they are of something else."""
    try:
        said = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as problem:
        raise NotTheFoundation(f"{path} is no JSON: {problem}") from None
    if not isinstance(said, dict):
        raise NotTheFoundation(f"{path} holds no outputs: `pulumi stack output --json` prints an object")
    cluster = plan.cluster.name if plan.cluster else None
    if said.get("layer") != "foundation" or said.get("clusterName") != cluster:
        raise NotTheFoundation(
            f"{path} is not of {plan.name}.foundation: layer {said.get('layer')}, "
            f"cluster {said.get('clusterName')}"
        )
    return said


def _tell_missing(rendered: Sequence[Manifest], folder: Path | None) -> None:
    """Which values are left out, and where they have to come from."""
    from inferplan.report.manifests import values_files

    wanted = values_files(rendered)
    for name, one in wanted.items():
        there = _keys_in(folder / name) if folder else frozenset()
        if lacking := [key for key in one.missing if key not in there]:
            place = f"; the kustomization reads them from {folder / name}" if folder else ""
            show(f"{one} lacks {', '.join(lacking)}, which only the foundation knows{place}", err=True)
    if folder is None and wanted:
        show("do not apply it so: give the outputs of the foundation with --foundation", err=True)


def _keys_in(path: Path) -> frozenset[str]:
    """The keys of a file of `KEY=value` lines; none where there is no such file."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return frozenset()
    return frozenset(
        key.strip() for key, sign, value in (line.partition("=") for line in lines) if sign and value
    )
