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
