"""A declaration: its canonical form, where its fields stand, and what follows from it.

Area of concern: what the pack reads back from the root component is what was declared, under its own bar.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import replace
from spec_texts import GOOD, ORGANIZATION, ROOT, changed

from inferplan import catalog
from inferplan.spec.declaration import (
    Declaration,
    allowed_countries,
    backend_kind,
    caller_classes,
    data_class,
    route_class,
    strictest,
)
from inferplan.spec.faults import SpecErrors
from inferplan.spec.loading import default_organization, load, load_organization
from inferplan.spec.model import InferenceStack, Priority, Purpose, Residency
from inferplan.spec.names import PLANNER_FLAGS

STACKS = ["de-clinic-notes", "eu-both-ways", "eu-support-desk", "in-bank-assistant", "minimal"]


def declared(text: str, folder: Path, organization: Path | None = ORGANIZATION) -> Declaration:
    """The declaration of a spec text."""
    path = folder / "spec.yaml"
    path.write_text(text)
    return load(path, organization)


def example(name: str) -> Declaration:
    """The declaration of an example."""
    folder = "accounts" if name == "account-desk" else "specs"
    return load(ROOT / folder / f"{name}.yaml", ORGANIZATION)


@pytest.mark.parametrize("name", [*STACKS, "account-desk"])
def test_a_declaration_survives_its_json(name: str) -> None:
    """What `to_json` writes is read back equal, by the same checks, and written the same again."""
    before = example(name)
    files = load_organization(ORGANIZATION)

    after = Declaration.from_json(before.to_json(), *files)

    assert (after.spec, after.lock) == (before.spec, before.lock)
    assert after.to_json() == before.to_json()
    assert after.digests == before.digests
    assert after.digest == hashlib.sha256(before.to_json().encode()).hexdigest()


@pytest.mark.parametrize("name", STACKS)
def test_the_json_holds_spec_and_lock_and_never_the_organization(name: str) -> None:
    """A program cannot bring its own bar."""
    held = json.loads(example(name).to_json())

    assert set(held) == {"spec", "lock"}
    assert held["lock"]["documentation_values"] is True
    assert "accounts" not in example(name).to_json()


def test_spelling_does_not_change_the_digest(tmp_path: Path) -> None:
    """Order, comments, quotes and defaults said aloud leave the declaration the same; a value does not."""
    first = declared(GOOD, tmp_path).digest
    lines = GOOD.splitlines()
    spelled = "\n".join(["# a comment", *lines[:3], lines[4], lines[3], *lines[5:], "extends: null"])

    assert declared(spelled.replace("mode: self-hosted", 'mode: "self-hosted"'), tmp_path).digest == first
    assert (
        declared(changed("personal: false", "retention: {logs: 365d}, personal: false"), tmp_path).digest
        == first
    )
    assert declared(changed("personal: false", "personal: true"), tmp_path).digest != first


BROKEN_JSON = {
    "": "declaration:1:1: not JSON: Input data was truncated",
    "[]": "declaration:1:1: must hold `spec` and `lock`, nothing else",
    '{"spec": {}}': "declaration:1:1: must hold `spec` and `lock`, nothing else",
    '{"spec": {}, "lock": null, "organization": {}}': (
        "declaration:1:1: must hold `spec` and `lock`, nothing else"
    ),
    '{"spec": {}, "lock": 3}': "declaration:1:1: lock: must be a mapping",
    '{"spec": {"kind": "Lock", "apiVersion": "inferplan/v1beta1"}, "lock": null}': (
        "declaration:1:1: kind: 'Lock' is not InferenceStack or InferenceAccount; name the spec; the lock "
        "beside it is read with it"
    ),
}


@pytest.mark.parametrize(("text", "message"), BROKEN_JSON.items())
def test_a_forged_declaration_is_refused(text: str, message: str) -> None:
    """The reader trusts nothing that a program registered."""
    with pytest.raises(SpecErrors) as caught:
        Declaration.from_json(text)

    assert str(caught.value) == message


def test_a_declaration_is_held_to_the_readers_organization(tmp_path: Path) -> None:
    """What one organization registered is unknown to another."""
    text = example("eu-support-desk").to_json()

    with pytest.raises(SpecErrors, match="unknown vendor 'openai-eu'"):
        Declaration.from_json(text)


def test_fields_are_found_in_their_files() -> None:
    """A field is where its key stands, an item where it begins, and what does not exist at its parent."""
    found = example("in-bank-assistant")
    spec = str(ROOT / "specs" / "in-bank-assistant.yaml")

    assert found.locate("mode") == (spec, 7, 1)
    assert found.locate("routes[1].backends[1]") == (spec, 38, 25)
    assert found.locate("routes[1].backends[7]") == found.locate("routes[1].backends")
    assert found.locate("data.regimes") == found.locate("data")
    assert found.locate("backends.llama.adapters[0].class") == (spec, 22, 73)
    assert found.locate("nonsense") == found.locate("") == (spec, 3, 1)
    lock = str(ROOT / "specs" / "in-bank-assistant.lock.yaml")
    assert found.locate('lock.models["meta-llama/Llama-3.3-70B-Instruct"].revision')[0] == lock
    assert found.locate("lock.models.meta-llama/Llama-3.3-70B-Instruct.revision") == found.locate(
        'lock.models["meta-llama/Llama-3.3-70B-Instruct"].revision'
    )
    assert found.locate("organization.vendors.bedrock.host") == found.locate("organization.vendors.bedrock")
    assert found.locate("waivers[0].expires")[0].endswith("2026-11-minimal-labor.yaml")


def test_a_declaration_can_travel_to_another_process() -> None:
    """Fleets hand declarations and errors to workers."""
    found = example("minimal")

    assert pickle.loads(pickle.dumps(found)) == found
    errors = pickle.loads(pickle.dumps(SpecErrors(())))
    assert errors.errors == ()


# -- account and organization


def test_the_account_selects_entry_and_entity() -> None:
    """The spec names an account; the organization says what that means."""
    found = example("de-clinic-notes")

    assert found.account.max_class == "restricted"
    assert found.entity.sector == "healthcare"
    assert not found.organization_is_default


def test_without_a_folder_the_strict_bar_applies(tmp_path: Path) -> None:
    """Own weights only, for every class; the author's countries, the strictest class, nothing known."""
    text = changed("classes: [public]", "classes: [public], callers: [anybody]")

    found = declared(text, tmp_path, None)

    assert found.organization_is_default
    assert found.account.max_class == "restricted"
    assert found.account.environment == "production"
    assert found.account.countries == ("EU",)
    assert found.organization.applications["anybody"].class_ == "restricted"
    assert {ceiling.backends for ceiling in found.organization.classes.values()} == {("self-hosted",)}
    assert found.organization.vendors == {}
    assert found.entity.sector is None
    assert data_class(found) == "restricted"
    again = Declaration.from_json(found.to_json(), *load_organization(None))
    assert again.organization_is_default
    assert again.organization == found.organization
    assert default_organization().vendors == {}


def test_own_nodes_without_an_account_get_the_strict_bar(tmp_path: Path) -> None:
    """Leaving AWS must not mean leaving the organization's ceilings."""
    text = changed(
        '{platform: aws, account: "444444444444"}',
        "{platform: kubernetes, country: FR, nodes: [{gpu: H100, count: 8}]}",
    )

    found = declared(text, tmp_path)

    assert found.account.max_class == "restricted"
    assert found.entity.domicile is None


def test_what_a_rule_judges_is_no_load_error(tmp_path: Path) -> None:
    """Region abroad, no subjects, empty exit plan, remote code: understood here, denied elsewhere."""
    weights = "{weights: hf://Qwen/Qwen3-4B, engine: {args: {trust-remote-code: true, revision: main}}}"
    text = (
        changed("{weights: hf://Qwen/Qwen3-4B}", weights)
        .replace("platform: aws", "platform: aws, region: us-east-1")
        .replace("{subjects: [FR], personal: false, residency: {countries: [EU]}}", "{subjects: []}")
    )
    text += "exit: {}\nbudget: {monthly_usd: 1}\noperations: {support: {}}\n"

    found = declared(text, tmp_path)

    assert isinstance(found.spec, InferenceStack)
    assert found.spec.target.region == "us-east-1"
    assert found.spec.data.subjects == ()
    assert found.spec.exit is not None
    assert found.spec.exit.owner is None


# -- classes and kinds


def test_the_data_class_is_the_strictest_of_routes_callers_and_adapters(tmp_path: Path) -> None:
    """A route without callers may get what the account may hold; an adapter brings its own class."""
    assert data_class(declared(GOOD, tmp_path)) == "public"
    assert data_class(declared(changed("[public]", "[public, internal]"), tmp_path)) == "internal"
    assert data_class(declared(changed("classes:", "callers: [crm], classes:"), tmp_path)) == "restricted"
    bank = example("in-bank-assistant")
    assert isinstance(bank.spec, InferenceStack)
    assert data_class(bank) == "restricted"
    assert [route_class(bank, route) for route in bank.spec.routes] == ["restricted", "internal"]
    assert [caller_classes(bank, route) for route in bank.spec.routes] == [("restricted",), ("internal",)]
    assert data_class(example("account-desk")) == "internal"
    assert strictest([]) == "public"


def test_a_spec_tightens_where_data_may_be_and_never_widens_it() -> None:
    """Countries are those that spec and account both allow; without a residency, the account's."""
    desk = example("eu-support-desk")
    assert isinstance(desk.spec, InferenceStack)
    account = allowed_countries(example("account-desk"))
    assert {"DE", "NO", "CH"} < account
    assert "US" not in account

    def within(residency: Residency | None) -> frozenset[str]:
        return allowed_countries(desk, replace(desk.spec, data=replace(desk.spec.data, residency=residency)))

    assert within(Residency(countries=("DE", "US"))) == {"DE"}
    assert within(Residency(countries=("US",))) == frozenset()
    assert within(None) == account
    assert allowed_countries(desk) == account


def test_a_backend_is_of_one_kind() -> None:
    """Own weights are self-hosted, vendors are managed."""
    spec = example("in-bank-assistant").spec
    assert isinstance(spec, InferenceStack)

    assert {name: backend_kind(backend) for name, backend in spec.backends.items()} == {
        "llama": "self-hosted",
        "mistral": "managed-api",
    }


# -- locks of the examples, vocabulary


@pytest.mark.parametrize("name", STACKS)
def test_each_example_has_a_lock_that_says_what_it_is_worth(name: str) -> None:
    """Derived pins are the SHA-256 of the name they stand for, so that nobody takes them for real ones."""
    found, lines = example(name), (ROOT / "specs" / f"{name}.lock.yaml").read_text().splitlines()

    assert found.lock is not None
    assert found.lock.documentation_values
    derived = {
        line.partition("sha256:")[2][:64]
        for line in lines
        if line.endswith("# derived") and "sha256:" in line
    }
    expected = {
        hashlib.sha256(f"{image.repository}:{image.tag}".encode()).hexdigest()
        for image in found.lock.images.values()
    }
    assert derived <= expected
    assert isinstance(found.spec, InferenceStack)
    own = {
        backend.weights.removeprefix("hf://") for backend in found.spec.backends.values() if backend.weights
    }
    assert own == set(found.lock.models)


def test_the_vocabulary_is_that_of_the_catalog() -> None:
    """Purposes are said twice, in language and catalog; flags of the planner exist in the engine."""
    assert set(get_args(Purpose)) == set(catalog.purposes())
    assert {f"--{flag}" for flag in PLANNER_FLAGS} <= catalog.vllm_flags("0.33.0")
    assert "cost" in get_args(Priority)


def test_loading_imports_no_engine() -> None:
    """A process that loads one spec has neither pulumi nor jsonschema nor boto3."""
    program = (
        "import sys; from pathlib import Path; from inferplan.spec import load; "
        "load(Path('specs/in-bank-assistant.yaml'), Path('organization')); "
        "print(*({'pulumi', 'jsonschema', 'boto3'} & set(sys.modules)))"
    )

    said = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert said.stdout.split() == []
