"""Recorded resources as a reviewer reads them: documents inside texts are opened, texts stand line by line.

Not here: the goldens (tests/unit/test_golden.py) and how rows are laid out (inferplan.json_rows).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from inferplan.resource import Resource, Unknown

PARTS = ("", "json", "containers", "initContainers", "command", "Statement")  # lists whose records are opened
_DOCUMENTS: dict[str, Callable[[Any], str]] = {  # a mark, and how a text with that mark is written
    "json": json.dumps,
    "compact json": partial(json.dumps, separators=(",", ":"), ensure_ascii=False),
    "lines": "\n".join,
}


def resource(found: Resource) -> dict[str, Any]:
    """One resource: where it stands, and what it is told."""
    return {
        "type": found.type,
        "name": found.name,
        "parent": (found.parent or "").rpartition("::")[2],
        "provider": found.provider and found.provider.package,
        "props": pictured(dict(found.props)),
    }


def pictured(value: Any) -> Any:
    """Plain data without unknowns and without texts that hold documents or several lines."""
    if isinstance(value, Unknown):
        return {"unknown": [urn.rpartition("::")[2] for urn in value.urns]}
    if isinstance(value, dict):
        return {key: pictured(item) for key, item in sorted(value.items())}
    if isinstance(value, list | tuple):
        return [pictured(item) for item in value]
    return _opened(value) if isinstance(value, str) else value


def restored(picture: Any) -> Any:
    """What `pictured` was given, unknowns aside."""
    if isinstance(picture, list):
        return [restored(item) for item in picture]
    if not isinstance(picture, dict):
        return picture
    for mark, written in _DOCUMENTS.items():
        if picture.keys() == {mark}:
            return written(picture[mark])
    return {key: restored(item) for key, item in picture.items()}


def _opened(text: str) -> Any:
    if text.startswith(("{", "[")):
        try:
            inside = json.loads(text)
        except ValueError:  # such as the pattern of a log filter
            return text
        for mark in ("json", "compact json"):
            if _DOCUMENTS[mark](inside) == text:
                return {mark: inside}
    return {"lines": text.split("\n")} if "\n" in text else text
