"""Area of concern: the private parts of the Pulumi SDK that the recorder relies on are as it expects them.

When a new SDK moves one, its test fails and says what moved and what it was used for (docs/decisions/).
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from importlib import import_module
from importlib.metadata import version
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
RECORDER = (ROOT / "stacks" / "record.py", ROOT / "stacks" / "lean_sdk.py")
DECISION = ROOT / "docs" / "decisions" / "0009-the-recorder-uses-private-parts-of-the-sdk.md"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the SDK, what the recorder uses it for, and what it expects to see there."""

    path: str
    purpose: str
    look: Callable[[Any], Any]
    expected: Any


def takes(found: Any) -> list[str]:
    """Names of the parameters of a function."""
    return list(inspect.signature(found).parameters)


def accepts(*names: str) -> Callable[[Any], list[str]]:
    """Which of the names are parameters of a function."""
    return lambda found: [name for name in names if name in takes(found)]


def kind(found: Any) -> str:
    """Name of the type of a value."""
    return type(found).__name__


def field_names(found: Any) -> list[str]:
    """Names of the fields of a dataclass."""
    return [field.name for field in fields(found)]


def says(*texts: str) -> Callable[[Any], list[str]]:
    """Which of the texts stand in the source of a function."""
    return lambda found: [text for text in texts if text in inspect.getsource(found)]


GIVEN = ["project", "stack", "organization", "monitor", "engine", "dry_run", "legacy_apply_enabled"]
REGISTERS = ["rpc.transfer_properties(res, props, custom)", "_get_stack_trace()",
             "_get_source_position(stack_trace)", "asyncio.get_running_loop().run_in_executor("]  # fmt: skip
RESOLVES = ["resolve(None, False, False, None, exn)"]
PARTS = (
    Part("pulumi.runtime.settings:Settings.__init__", "take an own monitor", accepts(*GIVEN), GIVEN),
    Part("pulumi.runtime.settings:configure", "set them for one run", takes, ["settings"]),
    Part("pulumi.runtime.settings:SETTINGS.monitor_features", "say what the monitor can do", kind, "set"),
    Part("pulumi.runtime.settings:SETTINGS.outputs", "wait for every output", kind, "set"),
    Part("pulumi.runtime.settings:SETTINGS.rpc_manager", "raise the program's own error", kind, "RPCManager"),
    Part("pulumi.runtime.rpc_manager:RPCManager().unhandled_exception", "see that error", kind, "NoneType"),
    Part("pulumi.runtime.stack:Stack.__init__", "stand above all resources", takes, ["self", "func"]),
    Part("pulumi.runtime.stack:Stack._finish", "register the exports", takes, ["self"]),
    Part("pulumi.runtime.resource:register_resource", "go through what is replaced, in place",
         says(*REGISTERS), REGISTERS),
    Part("pulumi.runtime.resource:_get_stack_trace", "leave it out", takes, []),
    Part("pulumi.runtime.resource:_get_source_position", "leave it out", takes, ["stack"]),
    Part("pulumi.runtime.rpc:transfer_properties", "make one future per output", takes,
         ["res", "props", "custom"]),
    Part("pulumi.runtime.rpc:resolve_outputs_due_to_exception", "fill it", says(*RESOLVES), RESOLVES),
    Part("pulumi.runtime.rpc:UNKNOWN", "tell unknown values", kind, "str"),
    Part("pulumi.runtime.rpc:_special_sig_key", "tell special values", kind, "str"),
    Part("pulumi.runtime.rpc:_special_secret_sig", "tell secrets", kind, "str"),
    Part("pulumi.runtime.rpc:_special_resource_sig", "tell references to resources", kind, "str"),
    Part("pulumi.output:_OutputData", "resolve an output at once", field_names,
         ["resources", "value", "is_known", "is_secret"]),
    Part("pulumi.output:Output.__init__", "put that into an output", says("self._data ="), ["self._data ="]),
)  # fmt: skip


def moved(part: Part) -> str | None:
    """What is no longer as the recorder expects it; None when nothing moved."""
    module, _, name = part.path.partition(":")
    try:
        owner = import_module(module)
        if "()" in name:
            made, _, name = name.partition("().")
            owner = getattr(owner, made)()
        seen = part.look(attrgetter(name)(owner))
    except (ImportError, AttributeError) as problem:
        seen = f"nothing: {problem}"
    if seen == part.expected:
        return None
    return (
        f"pulumi {version('pulumi')} moved {part.path}, which the recorder uses to {part.purpose}: "
        f"expected {part.expected}, found {seen}; see {DECISION.relative_to(ROOT)}"
    )


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.path)
def test_a_private_part_is_where_it_was(part: Part) -> None:
    """Each part is there and has the form that the recorder was written for."""
    assert moved(part) is None


@pytest.mark.parametrize(
    ("part", "says_so"),
    [
        (Part("pulumi.runtime.rpc:_gone", "see", kind, "str"), "found nothing: module 'pulumi.runtime.rpc'"),
        (Part("pulumi.gone:x", "see", kind, "str"), "found nothing: No module named 'pulumi.gone'"),
        (Part("pulumi.runtime.rpc:transfer_properties", "see", takes, ["res"]), "expected ['res'], found"),
    ],
)
def test_what_moved_is_said(part: Part, says_so: str) -> None:
    """A part that is gone or has another form is named with its use."""
    told = moved(part) or ""

    assert says_so in told
    assert f"moved {part.path}, which the recorder uses to see" in told


def private_names(path: Path) -> set[str]:
    """Names with a leading underscore that a module takes from somebody else."""
    tree = ast.parse(path.read_text("utf-8"))
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    reached = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) != "self"
    }
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pulumi")
        for alias in node.names
    }
    return {name for name in (reached | imported) - own if name.startswith("_") and not name.startswith("__")}


def test_the_list_is_complete() -> None:
    """Whatever private name the recorder touches is on the list, and the decision names every part."""
    touched = {name for path in RECORDER for name in private_names(path)}
    listed = " ".join(part.path for part in PARTS) + " ".join(REGISTERS) + " self._data"
    decision = DECISION.read_text("utf-8")

    assert touched
    assert {name for name in touched if name not in listed} == set()
    assert [part.path for part in PARTS if f"`{part.path}`" not in decision] == []
