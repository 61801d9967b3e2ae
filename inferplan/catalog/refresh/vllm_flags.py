"""The command-line flags and environment variables of `vllm serve`, read from the source in a wheel.

Not here: importing vLLM (it needs torch); the source is parsed, so flags that plugins add are not seen.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from inferplan.catalog.refresh import rows, wheels

AS_OF = "2026-11-20"  # the day on which the pinned release was the current one
ENGINE = "vllm/engine/arg_utils.py"
FRONTEND = "vllm/entrypoints/common/cli_args.py"
ENVIRONMENT = "vllm/envs.py"
CONFIGS = "vllm/config/"
WRAPPERS = {"Annotated", "Optional", "SkipValidation"}


def _union(node: ast.expr) -> Iterator[str]:
    """Names of the members of a type annotation, wrappers removed."""
    if isinstance(node, ast.BinOp):
        yield from _union(node.left)
        yield from _union(node.right)
    elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in WRAPPERS:
        inner = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
        yield from _union(inner)
        if node.value.id == "Optional":
            yield "None"
    elif isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Constant):
        yield str(node.value)
    else:
        yield ast.unparse(node)


def _is_switch(annotation: ast.expr) -> bool:
    """Whether vLLM makes `--name` and `--no-name` of a field (its `_compute_kwargs`)."""
    members = set(_union(annotation))
    return "bool" in members and members != {"bool", "str", "None"}


class Wheel:
    """The parsed sources of one vLLM version."""

    def __init__(self, path: Path) -> None:
        with ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".py")]
            wanted = [
                name for name in names if name in {ENGINE, FRONTEND, ENVIRONMENT} or name.startswith(CONFIGS)
            ]
            self.trees = {name: ast.parse(archive.read(name)) for name in wanted}
        self.version = path.name.split("-")[1]
        self.classes = {
            node.name: (name, node)
            for name, tree in self.trees.items()
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef)
        }

    def fields(self, name: str) -> dict[str, ast.expr]:
        """Annotated fields of a class, inherited ones first."""
        if name not in self.classes:
            return {}
        node = self.classes[name][1]
        found: dict[str, ast.expr] = {}
        for parent in node.bases:
            found |= self.fields(ast.unparse(parent))
        for item in node.body:
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                found[item.target.id] = item.annotation
        return found

    def flags(self) -> set[str]:
        """Every option string."""
        found: set[str] = set()
        for name in (ENGINE, FRONTEND):
            for function in ast.walk(self.trees[name]):
                if isinstance(function, ast.FunctionDef) and function.name in {
                    "add_cli_args",
                    "make_arg_parser",
                }:
                    found.update(self._options(function))
        for field, annotation in self.fields("FrontendArgs").items():
            if field.startswith("_"):
                continue
            found.update(_spellings(f"--{field.replace('_', '-')}", switch=_is_switch(annotation)))
        return found

    def _options(self, function: ast.FunctionDef) -> Iterator[str]:
        configs: dict[str, str] = {}
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                call = node.value
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "get_kwargs":
                    configs[node.targets[0].id] = ast.unparse(call.args[0])
        for node in ast.walk(function):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr != "add_argument":
                continue
            switch = any(
                keyword.arg == "action" and "BooleanOptional" in ast.unparse(keyword.value)
                for keyword in node.keywords
            )
            for part in ast.walk(node):
                if (
                    isinstance(part, ast.Subscript)
                    and isinstance(part.value, ast.Name)
                    and part.value.id in configs
                ):
                    annotation = self.fields(configs[part.value.id]).get(str(ast.literal_eval(part.slice)))
                    switch = switch or (annotation is not None and _is_switch(annotation))
            for argument in node.args:
                if isinstance(argument, ast.Constant) and str(argument.value).startswith("-"):
                    yield from _spellings(str(argument.value), switch=switch)

    def environment(self) -> list[str]:
        """Names in `environment_variables`."""
        for node in self.trees[ENVIRONMENT].body:
            if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "environment_variables":
                assert isinstance(node.value, ast.Dict)
                return [str(ast.literal_eval(key)) for key in node.value.keys if key is not None]
        raise ValueError(f"no environment_variables in {ENVIRONMENT}")


def _spellings(option: str, *, switch: bool) -> Iterator[str]:
    yield option
    if switch and option.startswith("--"):
        yield f"--no-{option[2:]}"


def tables() -> dict[str, list[dict[str, Any]]]:
    """The tables with the rows of the pinned version as they should read; other versions keep theirs."""
    wheel = Wheel(wheels.wheel("vllm"))
    named = {
        "vllm_flags": [{"flag": flag} for flag in sorted(wheel.flags())],
        "vllm_env": [{"name": name} for name in sorted(wheel.environment())],
    }
    provenance = {"verified": True, "source": [f"vllm {wheel.version} wheel"], "as_of": AS_OF}
    return {
        table: [
            *(row for row in rows.read(table) if row["version"] != wheel.version),
            *({**name, "version": wheel.version, **provenance} for name in names),
        ]
        for table, names in named.items()
    }


def main() -> None:
    """Rewrite the tables and say what changed."""
    rows.replace(tables())


if __name__ == "__main__":
    main()
