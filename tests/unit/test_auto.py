"""Area of concern: mode auto and the rules: the chosen is allowed, what is left out is denied and shown."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from inferplan.plan.make import make_plan
from inferplan.records.no_plan import NoPlan
from inferplan.records.verdicts import Finding, Report
from inferplan.resource import Resource
from inferplan.spec.declaration import Declaration, backend_kind
from inferplan.spec.faults import SpecErrors
from inferplan.spec.model import InferenceStack
from inferplan.spec.organization import Organization, Waiver, WaiverScope
from policies import types
from policies.evaluate import evaluate
from policies.gates import gates
from policies.world.things import (
    allow,
    document,
    domain_list,
    firewall_list,
    group,
    model_arn,
    proxy,
    resource,
)
from tests.unit.test_trust import GONE, one_of, put

ROOT = Path(__file__).parents[2]
AS_OF = date(2026, 11, 20)
SPEC = yaml.safe_load((ROOT / "specs" / "eu-both-ways.yaml").read_text())
ORGANIZATION = json.loads(
    json.dumps(yaml.safe_load((ROOT / "organization" / "organization.yaml").read_text()), default=str)
)
SECOND_ROUTE = {
    "name": "letters",
    "api": "chat",
    "classes": ["internal"],
    "callers": ["office-suite"],
    "backends": ["mistral-own", "mistral-api"],
}


def declare(*edits: tuple[str, Any]) -> Declaration:
    """The example that lists both kinds, with edits of `spec.` and `organization.`."""
    documents = {"spec": copy.deepcopy(SPEC), "organization": copy.deepcopy(ORGANIZATION)}
    for path, value in edits:
        put(documents, path, value if value is GONE else copy.deepcopy(value))
    organization = msgspec.convert(documents["organization"], Organization)
    return Declaration.from_json(json.dumps({"spec": documents["spec"], "lock": None}), organization, ())


def stack(declaration: Declaration) -> InferenceStack:
    assert isinstance(declaration.spec, InferenceStack)
    return declaration.spec


def as_declared(declaration: Declaration, mode: Any, backends: dict[str, tuple[str, ...]]) -> Declaration:
    """The same in a named mode, its routes with these backends only; a route that is not named goes."""
    routes = tuple(
        msgspec.structs.replace(route, backends=backends[route.name])
        for route in stack(declaration).routes
        if backends.get(route.name)
    )
    return replace(declaration, spec=msgspec.structs.replace(stack(declaration), mode=mode, routes=routes))


def denials(declaration: Declaration) -> list[Finding]:
    """What the declaration rules deny about who serves what."""
    report = evaluate(declaration, (), AS_OF, scopes=("declaration",))
    return [finding for finding in report.findings if finding.blocks and finding.subject.kind == "serving"]


VENDOR, DESK = "organization.vendors.bedrock", "organization.entities.desk"
OWN, API = "spec.backends.mistral-own", "spec.backends.mistral-api"
ASSESSED = {"reference": "P", "date": "2026-09-01", "approver": "dpo@desk.example"}
EDITS = (
    one_of("spec.routes", [SPEC["routes"][0], SECOND_ROUTE],
           [SPEC["routes"][0], {**SECOND_ROUTE, "callers": ["crm"]}]),
    one_of("spec.routes[0].classes", ["public"], ["internal"], ["public", "confidential"]),
    one_of("spec.routes[0].backends", ["mistral-own", "mistral-api"], ["mistral-api"], ["mistral-own"]),
    one_of("spec.routes[0].use", {"purposes": ["medical-advice"]}, {"purposes": ["other"]},
           {"commercial": False}),
    one_of("spec.data.personal", True),
    one_of("spec.data.sovereignty", "absolute"),
    one_of("spec.data.residency.countries", ["DE"], ["EEA", "US"]),
    one_of("spec.target.region", "eu-central-1", "us-east-1"),
    one_of(f"{OWN}.weights", "hf://meta-llama/Llama-3.1-8B-Instruct", "hf://Qwen/Qwen3-8B",
           "hf://mistralai/Mistral-Large-Instruct-2411", "hf://openai-community/gpt2"),
    one_of(f"{OWN}.base_lineage", ["mistralai/Mistral-Large-Instruct-2411"]),
    one_of(f"{API}.model", "eu.mistral.pixtral-large-2502-v1:0",
           "global.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    one_of(API, {"vendor": "openai-eu", "model": "gpt-4.1-2025-04-14"}),
    one_of(f"{VENDOR}.assessment", GONE, {**ASSESSED, "classes": ["public"]},
           {**ASSESSED, "date": "2026-12-24", "classes": ["public", "internal"]}),
    one_of(f"{VENDOR}.contract", GONE),
    one_of(f"{VENDOR}.retention", GONE, {"days": 30, "reference": "R", "date": "2026-05-20"}),
    one_of(f"{VENDOR}.trains_on_data", True, GONE),
    one_of(f"{VENDOR}.features", ["feedback-sharing"], ["batches"]),
    one_of(f"{VENDOR}.tier", "free"),
    one_of(f"{VENDOR}.review_by", "2026-11-19"),
    one_of(f"{VENDOR}.max_class", "public"),
    one_of(f"{VENDOR}.subprocessors", GONE, [{"name": "review", "country": "PH"}]),
    one_of("organization.vendors.openai-eu.host", "api.openai.com", "us.api.openai.com", GONE),
    one_of(f"{DESK}.sector", "healthcare", "defense", "finance", GONE),
    one_of(f"{DESK}.monthly_active_users", 800_000_000, GONE),
    one_of("organization.accounts.222222222222.max_class", "confidential", "restricted"),
    one_of("organization.classes.internal.backends", ["self-hosted"], ["managed-api"]),
    one_of("organization.applications.help-center.class", "restricted", "confidential"),
    one_of("organization.rules", {"PRIV-001": {"level": "advisory"}}, {"PRIV-002": {"level": "mandatory"}},
           {"SOV-015": {"level": "disabled"}}, {"PRIV-004": {"level": "mandatory", "from": "2027-01-01"}}),
    one_of("organization.not_waivable", ["PRIV-001", "SOV-015"]),
)  # fmt: skip


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(edits=st.lists(st.one_of(*EDITS), min_size=1, max_size=4))
def test_auto_chooses_what_the_rules_allow_and_leaves_out_what_they_deny(
    edits: list[tuple[str, Any]],
) -> None:
    """Chosen backends break no rule in the chosen mode; every removed one would, in the mode of its kind."""
    try:
        declaration = declare(*edits)
    except (SpecErrors, msgspec.ValidationError):
        assume(False)
    spec = stack(declaration)
    out = {(gate.route, gate.backend) for gate in gates(declaration, AS_OF)}

    try:
        plan = make_plan(declaration, AS_OF, gates)
    except NoPlan:
        plan = None  # too dear, nothing fits, or nothing is left: what is left out is checked all the same
    if plan is not None:
        chosen = {route.name: (route.backend, *route.fallback) for route in plan.routes}
        assert denials(as_declared(declaration, plan.mode, chosen)) == []
        assert {(route, name) for route, names in chosen.items() for name in names} & out == set()
    for route, backend in out:
        alone = as_declared(declaration, backend_kind(spec.backends[backend]), {route: (backend,)})
        assert denials(alone), f"{backend} is left out of {route}, and no rule denies it there"
    for route in spec.routes:
        for backend in route.backends:
            alone = as_declared(declaration, backend_kind(spec.backends[backend]), {route.name: (backend,)})
            assert bool(denials(alone)) == ((route.name, backend) in out)


UNASSESSED = (f"{VENDOR}.assessment", GONE)
MODEL = "mistral.mistral-large-2402-v1:0"


def judged(*resources: Resource, edits: tuple[tuple[str, Any], ...] = (UNASSESSED,)) -> Report:
    return evaluate(declare(*edits), resources, AS_OF)


def about(report: Report, rule: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.rule == rule]


def test_what_auto_leaves_out_is_shown_and_does_not_deny() -> None:
    """A vendor without assessment beside own weights: said with rule and reason, judged by no other rule."""
    report = judged()
    (removed,) = about(report, "PRIV-001")

    assert (removed.removed, removed.blocks, removed.verdict) == (True, False, "fail")
    assert removed.subject.name == "drafting/mistral-api"
    assert "no assessment" in removed.message
    assert {rule.id: rule.verdict for rule in report.rules}["PRIV-001"] == "not_applicable"
    assert report.decision == "allow"


def test_a_waiver_keeps_what_the_rule_would_remove() -> None:
    """What is waived is no gate, so the planner may choose it, and the finding stays visible."""
    waiver = Waiver(
        kind="Waiver",
        api_version="inferplan/v1beta1",
        rule="PRIV-001",
        scope=WaiverScope(spec="eu-both-ways", subject="bedrock"),
        reason="assessed next week",
        ticket="PLAT-1",
        owner="ml@desk.example",
        approver="platform@desk.example",
        created="2026-11-01",
        expires="2026-12-31",
    )
    declaration = replace(declare(UNASSESSED), waivers=(waiver,))
    report = evaluate(declaration, (), AS_OF)

    assert gates(declaration, AS_OF) == ()
    assert [(one.waiver is not None, one.removed) for one in about(report, "PRIV-001")] == [(True, False)]


def test_the_last_backend_of_a_route_is_denied_and_not_left_out() -> None:
    """Where nothing would be left, the finding stands."""
    report = judged(edits=(UNASSESSED, ("spec.routes[0].backends", ["mistral-api"])))
    (finding,) = about(report, "PRIV-001")

    assert (finding.removed, finding.blocks) == (False, True)
    assert report.decision == "deny"


SERVER = "hosted_vllm/mistral-own", "http://mistral-own.inference.svc.cluster.local:8000/v1"
AT_BEDROCK, SPARE = group("drafting", f"bedrock/{MODEL}"), group("spare", f"bedrock/{MODEL}")
OWN_SERVER = group("drafting", *SERVER)
CALL = allow("bedrock:InvokeModel", model_arn(MODEL))
OPENAI = (API, {"vendor": "openai-eu", "model": "gpt-4.1-2025-04-14"})
TRAINS = ("organization.vendors.openai-eu.trains_on_data", True)
RESEARCH = (f"{OWN}.weights", "hf://mistralai/Mistral-Large-Instruct-2411")
LETTERS = ("spec.routes", [SPEC["routes"][0], SECOND_ROUTE])
WORKLOAD = {"spec": {"template": {"spec": {"containers": [
    {"name": "s", "args": ["serve", "/models/mistralai/Mistral-Large-Instruct-2411/main"]}]}}}}  # fmt: skip
REACHES: list[tuple[str, str, tuple[Resource, ...], tuple[tuple[str, Any], ...]]] = [
    ("the proxy", "PRIV-001", (proxy(AT_BEDROCK, OWN_SERVER),), (UNASSESSED,)),
    ("a fallback", "PRIV-001",
     (proxy(OWN_SERVER, SPARE, router_settings={"fallbacks": [{"drafting": ["spare"]}]}),),
     (UNASSESSED,)),
    ("a role", "PRIV-001",
     (resource(types.IAM_POLICY, "role", {"policy": document(CALL)}),), (UNASSESSED,)),
    ("the firewall", "SOV-015", (firewall_list("out", "eu.api.openai.com"),), (OPENAI, TRAINS)),
    ("the resolver", "SOV-015", (domain_list("names", "eu.api.openai.com"),), (OPENAI, TRAINS)),
    ("the proxy's default host", "SOV-015", (proxy(group("drafting", "openai/gpt-4.1")),), (OPENAI, TRAINS)),
    ("a workload with the weights", "LIC-002", (resource(types.DEPLOYMENT, "server", WORKLOAD),),
     (RESEARCH,)),
    ("the proxy to own weights", "LIC-002", (proxy(OWN_SERVER),), (RESEARCH,)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "resources", "edits"), [row[1:] for row in REACHES], ids=[row[0] for row in REACHES]
)
def test_what_still_leads_to_a_backend_that_auto_leaves_out_denies(
    rule: str, resources: tuple[Resource, ...], edits: tuple[tuple[str, Any], ...]
) -> None:
    """The rule that removed it stands again, and says by which resource it is reached."""
    before, after = judged(edits=edits), judged(*resources, edits=edits)

    assert {finding.removed for finding in about(before, rule)} == {True}
    (finding,) = about(after, rule)
    assert (finding.removed, finding.blocks) == (False, True)
    assert resources[0].name in finding.message
    assert after.decision == "deny"


def test_a_backend_left_out_of_one_route_may_serve_another() -> None:
    """The proxy may hold it for the route that allows it; sending the other route there denies."""
    edits = (
        LETTERS,
        (f"{VENDOR}.max_class", "public"),
        ("spec.routes[0].classes", ["public"]),
        ("organization.applications.help-center.class", "public"),
    )
    kept = judged(proxy(AT_BEDROCK, OWN_SERVER, group("letters", *SERVER)), edits=edits)
    sent = judged(proxy(AT_BEDROCK, group("letters", f"bedrock/{MODEL}")), edits=edits)

    assert {finding.removed for finding in about(kept, "SOV-010")} == {True}
    assert [finding.blocks for finding in about(sent, "SOV-010")] == [True]
