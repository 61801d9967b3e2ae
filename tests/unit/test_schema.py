"""The published JSON Schemas: up to date, complete, and of one mind with the records that they are made from.

Area of concern: editors check with the schema, the loader with the records; both must accept the same files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from spec_texts import GOOD, ORGANIZATION, ROOT

from inferplan.spec import yaml12
from inferplan.spec.schema import KINDS, generate, schema, schema_path, schema_text
from inferplan.spec.structure import explain

FILES = {
    "InferenceStack": ROOT / "specs" / "in-bank-assistant.yaml",
    "InferenceAccount": ROOT / "accounts" / "account-desk.yaml",
    "Organization": ORGANIZATION / "organization.yaml",
    "Waiver": ORGANIZATION / "waivers" / "2026-11-minimal-labor.yaml",
    "Lock": ROOT / "specs" / "in-bank-assistant.lock.yaml",
}


@pytest.mark.parametrize("path", generate(), ids=lambda path: path.name)
def test_the_committed_schemas_are_those_of_the_records(path: Path) -> None:
    """`python -m inferplan.spec.schema` has been run after the last change of a record."""
    assert path.read_text("utf-8") == generate()[path]


@pytest.mark.parametrize("kind", [*KINDS, None])
def test_each_schema_is_valid_and_says_what_it_is(kind: str | None) -> None:
    """Draft 2020-12, with an id, a title and a description of every record and field."""
    published = json.loads(schema_text(kind))

    Draft202012Validator.check_schema(published)
    assert published["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert published["$id"] == "urn:inferplan:v1beta1" + (f":{kind}" if kind else "")
    assert published["title"]
    undescribed = [
        f"{name}.{field}"
        for name, part in published["$defs"].items()
        for field, value in {"": part, **part["properties"]}.items()
        if not value.get("description")
    ]
    assert undescribed == []


@pytest.mark.parametrize(("kind", "path"), FILES.items())
def test_the_examples_fit_their_schema_and_the_combined_one(kind: str, path: Path) -> None:
    """What editors say about the examples is that they are fine."""
    plain = yaml12.parse(path.read_bytes(), str(path)).plain()
    combined = json.loads(schema_text())

    assert list(Draft202012Validator(schema(kind)).iter_errors(plain)) == []
    assert list(Draft202012Validator(combined).iter_errors(plain)) == []
    assert list(Draft202012Validator(combined).iter_errors({**plain, "extra": 1})) != []


def test_the_examples_name_the_combined_schema_for_editors() -> None:
    """The comment at the top of each example leads to a file that exists."""
    for path in (ROOT / "specs").glob("*.yaml"):
        for line in path.read_text().splitlines():
            if line.startswith("# yaml-language-server: $schema="):
                assert (path.parent / line.partition("=")[2]).resolve() == schema_path()


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 10**7), st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "DE", "de", "EEA", "chat", "restricted", "365d", "none", "2026-01-01", "a\n",
                     "small", "111111111111", "111111111111\n", "hf://a/b", "10.0.0.0/8", "private", "a@b"]),
    st.just([]), st.just({}), st.just(["DE"]), st.just({"cidrs": ["10.0.0.0/8"]}), st.just({"a": 1}),
)  # fmt: skip


def paths_of(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every path below a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in items for found in paths_of(item, (*path, key)))]


@settings(max_examples=300, deadline=None)
@given(data=st.data(), kind=st.sampled_from(list(FILES)), value=VALUES)
def test_schema_and_records_accept_the_same_documents(data: st.DataObject, kind: str, value: object) -> None:
    """One value of an example replaced by another: both accept it, or both refuse it with a message."""
    node = yaml12.parse(FILES[kind].read_bytes(), kind)
    plain = node.plain()
    *parents, last = data.draw(st.sampled_from(paths_of(plain)[1:]))
    holder = plain
    for part in parents:
        holder = holder[part]
    holder[last] = value
    whole = isinstance(value, float) and value.is_integer()  # JSON Schema takes 2.0 for a whole number

    problems = explain(yaml12.node_of(plain, kind), plain, schema(kind))
    try:
        msgspec.convert(plain, KINDS[kind])
        accepted = True
    except msgspec.ValidationError:
        accepted = False

    assert accepted == (not problems) or whole
    assert len({(problem.path, problem.problem) for problem in problems}) == len(problems)


def test_the_good_spec_of_the_tests_is_the_shortest() -> None:
    """Leaving any line out of it is refused, so that minimal specs stay minimal."""
    plain = yaml12.parse(GOOD.encode(), "f").plain()
    required = [name for name in plain if name not in {"data"}]

    for name in required:
        rest = {key: value for key, value in plain.items() if key != name}
        problems = explain(yaml12.node_of(rest, "f"), rest, schema("InferenceStack"))
        assert [(problem.path, problem.problem) for problem in problems] == [(name, "missing")]
