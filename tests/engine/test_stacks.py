"""Our own stacks on the real engine: the whole life of the examples, and agreement with the recorder.

Not here: the road itself (test_road) and what the pack stops (test_pack).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from inferplan.plan.make import make_plan
from inferplan.resource import Resource, Unknown
from inferplan.spec.declaration import Declaration
from inferplan.spec.loading import load
from policies.evaluate import evaluate
from policies.gates import gates
from policies.packs import pack_names
from stacks import build
from stacks.record import record
from tests.engine.provider import StandIn
from tests.engine.test_road import differences, spied
from tests.engine.workspace import ROOT, Workspace
from tests.unit.plan_edits import OTHER, OTHERS

EXAMPLES = ("de-clinic-notes", "eu-support-desk", "in-bank-assistant")
LAYERS = ("foundation", "workload")
AS_OF = date(2026, 11, 20)
REFERENCE = "pulumi:pulumi:StackReference::"
CANARY = "canary-2718281828"
# In production these outlive a destroy on purpose: without the keys nothing that is kept could be read.
OUTLIVE_DESTROY = {"aws:kms/key:Key", "aws:cloudwatch/logGroup:LogGroup", "aws:s3/bucket:Bucket"}
# What a careless program would read from the machine it runs on, and put into state.
TEMPTATIONS = (
    "AWS_SECRET_ACCESS_KEY",
    "HF_TOKEN",
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "LITELLM_MASTER_KEY",
)


def settings(spec: Path, organization: Path = ROOT / "organization") -> dict[str, str]:
    """The configuration of a stack that deploys `spec`."""
    return {
        "inferplan:spec": str(spec),
        "inferplan:organization": str(organization),
        "inferplan:as-of": AS_OF.isoformat(),
    }


def with_packs(workspace: Workspace, **config: str) -> tuple[str, ...]:
    """Options that put every pack on a command, on the day of the examples."""
    file = workspace.folder / "pack.json"
    said = {"inferplan-declaration": {"as-of": AS_OF.isoformat()} | config}
    file.write_text(json.dumps(said), encoding="utf-8")
    folders = [str(ROOT / "policies" / pack) for pack in pack_names()]
    return tuple(
        word for pack in folders for word in ("--policy-pack", pack, "--policy-pack-config", str(file))
    )


@pytest.fixture
def ours(workspace: Workspace) -> Workspace:
    """Our program as the project."""
    workspace.project()
    return workspace


@pytest.mark.parametrize("example", [*EXAMPLES, *OTHERS])
def test_the_whole_life_of_a_stack(ours: Workspace, stand_ins: dict[str, StandIn], example: str) -> None:
    """Both layers come up under the packs, stay as they are, hold no secret, and go, but for what is kept."""
    ours.env |= dict.fromkeys(TEMPTATIONS, CANARY)
    folder, bar = (OTHER, OTHER) if example in OTHERS else (ROOT / "specs", ROOT)
    packs = with_packs(ours, organization=str(bar / "organization"))
    stacks = [f"{example}.{layer}" for layer in LAYERS]
    for stack in stacks:
        ours.stack(stack, settings(folder / f"{example}.yaml", bar / "organization"))
        if example in EXAMPLES:  # `up` previews too
            ours.run("preview", "--stack", stack, *packs, check=True)
        ours.run("up", "--yes", "--stack", stack, *packs, check=True)
    for stack in stacks:
        ours.run("up", "--yes", "--expect-no-changes", "--stack", stack, *packs, check=True)
        assert CANARY not in json.dumps(ours.export(stack))
    kept = {
        resource["urn"]
        for stack in stacks
        for resource in ours.export(stack)["deployment"]["resources"]
        if resource.get("retainOnDelete")
    }
    for stack in reversed(stacks):
        ours.run("destroy", "--yes", "--stack", stack, check=True)
    created = [urn for stand_in in stand_ins.values() for urn in stand_in.created]
    deleted = [urn for stand_in in stand_ins.values() for urn in stand_in.deleted]

    assert created
    assert sorted(created) == sorted([*deleted, *kept])
    assert {urn.split("$")[-1].split("::")[0] for urn in kept} <= OUTLIVE_DESTROY
    assert not any(stand_in.updated for stand_in in stand_ins.values())


@pytest.mark.parametrize("example", EXAMPLES)
def test_recorder_and_engine_agree(ours: Workspace, tmp_path: Path, example: str) -> None:
    """The same resources with the same inputs, parents, dependencies and providers, in both layers."""
    spec = ROOT / "specs" / f"{example}.yaml"
    declaration = load(spec, ROOT / "organization")
    plan = make_plan(declaration, AS_OF, gates)
    recorded = {
        layer: record(lambda layer=layer: build(plan, layer, declaration), stack=f"{example}.{layer}")
        for layer in LAYERS
    }
    foundation, workload = (f"{example}.{layer}" for layer in LAYERS)
    ours.stack(foundation, settings(spec))
    ours.stack(workload, settings(spec))

    seen = spied(ours, tmp_path, "--stack", foundation)
    assert differences(seen, recorded["foundation"]) == []
    assert verdicts(declaration, seen) == verdicts(declaration, recorded["foundation"])

    ours.run("up", "--yes", "--stack", foundation, check=True)
    alone = {resource.urn: without_references(resource) for resource in recorded["workload"]}
    seen = spied(ours, tmp_path, "--stack", workload)
    assert differences(tuple(agreed(resource, alone) for resource in seen), tuple(alone.values())) == []
    assert verdicts(declaration, seen) == verdicts(declaration, recorded["workload"])


def verdicts(declaration: Declaration, resources: tuple[Resource, ...]) -> dict[str, str]:
    """The verdict of every rule; a compliant example is allowed with nothing undecided."""
    report = evaluate(declaration, resources, AS_OF, locked=True)
    assert report.decision == "allow", report.findings
    assert report.summary.undecided == 0, report.findings
    return {result.id: result.verdict for result in report.rules}


def without_references(resource: Resource) -> Resource:
    """The recorder's resource without dependencies on stack references, which a pack does not get to see."""
    sources = {key: own(urns) for key, urns in resource.property_dependencies.items() if own(urns)}
    return replace(resource, dependencies=own(resource.dependencies), property_dependencies=sources)


def own(urns: tuple[str, ...]) -> tuple[str, ...]:
    """Without stack references."""
    return tuple(urn for urn in urns if REFERENCE not in urn)


def agreed(engine: Resource, recorded: Mapping[str, Resource]) -> Resource:
    """The engine's resource, with what only a deployed foundation can tell as unknown as for the recorder."""
    if engine.urn not in recorded:
        return engine
    recorder, provider = recorded[engine.urn], engine.provider
    if provider is not None and recorder.provider is not None:
        provider = replace(provider, config=masked(provider.config, recorder.provider.config))
    return replace(engine, props=masked(engine.props, recorder.props), provider=provider)


def masked(engine: Any, recorder: Any) -> Any:
    """The engine's value, unknown wherever the recorder knows it only through a StackReference."""
    if isinstance(recorder, Unknown) and any(
        "pulumi:pulumi:StackReference::" in urn for urn in recorder.urns
    ):
        return recorder
    if isinstance(engine, Mapping) and isinstance(recorder, Mapping):
        return {key: masked(value, recorder.get(key)) for key, value in engine.items()}
    if isinstance(engine, list) and isinstance(recorder, list) and len(engine) == len(recorder):
        return [masked(value, other) for value, other in zip(engine, recorder, strict=True)]
    return engine
