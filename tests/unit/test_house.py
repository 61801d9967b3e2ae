"""Area of concern: what the house says of itself: modules named in docstrings exist, no clock is asserted."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("inferplan", "stacks", "components", "policies", "tests")
MODULES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
FILE_ENDINGS = (".py", ".json", ".yaml", ".txt", ".md", ".toml")
IDENTIFIER = re.compile(r"[a-z_][a-z_0-9]*(\.[a-z_][a-z_0-9]*)*")
DOTTED = re.compile(r"(?<![\w/.`-])[a-z_]\w*(?:\.[a-z_]\w*)+(?![\w/`-])")
CLOCKS = re.compile(r"\b(?:perf_counter|process_time|monotonic)\b|\btime\.time\(|\bdeadline=\d")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""


def named(text: str) -> Iterator[str]:
    """Modules and files that a module docstring names.

    Dotted names anywhere; in what is not here, the names that stand in parentheses.
    """
    yield from (name for name in DOTTED.findall(text) if not name.endswith(FILE_ENDINGS))
    _, _, elsewhere = text.partition("Not here")
    for inside in re.findall(r"\(([^()]*)\)", elsewhere):
        items = [item for item in re.split(r"[,;]\s+", " ".join(inside.split())) if item != "..."]
        prose = any(" " in item for item in items)
        for word in (word.strip(",;.") for word in inside.split()):
            is_name = IDENTIFIER.fullmatch(word) and ("_" in word or not prose)
            if is_name or ("/" in word and "<" not in word):
                yield word


def exists(name: str, seen_from: Path) -> bool:
    """Whether a file, module or member of a module has this name, seen from the folder or any above it."""
    parts = name.rstrip("/").split("." if "/" not in name else "/")
    for folder in (seen_from.parent, *seen_from.parent.parents):
        place = folder.joinpath(*parts)
        if place.exists() or place.with_suffix(".py").exists():
            return True
        module = folder.joinpath(*parts[:-1]).with_suffix(".py")
        if "/" not in name and len(parts) > 1 and module.exists():
            return hasattr(import_module(".".join(module.relative_to(ROOT).with_suffix("").parts)), parts[-1])
        if folder == ROOT:
            return False
    return False


@pytest.mark.parametrize("path", MODULES, ids=map(name_of, MODULES))
def test_modules_that_docstrings_name_exist(path: Path) -> None:
    """Who reads where something is not is told where it is."""
    assert [name for name in named(docstring(path)) if not exists(name, path)] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Reads policies.flows and config.json.", ["policies.flows"]),
        ("One thing (of its kind). Not here: a, (budget) and b (gone.away, node_group, ...).",
         ["gone.away", "budget", "gone.away", "node_group"]),
        ("Not here: it (gateway_in_cluster for the cluster; docs/no.md), nor that (the plan).",
         ["gateway_in_cluster", "docs/no.md"]),
    ],
)  # fmt: skip
def test_names_are_found(text: str, found: list[str]) -> None:
    """What the test above looks for is found where it is, and prose is left alone."""
    assert list(named(text)) == found


def test_what_exists_is_known() -> None:
    """A sibling, a folder above, a member and a file are known; what is nowhere is not."""
    here = ROOT / "inferplan" / "plan" / "make.py"

    assert all(
        exists(name, here)
        for name in ("search", "own_weights.servers", "policies", "docs/spec.md", "make.make_plan")
    )
    assert not any(
        exists(name, here) for name in ("gateway_in_cluster", "policies.flow", "docs/no.md", "make.made")
    )


MEASURING = {"tests/bench.py", "tests/bench_warm.py"}  # prints ratios, asserts nothing
WAITING = {"tests/cluster/cluster.py", "tests/cluster/control_plane.py"}  # give up after a while
WORKER = "inferplan/cli/mirroring/worker"
TELLING = {f"{WORKER}/run.py", f"{WORKER}/telling.py"}  # say how long it took, and how it goes now and then


@pytest.mark.parametrize(
    "path", [path for path in MODULES if name_of(path) not in MEASURING | WAITING | TELLING], ids=name_of
)
def test_no_clock_is_asserted(path: Path) -> None:
    """A slow machine fails no test; what measures belongs to `make bench`."""
    code = path.read_text("utf-8") if path != Path(__file__) else ""

    assert not CLOCKS.findall(code)
