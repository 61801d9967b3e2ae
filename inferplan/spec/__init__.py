"""The declarative inputs: spec, lock and the platform team's organization files, from text to frozen records.

Not here: what follows from them (inferplan.plan) and whether it is allowed (policies).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inferplan.spec.declaration import Declaration as Declaration
    from inferplan.spec.faults import SpecError as SpecError
    from inferplan.spec.faults import SpecErrors as SpecErrors
    from inferplan.spec.loading import load as load
    from inferplan.spec.loading import load_organization as load_organization

_MODULE_OF = {
    "Declaration": "declaration",
    "SpecError": "faults",
    "SpecErrors": "faults",
    "load": "loading",
    "load_organization": "loading",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, so that the model alone stays cheap to import."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
