"""The JSON contracts that tools may rely on: fields may be added, not renamed.

Not here: formats for people (text, plan_text, rules_text).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

CHECK_SCHEMA = "inferplan.check/v1beta1"


def check(reports: Sequence[Any]) -> str:
    """`check --format json`: one entry per stack."""
    return _text({"schema": CHECK_SCHEMA, "stacks": [msgspec.to_builtins(report) for report in reports]})


def plan(result: Any) -> str:
    """`plan --format json`: the whole plan."""
    return _text(msgspec.to_builtins(result))


def rules(listed: Sequence[Any]) -> str:
    """`rules --format json`: what each rule says of itself."""
    return _text(
        [
            {
                "id": rule.id,
                "title": rule.title,
                "level": rule.level_name,
                "pack": rule.pack,
                "source": list(rule.source),
                "regimes": list(rule.regimes),
                "applies_to": list(rule.applies_to),
                "why": rule.why,
                "fix": rule.fix,
                "aliases": list(rule.aliases),
            }
            for rule in listed
        ]
    )


def _text(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
