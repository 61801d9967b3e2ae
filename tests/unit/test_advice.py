"""Area of concern: advice that works, and wishes that are kept or refused (tried-as-user 5, 9 and 10)."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from msgspec import structs
from spec_texts import GOOD, ORGANIZATION, changed, refused

from inferplan import catalog
from inferplan.plan.make import make_plan
from inferplan.records.no_plan import NoPlan
from inferplan.records.verdicts import Finding
from inferplan.spec.backends import Adapter, Backend
from inferplan.spec.declaration import Declaration, allowed_countries
from inferplan.spec.faults import SpecErrors
from inferplan.spec.loading import load
from inferplan.spec.organization import ConfirmedFact, Facts
from inferplan.spec.registers import fact_known, organization_problems
from policies.evaluate import evaluate
from policies.gates import gates
from policies.packs import all_rules
from policies.rule import Change, Rule
from policies.world.cases import Case, failing_case
from tests.command_line import inferplan
from tests.unit.plan_edits import (
    AS_OF,
    declared,
    spec_of,
    with_backend,
    with_countries,
    with_route,
    with_spec,
)

TABLES = {fact.partition("/")[0] for fact in catalog.facts()}
FACT = re.compile(rf"\b(?:{'|'.join(sorted(TABLES))})/[^\s,;:)]+")


def lab(**backend: object) -> Declaration:
    """The minimal spec in Frankfurt without a budget, with its backend changed."""
    said = with_spec(declared("minimal"), budget=None, target={"region": "eu-central-1"})
    return with_backend(said, "small", **backend)


def why_not(declaration: Declaration) -> NoPlan:
    with pytest.raises(NoPlan) as caught:
        make_plan(declaration, AS_OF, gates)
    return caught.value


# -- wishes: what is asked for is planned or refused, never dropped (tried-as-user 10)


def test_report_23_efa_is_refused_on_a_type_without_it() -> None:
    """The type and the wish are named, each with a change that was planned."""
    answer = why_not(lab(capacity={"instance_type": "g6.xlarge", "efa": True}))

    by_path = {one.path: one for one in answer.conflicts}
    assert by_path.keys() == {"backends.small.capacity.instance_type", "backends.small.capacity.efa"}
    assert all(one.monthly_usd is not None for one in answer.conflicts)
    assert "has no Elastic Fabric Adapter" in str(answer)


def test_tried_10_the_planner_takes_a_type_that_keeps_the_wish() -> None:
    """EFA without a type is given by a type that has it, and its nodes get the network cards."""
    (pool,) = make_plan(lab(capacity={"efa": True}), AS_OF, gates).pools

    assert catalog.instance(pool.instance_type).efa == pool.efa_interfaces > 0


def test_report_24_no_capacity_block_exists_of_a_g_type() -> None:
    """Blocks are sold of P and Trn types: another type, or another way to buy, is the way out."""
    block = {"kind": "capacity-block", "id": "cr-0123456789abcdef0", "instance_type": "g6e.2xlarge"}
    answer = why_not(lab(capacity=block))

    by_path = {one.path: one.change or "" for one in answer.conflicts}
    assert by_path.keys() == {"backends.small.capacity.instance_type", "backends.small.capacity.kind"}
    assert "on-demand g6e.2xlarge and no capacity.id" in by_path["backends.small.capacity.kind"]
    make_plan(lab(capacity=block | {"kind": "on-demand", "id": None}), AS_OF, gates)


def test_report_24_a_block_lies_in_one_zone_and_ends() -> None:
    """What a block is, is said where one is planned."""
    block = {"kind": "capacity-block", "id": "cr-0123456789abcdef0", "instance_type": "p4d.24xlarge"}
    plan = make_plan(lab(capacity=block), AS_OF, gates)

    assert any("a capacity block" in text and "lies in one zone" in text for text in plan.warnings)


def test_tried_9_a_reservation_is_not_called_a_block_where_no_block_is_sold() -> None:
    """Advice to buy otherwise names what exists for the type."""
    answer = why_not(
        lab(capacity={"instance_type": "p5e.48xlarge"}, weights="hf://meta-llama/Llama-3.3-70B-Instruct")
    )

    assert "capacity block of g" not in str(answer)


def test_report_22_a_zone_without_the_type_names_those_with_it() -> None:
    """The refusal lists the zones of the Region that offer the type."""
    offers = catalog.instance("g5.4xlarge").offers("ap-northeast-1")
    tokyo = with_spec(
        with_countries(declared("minimal"), "JP"), budget=None, target={"region": "ap-northeast-1"}
    )
    capacity = {"instance_type": "g5.4xlarge", "zone": "apne1-az2"}

    answer = str(why_not(with_backend(tokyo, "small", capacity=capacity)))

    assert f"not offered in zone apne1-az2 (offered in {', '.join(offers)})" in answer


LONG = {"input_tokens": 8000, "output_tokens": 1000}


def test_report_11_a_request_longer_than_the_context_is_refused() -> None:
    """The engine would answer each with an error; the context that is enough was planned."""
    said = with_route(lab(engine={"max_model_len": 8192}), load=LONG)
    answer = why_not(said)

    (conflict,) = answer.conflicts
    assert conflict.path == "backends.small.engine.max_model_len"
    assert "8000 + 1000 = 9000 tokens, more than the 8192" in str(answer)
    assert "works with 9000 tokens" in (conflict.change or "")
    make_plan(with_backend(said, "small", engine={"max_model_len": 9000}), AS_OF, gates)


def test_tried_10_a_fallback_must_hold_the_request_too() -> None:
    """A backend that only stands in is compared like the first."""
    said = with_route(lab(), load=LONG)
    spare = with_backend(said, "small", engine={"max_model_len": 8192})
    backends = spec_of(said).backends | {"spare": spec_of(spare).backends["small"]}
    both = with_route(with_spec(said, backends=backends), backends=("small", "spare"))

    assert "more than the 8192 of backend spare" in str(why_not(both))


def test_tried_10_a_default_load_refuses_no_model() -> None:
    """Where neither load nor context is said, no request is known to be too long."""
    said = with_route(
        lab(weights="hf://google-bert/bert-base-uncased", quantization=None),
        api="embeddings",
        load={"input_tokens": None, "output_tokens": None},
    )

    assert make_plan(said, AS_OF, gates).servers[0].max_model_len == 512


@pytest.mark.parametrize(
    ("ranks", "flag"), [((None,), None), ((16,), None), ((64,), "64"), ((17, 8), "32"), ((300,), "320")]
)
def test_report_09_the_largest_rank_of_the_adapters_is_told_to_the_server(
    ranks: tuple[int | None, ...], flag: str | None
) -> None:
    """vLLM refuses an adapter above its maximum, which is one of a few numbers."""
    adapters = tuple(
        Adapter(name=f"a{index}", weights=f"s3://bank-models/a{index}", rank=rank)
        for index, rank in enumerate(ranks)
    )
    plan = make_plan(lab(adapters=adapters), AS_OF, gates)
    flags = plan.servers[0].flags

    assert (flags[flags.index("--max-lora-rank") + 1] if "--max-lora-rank" in flags else None) == flag
    assert any("adapter without rank" in text for text in plan.warnings) == (None in ranks)


def test_report_09_a_rank_said_as_a_flag_names_a_field_that_exists(tmp_path: Path) -> None:
    """The field that the refusal offers is one that the same spec may have."""
    at = "small: {weights: hf://Qwen/Qwen3-4B}"
    flag = changed(at, "small: {weights: hf://Qwen/Qwen3-4B, engine: {args: {max-lora-rank: 64}}}")
    said = changed(
        at, "small: {weights: hf://Qwen/Qwen3-4B, adapters: [{name: a, weights: 'oci://r/a', rank: 64}]}"
    )

    assert "say it with `adapters.*.rank`" in refused(flag, tmp_path)
    path = tmp_path / "good.yaml"
    path.write_text(said, encoding="utf-8")
    assert load(path, ORGANIZATION).spec.kind == "InferenceStack"


# -- advice: every proposal keeps what was asked


@pytest.mark.parametrize("name", ["de-clinic-notes", "eu-both-ways", "minimal"])
@pytest.mark.parametrize("share", [0.97, 0.6, 0.2])
def test_tried_9_every_proposal_keeps_the_budget(name: str, share: float) -> None:
    """A plan whose low case alone is within the budget is no way out of a budget."""
    said = with_spec(declared(name), mode="self-hosted")
    usd = make_plan(with_spec(said, budget=None), AS_OF, gates).cost.monthly_usd.low * share
    answer = why_not(with_spec(said, budget={"monthly_usd": usd}))

    assert answer.conflicts
    for one in answer.conflicts:
        raises = "budget.monthly_usd" in (one.path + (one.change or ""))
        assert raises or one.monthly_usd is None or one.monthly_usd <= usd


# -- what is not understood is an error, not a fault of the program


@pytest.mark.parametrize("kind", ["[InferenceStack]", "{a: 1}", "[Lock]", "3", "true"])
def test_tried_5_a_kind_that_is_no_text_is_an_error(kind: str, tmp_path: Path) -> None:
    """A list or a mapping for `kind` is told like any other wrong value."""
    assert "spec.yaml:2:7: kind: " in refused(GOOD.replace("kind: InferenceStack", f"kind: {kind}"), tmp_path)


SHAPES = {
    "num_hidden_layers": 36,
    "hidden_size": 2560,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "intermediate_size": 9728,
    "vocab_size": 151936,
    "max_position_embeddings": 40960,
    "architectures": ["Qwen3ForCausalLM"],
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_hidden_layers": None, "num_hidden_layer": 36}, "is num_hidden_layer meant for it?"),
        ({"num_attention_heads": "many"}, ".num_attention_heads: must be a whole number"),
        ({"num_attention_heads": 0}, ".num_attention_heads: must be a whole number"),
        ({"torch_dtype": "fp5"}, "fp5"),
        ({"architectures": ["Qwen3ForCausalLm"]}, "did you mean Qwen3ForCausalLM?"),
        ({"architectures": ["Sparkle"]}, ".architectures: 'Sparkle' is unknown to the catalog; leave it out"),
    ],
)
def test_tried_4_shapes_that_describe_no_model_are_an_error(
    change: dict[str, object], message: str, tmp_path: Path
) -> None:
    """`validate` and `plan` say where and what, with exit code 2."""
    spec = tmp_path / "own.yaml"
    said = {key: value for key, value in {**SHAPES, **change}.items() if value is not None}
    backend = f"small: {{weights: hf://lab/own, shapes: {json.dumps(said)}}}"
    spec.write_text(changed("small: {weights: hf://Qwen/Qwen3-4B}", backend), encoding="utf-8")

    for verb in ("validate", "plan", "check"):
        answer = inferplan(verb, str(spec), "--organization", str(ORGANIZATION))
        assert answer.code == 2
        assert f"{spec}:8:" in answer.err
        assert message in answer.err


def test_tried_4_shapes_that_describe_a_model_are_planned() -> None:
    """The description that the bad ones change is good; the program refuses the others as the verbs do."""
    said = with_spec(declared("minimal"), budget=None)

    def own(**change: object) -> Declaration:
        backend = Backend(weights="hf://lab/own", shapes=SHAPES | change)
        return with_spec(said, backends={"small": backend})

    assert make_plan(own(), AS_OF, gates).servers[0].model == "lab/own"
    with pytest.raises(SpecErrors):
        make_plan(own(hidden_size=-1), AS_OF, gates)


# -- what a finding names exists


def test_tried_9_a_fact_that_a_finding_names_is_one_that_the_organization_may_confirm() -> None:
    """Over all messages of all rules' examples: each fact id passes the check of organization.yaml."""
    told = [text for rule in all_rules() for change in rule.failing for text in _messages(rule, change)]
    facts = sorted({fact for text in told for fact in FACT.findall(text)})

    assert any(fact.startswith("vendors/") and fact.count("/") == 2 for fact in facts)
    assert [problem for fact in facts for problem in fact_known(("facts",), fact)] == []


@pytest.mark.parametrize(
    ("fact", "countries", "problem"),
    [
        ("vendors/azure-openai/desk-we.openai.azure.com", ("NL",), None),
        ("vendors/azure-openai/desk-we.openai.azure.com", ("Holland",), "unknown country or group 'Holland'"),
        ("vendors/azure-openai/desk-we.openai.azure.co", (), "unknown fact"),
        ("vendors/openai/desk-we.openai.azure.com", (), "unknown fact"),
        ("licenses/apache-2.0", ("NL",), "places are confirmed of one host of a vendor only"),
    ],
)
def test_report_19_places_are_confirmed_of_one_host(
    fact: str, countries: tuple[str, ...], problem: str | None
) -> None:
    """A host under a pattern of its vendor is a fact of its own; what is no host has no place."""
    said = ConfirmedFact(id=fact, by="dpo@group.example", date="2026-07-01", countries=countries)
    organization = declared("minimal").organization
    told = organization_problems(structs.replace(organization, facts=Facts(confirmed=(said,))), None)

    found = [one.problem for one in told]
    assert len(found) == (problem is not None)
    assert all(problem is not None and problem in text for text in found)


def _messages(rule: Rule, change: Change) -> list[str]:
    case = failing_case(rule, change)
    report = evaluate(case.declaration, case.resources, AS_OF, rules=(rule,))
    return [finding.message for finding in report.findings]


def test_tried_6_a_route_without_callers_says_why_the_accounts_class_counts() -> None:
    """The class that nobody wrote is explained, and naming the callers is a way out that works."""
    rules = [rule for rule in all_rules() if rule.id in {"SOV-010", "PRIV-001"}]
    given = {"spec:routes[1].callers": []}
    (change,) = [
        change for rule in rules for change in rule.failing if change.edits == given and rule.id == "SOV-010"
    ]
    case = failing_case(next(rule for rule in rules if rule.id == "SOV-010"), change)
    report = evaluate(case.declaration, case.resources, AS_OF, rules=tuple(rules))

    assert {finding.rule for finding in report.findings if "names no callers" in finding.message} == {
        "SOV-010",
        "PRIV-001",
    }


def test_tried_9_every_bedrock_id_that_is_advised_can_be_called() -> None:
    """Some models are offered through profiles only: an id is advised where a Region has it (report 21)."""
    (rule,) = [rule for rule in all_rules() if rule.id == "SOV-006"]
    told = [text for change in rule.failing for text in _messages(rule, change) if "may route to" in text]
    advised = [word for text in told for word in text.partition("; use ")[2].split() if "." in word]
    callable_ = {
        model_id
        for base in catalog.bedrock_models()
        for region in catalog.regions()
        for model_id in catalog.bedrock_ids(base, region)
    }

    assert told
    assert {word.strip(",;") for word in advised} <= callable_


def test_tried_9_no_hint_offers_the_opposite_flag(tmp_path: Path) -> None:
    """Every flag of the engine in the other spellings of on and off: what is offered means the same."""
    flags = catalog.vllm_flags(catalog.vllm_versions()[-1])
    known = {flag.removeprefix("--") for flag in flags if flag.startswith("--")}
    stems = {flag.removeprefix("no-").removeprefix("enable-").removeprefix("disable-") for flag in known}
    asked = {f"{word}{stem}" for stem in stems for word in ("disable-", "no-", "enable-")} - known
    said = changed("hf://Qwen/Qwen3-4B}", f"hf://Qwen/Qwen3-4B, engine: {{args: {_all_true(asked)}}}}}")

    told = refused(said, tmp_path)
    pairs = re.findall(r"flag of vLLM \S+ '(\S+)'; did you mean ([^?\n]+)\?", told)

    assert "'disable-log-requests'; request logging is off by default: take the line out" in told
    assert len(pairs) > 20
    assert [pair for pair in pairs if pair[0].startswith(OFF) != pair[1].startswith(OFF)] == []


OFF = ("no-", "disable-")


def _all_true(flags: set[str]) -> str:
    """Some flags that are always looked at first: at most a hundred problems are told."""
    first = ["disable-log-requests", *sorted(flags - {"disable-log-requests"})[:90]]
    return "{" + ", ".join(f"{flag}: true" for flag in first) + "}"


# -- what a finding says to do, done (tried-as-user 9 and 13)

HOSTS = re.compile(r"; use ((?:[a-z0-9-]+\.)+[a-z]+(?: or (?:[a-z0-9-]+\.)+[a-z]+)*)")
REGIONS = re.compile(r"allowed Regions: ([a-z0-9, -]+)$")
IDS = re.compile(r"; use ([a-z0-9.:-]+(?:(?:, | or )[a-z0-9.:-]+)*)$")  # of Bedrock's models
CALLERS = re.compile(r"; calls of (\S+) from ([a-z0-9-]+(?:(?:, | or )[a-z0-9-]+)*) stay inside$")
GUARD = {"reference": "SCP-1", "date": "2026-08-01", "approver": "ciso@example.com"}


def ways_out(finding: Finding, case: Case) -> Iterator[dict[str, object]]:
    """The edits that a finding's message asks for, each by itself; empty where it names nothing concrete."""
    organization, account = case.declaration.organization, spec_of(case.declaration).target.account
    for fact in FACT.findall(finding.message) if finding.verdict == "undecided" else ():
        if f"({fact} is no one host)" in finding.message:
            continue
        said = {"id": fact, "by": "dpo@example.com", "date": "2026-10-01"}
        if f"{fact} and its countries" in finding.message:
            said["countries"] = sorted(allowed_countries(case.declaration))[:1]
        before = msgspec.to_builtins(organization.facts.confirmed)
        yield {"organization:facts": {"confirmed": [*before, said]}}
    if finding.subject.urn is not None:
        return
    named = found[1].split(" or ") if (found := HOSTS.search(finding.message)) else ()
    for host in (name for name in named if catalog.known_host(name)):
        entries = [name for name in organization.vendors if name in spec_vendors(case)]
        yield {f"organization:vendors.{name}.host": host for name in entries if name != "bedrock"}
    ids = re.split(", | or ", found[1]) if (found := IDS.search(finding.message)) else ()
    for model in (name for name in ids if catalog.bedrock_base(name) in catalog.bedrock_models()):
        yield {f"spec:backends.{finding.subject.name.rpartition('/')[2]}.model": model}
    for region in found[1].split(", ")[:3] if (found := REGIONS.search(finding.message)) else ():
        yield {"spec:target.region": region}
    calls = CALLERS.search(finding.message)
    for region in re.split(", | or ", calls[2]) if calls else ():
        model = f"spec:backends.{finding.subject.name.rpartition('/')[2]}.model"
        yield {model: calls[1], "spec:target.region": region}
    if "register the evidence as region_guard of the account" in finding.fix:
        yield {"organization:evidence": [{"kind": "region_guard", "subject": account, **GUARD}]}


def spec_vendors(case: Case) -> set[str | None]:
    return {backend.vendor for backend in spec_of(case.declaration).backends.values()}


def test_tried_9_and_13_what_a_finding_names_mends_it_and_breaks_no_other_rule() -> None:
    """Facts, hosts, Regions, models and evidence that findings name: the finding goes, and no other comes."""
    done: Counter[str] = Counter()
    for rule in all_rules():
        for change in rule.failing:
            case = failing_case(rule, change)
            for finding in judged(case, rule):
                for edits in ways_out(finding, case):
                    mended = failing_case(rule, replace(change, edits={**change.edits, **edits}))
                    left = [one for one in judged(mended, rule) if one.subject == finding.subject]
                    before = {one.rule for one in judged(case) if one.blocks}
                    blocking = [one for one in judged(mended) if one.blocks]
                    after = {one.rule for one in blocking}
                    named = next(iter(edits.values()))
                    told = [one.message for one in blocking if one.subject.urn is None]
                    assert not [text for text in told if isinstance(named, str) and named in text]
                    assert left == [], (rule.id, change.note, finding.message, edits)
                    assert after <= before, (rule.id, change.note, finding.message, edits)
                    done[next(iter(edits)).partition(".")[0]] += 1

    asked = {"facts", "vendors", "evidence"}
    assert done.keys() == {"spec:target", "spec:backends", *(f"organization:{name}" for name in asked)}


def judged(case: Case, *rules: Rule) -> list[Finding]:
    report = evaluate(case.declaration, case.resources, AS_OF, rules=rules or None)
    return list(report.findings)
