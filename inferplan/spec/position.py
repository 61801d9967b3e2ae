"""Where a field stands: from a path such as `routes[0].load` to file, line and column.

Not here: reading the text (yaml12).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from inferplan.spec.faults import child
from inferplan.spec.yaml12 import Node

Place = tuple[str, int, int]
Part = str | int

_PART = re.compile(r'\[(\d{1,9})\]|\["([^"]*)"\]|([^.\[\]]+)')


def split(path: str) -> list[Part]:
    """The parts of a path: `routes[0].load` is routes, 0, load."""
    return [int(index) if index else quoted or name for index, quoted, name in _PART.findall(path)]


def joined(parts: Sequence[Part]) -> str:
    """The path of some parts."""
    path = ""
    for part in parts:
        path = child(path, part)
    return path


def place(root: Node, parts: Sequence[Part], *, of_value: bool = False) -> Place:
    """Where a field (its key, or its value) or an item stands; the nearest parent where it does not exist.

    A part that is no key is tried together with the parts after it, so that keys with dots are found.
    """
    node, found = root, (root.file, root.line, root.column)
    rest = list(parts)
    while rest:
        first = rest[0]
        if isinstance(node.value, list) and isinstance(first, int) and first < len(node.value):
            node, rest = node.value[first], rest[1:]
            found = (node.file, node.line, node.column)
            continue
        if not isinstance(node.value, dict):
            return found
        for length in range(1, len(rest) + 1):
            key = ".".join(map(str, rest[:length]))
            if key in node.value:
                found, node, rest = node.keys[key], node.value[key], rest[length:]
                break
        else:
            return found
    return (node.file, node.line, node.column) if of_value else found


def look_up(root: Node, parts: Sequence[Part]) -> Node | None:
    """The node at exactly these parts."""
    node: Node = root
    for part in parts:
        if isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
        elif isinstance(node.value, dict) and part in node.value:
            node = node.value[str(part)]
        else:
            return None
    return node
