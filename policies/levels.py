"""Levels that the declaration decides: mandatory for the strict, advisory for the rest.

Each gets the context and, where one is judged, the backend on a route, whose class then counts.
Not here: what the organization makes of a level over time (register).
"""

from __future__ import annotations

from inferplan.records.verdicts import Level
from inferplan.spec.model import DATA_CLASSES, DataClass
from policies.context import Context, Serving


def _at_least(data_class: DataClass, context: Context, serving: Serving | None) -> Level:
    carried = serving.data_class if serving is not None else context.data_class
    return "mandatory" if DATA_CLASSES.index(carried) >= DATA_CLASSES.index(data_class) else "advisory"


def confidential_and_up(context: Context, serving: Serving | None) -> Level:
    """Mandatory where confidential or restricted data may travel."""
    return _at_least("confidential", context, serving)


def restricted_only(context: Context, serving: Serving | None) -> Level:
    """Mandatory where restricted data may travel."""
    return _at_least("restricted", context, serving)


def personal_data(context: Context, _serving: Serving | None) -> Level:
    """Mandatory unless the spec says that no personal data is processed."""
    spec = context.inference if context.declared else None
    return "advisory" if spec is not None and spec.data.personal is False else "mandatory"


def regulated_sectors(context: Context, _serving: Serving | None) -> Level:
    """Mandatory in finance, healthcare, government and defense."""
    return "mandatory" if not context.declared or context.regulated else "advisory"


def absolute_sovereignty(context: Context, serving: Serving | None) -> Level:
    """Mandatory where spec or organization ask for absolute control."""
    if not context.declared:
        return "mandatory"
    asked = context.absolute if serving is None else context.asks_absolute(serving.data_class)
    return "mandatory" if asked else "advisory"


def without_internet(context: Context, _serving: Serving | None) -> Level:
    """Mandatory where own weights serve: their network has no internet route (EGR-001)."""
    return "mandatory" if not context.declared or context.self_hosted else "advisory"
