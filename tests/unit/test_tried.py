"""Area of concern: small things that misled a new user (tried-as-user 7, 8 and 12).

Not here: what has an area of its own; test_numbered_findings lists all numbers.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from inferplan import catalog
from inferplan.plan.make import make_plan
from inferplan.records.no_plan import NoPlan
from inferplan.spec.model import Api
from inferplan.spec.organization import ConfirmedFact
from policies.gates import gates
from policies.packs import all_rules
from tests.command_line import AS_OF as AS_OF_OPTION
from tests.command_line import ROOT, inferplan
from tests.unit.plan_edits import AS_OF, declared, with_backend, with_route, with_spec
from tests.unit.spec_texts import GOOD, refused

DESK = "eu-support-desk"


def test_tried_3_a_waiver_for_a_spec_that_does_not_exist_is_said(tmp_path: Path) -> None:
    """In a run over several specs, with the name that was probably meant."""
    for folder in ("organization", "specs"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (waiver,) = (tmp_path / "organization/waivers").glob("*.yaml")
    asked = ("check", "specs/minimal.yaml", "specs/eu-support-desk.yaml", *AS_OF_OPTION)
    good = inferplan(*asked, cwd=tmp_path).err
    waiver.write_text(waiver.read_text("utf-8").replace("{spec: minimal}", "{spec: minimul}"), "utf-8")
    said = inferplan(*asked, cwd=tmp_path).err

    assert "which this run does not have" not in good
    assert "PLAT-1207 is for a spec 'minimul', which this run does not have; did you mean minimal?" in said


@pytest.mark.parametrize(
    ("model", "api", "says"),
    [
        ("gpt-4o-mini", "embeddings", "it serves chat only"),
        ("text-embedding-3-small", "chat", "it serves embeddings only"),
    ],
)
def test_tried_7_a_vendors_model_cannot_do_everything(model: str, api: Api, says: str) -> None:
    """As with own weights, the route's API is compared with what the model answers with."""
    said = with_route(with_backend(declared(DESK), "openai", model=model), api=api, redaction=None)
    with pytest.raises(NoPlan) as refusal:
        make_plan(with_spec(said, budget=None), AS_OF, gates)

    conflict, *cured = refusal.value.conflicts
    assert (conflict.path, says in conflict.reason) == ("routes[0].api", True)
    assert all(one.path == "backends.openai.model" and one.edits for one in cured)


def test_tried_7_a_vendors_model_does_what_it_is_for() -> None:
    """The same with models and APIs that belong together."""
    for model, api in (("gpt-4o-mini", "chat"), ("text-embedding-3-small", "embeddings")):
        desk = with_backend(declared(DESK), "openai", model=model)
        said = with_route(desk, api=api, redaction=None, backends=("openai",))
        assert make_plan(with_spec(said, budget=None), AS_OF, gates).vendors[0].model == model


def test_tried_7_a_vendor_without_a_price_is_not_the_cheapest() -> None:
    """A bill without its tokens is no bill to compare."""
    said = with_spec(with_backend(declared(DESK), "openai", model="gpt-99"), budget=None)
    fact = ConfirmedFact(id="vendor_models/openai/gpt-99", by="me@desk.example", date="2026-11-01")
    facts = structs.replace(said.organization.facts, confirmed=(fact,))
    vouched = replace(said, organization=structs.replace(said.organization, facts=facts))
    plan = make_plan(vouched, AS_OF, gates)
    (alone,) = [one for one in plan.cost.alternatives if one.name == "openai-eu (gpt-99)"]

    assert alone.monthly_usd is None
    assert "no price of tokens" in alone.reason


RULE_ID = re.compile(r"\b[A-Z]{3,6}-[0-9]{3}\b")


def test_tried_8_rules_that_tables_point_at_exist() -> None:
    """What says that a rule reads a type, or that its answer rests on a rule, names one that is checked."""
    said = {
        found
        for row in catalog.resource_modules().values()
        for text in (row.because, *(one.because for one in row.exceptions))
        for found in RULE_ID.findall(text or "")
    }

    assert len(said) > 10
    assert said <= {rule.id for rule in all_rules()}


@pytest.mark.parametrize("name", [DESK, "in-bank-assistant", "eu-both-ways"])
def test_tried_8_rules_that_remove_backends_exist(name: str) -> None:
    """`inferplan rules ID` explains each that decides what serves."""
    deciding = {gate.rule for gate in gates(with_spec(declared(name), mode="auto"), AS_OF)}
    assert deciding <= {rule.id for rule in all_rules()}


def test_tried_12_confidence_is_told_once() -> None:
    """What `explain` says of the bill is what the plan says of it."""
    plan = make_plan(declared("de-clinic-notes"), AS_OF, gates)
    derived = plan.derivations["cost.monthly_usd"]

    assert f"confidence {derived.confidence};" in plan.cost.wording
    assert derived.confidence == "low"


def test_tried_12_quiet_leaves_the_result() -> None:
    """`plan -q` names what serves and the total, and no more."""
    told = inferplan("plan", "specs/minimal.yaml", "-q", *AS_OF_OPTION).out
    titles = [line for line in told.splitlines() if line and line[0].isupper()]

    assert titles == ["Routes", "Servers", "Pools", "Cost"]
    assert "  total " in told


@pytest.mark.parametrize("asked", [("--format", "json"), ("--format=json",)])
@pytest.mark.parametrize("wrong", [("check", "--bogus"), ("chek",), ("plan", "a.yaml", "b.yaml")])
def test_tried_12_arguments_that_cannot_be_parsed_are_told_in_json(
    wrong: tuple[str, ...], asked: tuple[str, ...]
) -> None:
    """A parser gets one document whatever is wrong."""
    done = inferplan(*wrong, *asked)

    assert done.code == 2
    assert [error["exit_code"] for error in json.loads(done.out)["errors"]] == [2]


def test_tried_12_numbered_paths_are_named() -> None:
    """`explain` without a path opens with instance types, not with bare numbers."""
    told = inferplan("explain", "specs/minimal.yaml", *AS_OF_OPTION).out
    rows = [line for line in told.splitlines() if line.startswith("  candidates[")]

    assert rows
    assert all(re.search(r"\.\w+$", row) for row in rows)


@pytest.mark.parametrize("written", ["2,000", "1,000.50", "12,500, alert_emails: [a@x.example]"])
def test_tried_12_a_number_with_separators_is_explained(written: str, tmp_path: Path) -> None:
    """In braces a comma begins another entry."""
    assert "write the number without separators" in refused(
        f"{GOOD}budget: {{monthly_usd: {written}}}\n", tmp_path
    )


def test_tried_12_other_keys_that_are_numbers_keep_their_hint(tmp_path: Path) -> None:
    """Quotes help where no number was split."""
    assert 'put it in quotes: "000"' in refused(f"{GOOD}budget: {{a: b, 000: 1}}\n", tmp_path)
