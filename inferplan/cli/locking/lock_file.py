"""The lock as the text of its file, and what of a former file that text does not keep.

Not here: what is pinned (pinning) and replacing the file (inferplan.cli.replacing).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from inferplan.spec.lock import Lock
from inferplan.spec.structure import convert
from inferplan.spec.yaml12 import MAX_BYTES, MAX_KEY, MAX_NUMBER, parse

WRITTEN_BY = "Written by `inferplan lock`, which keeps no comments."
SECTIONS = ("images", "models", "adapters", "addons", "charts")
# What YAML 1.2 reads as a number and PyYAML, which knows 1.1, would not put in quotes.
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+")
NOT_STORED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")


class _Dumper(yaml.SafeDumper):
    """Block style, with text in quotes wherever one of the two YAMLs would read something else."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "'" if _NUMBER.fullmatch(value) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)
_Dumper.ignore_aliases = lambda *_: True  # type: ignore[method-assign]


def text(lock: Lock, spec: str) -> str:
    """The whole file; raises SpecErrors where it would not be read as what it says."""
    parts = [
        f"# What the names in {spec} are pinned to. {WRITTEN_BY}\n"
        f"apiVersion: {lock.api_version}\nkind: {lock.kind}\n"
        + ("documentation_values: true\n" if lock.documentation_values else "")
    ]
    for section in SECTIONS:
        held = getattr(lock, section)
        if held:
            plain = {name: _said(one) for name, one in held.items()}
            parts.append(
                yaml.dump(
                    {section: plain},
                    Dumper=_Dumper,
                    sort_keys=False,
                    width=MAX_BYTES,
                    allow_unicode=True,
                )
            )
    whole = "\n".join(parts)
    assert convert(parse(whole.encode(), f"{spec}: its lock"), Lock) == lock
    return whole


def storable(value: Any) -> Any:
    """A JSON value without what this project's YAML has no place for: it is left out where it stands."""
    if isinstance(value, Mapping):
        return {
            key: storable(held)
            for key, held in value.items()
            if key != "<<" and len(key) <= MAX_KEY and not NOT_STORED.search(key) and _is_storable(held)
        }
    if isinstance(value, list | tuple):
        return [storable(held) for held in value if _is_storable(held)]
    return value


def comments(path: Path) -> int:
    """Lines of comments in a file that a person has written; none in one that was written here."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return 0
    return sum("#" in line and WRITTEN_BY not in line for line in lines)


def _said(one: Any) -> Any:
    """A pin without its defaults; in the order of its record."""
    if not isinstance(one, msgspec.Struct):
        return one
    return {
        field.encode_name: msgspec.to_builtins(held)
        for field in msgspec.structs.fields(one)
        if (held := getattr(one, field.name)) != _default(field)
    }


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default


def _is_storable(value: Any) -> bool:
    if isinstance(value, str):
        return NOT_STORED.search(value) is None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return True
    return math.isfinite(value) and abs(value) <= MAX_NUMBER
