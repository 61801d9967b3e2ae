"""Configurations that resources carry as text, in JSON or YAML, read within bounds.

Not here: where such a text stands and what it says (the views).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import yaml

from policies.read import Misshapen

MAX_DEPTH, MAX_VALUES = 64, 100_000  # beyond them it is no configuration


def embedded(text: str) -> Any:
    """What a text says, None where it is neither JSON nor YAML; raises Misshapen for a bomb."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    except RecursionError:
        raise _too_deep() from None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _refuse_depth(yaml.parse(text, Loader=loader))
        parsed = yaml.load(text, Loader=loader)
    except (yaml.YAMLError, ValueError):  # such as a date that is none
        return None
    _refuse_size(parsed)
    return parsed


def _refuse_depth(events: Iterable[yaml.Event]) -> None:
    """PyYAML builds values by recursion in C, where too deep a document ends the process."""
    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _too_deep()


def _refuse_size(parsed: Any) -> None:
    """Aliases are cheap to load and endless to walk."""
    waiting, left = [parsed], MAX_VALUES
    while waiting:
        value = waiting.pop()
        left -= 1
        if left < 0:
            raise Misshapen(f"a configuration has more than {MAX_VALUES} values, aliases expanded")
        if isinstance(value, dict | list):
            waiting += value.values() if isinstance(value, dict) else value


def _too_deep() -> Misshapen:
    return Misshapen(f"a configuration is nested deeper than {MAX_DEPTH} levels")
