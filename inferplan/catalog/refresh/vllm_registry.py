"""Quantization methods and dropped architectures of vLLM, and the flags of vLLM-Omni, from their wheels.

Not here: the flags of vLLM itself (vllm_flags) and which GPU can do a method (a table that people read).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any
from zipfile import ZipFile

from inferplan.catalog.refresh import rows, wheels
from inferplan.catalog.refresh.vllm_flags import AS_OF

METHODS = "vllm/model_executor/layers/quantization/__init__.py"
ONLINE = "vllm/config/quantization.py"
REGISTRY = "vllm/model_executor/models/registry.py"
OMNI = "vllm_omni/entrypoints/cli/serve.py"


def _module(package: str, path: str) -> ast.Module:
    with ZipFile(wheels.wheel(package)) as archive:
        return ast.parse(archive.read(path))


def _assigned(module: ast.Module, name: str) -> ast.expr:
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return node.value
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name and node.value is not None:
            return node.value
    raise ValueError(f"{name} is not assigned any more")


def _provenance(package: str, path: str) -> dict[str, Any]:
    source = [f"{package} {wheels.version(package)} wheel, {path}"]
    return {"verified": True, "source": source, "as_of": AS_OF}


def methods() -> Iterator[dict[str, Any]]:
    """Every value of `--quantization`, in the order of the source; those that quantize while loading."""
    module = _module("vllm", METHODS)
    listed, deprecated = (
        _assigned(module, "QuantizationMethods"),
        _assigned(module, "DEPRECATED_QUANTIZATION_METHODS"),
    )
    assert isinstance(listed, ast.Subscript)
    old = ast.literal_eval(deprecated)
    shorthands = _assigned(_module("vllm", ONLINE), "_ONLINE_SHORTHANDS")
    assert isinstance(shorthands, ast.Dict)
    online = {ast.literal_eval(key) for key in shorthands.keys if key is not None}
    for method in ast.literal_eval(listed.slice):
        row = {"method": method, "version": wheels.version("vllm"), "deprecated": method in old}
        yield row | {"at_load": method in online} | _provenance("vllm", METHODS)


def dropped() -> Iterator[dict[str, Any]]:
    """Architectures with the last version that had them; a person adds those that moved into plugins."""
    listed = ast.literal_eval(_assigned(_module("vllm", REGISTRY), "_PREVIOUSLY_SUPPORTED_MODELS"))
    found = {row["architecture"]: row for row in rows.hand_read("removed_architectures")}
    found |= {
        name: {"architecture": name, "last": last} | _provenance("vllm", REGISTRY)
        for name, last in listed.items()
    }
    return (found[name] for name in sorted(found))


def omni_flags() -> Iterator[dict[str, Any]]:
    """Every option string that vLLM-Omni adds to `vllm serve`."""
    for flag in sorted(set(_options(_module("vllm-omni", OMNI)))):
        row = {"flag": flag, "version": wheels.version("vllm-omni")}
        yield row | _provenance("vllm-omni", OMNI)


def _options(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".add_argument")):
            continue
        switch = any(
            keyword.arg == "action" and "BooleanOptional" in ast.unparse(keyword.value)
            for keyword in node.keywords
        )
        for argument in node.args:
            if isinstance(argument, ast.Constant) and str(argument.value).startswith("-"):
                yield str(argument.value)
                if switch and str(argument.value).startswith("--"):
                    yield f"--no-{str(argument.value)[2:]}"


def tables() -> dict[str, list[dict[str, Any]]]:
    """The three tables as they should read."""
    return {
        "vllm_methods": list(methods()),
        "removed_architectures": list(dropped()),
        "vllm_omni_flags": list(omni_flags()),
    }


def main() -> None:
    """Rewrite the tables and say what changed."""
    rows.replace(tables())


if __name__ == "__main__":
    main()
