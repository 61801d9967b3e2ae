"""Nobody lowers the bar from inside a spec: no edit that keeps the resources turns deny into allow."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from inferplan.plan.make import make_plan
from inferplan.records.no_plan import NoPlan
from inferplan.resource import Resource
from inferplan.spec.declaration import Declaration
from inferplan.spec.faults import SpecErrors
from inferplan.spec.loading import load
from inferplan.spec.organization import Organization
from policies.evaluate import evaluate
from policies.gates import gates
from stacks.record import record_plan

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pulumi_aws")

ROOT = Path(__file__).parents[2]
AS_OF = date(2026, 11, 20)
GONE = object()


@cache
def example(name: str) -> Declaration:
    return load(ROOT / f"specs/{name}.yaml", ROOT / "organization")


@cache
def planned(spec: str, organization: str) -> tuple[Resource, ...]:
    """What a declaration deploys; empty where it has no plan."""
    try:
        declaration = declare(json.loads(spec), json.loads(organization))
        return record_plan(make_plan(declaration, AS_OF, gates), declaration)
    except NoPlan:
        return ()


def declare(spec: dict[str, Any], organization: dict[str, Any]) -> Declaration:
    """A declaration as the pack makes it: the spec from outside, the organization from the own side."""
    return Declaration.from_json(
        json.dumps({"spec": spec, "lock": None}), msgspec.convert(organization, Organization), ()
    )


def deployed(resources: tuple[Resource, ...]) -> str:
    """The cloud resources without the root component, which repeats the declaration."""
    return json.dumps(
        sorted((r.type, r.name, repr(r.props)) for r in resources if r.package in {"aws", "kubernetes"})
    )


def put(document: Any, path: str, value: Any) -> None:
    """Set or take away the value at `a.b[0].c`; a path that does not exist is left alone."""
    keys: list[Any] = [int(i) if i else name for i, name in re.findall(r"\[(\d+)\]|([^.\[\]]+)", path)]
    for key in keys[:-1]:
        if isinstance(key, int):
            if key >= len(document):
                return
            document = document[key]
        else:
            document = document.setdefault(key, {})
    if value is GONE:
        document.pop(keys[-1], None)
    else:
        document[keys[-1]] = value


@dataclass(frozen=True, kw_only=True)
class Seed:
    """A declaration that is denied whatever its author says: what is wrong is not his to state."""

    note: str
    example: str
    rule: str
    organization: tuple[tuple[str, Any], ...] = ()
    spec: tuple[tuple[str, Any], ...] = ()
    tamper: Callable[[Resource], Resource] | None = None

    @property
    def documents(self) -> tuple[dict[str, Any], dict[str, Any]]:
        declaration = example(self.example)
        spec = json.loads(declaration.to_json())["spec"]
        organization = json.loads(msgspec.json.encode(declaration.organization))
        for path, value in self.spec:
            put(spec, path, value)
        for path, value in self.organization:
            put(organization, path, value)
        return spec, organization

    @property
    def resources(self) -> tuple[Resource, ...]:
        spec, organization = map(json.dumps, self.documents)
        found = planned(spec, organization)
        return tuple(map(self.tamper, found)) if self.tamper else found


def moved(resource: Resource) -> Resource:
    """One bucket overrides the provider's Region."""
    if resource.type != "aws:s3/bucket:Bucket":
        return resource
    return replace(resource, props={**resource.props, "region": "us-east-1"})


def talkative(resource: Resource) -> Resource:
    """Model servers are told nothing."""
    if resource.type != "kubernetes:apps/v1:Deployment":
        return resource
    props = copy.deepcopy(dict(resource.props))
    for container in props["spec"]["template"]["spec"]["containers"]:
        container["env"] = []
    return replace(resource, props=props)


SEEDS = (
    Seed(
        note="the organization names the vendor's global host",
        example="eu-support-desk",
        rule="EGR-007",
        organization=(("vendors.openai-eu.host", "api.openai.com"),),
    ),
    Seed(
        note="the caller is registered with restricted data",
        example="eu-support-desk",
        rule="SOV-010",
        organization=(
            ("applications.help-center.class", "restricted"),
            ("accounts.222222222222.max_class", "restricted"),
        ),
    ),
    Seed(
        note="nobody assessed the vendor",
        example="in-bank-assistant",
        rule="PRIV-001",
        organization=(("vendors.bedrock.assessment", GONE),),
    ),
    Seed(
        note="the vendor trains on what is sent",
        example="eu-support-desk",
        rule="SOV-015",
        organization=(("vendors.openai-eu.trains_on_data", True),),
    ),
    Seed(
        note="the account allows other countries only",
        example="de-clinic-notes",
        rule="SOV-001",
        organization=(("accounts.111111111111.countries", ["FR"]),),
    ),
    Seed(
        note="a profile that leaves the boundary",
        example="in-bank-assistant",
        rule="SOV-006",
        spec=(("backends.mistral.model", "apac.mistral.mistral-large-2402-v1:0"),),
    ),
    Seed(note="a bucket in another Region", example="de-clinic-notes", rule="SOV-001", tamper=moved),
    Seed(note="telemetry left on", example="de-clinic-notes", rule="EGR-008", tamper=talkative),
)

BACKENDS = ("openai", "mistral", "llama", "qwen")
CLASSES = ("public", "internal", "confidential", "restricted")
CALLERS = ("ward-system", "help-center", "crm", "office-suite")


def one_of(path: str, *values: Any) -> st.SearchStrategy[tuple[str, Any]]:
    return st.tuples(st.just(path), st.sampled_from(values))


def some_of(path: str, values: tuple[str, ...], smallest: int = 1) -> st.SearchStrategy[tuple[str, Any]]:
    return st.tuples(
        st.just(path), st.lists(st.sampled_from(values), min_size=smallest, max_size=3, unique=True)
    )


# What authors may state by themselves, and all else that a spec can say; the property holds for both here,
# because no seed is wrong in what an author states.
STATEMENTS = (
    some_of("data.subjects", ("DE", "IN", "IE", "FR")),
    one_of("data.personal", True, False),
    some_of("data.residency.countries", ("DE", "EEA", "CH", "IN", "FR", "US", "EU")),
    one_of("routes[0].use", {"purposes": ["general"]}, {"public_facing": True}),
    one_of("exit", GONE),
    one_of("operations", GONE),
    one_of("backends.qwen.notices", ["Built with care"]),
    one_of("backends.qwen.openness", {"weights": True, "commercial": True}),
    one_of("data.retention", {"prompts": "30d", "logs": "365d"}, {"prompts": "none", "logs": "1d"}),
    one_of("data.sovereignty", "standard", "absolute"),
    one_of("data.regimes", [], ["EU-GDPR"], ["IN-DPDP"]),
    one_of("data.transfers", []),
)
EDITS = (
    one_of("mode", "self-hosted", "managed-api", "hybrid", "auto"),
    one_of("metadata.owner", "somebody@example.com"),
    one_of("metadata.group", "other", GONE),
    one_of("target.region", "eu-central-1", "eu-west-1", "ap-south-1", "us-east-1", GONE),
    one_of("target.zones", 1, 2, 3),
    *(some_of(f"routes[{index}].classes", CLASSES) for index in (0, 1)),
    *(some_of(f"routes[{index}].callers", CALLERS, 0) for index in (0, 1)),
    *(some_of(f"routes[{index}].backends", BACKENDS) for index in (0, 1)),
    *(one_of(f"routes[{index}].redaction", "presidio", GONE) for index in (0, 1)),
    one_of("routes[0].guardrail", "bedrock", GONE),
    one_of("routes[0].audit_required", True, False),
    one_of("routes[0].customize", "prompt", "full", GONE),
    one_of("routes[0].name", "renamed"),
    one_of("backends.openai.vendor", "bedrock", "openai-eu"),
    one_of("backends.mistral.vendor", "bedrock", "openai-eu"),
    one_of("backends.mistral.model", "mistral.mistral-large-2402-v1:0", "eu.mistral.pixtral-2502-v1:0"),
    one_of("backends.llama.adapters", []),
    one_of("cluster.access", "private", {"cidrs": ["203.0.113.0/24"]}),
    one_of("cluster.deploy_from", "gitops", "tunnel"),
    one_of("gateway", GONE),
    one_of("budget.max_overspend_usd", 1, 100000),
    one_of("priorities", {"control": 1, "cost": 5}),
    one_of("deadline", "2027-01-01", GONE),
)
CHANGES = st.lists(st.one_of(*STATEMENTS, *EDITS), min_size=1, max_size=3)


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.note)
def test_seed_is_denied(seed: Seed) -> None:
    """Each starting point is denied by the rule it is meant to break."""
    report = evaluate(declare(*seed.documents), seed.resources, AS_OF)

    assert report.decision == "deny"
    assert seed.rule in {finding.rule for finding in report.findings if finding.blocks}


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.note)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(changes=CHANGES)
def test_no_edit_of_the_spec_turns_deny_into_allow(seed: Seed, changes: list[tuple[str, Any]]) -> None:
    """With the resources as they are, an edited spec is still denied; what is allowed deploys otherwise."""
    spec, organization = seed.documents
    for path, value in changes:
        put(spec, path, value if value is GONE else copy.deepcopy(value))
    try:
        declaration = declare(spec, organization)
    except SpecErrors:
        assume(False)

    if evaluate(declaration, seed.resources, AS_OF).decision == "allow":
        assert deployed(planned(json.dumps(spec), json.dumps(organization))) != deployed(seed.resources)


EXAMPLES = ("de-clinic-notes", "eu-support-desk", "in-bank-assistant", "minimal", "eu-both-ways")


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_layer_of_an_example_is_allowed_alone(name: str) -> None:
    """The engine shows one layer at a time: each is decidable without the other, and without pins."""
    seed = Seed(note=name, example=name, rule="")
    declaration = declare(*seed.documents)
    for layer in ("foundation", "workload"):
        resources = [item for item in seed.resources if f":{name}.{layer}::" in item.urn]
        report = evaluate(declaration, resources, AS_OF, locked=False)

        assert resources
        assert not [(item.rule, item.message) for item in report.findings if item.blocks]
        assert report.summary.undecided == 0


WIDER = (
    ("residency beyond the account's countries", "data.residency.countries", ["DE", "US"]),
    ("a sector, environment or ceiling of its own", "metadata.sector", "none"),
    ("a vendor entry of its own", "vendors", {"mine": {"provider": "openai", "max_class": "restricted"}}),
    ("evidence of its own", "evidence", []),
    ("waivers of its own", "waivers", []),
)


@pytest.mark.parametrize(("note", "path", "value"), WIDER, ids=[row[0] for row in WIDER])
def test_spec_cannot_bring_its_own_bar(note: str, path: str, value: Any) -> None:
    """What belongs to the organization is no field of a spec, and a wider residency allows nothing more."""
    spec, organization = Seed(note=note, example="de-clinic-notes", rule="").documents
    put(spec, path, value)
    if path != "data.residency.countries":
        with pytest.raises(SpecErrors):
            declare(spec, organization)
        return
    put(spec, "target.region", "us-east-1")
    put(spec, "gateway", GONE)

    report = evaluate(declare(spec, organization), (), AS_OF)

    assert "SOV-001" in {finding.rule for finding in report.findings if finding.blocks}
