"""Area of concern: who may import whom; the tree stays what design and CONTRIBUTING say it is."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLANNING = (
    "inferplan.plan",
    "inferplan.sizing",
    "inferplan.cost",
    "inferplan.decision",
    "inferplan.placement",
)
PULUMI = ("pulumi", "pulumi_aws", "pulumi_kubernetes", "pulumi_policy")
IMPURE = ("os", "time", "socket", "subprocess", "urllib", "requests", "boto3", "botocore", "random")
MAX_LINES = 400


def modules(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert found, f"no modules under {folders}"
    return found


def imports(path: Path) -> set[str]:
    """Every module a file imports, at any depth of it, `from x import y` as x and x.y; type-only ones not."""
    names: set[str] = set()
    tree = ast.parse(path.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def reaches(names: set[str], *forbidden: str) -> set[str]:
    return {name for name in names for bad in forbidden if name == bad or name.startswith(f"{bad}.")}


PURE = [p for p in modules("inferplan") if "cli" not in p.parts and "refresh" not in p.parts]


@pytest.mark.parametrize("path", PURE, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_pure_package_reaches_neither_pulumi_nor_the_world(path: Path) -> None:
    """`inferplan/` outside `cli/` has no Pulumi, stacks, policies, clock, network or environment."""
    names = imports(path)

    assert reaches(names, *PULUMI, "stacks", "components", "policies", "inferplan.cli", *IMPURE) == set()
    assert not re.search(r"\b(date\.today|datetime\.now|os\.environ)\b", path.read_text())


@pytest.mark.parametrize("path", modules("policies"), ids=lambda p: str(p.relative_to(ROOT)))
def test_policies_do_not_trust_the_planner(path: Path) -> None:
    """Rules see declaration, facts and resources; only the adapter knows pulumi_policy."""
    names = imports(path)

    assert reaches(names, *PLANNING, "stacks", "components", "inferplan.cli") == set()
    records = reaches(names, "inferplan.records")
    assert records == reaches(names, "inferplan.records.verdicts"), "the plan's records are the planner's"
    if path.name not in ("crossguard.py", "__main__.py"):
        assert reaches(names, *PULUMI) == set()


@pytest.mark.parametrize("path", modules("components"), ids=lambda p: str(p.relative_to(ROOT)))
def test_components_read_the_plan_and_nothing_else(path: Path) -> None:
    """Components contain no planning: of inferplan they know the plan's records only."""
    names = reaches(imports(path), "inferplan", "policies", "stacks")

    assert {name for name in names if not name.startswith("inferplan.records.plan")} == set()


@pytest.mark.parametrize(
    "path", modules("inferplan", "stacks", "components", "policies"), ids=lambda p: str(p.relative_to(ROOT))
)
def test_no_partition_is_spelled_out(path: Path) -> None:
    """Partition and DNS suffix come from the catalog, never from a literal."""
    code = path.read_text()

    assert "arn:aws:" not in code
    assert "amazonaws.com" not in code


@pytest.mark.parametrize(
    "path", modules("inferplan", "stacks", "components", "policies"), ids=lambda p: str(p.relative_to(ROOT))
)
def test_a_module_stays_readable(path: Path) -> None:
    """Modules stay under about 400 lines and open with a purpose and what is not there."""
    code = path.read_text()

    assert len(code.splitlines()) <= MAX_LINES
    if code.strip():
        docstring = ast.get_docstring(ast.parse(code)) or ""
        assert docstring, "no module docstring"


def test_planning_loads_no_pulumi() -> None:
    """Importing the whole pure road leaves Pulumi out of the process."""
    code = (
        "import sys, inferplan.plan.make, inferplan.spec.loading, policies.evaluate; "
        "print('pulumi' in sys.modules)"
    )

    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert out.stdout.strip() == "False"


def test_the_program_is_short() -> None:
    """`__main__.py` only calls the one road."""
    assert len((ROOT / "__main__.py").read_text().splitlines()) <= 15
