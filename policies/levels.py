"""Levels that the declaration decides: mandatory for the strict, advisory for the rest.

Not here: what the organization makes of a level over time (register).
"""

from __future__ import annotations

from policies.context import Context
from policies.rule import Level


def confidential_and_up(context: Context) -> Level:
    """Mandatory where confidential or restricted data may travel."""
    return "mandatory" if context.at_least("confidential") else "advisory"


def restricted_only(context: Context) -> Level:
    """Mandatory where restricted data may travel."""
    return "mandatory" if context.at_least("restricted") else "advisory"


def regulated_sectors(context: Context) -> Level:
    """Mandatory in finance, healthcare, government and defense."""
    return "mandatory" if not context.declared or context.regulated else "advisory"


def absolute_sovereignty(context: Context) -> Level:
    """Mandatory where spec or organization ask for absolute control."""
    return "mandatory" if not context.declared or context.absolute else "advisory"


def without_internet(context: Context) -> Level:
    """Mandatory where own weights serve: their network has no internet route (EGR-001)."""
    return "mandatory" if not context.declared or context.self_hosted else "advisory"
