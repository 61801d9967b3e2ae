"""What resource types are to the rules, module by module: harmless and why, or unread by any of them.

Not here: types that a rule names itself (the packs), and what an unread one means for a verdict (policies).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal

from msgspec import Struct

from inferplan.catalog.table import Row, rows

Reading = Literal["harmless", "unread"]


class TypeReading(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Types of a module that are not what the rest of it is."""

    types: tuple[str, ...]
    reading: Reading
    because: str


class ResourceModule(Row, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One module of a provider: `aws:lambda`, `kubernetes:apps`; other packages are one module each."""

    module: str
    reading: Reading
    because: str  # what its types are or do, as the end of a sentence about one of them
    exceptions: tuple[TypeReading, ...] = ()

    def of(self, type_token: str) -> ResourceModule | TypeReading:
        """What is said of one type of the module."""
        return next((found for found in self.exceptions if type_token in found.types), self)


@cache
def resource_modules() -> Mapping[str, ResourceModule]:
    """Modules by name."""
    return {row.module: row for row in rows("resource_types", ResourceModule)}


@cache
def harmless(type_token: str) -> bool:
    """Whether nothing of this type can take data anywhere that no rule sees; False for what nobody knows."""
    row = resource_modules().get(module_of(type_token))
    return row is not None and row.of(type_token).reading == "harmless"


def doing(type_token: str) -> str:
    """What a resource of an unread type does, as far as the table says."""
    row = resource_modules().get(module_of(type_token))
    return row.of(type_token).because if row is not None else "is of a kind that the rules do not know"


def module_of(type_token: str) -> str:
    """`aws:lambda` of `aws:lambda/function:Function`, `random` of `random:index/randomId:RandomId`."""
    package, _, rest = type_token.partition(":")
    if package not in {"aws", "kubernetes", "pulumi"}:
        return package
    return f"{package}:{rest.partition(':')[0].partition('/')[0]}"
