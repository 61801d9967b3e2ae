"""What is read as YAML 1.2, what is refused, and that no bytes can crash or stall the loader.

Area of concern: a file that is no spec at all must be refused with little work, in words, whatever it holds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from spec_texts import GOOD, ORGANIZATION, refused

from inferplan.spec import yaml12
from inferplan.spec.declaration import Declaration
from inferplan.spec.faults import MAX_ERRORS, SpecErrors
from inferplan.spec.loading import load

MAX_WORK = 3_000_000  # calls and returns; a second or two on a slow machine


def with_little_work(action: Callable[[], str]) -> str:
    """What `action` gives, once it took no more calls than any file may cost; no clock is asked."""
    work = 0

    def count(_frame: Any, _event: str, _argument: Any) -> None:
        nonlocal work
        work += 1

    sys.setprofile(count)
    try:
        result = action()
    finally:
        sys.setprofile(None)
    assert work < MAX_WORK
    return result


BAD_YAML = [
    pytest.param("[1]", "1:1: must be a mapping (`field: value` lines), not a list", id="a list"),
    pytest.param("just text", "1:1: must be a mapping (`field: value` lines), not 'just text'", id="text"),
    pytest.param("# nothing\n", "1:1: the file is empty", id="comments only"),
    pytest.param("---\n", "1:1: the file is empty", id="empty document"),
    pytest.param(
        "1: a\n? [a]\n: b\n",
        '1:1: a key must be text, not the number 1; put it in quotes: "1"'
        "\n2:3: a key must be text, not a list or a mapping",
        id="keys that are no text",
    ),
    pytest.param(
        "a: {b: 1, b: 2}\na: 3\n",
        "1:11: a.b: duplicate key; line 1 has it already\n2:1: a: duplicate key; line 1 has it already",
        id="duplicate keys",
    ),
    pytest.param(
        "a: 1\n---\nb: 2\n",
        "2:1: a second document begins here; keep one document per file",
        id="several documents",
    ),
    pytest.param(
        "a: &x 1\nb: {<<: 1}\n",
        "2:5: b: merge keys (<<) are not part of YAML 1.2; share fields with `extends`",
        id="merge keys",
    ),
    pytest.param(
        "a: !!python/object:os.system x\n",
        "1:4: a: the tag tag:yaml.org,2002:python/object:os.system is not supported; write text in quotes",
        id="a tag",
    ),
    pytest.param("a: &x [*x]\n", "1:8: a[0]: *x contains itself", id="an anchor inside itself"),
    pytest.param("a: *x\n", "1:4: a: *x is not defined above", id="an unknown anchor"),
    pytest.param("a: .inf\n", "1:4: a: .inf is not a finite number", id="infinity"),
    pytest.param(
        "a: 1e999\n", "1:4: a: the number 1e999 is too large; put it in quotes if it is text", id="1e999"
    ),
    pytest.param('a: "\\e[31m"\n', "1:4: a: control character U+001B is not allowed", id="escape sequence"),
    pytest.param("a: \x07\n", "1:4: control character U+0007 is not allowed", id="bell"),
    pytest.param(
        "%YAML 1.1\n---\na: 1\n",
        "1:1: this file asks for YAML 1.1; files are read as YAML 1.2: remove the line",
        id="YAML 1.1",
    ),
    pytest.param(
        "a: 'b\n",
        "2:1: not valid YAML: found unexpected end of stream; a quote or bracket is not closed",
        id="open quote",
    ),
    pytest.param(
        "a: b: c\n",
        "1:5: not valid YAML: mapping values are not allowed in this context; check the "
        "indentation, or put quotes around text that holds a colon",
        id="two colons",
    ),
    pytest.param("\ta: 1\n", "1:1: a tab indents this line; YAML allows spaces only", id="tab"),
    pytest.param(b"a: \xff\xfe\n", "1:4: not UTF-8 text", id="not UTF-8"),
    pytest.param(
        "a: 1\n".encode("utf-16"),
        "1:1: not a text file (it holds zero bytes); YAML must be UTF-8 text",
        id="UTF-16",
    ),
    pytest.param(b"a" * (yaml12.MAX_BYTES + 1), "1:1: larger than 1 MiB", id="over 1 MiB"),
    pytest.param(
        "a: " + "[" * 40,
        "1:35: a[0][0][0][0][0][0][0]: nested deeper than 32 levels",
        id="deep",
    ),
    pytest.param(f"{'k' * 300}: 1\n", "1:1: a key of more than 200 characters", id="long key"),
]


@pytest.mark.parametrize(("text", "message"), BAD_YAML)
def test_text_that_is_no_single_plain_document_is_refused(
    text: str | bytes, message: str, tmp_path: Path
) -> None:
    """What YAML allows and nobody should need is named, not guessed at."""
    assert refused(text, tmp_path).replace("spec.yaml:", "") == message


def test_an_exploding_anchor_is_refused_before_it_explodes(tmp_path: Path) -> None:
    """Ten levels of ten aliases would be ten thousand million values."""
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]

    message = with_little_work(lambda: refused("\n".join(levels), tmp_path))

    assert f"more than {yaml12.MAX_NODES} values" in message


def test_a_harmless_anchor_is_read(tmp_path: Path) -> None:
    """Anchors are part of YAML 1.2; a field inside one is found where it was written."""
    node = yaml12.parse(b"a: &x [1, 2]\nb: *x\n", "f")

    assert node.plain() == {"a": [1, 2], "b": [1, 2]}


CORE_SCHEMA = {
    "NO": "NO", "yes": "yes", "off": "off", "2026-11-20": "2026-11-20", "12:30": "12:30", "1_000": "1_000",
    "24x7": "24x7", "1.2.3": "1.2.3", "0o17": 15, "0x1F": 31, "017": 17, "+12": 12, "-0": 0, ".5": 0.5,
    "1e3": 1000.0, "1.": 1.0, "~": None, "null": None, "True": True, "FALSE": False, '"1"': "1", "'no'": "no",
    "=": "=", "0b1": "0b1", "1e": "1e", "+": "+",
}  # fmt: skip


@pytest.mark.parametrize(("text", "value"), CORE_SCHEMA.items())
def test_plain_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    """Norway is no boolean, dates and times are text, numbers have no underscores."""
    read = yaml12.parse(f"a: {text}\n".encode(), "f").plain()["a"]

    assert (read, type(read)) == (value, type(value))


def test_a_byte_order_mark_and_windows_line_ends_are_read() -> None:
    """Editors on Windows write both."""
    node = yaml12.parse(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", "f")

    assert node.plain() == {"a": 1, "b": 2}
    assert node.keys["b"] == ("f", 2, 1)


HOSTILE = {
    "open brackets": "[" * yaml12.MAX_BYTES,
    "open braces": "{" * yaml12.MAX_BYTES,
    "deep keys": "\n".join(" " * i + "a:" for i in range(1400)),
    "dashes": "- " * (yaml12.MAX_BYTES // 2),
    "question marks": "? " * (yaml12.MAX_BYTES // 2),
    "keys": "".join(f"k{i}: 1\n" for i in range(70_000)),
    "documents": "---\n" * (yaml12.MAX_BYTES // 4),
    "long digits": f"a: {'9' * 1_000_000}",
    "lines": "a\n" * (yaml12.MAX_BYTES // 2),
    "duplicates": "a: 1\n" * (yaml12.MAX_BYTES // 5),
    "numbers as keys": "".join(f"{i}: 1\n" for i in range(70_000)),
    "unknown fields": "".join(f"field{i}: 1\n" for i in range(30_000)),
    "bad routes": GOOD + "  - {nam: chat, api: caht, classes: [publik], backends: small}\n" * 6_000,
    "many routes": GOOD + "  - {name: chat, api: chat, classes: [public], backends: [smal]}\n" * 6_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_refused_with_little_work(text: str, tmp_path: Path) -> None:
    """Work and output are bounded whatever the file holds."""
    message = with_little_work(lambda: refused(text, tmp_path))

    assert len(message.splitlines()) <= MAX_ERRORS + 1


TOKENS = st.sampled_from(
    [
        *"{}[]:,-?&*!|>'\"%@`#\n\t \0", "<<", "---\n", "...", ": ", "- ", "\n  ", "&a", "*a", "!!str",
        "\ufeff", "\x85", *GOOD.translate(str.maketrans("{}[]", "    ")).split(),
    ]
)  # fmt: skip


def outcome(path: Path) -> Declaration | SpecErrors:
    """What loading gives; any other exception is a bug and leaves this function."""
    try:
        return load(path, ORGANIZATION)
    except SpecErrors as problems:
        return problems


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.one_of(
        st.binary(max_size=400), st.lists(TOKENS, max_size=80).map(lambda parts: "".join(parts).encode())
    )
)
@example(data=b"\xef\xbb\xbf")
@example(data=b'a: "\\ud800"')
@example(data=b"? |")
def test_any_bytes_give_a_declaration_or_errors(data: bytes, tmp_path: Path) -> None:
    """Nothing but SpecErrors ever leaves the loader."""
    path = tmp_path / "spec.yaml"
    path.write_bytes(data)

    found = outcome(path)

    if isinstance(found, SpecErrors):
        assert found.errors
        assert all(error.line >= 1 and error.column >= 1 for error in found.errors)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    position=st.integers(0, len(GOOD) - 1),
    length=st.integers(0, 30),
    new=st.lists(TOKENS, max_size=3).map("".join),
)
def test_any_edit_of_a_good_spec_gives_a_declaration_or_errors(
    position: int, length: int, new: str, tmp_path: Path
) -> None:
    """Slips in a good spec are understood or refused."""
    path = tmp_path / "spec.yaml"
    path.write_text(GOOD[:position] + new + GOOD[position + length :], "utf-8")

    found = outcome(path)

    if isinstance(found, SpecErrors):
        assert found.errors
    else:
        assert Declaration.from_json(found.to_json(), found.organization).spec == found.spec


def test_without_libyaml_the_same_is_read_up_to_a_smaller_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pure parser gives the same values and refuses what would take it too long."""
    with_libyaml = yaml12.parse(GOOD.encode(), "f")
    monkeypatch.delattr(yaml12.yaml, "CSafeLoader", raising=False)

    assert yaml12.parse(GOOD.encode(), "f") == with_libyaml
    assert refused("[" * 60_000, tmp_path).endswith(f"nested deeper than {yaml12.MAX_DEPTH} levels")
    assert "larger than 64 KiB" in refused("a" * 70_000, tmp_path)
