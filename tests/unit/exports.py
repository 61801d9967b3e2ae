"""States as `pulumi stack export` writes them, of programs that are not ours, and what the rules say of them.

Not here: any test.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from inferplan.records.verdicts import Report
from policies.evaluate import evaluate
from policies.rule import Example
from policies.state import SECRET_SIGNATURE, SIGNATURE, parse_state
from policies.world.cases import passing_case
from policies.world.things import key_arn

AS_OF = date(2026, 11, 20)
REGION, ACCOUNT, STRANGER = "eu-central-1", "111111111111", "999999999999"
ABROAD = "us-east-1"
ENCRYPTED = {"storageEncrypted": True, "kmsKeyId": key_arn()}
State = dict[str, Any]


def judged(*states: State, world: str = "own", given: Mapping[str, Any] | None = None) -> Report:
    """What `check SPEC --state` says of an export with these resources, beside two providers."""
    providers = [
        state("pulumi:providers:aws", "aws", region=REGION),
        state("pulumi:providers:kubernetes", "k8s", clusterIdentifier="c"),
    ]
    text = json.dumps({"version": 3, "deployment": {"resources": [*providers, *states]}})
    case = passing_case(Example(note="state", world=world, given=given or {}))
    return evaluate(case.declaration, parse_state(text.encode()), AS_OF, from_state=True)


def state(type_: str, name: str, /, **inputs: Any) -> State:
    """One resource of an export, made by one of the two providers."""
    package = type_.partition(":")[0]
    provider = {"aws": "pulumi:providers:aws::aws", "kubernetes": "pulumi:providers:kubernetes::k8s"}
    through = {"provider": f"urn:pulumi:s::p::{provider[package]}::1"} if package in provider else {}
    return {
        "urn": f"urn:pulumi:s::p::{type_}::{name}",
        "type": type_,
        "custom": True,
        "inputs": inputs,
    } | through


def became(made: State, id_: str, **outputs: Any) -> State:
    """The same resource with what its provider answered."""
    return made | {"id": id_, "outputs": outputs}


def blocking(report: Report) -> set[str]:
    """The rules that deny."""
    return {finding.rule for finding in report.findings if finding.blocks}


def failing(report: Report) -> set[tuple[str, str | None]]:
    """Rule and place of whatever fails and denies."""
    return {
        (finding.rule, finding.path)
        for finding in report.findings
        if finding.blocks and finding.verdict == "fail"
    }


def hidden(text: str = "v1:x:y") -> dict[str, str]:
    """A secret as an export writes it."""
    return {SIGNATURE: SECRET_SIGNATURE, "ciphertext": text}


def pod(**container: Any) -> State:
    """A deployment with one container that serves no model."""
    spec = {"template": {"spec": {"containers": [{"name": "app"} | container]}}}
    return state("kubernetes:apps/v1:Deployment", "app", metadata={"namespace": "kube-system"}, spec=spec)


def task(**definition: Any) -> State:
    """A task definition with one container."""
    said = json.dumps([{"name": "app", "image": "x"} | definition])
    return state("aws:ecs/taskDefinition:TaskDefinition", "task", family="f", containerDefinitions=said)


def config_map(**data: str) -> State:
    """A config map with these files."""
    return state("kubernetes:core/v1:ConfigMap", "config", metadata={"name": "config"}, data=data)


def told(rule: str, path: str | None, *broken: State, kept: tuple[State, ...], world: str = "own") -> None:
    """The rule names the place in the broken states, and nothing denies the kept ones."""
    assert (rule, path) in failing(judged(*broken, world=world))
    assert blocking(judged(*kept, world=world)) == set()


def at(path: str, value: Any) -> dict[str, Any]:
    """Inputs with one value at a path of names and first items."""
    head, _, rest = path.partition(".")
    inner = at(rest, value) if rest else value
    return {head.removesuffix("[0]"): [inner] if head.endswith("[0]") else inner}


def allow(action: str, resource: str = "*", **more: Any) -> dict[str, Any]:
    """A statement that allows an action."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}
