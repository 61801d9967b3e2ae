"""The published JSON Schemas of what verbs print: every output fits its own, and no drifted one does."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from inferplan.cli import VERBS
from inferplan.cli.explain import TOPICS
from inferplan.report.contract_schemas import HELD, OUTPUTS, generate, output_text, words
from tests.account import new_account
from tests.aws_answers import PriceList, answered
from tests.command_line import AS_OF, ROOT, inferplan, process
from tests.denied import DENIED, apply
from tests.mirror_answers import FAILED, MirrorAccount, pinned_examples
from tests.supply.hub import hub

SPECS = sorted(f"specs/{path.name}" for path in (ROOT / "specs").glob("*.yaml") if "lock" not in path.name)
CLINIC, BOTH, DESK = (f"specs/{name}.yaml" for name in ("de-clinic-notes", "eu-both-ways", "eu-support-desk"))
STATES = sorted((ROOT / "tests/fixtures/state").glob("*.json"))
OTHER = "tests/fixtures/stacks"  # shapes of stack that no example has
SIZE = ("size", "--model", "Qwen/Qwen3-32B-FP8", "--gpu")

RUNS: dict[str, tuple[tuple[str, ...], ...]] = {
    "check": (
        *(("check", spec) for spec in SPECS),
        ("check",),
        ("check", CLINIC, "--locked"),
        ("check", "specs/minimal.yaml", "accounts", "specs/no-such.yaml"),
        *(("check", "specs/minimal.yaml", "--state", str(state)) for state in STATES),
    ),
    "plan": (
        *(("plan", spec) for spec in SPECS),
        *(("plan", BOTH, "--mode", mode) for mode in ("hybrid", "auto")),
        ("plan", f"{OTHER}/given-cluster.yaml", "--organization", f"{OTHER}/organization"),
    ),
    "resources": (*(("resources", spec) for spec in SPECS), ("resources", DESK, "--layer", "workload")),
    "rules": (("rules",), ("rules", "SOV-001"), ("rules", "LOCK-MISSING")),
    "size": (
        (*SIZE, "L40S"), (*SIZE, "H100"), (*SIZE, "unheard-of", "--total-gib", "80"),
        (*SIZE, "H100", "--input-tokens", "1000", "--output-tokens", "300"),
        (*SIZE, "H100", "--input-tokens", "1000", "--output-tokens", "300", "--concurrency", "8"),
        (*SIZE, "L4", "--input-tokens", "1000", "--output-tokens", "300"),
    ),
    "explain": tuple(
        ("explain", CLINIC, *subject)
        for subject in (
            (),
            *((one,) for one in ("servers[0].replicas", *TOPICS, "destroy", "SOV-016")),
            ("measured", "--metrics", "tests/fixtures/metrics/query.json"),
        )
    ),
    "lock": tuple(("lock", spec, "--only", "models") for spec in ("specs/minimal.yaml", BOTH)),
    "preflight": (("preflight", CLINIC), ("preflight", CLINIC, "--layer", "workload")),
    "prices": (("prices", "refresh", "--region", "eu-central-1"),),
    "mirror": (("mirror", CLINIC),),
    "diff": (("diff", BOTH, "--mode", "managed-api", "--mode", "self-hosted"), ("diff", CLINIC, DESK)),
    "validate": (
        ("validate",),
        ("validate", "specs/no-such.yaml", CLINIC),
        ("validate", "--organization", "organization"),
    ),
    "errors": (
        ("plan", "accounts"),
        ("check", "a.lock.yaml", "b.lock.yaml"),
        ("plan", "specs/no-such.yaml"),
        ("plan", "specs/minimal.yaml", "--bogus"),
        ("plan", "specs/minimal.yaml", "--as-of", "tomorrow"),
        ("rules", "SOV-999"),
        ("resources",),
        ("no-such-verb",),
    ),
}  # fmt: skip
WITHOUT_A_DATE = {"rules", "size"}
EVERY_RUN = [(name, run) for name, runs in RUNS.items() for run in runs]


@cache
def validator(name: str) -> Draft202012Validator:
    """The committed contract of one output."""
    return Draft202012Validator(json.loads(output_text(name)))


def dated(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """The arguments with the day of the tests, where a verb takes one."""
    return arguments if arguments[0] in WITHOUT_A_DATE or "--as-of" in arguments else (*arguments, *AS_OF)


@cache
def answer(arguments: tuple[str, ...]) -> Any:
    """What a run prints with `--format json`."""
    if arguments[0] == "prices":
        return refreshed(arguments)
    if arguments[0] == "mirror":
        return mirrored(arguments)
    if arguments[0] == "lock":
        return locked(arguments)
    if arguments[0] == "preflight":
        with answered(new_account()):
            return json.loads(inferplan(*dated(arguments), "--format", "json").out)
    return json.loads(inferplan(*dated(arguments), "--format", "json").out)


def refreshed(arguments: tuple[str, ...]) -> Any:
    """The same of the verb that asks AWS and writes into its organization."""
    with tempfile.TemporaryDirectory() as made, answered(PriceList()):
        shutil.copytree(ROOT / "organization", Path(made) / "organization")
        return json.loads(inferplan(*dated(arguments), "--format", "json", cwd=Path(made)).out)


def mirrored(arguments: tuple[str, ...]) -> Any:
    """The same of the verb that follows a build; one image does not come."""
    aws = MirrorAccount("111111111111", lasts=0)
    aws.carries_out = lambda variables: aws.leave(variables, {"litellm": "no answer"}) or FAILED
    with tempfile.TemporaryDirectory() as made, answered(aws):
        here = pinned_examples(Path(made))
        return json.loads(inferplan(*dated(arguments), "--format", "json", cwd=here).out)


def locked(arguments: tuple[str, ...]) -> Any:
    """The same of the verb that asks a hub, which has one of the models, and writes beside its spec."""
    with tempfile.TemporaryDirectory() as made, hub() as asked, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", asked.url)
        asked.put("Qwen/Qwen3-4B", {"config.json": b"{}", "model.safetensors": b"w" * 2000})
        for folder in ("specs", "organization"):
            shutil.copytree(ROOT / folder, Path(made) / folder)
        return json.loads(inferplan(*dated(arguments), "--format", "json", cwd=Path(made)).out)


def faults(name: str, document: Any) -> list[str]:
    """What the contract refuses in a document."""
    return [f"{error.json_path}: {error.message[:200]}" for error in validator(name).iter_errors(document)]


def test_the_committed_schemas_are_those_of_the_contracts() -> None:
    """`make docs` has been run after the last change of a record."""
    assert {path: path.read_text("utf-8") for path in generate()} == generate()


@pytest.mark.parametrize("name", OUTPUTS)
def test_each_schema_is_strict_and_says_what_everything_is(name: str) -> None:
    """Draft 2020-12 with id and title; every record is closed, and described like each of its fields."""
    schema = validator(name).schema

    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == f"inferplan.{name}/v1beta1"
    assert [part for part, held in schema["$defs"].items() if held["additionalProperties"] is not False] == []
    undescribed = [
        f"{part}.{field}"
        for part, held in schema["$defs"].items()
        for field, value in {"": held, **held["properties"]}.items()
        if not value.get("description")
    ]
    assert undescribed == [], "say it behind the field, in the docstring, or in report/schemas/fields.json"


def test_no_description_is_left_over() -> None:
    """A row of fields.json is about a field that exists and says nothing of itself in its code."""
    said = {
        key: value["description"]
        for name in OUTPUTS
        for part, held in validator(name).schema["$defs"].items()
        for key, value in {
            part: held,
            **{f"{part}.{field}": value for field, value in held["properties"].items()},
        }.items()
    }

    assert [key for key, text in words().items() if said.get(key) != text] == []


def test_every_verb_with_json_has_a_schema() -> None:
    """And every schema its runs here."""
    with_json = {verb for verb in VERBS if "[text|json]" in inferplan(verb, "--help").out}

    assert with_json == OUTPUTS.keys() - {"errors"}
    assert RUNS.keys() == OUTPUTS.keys()
    assert {owner for owner, _ in HELD} == {"Cost", "Decision", "ResourceList"}


@pytest.mark.parametrize(
    ("name", "run"), EVERY_RUN, ids=lambda value: value if isinstance(value, str) else " ".join(value)[-60:]
)
def test_every_output_fits_its_schema(name: str, run: tuple[str, ...]) -> None:
    """Of every verb: allowed, denied, infeasible, not understandable, of a state, of several specs."""
    assert faults(name, answer(run)) == []


@pytest.mark.parametrize("case", DENIED)
def test_a_denied_spec_fits_the_schema(case: str, tmp_path: Path) -> None:
    """With its findings, those that follow, and their waivers."""
    name, rule, changes = DENIED[case]
    for folder in ("specs", "organization"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    apply(tmp_path, changes)

    done = inferplan("check", f"specs/{name}.yaml", "--format", "json", *AS_OF, cwd=tmp_path)

    assert done.code == 1
    assert rule in done.out
    assert faults("check", json.loads(done.out)) == []


def test_standard_input_without_an_organization_fits_the_schema(tmp_path: Path) -> None:
    """The built-in organization has no path, and the spec no file."""
    spec = (ROOT / "specs/minimal.yaml").read_bytes()

    for verb in ("check", "validate"):
        done = inferplan(verb, "-", "--format", "json", *AS_OF, cwd=tmp_path, stdin=spec)
        assert faults(verb, json.loads(done.out)) == [], done.err


def test_a_spec_without_a_plan_fits_the_schema() -> None:
    """Its conflicts too, as an error of `plan` and inside of `check`."""
    planned, checked = unplanned("plan"), unplanned("check")

    assert planned["errors"][0]["conflicts"][0]["edits"]
    assert faults("errors", planned) == faults("check", checked) == []


@cache
def unplanned(verb: str) -> Any:
    """What a verb prints of a spec whose budget is a little too small: remedies, and what they would edit."""
    spec = re.sub(r"monthly_usd: \d+", "monthly_usd: 9000", (ROOT / CLINIC).read_text()).encode()
    done = inferplan(verb, "-", "--format", "json", *AS_OF, stdin=spec)
    assert done.code == 3
    return json.loads(done.out)


def test_a_bug_fits_the_schema() -> None:
    """A parser gets a document from a crash as well, also from one outside of any verb."""
    code = "from inferplan.cli import main, screen; screen.color = lambda: 1 / 0; main()"
    done = process_of(code, "plan", "specs/minimal.yaml", "--format", "json")

    told = json.loads(done)
    assert faults("errors", told) == []
    assert told["errors"][0]["exit_code"] == 4


def process_of(code: str, *arguments: str) -> str:
    """What a Python program prints that is called as the command line is."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout


def test_tried_12_a_wrong_option_is_a_document_too() -> None:
    """Before the verb is known to be asked for JSON, and in either spelling; nothing else is printed."""
    for arguments in (
        ("plan", "specs/minimal.yaml", "--format", "json", "--bogus"),
        ("plan", "--format=json"),
        ("rules", "X", "--format", "json"),
    ):
        done = process(*arguments)
        assert (done.code, faults("errors", json.loads(done.out))) == (2, [])
        assert json.loads(done.out)["errors"][0]["message"] in done.err
    assert process("plan", "specs/minimal.yaml", "--bogus").out == ""


@cache
def rare(name: str) -> tuple[Any, ...]:
    """Outputs with records that no example has: a waiver, a schedule, a backend that a rule keeps out."""
    if name not in {"check", "plan", "explain"}:
        return ()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for copied in ("specs", "organization"):
            shutil.copytree(ROOT / copied, folder / copied)
        apply(folder, RARE)
        runs = {"check": ("specs/minimal.yaml",), "explain": ("specs/minimal.yaml", "SOV-016")}
        asked = [(name, *runs[name])] if name in runs else [(name, BOTH), (name, "specs/minimal.yaml")]
        return tuple(json.loads(inferplan(*one, "--format", "json", *AS_OF, cwd=folder).out) for one in asked)


RARE = [
    ("organization/waivers/2026-11-minimal-labor.yaml", "rule: COST-006", "rule: SOV-016"),
    ("organization/organization.yaml", "help-center: {class: internal", "help-center: {class: restricted"),
    (
        "organization/organization.yaml",
        "stores: ",
        "discounts: [{name: edp, percent: 5, service: AWS, reason: EDP-7, approved_by: cfo, "
        "valid_until: 2028-12-31}]\nstores: ",
    ),
    (BOTH, "classes: [public, internal]", "classes: [restricted]"),
    (
        "specs/minimal.yaml",
        "budget:",
        "schedule: {timezone: Europe/Paris, start: '08:00', stop: '18:00'}\nbudget:",
    ),
]
NEVER_SEEN = {
    "UnknownValue"
}  # a provider whose Region waits for another resource; tests/unit/test_resources.py has it


@pytest.mark.parametrize("name", ["check", "plan", "explain"])
def test_rare_outputs_fit_their_schema(name: str) -> None:
    """What no example has."""
    assert [fault for document in rare(name) for fault in faults(name, document)] == []


def records(
    schema: dict[str, Any], part: dict[str, Any], value: Any
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every record in a value, with the schema of it that it fits."""
    if "$ref" in part:
        yield from records(schema, schema["$defs"][part["$ref"].rpartition("/")[2]], value)
    for choice in (*part.get("anyOf", ()), *part.get("oneOf", ())):
        if Draft202012Validator({**choice, "$defs": schema["$defs"]}).is_valid(value):
            yield from records(schema, choice, value)
    if isinstance(value, dict) and "properties" in part:
        yield part, value
        for field, below in part["properties"].items():
            if field in value:
                yield from records(schema, below, value[field])
    elif isinstance(value, dict) and isinstance(part.get("additionalProperties"), dict):
        for below in value.values():
            yield from records(schema, part["additionalProperties"], below)
    elif isinstance(value, list) and isinstance(part.get("items"), dict):
        for below in value:
            yield from records(schema, part["items"], below)


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_renamed_field_is_refused(name: str) -> None:
    """Any one field of any record in the outputs above: under another name the contract does not take it."""
    schema = validator(name).schema
    seen: set[tuple[str, str]] = set()
    refused = [unplanned(verb) for verb, told in (("plan", "errors"), ("check", "check")) if told == name]
    for document in (*map(answer, RUNS[name]), *rare(name), *refused):
        for part, value in records(schema, schema, document):
            for field in value.keys() - {field for title, field in seen if title == part["title"]}:
                seen.add((part["title"], field))
                drifted = {f"{key}_x" if key == field else key: held for key, held in value.items()}
                whole = {**part, "$defs": schema["$defs"]}
                assert Draft202012Validator(whole).is_valid(value)
                assert not Draft202012Validator(whole).is_valid(drifted), f"{part['title']}.{field}"

    told = answer(RUNS[name][0])
    for field in told:
        assert faults(name, {f"{key}_x" if key == field else key: held for key, held in told.items()})
    assert {title for title, _ in seen} >= schema["$defs"].keys() - NEVER_SEEN


def test_schemas_are_listed_and_found_by_name() -> None:
    """Without arguments what there is; an output by its name, however it is cased, or a near match."""
    listed = inferplan("schema").out

    assert all(f"\n  {name} " in listed for name in (*OUTPUTS, "InferenceStack", "Waiver", "any"))
    assert inferplan("schema", "--output", "Check").out == output_text("check")
    assert "did you mean errors?" in inferplan("schema", "--output", "error").err
    assert inferplan("schema", "waiver", "--output", "check").code == 2
    assert json.loads(inferplan("schema", "any").out)["title"] == "inferplan"
