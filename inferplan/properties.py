"""Property values brought to one form, whichever engine delivered them.

Not here: where the values come from (stacks.record, policies.crossguard, policies.state).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from inferplan.resource import Unknown

# The engine adds these to a provider's inputs; no program of ours says them.
ENGINE_PROVIDER_INPUTS = frozenset({"version", "pluginDownloadURL", "__internal"})


def plain_number(value: float) -> int | float:
    """An integral float as the integer that the program wrote (protobuf only knows doubles)."""
    return int(value) if value.is_integer() else value


def plain_numbers(value: Any) -> Any:
    """The same value with every integral float as an integer."""
    if isinstance(value, float):
        return plain_number(value)
    if isinstance(value, Mapping):
        return {key: plain_numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_numbers(item) for item in value]
    return value


def provider_config(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """A provider's inputs with the JSON text decoded that SDKs send for everything but strings."""
    return {key: _decoded(value) for key, value in inputs.items() if key not in ENGINE_PROVIDER_INPUTS}


def is_known(value: Any) -> bool:
    """Whether no part of the value waits for a deployment."""
    if isinstance(value, Unknown):
        return False
    if isinstance(value, Mapping):
        return all(is_known(item) for item in value.values())
    if isinstance(value, list | tuple):
        return all(is_known(item) for item in value)
    return True


def _decoded(value: Any) -> Any:
    if isinstance(value, str) and (value[:1] in {"{", "["} or value in {"true", "false"}):
        try:
            return plain_numbers(json.loads(value))
        except ValueError:
            return value
    return value
