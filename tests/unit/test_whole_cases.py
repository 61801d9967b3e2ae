"""Area of concern: whole cases, from spec to decision, told by files and read as answers (tried-as-user 13).

Each test is a kind of fault that a new user met; it goes the public road: files in, the printed answer out.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command_line import AS_OF, ROOT, Answer, inferplan
from tests.unit.test_trust import put

ORGANIZATION = json.loads(
    json.dumps(yaml.safe_load((ROOT / "organization" / "organization.yaml").read_text()), default=str)
)


def asked(
    folder: Path, verb: str, example: str, *edits: tuple[str, Any], more: tuple[str, ...] = ()
) -> Answer:
    """A verb on an example of specs/ after edits of `spec.` and `organization.`, written as files."""
    documents = {
        "spec": yaml.safe_load((ROOT / "specs" / f"{example}.yaml").read_text()),
        "organization": copy.deepcopy(ORGANIZATION),
    }
    for path, value in edits:
        put(documents, path, value)
    bar = folder / "organization"
    bar.mkdir(exist_ok=True)
    (bar / "organization.yaml").write_text(json.dumps(documents["organization"]))
    (folder / f"{example}.yaml").write_text(json.dumps(documents["spec"]))
    lock = ROOT / "specs" / f"{example}.lock.yaml"
    (folder / f"{example}.lock.yaml").write_bytes(lock.read_bytes())
    return inferplan(
        verb, str(folder / f"{example}.yaml"), "--organization", str(bar), *AS_OF, *more, cwd=folder
    )


def answer(folder: Path, verb: str, example: str, *edits: tuple[str, Any]) -> dict[str, Any]:
    """The same as JSON."""
    said = asked(folder, verb, example, *edits, more=("--format", "json"))
    found: dict[str, Any] = json.loads(said.out)
    return found["stacks"][0] if verb == "check" else found


def findings(stack: dict[str, Any], rule: str) -> list[str]:
    """The messages of one rule."""
    return [one["message"] for one in stack["findings"] if one["rule"] == rule]


# -- a: registered stores


@pytest.mark.parametrize("what", ["weights", "adapter"])
def test_tried_13_a_store_outside_the_boundary_is_denied(tmp_path: Path, what: str) -> None:
    """The bucket of weights or adapters is registered in a Region abroad."""
    stored: tuple[tuple[str, Any], ...] = (("organization.stores.bank-models.region", "us-east-1"),)
    if what == "weights":
        stored += (
            ("spec.backends.llama.weights", "s3://bank-models/llama"),
            ("spec.backends.llama.model", "meta-llama/Llama-3.3-70B-Instruct"),
            ("spec.backends.llama.adapters", []),
        )
    stack = answer(tmp_path, "check", "in-bank-assistant", *stored)

    assert stack["decision"] == "deny"
    told = findings(stack, "SOV-001")
    assert any(
        "store bank-models: us-east-1 lies in US; allowed: IN" in text and what in text for text in told
    )


def test_tried_13_a_store_inside_is_allowed(tmp_path: Path) -> None:
    """The same in the Region that the organization registers."""
    assert answer(tmp_path, "check", "in-bank-assistant")["decision"] == "allow"


def test_tried_13_auto_does_not_choose_weights_that_lie_abroad(tmp_path: Path) -> None:
    """Mode auto leaves out what the rule denies."""
    plan = answer(
        tmp_path,
        "plan",
        "eu-both-ways",
        ("organization.stores", {"models": {"account": "222222222222", "region": "us-east-1"}}),
        ("spec.backends.mistral-own.weights", "s3://models/mistral"),
        ("spec.backends.mistral-own.model", "mistralai/Mistral-Small-24B-Instruct-2501"),
    )

    gates = [gate for gate in plan["decision"]["gates"] if gate["rule"] == "SOV-001"]
    assert [gate["backend"] for gate in gates] == ["mistral-own"]
    assert plan["mode"] == "managed-api"


# -- b: what auto leaves unused

OWN_AHEAD: tuple[tuple[str, Any], ...] = (
    ("organization.accounts.222222222222.criticality", "core"),
    ("spec.routes[0].customize", "adapter"),
    ("spec.operations.staff.skills", ["ml-serving", "kubernetes", "gpu", "security"]),
    ("spec.operations.staff.fte", 0.05),
    ("spec.priorities", {"control": 5, "stability": 5, "lock_in": 5}),
)


@pytest.mark.parametrize(
    "api",
    [
        {"vendor": "bedrock", "model": "mistral.mistral-large-2402-v1:0"},
        {"vendor": "bedrock", "model": "global.anthropic.claude-sonnet-4-5-20250929-v1:0"},
        {"vendor": "openai-eu", "model": "gpt-4.1-2025-04-14"},
    ],
    ids=["allowed", "denied profile", "denied vendor"],
)
def test_tried_13_a_backend_that_auto_does_not_use_denies_nothing(
    tmp_path: Path, api: dict[str, str]
) -> None:
    """Own weights are chosen: the vendor that nothing reaches is no reason to deny, allowed or not."""
    edits = (*OWN_AHEAD, ("spec.backends.mistral-api", api))
    plan = answer(tmp_path, "plan", "eu-both-ways", *edits)
    stack = answer(tmp_path, "check", "eu-both-ways", *edits)

    assert (plan["mode"], plan["vendors"]) == ("self-hosted", [])
    assert [one for one in stack["findings"] if one["blocks"]] == []
    assert stack["decision"] == "allow"


# -- c: Regions without a price

UNPRICED = ("sa-east-1", "eu-central-2", "ap-south-2", "ap-southeast-5", "il-central-1")
COUNTRIES = dict(zip(UNPRICED, ("BR", "CH", "IN", "MY", "IL"), strict=True))


def there(region: str, country: str) -> tuple[tuple[str, Any], ...]:
    """The minimal spec in one Region."""
    return (
        ("spec.target.region", region),
        ("spec.data.residency.countries", [country]),
        ("organization.accounts.444444444444.countries", [country]),
    )


@pytest.mark.parametrize("region", UNPRICED)
def test_tried_13_a_region_without_a_price_is_planned(tmp_path: Path, region: str) -> None:
    """The stack is planned, its cost is unknown and never 0, and what is missing is said."""
    plan = answer(tmp_path, "plan", "minimal", *there(region, COUNTRIES[region]))

    (pool,) = plan["pools"]
    (nodes,) = (line for line in plan["cost"]["lines"] if line["name"] == f"GPU nodes {pool['name']}")
    assert nodes["low_usd"] is nodes["expected_usd"] is nodes["high_usd"] is None
    assert f"no price of any family is known in {region}" in nodes["note"]
    assert nodes["name"] in plan["cost"]["unpriced"]
    assert plan["cost"]["break_even"]["monthly_requests"] is None
    assert any(
        f"on-demand price of {pool['instance_type']} there" in text and "region_prices.json" in text
        for text in plan["warnings"]
    )


def test_tried_13_what_has_no_price_is_not_called_cheapest(tmp_path: Path) -> None:
    """A lower bound is marked as one and follows the bills that are known."""
    told = asked(
        tmp_path,
        "plan",
        "eu-both-ways",
        ("spec.target.region", "eu-central-2"),
        ("spec.backends.mistral-api.model", "eu.anthropic.claude-haiku-5-5"),  # which Zurich has
        ("spec.data.residency.countries", ["EEA", "CH"]),
        ("spec.mode", "self-hosted"),
    ).out

    assert "total of what has a price" in told
    rows = told.partition("alternatives, cheapest first")[2].splitlines()[1:6]
    assert ["more than" in row for row in rows] == sorted("more than" in row for row in rows)
    assert "more than" not in rows[0]
    assert any("self-hosted" in row and "more than" in row for row in rows)


def test_tried_13_a_known_price_comes_before_an_unknown_one(tmp_path: Path) -> None:
    """Where the Region is left open, one with prices is taken."""
    plan = answer(
        tmp_path,
        "plan",
        "eu-both-ways",
        ("spec.mode", "self-hosted"),
        ("spec.data.residency.countries", ["CH", "DE"]),
    )

    assert plan["target"]["region"] == "eu-central-1"


def test_tried_13_a_region_without_the_types_names_the_types(tmp_path: Path) -> None:
    """Melbourne sells no GPU that the engine runs on: that is the reason, not a price."""
    refused = asked(tmp_path, "plan", "minimal", *there("ap-southeast-4", "AU"))

    assert refused.code == 3
    assert "needs another engine (Neuron)" in refused.err
    assert "price" not in refused.err


# -- e: routes that must be auditable

EVEN: tuple[tuple[str, Any], ...] = (
    ("organization.accounts.222222222222.criticality", "core"),
    ("spec.routes[0].customize", "adapter"),
    ("spec.operations.staff.skills", ["ml-serving", "kubernetes", "gpu", "security"]),
    ("spec.operations.staff.fte", 0.05),
    ("spec.priorities", {"control": 3}),
)


def test_tried_13_audit_required_weighs_in_auto(tmp_path: Path) -> None:
    """It speaks for own weights, with its documents, and turns a choice that is not far off."""
    without = answer(tmp_path, "plan", "eu-both-ways", *EVEN)
    asking = answer(tmp_path, "plan", "eu-both-ways", *EVEN, ("spec.routes[0].audit_required", True))
    rows = [
        next(row for row in plan["decision"]["criteria"] if row["id"] == "audit")
        for plan in (without, asking)
    ]

    assert [row["points"] for row in rows] == [{}, {"self-hosted": 4.0}]
    assert rows[1]["evidence"] == "audit_required: drafting"
    assert "000:188" in str(rows[1]["documents"])
    assert (without["mode"], asking["mode"]) == ("managed-api", "hybrid")


@pytest.mark.parametrize("filed", [True, False])
def test_tried_13_a_regulated_audit_needs_evidence_of_a_closed_model(tmp_path: Path, filed: bool) -> None:
    """In a regulated sector auto takes no vendor whose model nobody may examine (TRANSP-003)."""
    rest = [one for one in ORGANIZATION["evidence"] if one["kind"] != "audit_rights"]
    edits: tuple[tuple[str, Any], ...] = (
        ("organization.entities.desk.sector", "finance"),
        ("organization.evidence", ORGANIZATION["evidence"] if filed else rest),
        ("spec.routes[0].audit_required", True),
    )
    plan = answer(tmp_path, "plan", "eu-both-ways", *edits)
    stack = answer(tmp_path, "check", "eu-both-ways", *edits)

    assert plan["mode"] == ("managed-api" if filed else "self-hosted")
    assert {gate["rule"] for gate in plan["decision"]["gates"]} == (set() if filed else {"TRANSP-003"})
    assert stack["decision"] == "allow"


# -- f: cards whose host has another processor


def test_tried_13_an_arm_card_without_kernels_is_refused(tmp_path: Path) -> None:
    """T4g: the aarch64 wheel has no kernels for it; that is said where the type is named."""
    named = ("spec.backends.small.capacity", {"instance_type": "g5g.2xlarge"})
    refused = asked(tmp_path, "plan", "minimal", *there("eu-central-1", "DE"), named)

    assert refused.code == 3
    assert "the arm64 wheel and image of vLLM 0.33.0 have no kernels for its GPU" in refused.err


def test_tried_13_an_arm_card_is_never_chosen(tmp_path: Path) -> None:
    """Nor does the planner take it by itself, or propose it."""
    plan = answer(tmp_path, "plan", "minimal", *there("eu-central-1", "DE"))

    of_arm = [one for one in plan["candidates"] if one["gpu"] == "T4g"]
    assert of_arm
    assert all(one["nodes"] is None and "no kernels" in one["reason"] for one in of_arm)
    assert {pool["architecture"] for pool in plan["pools"]} == {"x86_64"}


def test_tried_13_size_says_that_nothing_serves_the_card() -> None:
    """The arithmetic of `size` still answers, with a word of caution."""
    flags = ("--model", "Qwen/Qwen3-0.6B", "--tensor-parallel", "1", "--max-model-len", "4096")

    assert "no kernels for T4g on arm64" in inferplan("size", "--gpu", "T4g", *flags).out
    assert "no kernels" not in inferplan("size", "--gpu", "T4", *flags).out


# -- j: lines that a license draws


@pytest.mark.parametrize(
    ("model", "figure", "rest", "over"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "monthly_active_users", 0, 700_000_001),
        ("stabilityai/stable-diffusion-3.5-medium", "annual_revenue_usd", 0, 1_000_001),
    ],
)
def test_tried_13_a_license_line_counts_the_group(
    tmp_path: Path, model: str, figure: str, rest: int, over: int
) -> None:
    """An entity below the line does not pass beside an affiliate above it; without one it does."""
    image = "stable" in model
    edits: tuple[tuple[str, Any], ...] = (
        ("spec.backends.small", {"weights": f"hf://{model}"}),
        ("spec.routes[0].api", "images" if image else "chat"),
    )
    group = {name: {**entity, figure: rest} for name, entity in ORGANIZATION["entities"].items()}
    small = answer(tmp_path, "check", "minimal", *edits, ("organization.entities", group))
    group["bank"] = {**group["bank"], figure: over}
    large = answer(tmp_path, "check", "minimal", *edits, ("organization.entities", group))

    assert findings(small, "LIC-003") == []
    (told,) = findings(large, "LIC-003")
    assert f"ours and those of every other entity of the organization are {over:,}" in told
    assert large["decision"] == "deny"


# -- i: what was excluded is not offered

MINISTRY: tuple[tuple[str, Any], ...] = (
    ("spec.target", {"platform": "kubernetes", "country": "FR", "nodes": [{"gpu": "H100", "count": 8}]}),
    ("spec.data.sovereignty", "absolute"),
)


@pytest.mark.parametrize("verb", ["plan", "check"])
def test_tried_13_own_nodes_are_not_told_to_take_aws(tmp_path: Path, verb: str) -> None:
    """The refusal says what still answers, and proposes no other platform."""
    refused = asked(tmp_path, verb, "minimal", *MINISTRY)

    assert refused.code == 3
    assert "`inferplan size` says what fits" in refused.err
    assert "; aws" not in refused.err


def test_tried_13_a_sovereign_partition_is_not_told_to_take_the_commercial_one(tmp_path: Path) -> None:
    """Who names a Region of another partition has left the commercial one."""
    refused = asked(tmp_path, "plan", "minimal", ("spec.target.region", "eusc-de-east-1"))

    assert refused.code == 3
    assert "what partition aws-eusc offers is not in the catalog" in refused.err
    assert "works with" not in refused.err


# -- g: a thin team

OWN_ONLY: tuple[tuple[str, Any], ...] = (
    ("spec.mode", "self-hosted"),
    ("spec.routes[0].backends", ["mistral-own"]),
    ("spec.backends", {"mistral-own": {"weights": "hf://Qwen/Qwen3-8B"}}),
)
CLOSED: tuple[tuple[str, Any], ...] = (
    ("spec.mode", "self-hosted"),
    ("spec.routes[0].classes", ["confidential"]),
    ("organization.accounts.222222222222.max_class", "confidential"),
)


@pytest.mark.parametrize(
    ("edits", "told"),
    [
        (
            (("spec.mode", "self-hosted"),),
            "bedrock (mistral.mistral-large-2402-v1:0) would cost 2,946 USD a month for every route",
        ),
        (OWN_ONLY, "a vendor below 8.90 USD per million tokens would cost less"),
        (
            CLOSED,
            "no registered vendor may serve every route (bedrock (mistral.mistral-large-2402-v1:0): PRIV",
        ),
    ],
    ids=["a vendor is listed", "none is listed", "none may serve"],
)
def test_tried_13_a_thin_team_sees_what_a_vendor_would_cost(
    tmp_path: Path, edits: tuple[tuple[str, Any], ...], told: str
) -> None:
    """Own weights without the skills: a vendor's bill, the price that would do, or why none may serve."""
    lacking = "operations.staff lacks ml-serving, gpu, security"
    warnings = answer(tmp_path, "plan", "eu-both-ways", *edits)["warnings"]
    (line,) = (text for text in warnings if text.startswith(lacking))
    assert told in line

    skilled = ("spec.operations.staff.skills", ["ml-serving", "kubernetes", "gpu", "security"])
    warnings = answer(tmp_path, "plan", "eu-both-ways", *edits, skilled)["warnings"]
    assert not any("a vendor" in text or "registered vendor" in text for text in warnings)


# -- h: the law


def test_tried_13_the_sectors_law_is_named(tmp_path: Path) -> None:
    """A clinic with patients in the United States: HIPAA in plan and check, with the rules that serve it."""
    abroad: tuple[tuple[str, Any], ...] = (
        ("spec.data.subjects", ["US"]),
        ("organization.entities.clinic.domicile", "US"),
    )
    plan = asked(tmp_path, "plan", "de-clinic-notes", *abroad).out
    stack = answer(tmp_path, "check", "de-clinic-notes", *abroad)

    assert "HIPAA privacy and security rules (sector healthcare, subjects in US, seat in US)" in plan
    by_id = {law["id"]: law for law in stack["laws"]}
    assert set(by_id) == {"US-HIPAA", "sector_extras/healthcare-US"}
    assert by_id["US-HIPAA"]["rules"] == ["SECT-002"]
    assert all(law["source"] for law in stack["laws"])
    review = asked(tmp_path, "check", "de-clinic-notes", *abroad).out
    assert "law       US-HIPAA (sector healthcare, subjects in US, seat in US): SECT-002" in review


@pytest.mark.parametrize(
    ("sector", "personal", "expected"),
    [
        ("none", True, {"EU-GDPR"}),
        ("none", False, set()),
        ("finance", True, {"EU-GDPR", "sector_extras/finance-EU"}),
        ("finance", False, {"sector_extras/finance-EU"}),
        ("healthcare", True, {"EU-GDPR", "sector_extras/healthcare-EU"}),
    ],
)
def test_tried_13_laws_follow_from_subjects_seat_and_sector(
    tmp_path: Path, sector: str, personal: bool, expected: set[str]
) -> None:
    """No law of another sector or place is told, and one that no rule names says so."""
    said = (("organization.entities.desk.sector", sector), ("spec.data.personal", personal))
    stack = answer(tmp_path, "check", "eu-both-ways", *said)

    assert {law["id"] for law in stack["laws"]} == expected
    if sector == "finance":
        assert "finance-EU (sector finance, subjects in IE, seat in IE): no rule names it yet" in (
            asked(tmp_path, "check", "eu-both-ways", *said).out
        )


# -- 7, second half: alternatives


SEARCH = {
    "name": "search",
    "api": "embeddings",
    "classes": ["internal"],
    "callers": ["help-center"],
    "backends": ["bge"],
    "load": {"peak_requests_per_second": 1, "monthly_requests": 300000, "input_tokens": 800},
}


@pytest.mark.parametrize("mode", ["self-hosted", "auto"])
def test_tried_7_an_alternative_that_cannot_serve_every_route_is_not_possible(
    tmp_path: Path, mode: str
) -> None:
    """A vendor's chat model does not embed, however cheap it would be for every route."""
    chat = yaml.safe_load((ROOT / "specs" / "eu-both-ways.yaml").read_text())["routes"][0]
    edits: tuple[tuple[str, Any], ...] = (
        ("spec.mode", mode),
        ("spec.routes", [chat, SEARCH]),
        ("spec.backends.bge", {"weights": "hf://BAAI/bge-m3"}),
    )
    plan = answer(tmp_path, "plan", "eu-both-ways", *edits)
    rows = {one["name"]: one for one in plan["cost"]["alternatives"]}

    alone = rows["bedrock (mistral.mistral-large-2402-v1:0)"]
    assert (alone["feasible"], alone["monthly_usd"]) == (False, None)
    assert alone["reason"] == "backend mistral-api would serve several kinds of API"
    told = asked(tmp_path, "plan", "eu-both-ways", *edits).out.partition("alternatives, cheapest first")[2]
    assert "every route at this vendor" not in told


def test_tried_7_a_vendor_model_for_two_kinds_of_api_is_refused(tmp_path: Path) -> None:
    """The same said in the spec itself."""
    chat = yaml.safe_load((ROOT / "specs" / "eu-both-ways.yaml").read_text())["routes"][0]
    both = [{**chat, "backends": ["mistral-api"]}, {**SEARCH, "backends": ["mistral-api"]}]
    refused = asked(
        tmp_path, "plan", "eu-both-ways", ("spec.mode", "managed-api"), ("spec.routes", both),
        ("spec.backends.mistral-own", {"weights": "hf://Qwen/Qwen3-8B"}),
    )  # fmt: skip

    assert refused.code == 3
    assert "asked for chat for drafting and embeddings for search" in refused.err


# -- as the work grows


def test_tried_13_many_peaks_are_told_as_their_sum_and_the_largest(tmp_path: Path) -> None:
    """A hundred routes that are too much for a budget: one line, not a hundred numbers."""
    peaks = [5 + number / 10 for number in range(100)]
    routes = [
        {
            "name": f"r{number}",
            "api": "chat",
            "classes": ["public"],
            "backends": ["small"],
            "load": {"peak_requests_per_second": peak, "input_tokens": 1000, "output_tokens": 500},
        }
        for number, peak in enumerate(peaks)
    ]
    small = {"weights": "hf://Qwen/Qwen3-4B", "quantization": "fp8", "engine": {"kv_cache_dtype": "fp8"}}
    said = (("spec.routes", routes), ("spec.backends.small", small), ("spec.budget.monthly_usd", 10_000))
    refused = asked(tmp_path, "plan", "minimal", *said)

    assert refused.code == 3
    assert f"peaks of {sum(peaks):g} requests a second over 100 routes, at most 14.9 (r99)" in refused.err
    assert max(map(len, refused.err.splitlines())) < 300
