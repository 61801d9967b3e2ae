"""Area of concern: who may import whom; the tree stays what design and CONTRIBUTING say it is."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from inferplan.cli import VERBS

ROOT = Path(__file__).parents[2]
# Imports inside `inferplan/` run one way: no package imports one that stands after it.
ORDER = ("catalog", "spec", "records", "sizing", "cost", "decision", "plan", "report", "cli")
GROUND = (
    "errors",
    "exitcodes",
    "json_rows",
    "near",
    "printable",
    "properties",
    "resource",
)  # modules beside the packages, below all of them
PLANNING = tuple(f"inferplan.{package}" for package in ("records", "sizing", "cost", "decision", "plan"))
PULUMI = ("pulumi", "pulumi_aws", "pulumi_kubernetes", "pulumi_policy")
IMPURE = ("os", "time", "socket", "subprocess", "urllib", "requests", "boto3", "botocore", "random")
MAX_LINES = 400


def modules(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert found, f"no modules under {folders}"
    return found


def imports(path: Path, *, for_types: bool = False) -> set[str]:
    """Every module a file imports, at any depth of it, `from x import y` as x and x.y.

    Those under TYPE_CHECKING count only when they are asked for.
    """
    names: set[str] = set()
    tree = ast.parse(path.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING") and not for_types
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


def words(path: Path) -> set[str]:
    """Every name that a file's code uses or imports, and every text, so that quoted annotations count too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Name(id=word) | ast.Attribute(attr=word) | ast.alias(name=word):
                found.add(word)
            case ast.Constant(value=str(word)):
                found.add(word)
    return found


def reaches(names: set[str], *forbidden: str) -> set[str]:
    return {name for name in names for bad in forbidden if name == bad or name.startswith(f"{bad}.")}


PURE = [p for p in modules("inferplan") if "cli" not in p.parts and "refresh" not in p.parts]


@pytest.mark.parametrize("path", PURE, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_pure_package_reaches_neither_pulumi_nor_the_world(path: Path) -> None:
    """`inferplan/` outside `cli/` has no Pulumi, stacks, policies, clock, network or environment."""
    names = imports(path)

    assert reaches(names, *PULUMI, "stacks", "components", "policies", "inferplan.cli", *IMPURE) == set()
    assert not re.search(r"\b(date\.today|datetime\.now|os\.environ)\b", path.read_text())


def floor(module: str) -> int:
    """Where a module of `inferplan` stands; a name that has no place yet is an error."""
    package = module.split(".")[1]
    return 0 if package in GROUND else 1 + ORDER.index(package)


INSIDE = [path for path in modules("inferplan") if path != ROOT / "inferplan" / "__init__.py"]


RUN_TIME = [path for path in INSIDE if "refresh" not in path.parts]  # generators may use all of it


@pytest.mark.parametrize("path", RUN_TIME, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_inside_inferplan_run_one_way(path: Path) -> None:
    """No package imports one above it: not inside a function, and not for its types alone.

    A generator of the catalog may read configurations as sizing does; at run time none is imported (below).
    """
    is_generator = "refresh" in path.parts
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    own = floor("inferplan.sizing" if is_generator else module)
    names = reaches(imports(path, for_types=True), "inferplan") - {"inferplan"}

    assert {name for name in names if floor(name) > own} == set()


@pytest.mark.parametrize(
    "path", modules("inferplan", "stacks", "components", "policies"), ids=lambda p: str(p.relative_to(ROOT))
)
def test_generators_are_not_imported_at_run_time(path: Path) -> None:
    """What makes the catalog's tables is for whoever refreshes them."""
    of_refresh = reaches(imports(path, for_types=True), "inferplan.catalog.refresh")

    assert "refresh" in path.parts or of_refresh == set()


def test_no_two_modules_of_inferplan_share_a_name() -> None:
    """An import line says which module is meant; only the module of a verb is called what the verb is."""
    verbs = {ROOT / "inferplan" / "cli" / f"{verb}.py" for verb in VERBS}
    names = Counter(path.name for path in INSIDE if path.name != "__init__.py" and path not in verbs)

    assert {name for name, count in names.items() if count > 1} == set()


@pytest.mark.parametrize("path", modules("policies"), ids=lambda p: str(p.relative_to(ROOT)))
def test_policies_do_not_trust_the_planner(path: Path) -> None:
    """Rules see declaration, facts and resources; only the adapter knows pulumi_policy."""
    names = imports(path)

    told = reaches(names, "inferplan.records.gate", "inferplan.records.verdicts")

    assert reaches(names - told, *PLANNING, "stacks", "components", "inferplan.cli") == set()
    if path.name not in ("crossguard.py", "__main__.py"):
        assert reaches(names, *PULUMI) == set()


@pytest.mark.parametrize("path", modules("components"), ids=lambda p: str(p.relative_to(ROOT)))
def test_components_read_the_plan_and_nothing_else(path: Path) -> None:
    """Components contain no planning: of inferplan they know the plan's records only."""
    names = reaches(imports(path), "inferplan", "policies", "stacks")

    assert {name for name in names if not name.startswith("inferplan.records.plan")} == set()


@pytest.mark.parametrize("path", modules("components"), ids=lambda p: str(p.relative_to(ROOT)))
def test_components_take_what_they_need(path: Path) -> None:
    """Args carry names and their own block of the plan; only `stacks/` knows the whole and picks it apart."""
    assert "Plan" not in words(path)


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


# -- the rooms of policies/
PACKS = sorted(found.parent.name for found in (ROOT / "policies").glob("*/PulumiPolicy.yaml"))
PACK_MODULES = tuple(f"policies.{pack}" for pack in PACKS)
RULE_MODULES = [path for pack in PACKS for path in modules(f"policies/{pack}") if path.stem[0] != "_"]
OF_INFERPLAN = (
    "inferplan.spec",
    "inferplan.catalog",
    "inferplan.resource",
    "inferplan.properties",
    "inferplan.errors",
    "inferplan.near",
    "inferplan.records.gate",
    "inferplan.records.verdicts",
)
BELOW_VIEWS = ("read", "embedded", "types", "stack", "context", "rule", "views")


def named(path: Path) -> str:
    """The name under which a file is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def among_policies() -> dict[str, set[str]]:
    """Every module of policies/ with those that it imports."""
    files = {named(path): path for path in modules("policies")}
    return {name: imports(path) & files.keys() - {"policies"} for name, path in files.items()}


@pytest.mark.parametrize("path", modules("policies"), ids=lambda p: str(p.relative_to(ROOT)))
def test_policies_know_of_inferplan_what_is_declared(path: Path) -> None:
    """Declaration, facts and resources, and the one record by which the planner is told what rules deny."""
    names = reaches(imports(path) - {"inferplan"}, "inferplan")

    assert names - reaches(names, *OF_INFERPLAN) == set()


@pytest.mark.parametrize("path", RULE_MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_rule_module_imports_another(path: Path) -> None:
    """What two of them need is a view."""
    assert reaches(imports(path), *PACK_MODULES) == set()


@pytest.mark.parametrize("path", modules("policies/views"), ids=lambda p: str(p.relative_to(ROOT)))
def test_views_know_what_is_below_them(path: Path) -> None:
    """They read a stack for a context, and know neither who runs rules nor any rule."""
    names = reaches(imports(path) - {"policies"}, "policies")

    assert names - reaches(names, *(f"policies.{room}" for room in BELOW_VIEWS)) == set()


@pytest.mark.parametrize(
    "path", sorted((ROOT / "policies").glob("*.py")), ids=lambda p: str(p.relative_to(ROOT))
)
def test_what_runs_rules_knows_none(path: Path) -> None:
    """Rules are found in their folders; the world of their examples belongs to them and to tests."""
    assert reaches(imports(path), "policies.world", *PACK_MODULES) == set()


def test_policies_import_in_no_circle() -> None:
    """Taking away what imports nothing that is left takes everything away."""
    left = among_policies()
    while free := {name for name, needed in left.items() if not needed & left.keys() - {name}}:
        left = {name: needed for name, needed in left.items() if name not in free}

    assert left == {}
