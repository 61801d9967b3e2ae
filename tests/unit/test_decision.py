"""The decision: gates with their rule ids, criteria with their evidence, totals, hybrid, lead time.

Not here: whether the modes can be planned at all (the planner's own tests).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from inferplan import catalog, decision
from inferplan.catalog import table
from inferplan.decision import bills, criteria
from inferplan.decision.mode_choice import Weighed, choose
from inferplan.decision.score import HYBRID, OWN, VENDOR, Score
from inferplan.plan.make import make_plan
from inferplan.records.no_plan import NoPlan
from inferplan.records.plan import Plan
from inferplan.spec import load
from inferplan.spec.declaration import Declaration
from inferplan.spec.vocabulary import PRIORITIES
from policies.gates import gates

ROOT = Path(__file__).parents[2]
AS_OF = date(2026, 11, 20)
DESK, BEDROCK, OPENAI = "accounts.222222222222", "vendors.bedrock", "vendors.openai-eu"
ROUTE, OWN_BACKEND, API = "routes.0", "backends.mistral-own", "backends.mistral-api"
REMOVE = object()
NETWORK = {"existing": {"vpc": "vpc-0d0d0d0d0d0d0d0d1", "subnets": ["subnet-0d0d0d0d0d0d0d0a1"]}}
REGISTERED = {  # the network and the cluster of other fixtures, as the desk's
    key: held
    for key, held in yaml.safe_load(
        (ROOT / "tests/fixtures/stacks/organization/organization.yaml").read_text()
    ).items()
    if key in {"networks", "clusters"}
} | {"networks.vpc-0d0d0d0d0d0d0d0d1.account": "222222222222"}
Change = dict[str, Any]


def change(held: Any, path: str, value: Any) -> None:
    """Set one value by its dotted path, or remove it; list indexes are numbers."""
    *parents, last = path.split(".")
    for part in parents:
        held = held[int(part)] if isinstance(held, list) else held.setdefault(part, {})
    key = int(last) if isinstance(held, list) else last
    if value is REMOVE:
        held.pop(key, None)
    else:
        held[key] = value


def declared(
    folder: Path, spec: Change | None = None, organization: Change | None = None, name: str = "eu-both-ways"
) -> Declaration:
    """An example with some fields changed, read as a user's files are."""
    said = yaml.safe_load((ROOT / "specs" / f"{name}.yaml").read_text())
    bar = yaml.safe_load((ROOT / "organization" / "organization.yaml").read_text())
    for held, changes in ((said, spec), (bar, organization)):
        for path, value in (changes or {}).items():
            change(held, path, value)
    (folder / "organization").mkdir()
    (folder / "organization" / "organization.yaml").write_text(json.dumps(bar, default=str))
    (folder / f"{name}.yaml").write_text(json.dumps(said, default=str))
    return load(folder / f"{name}.yaml", folder / "organization")


def question(declaration: Declaration) -> decision.Question:
    return decision.Question.of(declaration, AS_OF, gates)


def found(declaration: Declaration) -> set[tuple[str, str, str]]:
    return {(gate.rule, gate.backend, gate.verdict) for gate in gates(declaration, AS_OF)}


# -- the table -------------------------------------------------------------------------------------
def test_every_row_of_the_criteria_is_there() -> None:
    """30 criteria and registered evaluations, each with weight, documents and a known side."""
    rows = catalog.criteria()

    assert len(rows) == 31
    assert [row.id for row in rows.values() if row.priority is None] == ["values", "evaluation"]
    assert {row.priority for row in rows.values() if row.priority} == set(PRIORITIES)
    assert all(1 <= row.weight <= 5 and row.documents and row.when for row in rows.values())


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("criteria", catalog.criteria), ("decision_settings", catalog.decision_settings),
        ("lead_times", catalog.lead_times), ("image_models", catalog.image_models),
        ("vllm_omni_flags", lambda: catalog.vllm_omni_flags("0.30.0")),
    ],
)  # fmt: skip
def test_readers_return_every_row(name: str, rows: Callable[[], Any]) -> None:
    """No row of these tables is lost to a duplicate key."""
    assert len(rows()) == len(json.loads(table.raw(name)))


def test_every_criterion_has_a_reader_or_is_a_wish() -> None:
    """A criterion without a reader of its own is one whose only evidence is the stated priority."""
    wishes = {row.id for row in catalog.criteria().values() if row.wish}

    assert set(criteria.READERS) <= set(catalog.criteria())
    assert set(catalog.criteria()) - set(criteria.READERS) <= wishes


def test_documents_are_cited_by_file_and_line() -> None:
    """References have the form 004:73 and name one of the five documents."""
    for row in catalog.criteria().values():
        for reference in row.documents:
            file, _, line = reference.partition(":")
            assert file in {"000", "001", "002", "003", "004"}, row.id
            assert 1 <= int(line) <= 220, row.id


# -- gates -----------------------------------------------------------------------------------------
def test_the_example_has_no_gate(tmp_path: Path) -> None:
    """The both-ways example passes every gate, so that all four modes plan."""
    assert found(declared(tmp_path)) == set()


GATES: list[tuple[str, Change, Change, tuple[str, str, str]]] = [
    ("a class that no vendor may see", {f"{ROUTE}.classes": ["public", "confidential"]},
     {f"{DESK}.max_class": "confidential"}, ("SOV-010", "mistral-api", "fail")),
    ("a caller that sends a stricter class", {}, {"applications.help-center.class": "restricted"},
     ("SOV-010", "mistral-api", "fail")),
    ("above the vendor's own ceiling", {}, {f"{BEDROCK}.max_class": "public"}, ("SOV-010", "mistral-api",
     "fail")),
    ("a global profile", {f"{API}.model": "global.cohere.embed-v4:0"}, {},
     ("SOV-006", "mistral-api", "fail")),
    ("a profile nobody knows", {f"{API}.model": "zz.mistral.pixtral-large-2502-v1:0"}, {},
     ("SOV-006", "mistral-api", "fail")),
    ("Bedrock in a Region outside", {"target.region": "us-east-1"}, {}, ("SOV-007", "mistral-api", "fail")),
    ("the global host", {API: {"vendor": "openai-eu", "model": "gpt-4.1-2025-04-14"}},
     {f"{OPENAI}.host": "api.openai.com"}, ("EGR-007", "mistral-api", "fail")),
    ("a host of another country", {API: {"vendor": "openai-eu", "model": "gpt-4.1-2025-04-14"}},
     {f"{OPENAI}.host": "us.api.openai.com"}, ("SOV-007", "mistral-api", "fail")),
    ("a host that stores only", {API: {"vendor": "openai-eu", "model": "gpt-4.1-2025-04-14"}},
     {f"{OPENAI}.host": "gb.api.openai.com"}, ("SOV-007", "mistral-api", "fail")),
    ("a host in no fact", {API: {"vendor": "openai-eu", "model": "gpt-4.1-2025-04-14"}},
     {f"{OPENAI}.host": "llm.example.com"}, ("SOV-007", "mistral-api", "fail")),
    ("no assessment", {}, {f"{BEDROCK}.assessment": REMOVE}, ("PRIV-001", "mistral-api", "fail")),
    ("an assessment of another class", {}, {f"{BEDROCK}.assessment.classes": ["public"]},
     ("PRIV-001", "mistral-api", "fail")),
    ("an assessment from tomorrow", {}, {f"{BEDROCK}.assessment.date": "2026-11-21"},
     ("PRIV-001", "mistral-api", "fail")),
    ("personal data without a contract", {"data.personal": True}, {f"{BEDROCK}.contract": REMOVE},
     ("PRIV-004", "mistral-api", "fail")),
    ("a sub-processor abroad", {"data.personal": True},
     {f"{BEDROCK}.subprocessors": [{"name": "review", "country": "PH"}]}, ("PRIV-004", "mistral-api",
      "fail")),
    ("sub-processors nobody registered", {"data.personal": True}, {f"{BEDROCK}.subprocessors": REMOVE},
     ("PRIV-004", "mistral-api", "undecided")),
    ("a vendor that trains", {}, {f"{BEDROCK}.trains_on_data": True}, ("SOV-015", "mistral-api", "fail")),
    ("absolute sovereignty and an operator abroad", {"data.sovereignty": "absolute"}, {},
     ("SOV-008", "mistral-own", "fail")),
    ("absolute sovereignty and a vendor abroad", {"data.sovereignty": "absolute"}, {},
     ("SOV-008", "mistral-api", "fail")),
    ("healthcare without a contract", {}, {"entities.desk.sector": "healthcare",
     f"{BEDROCK}.contract": REMOVE},
     ("SECT-002", "mistral-api", "fail")),
    ("defense and a shared API", {}, {"entities.desk.sector": "defense"}, ("SECT-004", "mistral-api",
     "fail")),
    ("defense and a license that bars it",
     {f"{OWN_BACKEND}.weights": "hf://meta-llama/Llama-3.3-70B-Instruct"},
     {"entities.desk.sector": "defense"}, ("SECT-004", "mistral-own", "fail")),
    ("a research license", {f"{OWN_BACKEND}.weights": "hf://mistralai/Mistral-Large-Instruct-2411"}, {},
     ("LIC-002", "mistral-own", "fail")),
    ("more users than the license allows",
     {f"{OWN_BACKEND}.weights": "hf://meta-llama/Llama-3.1-8B-Instruct"},
     {"entities.desk.monthly_active_users": 700_000_001}, ("LIC-003", "mistral-own", "fail")),
    ("users nobody registered", {f"{OWN_BACKEND}.weights": "hf://meta-llama/Llama-3.1-8B-Instruct"},
     {"entities.desk.monthly_active_users": REMOVE}, ("LIC-003", "mistral-own", "undecided")),
    ("a multimodal Llama in the EU",
     {f"{OWN_BACKEND}.weights": "hf://meta-llama/Llama-4-Scout-17B-16E-Instruct"}, {},
     ("LIC-004", "mistral-own", "fail")),
    ("medical advice on BLOOM", {f"{OWN_BACKEND}.weights": "hf://bigscience/bloom-7b1",
     f"{ROUTE}.use.purposes": ["medical-advice"]}, {}, ("LIC-005", "mistral-own", "fail")),
    ("a license nobody read", {f"{OWN_BACKEND}.weights": "hf://tiiuae/Falcon3-7B-Instruct"}, {},
     ("LIC-001", "mistral-own", "undecided")),
    ("a base model that forbids it",
     {f"{OWN_BACKEND}.base_lineage": ["mistralai/Mistral-Large-Instruct-2411"]}, {},
     ("LIC-009", "mistral-own", "fail")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "organization", "gate"), [row[1:] for row in GATES], ids=[r[0] for r in GATES]
)
def test_a_gate_names_its_rule(
    tmp_path: Path, spec: Change, organization: Change, gate: tuple[str, str, str]
) -> None:
    """One change of the example closes exactly the gate it should, for the backend it should."""
    assert gate in found(declared(tmp_path, spec, organization))


@pytest.mark.parametrize(
    ("users", "closed"), [(700_000_000, False), (700_000_001, True)], ids=["exactly", "more"]
)
def test_license_thresholds_mean_more_than(tmp_path: Path, users: int, closed: bool) -> None:
    """Exactly 700 million users of the whole group are still inside the terms."""
    weights = {f"{OWN_BACKEND}.weights": "hf://meta-llama/Llama-3.1-8B-Instruct"}
    group: Change = {f"entities.{name}.monthly_active_users": 0 for name in ("clinic", "bank", "lab")}
    standing = found(declared(tmp_path, weights, group | {"entities.desk.monthly_active_users": users}))

    assert (("LIC-003", "mistral-own", "fail") in standing) is closed


def test_a_named_person_opens_an_undecided_gate(tmp_path: Path) -> None:
    """A confirmed fact carries; confirmed after the day of the plan, it does not yet."""
    weights = {f"{OWN_BACKEND}.weights": "hf://openai-community/gpt2"}
    gate = ("LIC-001", "mistral-own", "undecided")
    outcomes = []
    for index, day in enumerate(("2026-11-20", "2026-11-21")):
        folder = tmp_path / str(index)
        folder.mkdir()
        confirmed = [{"id": "licenses/gpt-2", "by": "legal@desk.example", "date": day}]
        outcomes.append(gate in found(declared(folder, weights, {"facts.confirmed": confirmed})))

    assert outcomes == [False, True]


def test_gates_remove_backends_before_anything_is_weighed(tmp_path: Path) -> None:
    """`auto` plans with what is left and names the rule; the removed mode stands beside it as infeasible."""
    plan = make_plan(declared(tmp_path, organization={f"{BEDROCK}.assessment": REMOVE}), AS_OF, gates)

    assert plan.mode == "self-hosted"
    assert plan.vendors == ()
    assert [(gate["rule"], gate["backend"]) for gate in plan.decision.gates] == [("PRIV-001", "mistral-api")]
    beside = {alternative.name: alternative for alternative in plan.cost.alternatives}
    assert not beside["managed-api"].feasible
    assert "PRIV-001" in beside["managed-api"].reason
    assert any("PRIV-001 removes mistral-api" in reason for reason in plan.decision.reasons)


def test_when_every_backend_is_removed_there_is_no_plan(tmp_path: Path) -> None:
    """The conflict lists each gate of the route, with its rule."""
    declaration = declared(tmp_path, {"data.sovereignty": "absolute"})

    with pytest.raises(NoPlan) as refused:
        make_plan(declaration, AS_OF, gates)

    told = {one.value: one.reason for one in refused.value.conflicts if one.path == "routes[0].backends"}
    assert set(told) == {"mistral-api", "mistral-own"}
    assert all(reason.startswith("SOV-008: ") for reason in told.values())


def test_a_said_mode_is_obeyed_and_its_gates_are_printed(tmp_path: Path) -> None:
    """Gates are not the last word on a mode that the spec names: rules are. The record shows them."""
    declaration = declared(tmp_path, organization={f"{BEDROCK}.assessment": REMOVE})
    plan = make_plan(declaration, AS_OF, gates, mode="managed-api")

    assert plan.mode == plan.decision.mode == plan.decision.asked == "managed-api"
    assert [gate["rule"] for gate in plan.decision.gates] == ["PRIV-001"]
    assert any(reason.startswith("PRIV-001 stands against mistral-api") for reason in plan.decision.reasons)
    assert len(plan.decision.criteria) == 31


# -- criteria --------------------------------------------------------------------------------------
def score(declaration: Declaration, name: str, options: bills.Options | None = None) -> Score:
    return criteria.read(catalog.criteria()[name], question(declaration), options or {})


SCORES: list[tuple[str, Change, Change, str, dict[str, float]]] = [
    ("internal data", {}, {}, "sovereignty", {}),
    ("restricted data", {}, {"applications.help-center.class": "restricted"}, "sovereignty", {OWN: 1}),
    ("absolute", {"data.sovereignty": "absolute"}, {}, "sovereignty", {OWN: 1}),
    ("assessed vendors", {}, {}, "third_party_comfort", {VENDOR: 1}),
    ("not assessed", {}, {f"{BEDROCK}.assessment": REMOVE}, "third_party_comfort", {}),
    ("no sector", {}, {}, "regulation", {}),
    ("finance, vendors without certificates", {}, {"entities.desk.sector": "finance"}, "regulation",
     {OWN: 1}),
    ("finance, certified vendor under contract", {API: {"vendor": "openai-eu", "model": "gpt-4.1"}},
     {"entities.desk.sector": "finance"}, "regulation", {OWN: 1, VENDOR: 1}),
    ("certificates wished for, none known", {"priorities.certificates": 5}, {}, "certificates", {}),
    ("certificates wished for", {"priorities.certificates": 5, API: {"vendor": "openai-eu",
     "model": "gpt-4.1"}}, {},
     "certificates", {VENDOR: 1}),
    ("one skill of four", {}, {}, "expertise", {OWN: 0.25, VENDOR: 0.75}),
    ("every skill", {"operations.staff.skills": ["ml-serving", "kubernetes", "gpu", "security"]}, {},
     "expertise",
     {OWN: 1, VENDOR: 0}),
    ("an existing cluster", {"cluster": {"existing": {"name": "shared"}}, "network": NETWORK}, REGISTERED,
     "infrastructure", {OWN: 1}),
    ("a wish", {}, {}, "time_to_market", {VENDOR: 1}),
    ("adapters", {f"{OWN_BACKEND}.adapters": [{"name": "tone", "weights": "s3://bank-models/tone"}]}, {},
     "customization", {OWN: 1}),
    ("full tuning", {f"{ROUTE}.customize": "full"}, {}, "customization", {OWN: 1}),
    ("prompts only", {f"{ROUTE}.customize": "prompt"}, {}, "customization", {}),
    ("legal advice", {f"{ROUTE}.use.purposes": ["legal-advice"]}, {}, "domain_fit", {OWN: 1}),
    ("drafting", {}, {}, "domain_fit", {}),
    ("a core account", {}, {f"{DESK}.criticality": "core"}, "lock_in", {OWN: 1, HYBRID: 1}),
    ("a supporting account", {}, {}, "lock_in", {}),
    ("an audit", {f"{ROUTE}.audit_required": True}, {}, "audit", {OWN: 1}),
    ("an objective and a service level", {}, {}, "support", {VENDOR: 1}),
    ("an objective, no service level", {}, {f"{BEDROCK}.sla": REMOVE}, "support", {}),
    ("public, no guardrail", {f"{ROUTE}.use.public_facing": True}, {}, "safety", {VENDOR: 1}),
    ("mixed classes", {"routes.1": {"name": "letters", "api": "chat", "classes": ["internal"],
     "callers": ["crm"], "backends": ["mistral-own"]}}, {f"{DESK}.max_class": "restricted"}, "mixed_use",
      {HYBRID: 1}),
    ("one class", {}, {}, "mixed_use", {}),
    ("production", {}, {}, "predictability", {VENDOR: 1}),
    ("development", {}, {f"{DESK}.environment": "development"}, "predictability", {}),
    ("general work", {}, {}, "general_use", {VENDOR: 1}),
    ("health", {}, {"entities.desk.sector": "healthcare"}, "domain_use", {OWN: 1}),
    ("priorities are recorded", {}, {}, "values", {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "organization", "name", "shares"),
    [row[1:] for row in SCORES],
    ids=[f"{r[3]}: {r[0]}" for r in SCORES],
)
def test_a_criterion_reads_its_evidence(
    tmp_path: Path, spec: Change, organization: Change, name: str, shares: dict[str, float]
) -> None:
    """Evidence decides the side; evidence for neither side scores nothing and says what it saw."""
    declaration = declared(tmp_path, add_route(spec), organization)
    read = score(declaration, name)

    assert read.shares == shares
    assert read.standing is not None
    assert not read.evidence.startswith("not stated")


def add_route(spec: Change) -> Change:
    """A second route is given as the whole list, since paths only reach what is there."""
    if "routes.1" not in spec:
        return spec
    first = yaml.safe_load((ROOT / "specs" / "eu-both-ways.yaml").read_text())["routes"][0]
    return {"routes": [first, spec["routes.1"]]}


UNSTATED = [
    ("certificates", {}), ("infrastructure", {}), ("low_maintenance", {}), ("customization", {}),
    ("top_performance", {}), ("audit", {}), ("safety", {}), ("stability", {}), ("updates", {}), ("edge", {}),
    ("ease_of_use", {}), ("own_product", {}), ("community", {}), ("evaluation", {}), ("volume", {}),
     ("cost", {}),
    ("pay_per_use", {}), ("expertise", {"operations.staff": REMOVE}), ("time_to_market", {"priorities": {}}),
    ("control", {"priorities": {}}), ("values", {"priorities": {}}), ("general_use",
     {f"{ROUTE}.use": REMOVE}),
    ("domain_fit", {f"{ROUTE}.use": REMOVE}), ("support", {f"{ROUTE}.objectives": REMOVE}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "spec"), UNSTATED, ids=[row[0] for row in UNSTATED])
def test_what_nobody_says_scores_neither_side(tmp_path: Path, name: str, spec: Change) -> None:
    """Without evidence a criterion says what would have to be stated, and is never guessed."""
    read = score(declared(tmp_path, spec), name)

    assert read.shares == {}
    assert read.outcome == "not stated"
    assert read.evidence.startswith("not stated: ")


def test_an_unregistered_sector_is_not_stated(tmp_path: Path) -> None:
    """A sector that nobody registered is neither regulated nor free."""
    declaration = declared(tmp_path, organization={"entities.desk.sector": REMOVE})

    assert score(declaration, "regulation").outcome == "not stated"
    assert score(declaration, "domain_use").outcome == "not stated"


def entry(backend: str, value: float, minimum: float, metric: str = "quality", **more: Any) -> Change:
    return {
        "kind": "evaluation", "subject": f"eu-both-ways/{backend}", "reference": f"EVAL-{backend}",
        "date": "2026-09-01", "approver": "ml@desk.example", "metric": metric, "score": value,
         "minimum": minimum,
    } | more  # fmt: skip


EVALUATIONS: list[tuple[str, list[Change], dict[str, float]]] = [
    ("own weights ahead", [entry("mistral-own", 0.9, 0.8), entry("mistral-api", 0.85, 0.8)], {OWN: 1}),
    ("the vendor ahead", [entry("mistral-own", 0.8, 0.8), entry("mistral-api", 0.85, 0.8)], {VENDOR: 1}),
    ("level", [entry("mistral-own", 0.8, 0.8), entry("mistral-api", 0.8, 0.8)], {}),
    ("only one reached its minimum", [entry("mistral-own", 0.7, 0.8, "a"), entry("mistral-api", 0.8, 0.8,
     "b")],
     {VENDOR: 1}),
    ("different metrics", [entry("mistral-own", 0.9, 0.8, "a"), entry("mistral-api", 0.9, 0.8, "b")], {}),
    ("below its minimum", [entry("mistral-own", 0.7, 0.8)], {}),
    ("by model id", [entry("mistral-own", 0.9, 0.8, subject="mistralai/Mistral-Small-24B-Instruct-2501")],
     {OWN: 1}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("entries", "shares"), [row[1:] for row in EVALUATIONS], ids=[r[0] for r in EVALUATIONS]
)
def test_registered_evaluations_count(
    tmp_path: Path, entries: list[Change], shares: dict[str, float]
) -> None:
    """The better result on a common metric counts; else whoever reached its minimum."""
    read = score(declared(tmp_path, organization={"evidence": entries}), "evaluation")

    assert read.shares == shares
    assert read.standing == "registered"
    assert "EVAL-" in read.evidence


def test_an_evaluation_after_the_day_of_the_plan_does_not_count(tmp_path: Path) -> None:
    """Evidence from tomorrow is no evidence today."""
    later = [entry("mistral-own", 0.9, 0.8, date="2026-11-21")]

    assert score(declared(tmp_path, organization={"evidence": later}), "evaluation").outcome == "not stated"


# -- money -----------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Plan]:
    """The example planned both ways."""
    declaration = declared(tmp_path_factory.mktemp("options"))
    return {kind: make_plan(declaration, AS_OF, gates, mode=kind) for kind in ("self-hosted", "managed-api")}


def billed(plan: Plan, usd: float, *, complete: bool = True, low: float | None = None) -> Plan:
    """The plan at another price, with or without a line that nobody prices."""
    lines = tuple(line for line in plan.cost.lines if line.expected_usd is not None)
    if not complete:
        lines = (*lines, msgspec.structs.replace(lines[0], name="tokens", expected_usd=None))
    monthly = msgspec.structs.replace(plan.cost.monthly_usd, expected=usd, low=usd if low is None else low)
    return msgspec.structs.replace(
        plan, cost=msgspec.structs.replace(plan.cost, monthly_usd=monthly, lines=lines)
    )


BILLS: list[tuple[str, tuple[float, bool], tuple[float, bool], dict[str, dict[str, float] | None]]] = [
    ("own GPUs cheaper even with labor", (1000, True), (9000, True),
     {"volume": {OWN: 1}, "pay_per_use": {}, "cost": {OWN: 1}}),
    ("labor turns it round", (3000, True), (4000, True), {"volume": {OWN: 1}, "pay_per_use": {},
     "cost": {VENDOR: 1}}),
    ("tokens cheaper", (3000, True), (2000, True), {"volume": {}, "pay_per_use": {VENDOR: 1},
     "cost": {VENDOR: 1}}),
    ("tokens without a price", (3000, True), (2000, False), {"volume": None, "pay_per_use": None,
     "cost": None}),
    ("already dearer without that price", (3000, True), (9500, False),
     {"volume": {OWN: 1}, "pay_per_use": {}, "cost": {OWN: 1}}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("own", "vendor", "expected"), [row[1:] for row in BILLS], ids=[row[0] for row in BILLS]
)
def test_bills_are_compared_with_their_gaps(
    tmp_path: Path,
    options: dict[str, Plan],
    own: tuple[float, bool],
    vendor: tuple[float, bool],
    expected: dict[str, dict[str, float] | None],
) -> None:
    """A bill with an unpriced line can lose, never win; labor is 0.5 FTE, 6,400 USD a month."""
    declaration = declared(tmp_path)
    priced: Any = {
        "self-hosted": billed(options["self-hosted"], own[0], complete=own[1]),
        "managed-api": billed(options["managed-api"], vendor[0], complete=vendor[1]),
    }
    for name, shares in expected.items():
        read = score(declaration, name, priced)
        assert (None if read.standing is None else read.shares) == shares, name


def test_an_uncertain_volume_is_read_from_the_low_case(tmp_path: Path, options: dict[str, Plan]) -> None:
    """Where tokens cost less in the stated low case, paying per use counts all the same."""
    declaration = declared(
        tmp_path, {f"{ROUTE}.load.scenarios": {"low": 1000, "expected": 300000, "high": 600000}}
    )
    priced: Any = {
        "self-hosted": billed(options["self-hosted"], 3000),
        "managed-api": billed(options["managed-api"], 4000, low=100),
    }

    assert score(declaration, "pay_per_use", priced).shares == {VENDOR: 1}
    assert score(declaration, "volume", priced).shares == {OWN: 1}


def test_labor_nobody_states_is_not_zero(tmp_path: Path, options: dict[str, Plan]) -> None:
    """Without labor own GPUs cannot be counted in full, so the criterion scores neither side."""
    bare = msgspec.structs.replace(options["self-hosted"].cost, labor_usd=None)
    priced: Any = {**options, "self-hosted": msgspec.structs.replace(options["self-hosted"], cost=bare)}

    assert score(declared(tmp_path), "cost", priced).outcome == "not stated"


# -- totals and choice -----------------------------------------------------------------------------
def weighed(**points: tuple[float, float]) -> list[Weighed]:
    """Criteria with given points for own weights and vendors."""
    rows = catalog.criteria()
    made = []
    for name, (own, vendor) in points.items():
        read = Score(shares={OWN: own, VENDOR: vendor}, evidence="as given", standing="computed")
        made.append(Weighed(criterion=rows[name], priority=None, score=read, weight=1.0))
    return made


MIXED = Weighed(
    criterion=catalog.criteria()["mixed_use"], priority=None, weight=5.0,
    score=Score(shares={HYBRID: 1.0}, evidence="mixed: a internal, b restricted", standing="registered"),
)  # fmt: skip
BOTH: tuple[Any, ...] = ("self-hosted", "managed-api", "hybrid")
CHOICES: list[tuple[str, list[Weighed], tuple[Any, ...], str, str]] = [
    ("own weights ahead", weighed(audit=(10, 8)), BOTH, "self-hosted", "ahead"),
    ("vendors ahead", weighed(audit=(8, 10)), BOTH, "managed-api", "ahead"),
    ("a near tie", weighed(audit=(10, 9)), BOTH, "hybrid", "near tie"),
    ("just not near", weighed(audit=(10, 8.9)), BOTH, "self-hosted", "ahead"),
    ("nothing stated", [], BOTH, "hybrid", "near tie"),
    ("mixed classes", [*weighed(audit=(20, 1)), MIXED], BOTH, "hybrid", "mixed"),
    ("mixed, hybrid not possible", [*weighed(audit=(20, 1)), MIXED], BOTH[:2], "self-hosted", "ahead"),
    ("a near tie, hybrid not possible", weighed(audit=(10, 9.5)), BOTH[:2], "managed-api", "lower bill"),
    ("ahead, but only hybrid can", weighed(audit=(1, 10)), ("self-hosted", "hybrid"), "hybrid",
     "cannot serve"),
    ("the only one left", weighed(audit=(1, 10)), ("self-hosted",), "self-hosted", "only mode"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("scores", "feasible", "mode", "why"), [row[1:] for row in CHOICES], ids=[row[0] for row in CHOICES]
)
def test_totals_decide(scores: list[Weighed], feasible: tuple[Any, ...], mode: str, why: str) -> None:
    """The side ahead is taken; hybrid for mixed classes or within a tenth of the higher total."""
    usd: Any = {"self-hosted": 3000.0, "managed-api": 2000.0, "hybrid": 5000.0}
    best, reasons = choose(scores, feasible, usd)

    assert best == mode
    assert why in " ".join(reasons)
    assert "own weights" in " ".join(reasons)


def test_points_add_up(tmp_path: Path) -> None:
    """Every point in the totals stands in a line of the record, with weight and priority."""
    record = make_plan(declared(tmp_path), AS_OF, gates).decision
    neutral = catalog.decision_settings()["neutral_priority"].value

    for side, total in record.totals.items():
        assert total == pytest.approx(sum(line["points"].get(side, 0.0) for line in record.criteria))
    for line in record.criteria:
        most = line["weight"] * (line["priority"] or neutral) / neutral
        assert max(line["points"].values(), default=0.0) <= most + 0.005
        assert line["outcome"] in {"scored", "neither side", "not stated"}
        assert (line["outcome"] == "scored") == bool(line["points"])
        assert line["evidence"]
        assert line["documents"]


def test_priorities_scale_weights(tmp_path: Path) -> None:
    """A priority of 5 makes a criterion weigh 5/3 of its table weight, one of 3 leaves it as it is."""
    lines = {}
    for weight in (3, 5):
        folder = tmp_path / str(weight)
        folder.mkdir()
        record = make_plan(declared(folder, {"priorities": {"control": weight}}), AS_OF, gates).decision
        lines[weight] = next(line for line in record.criteria if line["id"] == "control")["points"]

    assert lines == {3: {OWN: 2.0}, 5: {OWN: 3.33}}


# -- the whole -------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["self-hosted", "managed-api", "hybrid", "auto"])
def test_the_example_plans_in_all_four_modes(tmp_path: Path, mode: str) -> None:
    """The both-ways example flips between all modes, each with a whole record."""
    plan = make_plan(declared(tmp_path), AS_OF, gates, mode=mode)

    assert plan.decision.asked == mode
    assert plan.mode == plan.decision.mode
    assert bool(plan.servers) is (plan.mode != "managed-api")
    assert bool(plan.vendors) is (plan.mode != "self-hosted")
    assert len(plan.decision.criteria) == 31
    assert set(plan.decision.totals) == {"self-hosted", "managed-api"}


def test_auto_prints_every_mode_with_its_price(tmp_path: Path) -> None:
    """The modes not taken stand beside the one taken, priced; a small load and a thin team mean vendors."""
    plan = make_plan(declared(tmp_path), AS_OF, gates)

    assert plan.mode == "managed-api"
    assert plan.decision.totals["managed-api"] > plan.decision.totals["self-hosted"]
    modes = ["self-hosted", "managed-api", "hybrid"]
    assert [alternative.name for alternative in plan.cost.alternatives][:3] == modes
    assert all(mode.feasible and mode.monthly_usd for mode in plan.cost.alternatives[:3])


def test_a_mode_above_the_budget_is_set_aside(tmp_path: Path) -> None:
    """A mode that the budget cannot pay is not taken while another one is inside it."""
    wish_for_own = {
        "priorities": dict.fromkeys(("control", "stability", "own_product", "community", "edge"), 5)
    }
    declaration = declared(tmp_path, {**wish_for_own, "budget.monthly_usd": 3000})
    plan = make_plan(declaration, AS_OF, gates)

    assert plan.mode == "managed-api"
    assert any(reason.startswith("self-hosted is set aside") for reason in plan.decision.reasons)


def test_wishes_can_turn_it_round(tmp_path: Path) -> None:
    """With the budget for it, the same wishes make it own weights."""
    wishes = ("control", "stability", "own_product", "community", "edge", "audit", "lock_in")
    staff = {"operations.staff.skills": ["ml-serving", "kubernetes", "gpu", "security"]}
    plan = make_plan(declared(tmp_path, {"priorities": dict.fromkeys(wishes, 5), **staff}), AS_OF, gates)

    assert plan.mode == "self-hosted"


def test_mixed_classes_make_it_hybrid(tmp_path: Path) -> None:
    """A route that no vendor may see beside one that it may: hybrid, the strict one on own weights only."""
    strict = {"name": "letters", "api": "chat", "classes": ["restricted"], "callers": ["crm"],
              "backends": ["mistral-api", "mistral-own"], "use": {"purposes": ["drafting"]},
              "load": {"peak_requests_per_second": 0.1, "monthly_requests": 1000, "input_tokens": 800,
                       "output_tokens": 300}}  # fmt: skip
    declaration = declared(tmp_path, add_route({"routes.1": strict}), {f"{DESK}.max_class": "restricted"})
    plan = make_plan(declaration, AS_OF, gates)

    assert plan.mode == "hybrid"
    served = {route.name: (route.backend, *route.fallback) for route in plan.routes}
    assert served["letters"] == ("mistral-own",)
    assert served["drafting"][0] == "mistral-api"
    assert "mixed" in plan.decision.reasons[0]


# -- lead time -------------------------------------------------------------------------------------
LEADS: list[tuple[str, str, Change, dict[str, int], int]] = [
    ("everything is there", "managed-api", {}, {"build": 10}, 10),
    ("no contract, no assessment", "managed-api", {f"{BEDROCK}.contract": REMOVE,
     f"{BEDROCK}.assessment": REMOVE},
     {"build": 10, "contract with bedrock": 30, "privacy assessment of bedrock": 20}, 40),
    ("an assessment of other classes", "managed-api", {f"{BEDROCK}.assessment.classes": ["public"]},
     {"build": 10, "privacy assessment of bedrock for internal data": 20}, 30),
]  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "organization", "items", "days"), [row[1:] for row in LEADS], ids=[row[0] for row in LEADS]
)
def test_lead_time_counts_what_is_missing(
    tmp_path: Path, mode: str, organization: Change, items: dict[str, int], days: int
) -> None:
    """What can be asked for in parallel counts once, at its longest; then the build."""
    plan = make_plan(declared(tmp_path, organization=organization), AS_OF, gates, mode=mode)

    assert plan.lead_time.items == items
    assert plan.lead_time.days == days
    derivation = plan.derivations["lead_time.days"]
    assert derivation.confidence == "low"
    assert derivation.sources


def test_own_gpus_wait_for_their_quota(tmp_path: Path) -> None:
    """A quota of G instances takes 3 days, then 30 of building: 33; an opt-in Region takes 1 beside it."""
    lead = make_plan(declared(tmp_path), AS_OF, gates, mode="self-hosted").lead_time

    assert [days for name, days in lead.items.items() if name.startswith("quota of ")] == [3]
    assert lead.items["build"] == 30
    assert lead.days == 33


@pytest.mark.parametrize(
    ("deadline", "missed"),
    [("2026-12-23", False), ("2026-12-22", True)],
    ids=["33 days left", "32 days left"],
)
def test_a_missed_deadline_names_the_faster_mode(tmp_path: Path, deadline: str, missed: bool) -> None:
    """FIT-002: the item that misses the date, and vendors where no gate stands against them."""
    plan = make_plan(declared(tmp_path, {"deadline": deadline}), AS_OF, gates, mode="self-hosted")

    assert bool(plan.lead_time.misses) is missed
    if missed:
        assert plan.lead_time.misses[-1] == "mode managed-api would be ready in about 10 days"
        assert any(deadline in warning for warning in plan.warnings)


def test_a_deadline_that_only_vendors_meet_counts_for_them(tmp_path: Path) -> None:
    """The lead times of both sides are the evidence of time to market."""
    record = make_plan(
        declared(tmp_path, {"deadline": "2026-12-10", "priorities": {}}), AS_OF, gates
    ).decision
    line = next(line for line in record.criteria if line["id"] == "time_to_market")

    assert line["points"] == {VENDOR: 3.0}
    assert line["evidence"] == "20 days to 2026-12-10; own weights 33, vendors 10"
