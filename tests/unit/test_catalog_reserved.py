"""Area of concern: every field of the catalog is read by code, or is on the list of those kept for later."""

from __future__ import annotations

import ast
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from msgspec import Struct

from inferplan.catalog import managed_apis, places, token_rates
from inferplan.catalog.reserved import KEPT, reserved
from inferplan.catalog.table import Row
from tests.pages.catalog import readers

ROOT = Path(__file__).parents[2]
PRODUCT = [
    path
    for folder in ("inferplan", "policies", "stacks", "components")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "refresh" not in path.parts
]


RECORDS: list[type[Struct]] = [
    *(getattr(import_module(module), record) for module, record in sorted(set(readers().values()))),
    managed_apis.Host,
    managed_apis.ZeroRetention,
    places.Adequacy,
    places.AdequacyEntry,
    token_rates.Tier,
    token_rates.TokenRate,
]


def own_fields(record: type[Struct]) -> set[str]:
    return set(record.__struct_fields__) - set(Row.__struct_fields__)


@cache
def parsed() -> dict[Path, list[ast.AST]]:
    """Every node of every module of the product."""
    return {path: list(ast.walk(ast.parse(path.read_text("utf-8")))) for path in PRODUCT}


@cache
def read_attributes() -> frozenset[str]:
    """Every name that the product reads after a dot."""
    return frozenset(
        node.attr
        for nodes in parsed().values()
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    )


@cache
def members() -> dict[str, set[str]]:
    """Per name that can stand after a dot, the classes and modules that define it."""
    found: dict[str, set[str]] = {}
    for path, nodes in parsed().items():
        for node in nodes:
            owner = node.name if isinstance(node, ast.ClassDef) else path.stem
            for item in node.body if isinstance(node, ast.ClassDef | ast.Module) else ():
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                    found.setdefault(item.target.id, set()).add(owner)
                elif isinstance(item, ast.FunctionDef):
                    found.setdefault(item.name, set()).add(owner)
    return found


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_a_field_is_read_or_reserved(record: type[Struct]) -> None:
    """A field that nobody reads says what it is kept for; one that somebody reads is off the list."""
    kept = set(reserved(record.__name__))
    only_here = {field for field in kept if members()[field] == {record.__name__}}

    assert own_fields(record) - read_attributes() - kept == set()
    assert kept - own_fields(record) == set()
    assert only_here & read_attributes() == set()


def test_the_list_is_in_order() -> None:
    """It names records of the catalog, and a field once."""
    listed = [
        (record, field)
        for kept in KEPT.values()
        for record, fields in kept.items()
        for field in fields.split()
    ]

    assert {record for record, _ in listed} <= {record.__name__ for record in RECORDS}
    assert len(listed) == len(set(listed))
