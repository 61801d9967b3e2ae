"""One change to a document, or to its bytes, chosen by a seed.

Not here: the values that changes put in (tests/fuzz/values.py), and which documents are changed.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from random import Random
from typing import Any

import yaml

from tests.fuzz import values

GROWN = 0.3  # the share of changes that set a field to what its schema allows

Place = tuple[Any, Any]  # a mapping or list, and the key or index in it

PIECES = (
    b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b"\t", b"\r", b"\x1b[2J", b"\x80", b"&a ", b"*a", b"<<: *a\n",
    b"!!python/object ",
    b"--- \n", b"...\n", b"%YAML 1.1\n", b"? ", b"|\n", b">-\n", b"{", b"[", b"}", b"]", b'"', b"'", b": ",
    b"#", b"- ",
    b"\xc2\x85", b"\xe2\x80\xa8", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"@", b"`", b"0x", b".nan",
    b"1e999", b"!!binary |",
)  # fmt: skip


def places(document: Any) -> list[Place]:
    """Every place of a document that holds a value."""
    found: list[Place] = []
    waiting = [document]
    while waiting:
        held = waiting.pop()
        keys = list(held) if isinstance(held, dict) else range(len(held))
        for key in keys:
            found.append((held, key))
            if isinstance(held[key], dict | list):
                waiting.append(held[key])
    return found


def changed(document: Any, random: Random, kind: str | None = None) -> Any:
    """A copy of a document with one to four changes; `kind` names the schema that some values come from."""
    document = copy.deepcopy(document)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        found = places(document)
        if kind is not None and random.random() < GROWN:
            _grow(document, kind, random)
        elif found:
            held, key = random.choice(found)
            random.choice(CHANGES)(held, key, found, random)
    return document


def _replace(held: Any, key: Any, _: list[Place], random: Random) -> None:
    held[key] = values.odd(random)


def _word(held: Any, key: Any, _: list[Place], random: Random) -> None:
    held[key] = random.choice(values.words())


def _drop(held: Any, key: Any, _: list[Place], random: Random) -> None:
    del held[key]


def _rename(held: Any, key: Any, _: list[Place], random: Random) -> None:
    if isinstance(held, dict):
        text = str(key)
        new = random.choice((text.upper(), text[:-1], f"{text}s", f"{text}.x", values.odd(random)))
        held[new if isinstance(new, str) else "x"] = held.pop(key)


def _swap(held: Any, key: Any, found: list[Place], random: Random) -> None:
    other, name = random.choice(found)
    try:
        one, two = copy.deepcopy(held[key]), copy.deepcopy(other[name])
    except (KeyError, IndexError):
        return
    held[key] = two
    if random.random() < 0.5:
        other[name] = one


def _wrap(held: Any, key: Any, _: list[Place], random: Random) -> None:
    held[key] = random.choice(([held[key]], {"a": held[key]}, [held[key], held[key]]))


def _unwrap(held: Any, key: Any, _: list[Place], random: Random) -> None:
    value = held[key]
    if isinstance(value, dict | list) and value:
        held[key] = random.choice(list(value.values()) if isinstance(value, dict) else value)


def _repeat(held: Any, key: Any, _: list[Place], random: Random) -> None:
    times = random.choice((2, 2, 40))
    if isinstance(held[key], list):
        held[key] = held[key] * times
    elif isinstance(held, list):
        held += [copy.deepcopy(held[key]) for _ in range(times)]
    elif isinstance(held[key], dict):
        for item, value in list(held[key].items()):
            held[key] |= {f"{item}{index}": copy.deepcopy(value) for index in range(times)}


def _scale(held: Any, key: Any, _: list[Place], random: Random) -> None:
    if isinstance(held[key], int | float) and not isinstance(held[key], bool):
        held[key] = held[key] * random.choice((0, -1, 0.001, 0.5, 10, 1000, 10**6))


def _spell(held: Any, key: Any, _: list[Place], random: Random) -> None:
    if isinstance(held[key], str) and held[key]:
        text, at = held[key], random.randrange(len(held[key]))
        held[key] = random.choice(
            (text[:at], text[at:], text.upper(), f"{text} ", text + text, f"{text[:at]}-{text[at:]}")
        )


CHANGES: tuple[Callable[[Any, Any, list[Place], Random], None], ...] = (
    _replace, _replace, _replace, _word, _drop, _rename, _swap, _wrap, _unwrap, _repeat, _scale, _spell,
)  # fmt: skip


def _grow(document: Any, kind: str, random: Random) -> None:
    """A field of some block set to what the schema allows there, whether the block had it or not."""
    part, field = random.choice(values.fields(kind))
    siblings = {name for other, name in values.fields(kind) if other == part}
    blocks = [document, *(held[key] for held, key in places(document))]
    fitting = [block for block in blocks if isinstance(block, dict) and block and set(block) <= siblings]
    if fitting:
        random.choice(fitting)[field] = values.grown(kind, part, field, random)


def written(document: Any, random: Random) -> bytes:
    """A document as YAML or JSON, as somebody might lay it out."""
    match random.randrange(4):
        case 0:
            return json.dumps(document, indent=random.choice((None, 1))).encode()
        case 1:
            text = yaml.dump(document, allow_unicode=True, default_flow_style=True, width=10**6)
        case 2:
            text = yaml.dump(document, allow_unicode=True, sort_keys=False).replace("\n", "\r\n")
        case _:
            text = yaml.dump(document, allow_unicode=True, sort_keys=False)
    return text.encode("utf-8", "surrogatepass")


def noisy(data: bytes, random: Random) -> bytes:
    """Bytes with one to eight changes that know nothing of what the bytes mean."""
    for _ in range(random.choice((1, 1, 2, 8))):
        at = random.randrange(len(data) + 1)
        until = min(len(data), at + random.choice((1, 1, 5, 60)))
        lines = data.splitlines(keepends=True) or [b""]
        line = random.randrange(len(lines))
        match random.randrange(7):
            case 0:
                data = data[:at]
            case 1:
                data = data[:at] + data[until:]
            case 2:
                data = data[:at] + random.choice(PIECES) + data[at:]
            case 3:
                data = data[:at] + bytes(random.randrange(256) for _ in range(until - at)) + data[until:]
            case 4:
                data = b"".join(lines[:line] + lines[line + 1 :])
            case 5:
                data = b"".join([*lines[:line], lines[line], *lines[line:]])
            case _:
                data = b"".join(
                    [*lines[:line], random.choice((b" ", b"  ", b"\t")) + lines[line], *lines[line + 1 :]]
                )
    return data


def bombs() -> tuple[bytes, ...]:
    """Documents that are small to write and large, deep or endless to read."""
    aliases = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9) if n else 'x'}]\n" for n in range(12))
    return (
        b"", b"\n", b"#", b"---", b"null", b"[]", b"{}", b"42", b"\xff\xfe\x00", b"\xef\xbb\xbf", b"&a *a",
        b"a: &a [*a]",
        b"[" * 30_000, b"{" * 30_000, b"a: " * 20_000, b"- " * 20_000, b"? " * 20_000, b"(" * 900_000,
        b"\n" * 900_000,
        aliases.encode(), b"a: '" + b"x" * 1_000_000 + b"'", b"a: " + b"9" * 900_000, b"k: 1\n" * 200_000,
        b"".join(b"k%d: 1\n" % n for n in range(100_000)), b"a: !!python/object/apply:os.system [id]",
        b"apiVersion: inferplan/v1beta1\nkind: &k InferenceStack\nmetadata: {name: *k}\n", b"{a: 1, a: 2}",
        "kind: InferenceStack\n".encode("utf-16"), "kind: InferenceStack\n".encode("utf-32"),
        bytes(range(256)) * 40,
        b"apiVersion: inferplan/v1beta1\nkind: InferenceStack\nbackends: {" + b"a: {b: " * 400 + b"}" * 401,
        b"apiVersion: inferplan/v1beta1\nkind: InferenceStack\nroutes: [" + b"{}, " * 40_000 + b"]",
        b"".join(b"x%d: [\n" % n for n in range(3000)),
    )  # fmt: skip
