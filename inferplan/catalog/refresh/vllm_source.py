"""What one release of vLLM knows and accepts, read from the source in its wheel.

Not here: importing vLLM (it needs torch); the source is parsed, so what plugins register is not seen.
The tables that are made of it are those of vllm_limits.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

CAPABILITIES = ("7.0", "7.5", "8.0", "8.6", "8.9", "9.0", "10.0", "10.3", "12.0")  # of the catalog's GPUs
QUANTIZATION = "vllm/model_executor/layers/quantization/"
REGISTRY = ("vllm/model_executor/models/registry.py", "vllm/model_executor/models/__init__.py")
CONFIGS = ("vllm/config/cache.py", "vllm/config/model.py", "vllm/config.py", "vllm/config/__init__.py")
BACKENDS = "vllm/v1/attention/backends/"
# Registries that hold no models to serve: those that help to draft, those that left, and their sum.
NOT_SERVED = ("SPECULATIVE", "PREVIOUSLY", "OOT", "TRANSFORMERS_BACKEND", "VLLM_MODELS")
WITH_CLASSES = (
    QUANTIZATION,
    BACKENDS,
    "vllm/model_executor/models/",
    "vllm/models/",
    "vllm/v1/attention/backend",
)
DEEPSEEK = {"deepseek_config": "DeepseekV4FP8Config"}  # chosen by platform in the source


class Capability(NamedTuple):
    """Stands in for vLLM's DeviceCapability where one of its conditions is evaluated."""

    major: int
    minor: int

    def to_int(self) -> int:
        """As vLLM counts: 89 is 8.9."""
        return self.major * 10 + self.minor


class Release:
    """The parsed source of one version, from its wheel or from a folder that it was unpacked to."""

    def __init__(self, path: Path) -> None:
        self.version = path.name.removeprefix("v") if path.is_dir() else path.name.split("-")[1]
        if path.is_dir():
            self._texts = {
                str(file.relative_to(path)): file.read_bytes() for file in sorted(path.glob("vllm/**/*.py"))
            }
        else:
            with ZipFile(path) as archive:
                names = [name for name in sorted(archive.namelist()) if name.endswith(".py")]
                self._texts = {name: archive.read(name) for name in names if name.startswith("vllm/")}
        self._trees: dict[str, ast.Module] = {}

    def tree(self, name: str) -> ast.Module | None:
        """One parsed file; None where the version has none of that name."""
        if name not in self._texts:
            return None
        if name not in self._trees:
            self._trees[name] = ast.parse(self._texts[name])
        return self._trees[name]

    def cache_dtypes(self) -> list[str]:
        """Values of `--kv-cache-dtype`."""
        node = self._value("CacheDType")
        if node is not None:
            return _texts(node)
        for call in _calls(self.tree("vllm/engine/arg_utils.py"), "add_argument"):
            if call.args and ast.unparse(call.args[0]) == "'--kv-cache-dtype'":
                return [text for key in call.keywords if key.arg == "choices" for text in _texts(key.value)]
        raise ValueError(f"vLLM {self.version}: no values of --kv-cache-dtype")

    def no_float16(self) -> list[str]:
        """Model types that are refused in float16."""
        node = self._value("_FLOAT16_NOT_SUPPORTED_MODELS")
        if isinstance(node, ast.Dict):
            return [str(ast.literal_eval(key)) for key in node.keys if key is not None]
        return _texts(node) if node is not None else []

    def methods(self) -> dict[str, dict[str, Any]]:
        """Values of `--quantization`: least compute capability, types of activations, whether deprecated."""
        tree = self.tree(f"{QUANTIZATION}__init__.py")
        named = _assigned(tree, "QuantizationMethods") or _assigned(tree, "QUANTIZATION_METHODS")
        assert named is not None
        listed = _keys(named) if isinstance(named, ast.Dict) else _texts(named)
        mapping = _assigned(tree, "method_to_config") or named
        classes = (
            dict(zip(_keys(mapping), mapping.values, strict=True)) if isinstance(mapping, ast.Dict) else {}
        )
        deprecated = _texts(_assigned(tree, "DEPRECATED_QUANTIZATION_METHODS"))
        found = {}
        for method in listed:
            name = ast.unparse(classes[method]) if method in classes else "OnlineQuantizationConfig"
            name = DEEPSEEK.get(name, name)
            least = self._returned(name, "get_min_capability")
            types = self._returned(name, "get_supported_act_dtypes")
            found[method] = {
                "min_cc": _capability(least) if isinstance(least, ast.Constant) else None,
                "dtypes": _dtypes(types) if types is not None else [],
                "deprecated": method in deprecated,
            }
        return found

    def architectures(self) -> dict[str, dict[str, bool]]:
        """Architectures of models that are served, and whether each takes pipeline parallel and LoRA."""
        return {
            architecture: {
                "pipeline": self._supports(module, name, "SupportsPP"),
                "lora": self._supports(module, name, "SupportsLoRA"),
            }
            for architecture, module, name in self.registered()
        }

    def registered(self) -> Iterator[tuple[str, str, str]]:
        """Every architecture that is served, with the module and the class that run it."""
        for path in REGISTRY:
            tree = self.tree(path)
            for table in tree.body if tree is not None else []:
                target = _target(table)
                if target is None or not _serves(target):
                    continue
                for architecture, (module, name) in _entries(table.value):  # type: ignore[attr-defined]
                    yield architecture, module, name

    def attention(self) -> dict[str, dict[str, Any]]:
        """Attention backends that NVIDIA GPUs get unasked: what each keeps in its cache, where it runs."""
        found = {}
        for name, (file, node) in sorted(self._backends.items()):
            if name not in self._automatic and "DSV4" not in name:
                continue
            heads = self._method(file, node, "get_supported_head_sizes")
            runs = self._method(file, node, "supports_compute_capability")
            found[name] = {
                "mla": "/mla/" in file,
                "sparse": _is_true(self._method(file, node, "is_sparse")),
                "cache_dtypes": _texts(self._attribute(node, "supported_kv_cache_dtypes")),
                "head_sizes": [int(ast.literal_eval(item)) for item in getattr(heads, "elts", [])],
                "capabilities": [text for text in CAPABILITIES if _holds(runs, text)],
            }
        return found

    # -- how it is found ---------------------------------------------------------------------------
    def _value(self, name: str) -> ast.expr | None:
        return next(
            (node for path in CONFIGS if (node := _assigned(self.tree(path), name)) is not None), None
        )

    @cached_property
    def _classes(self) -> Mapping[str, list[tuple[str, ast.ClassDef]]]:
        """Every class of the source, by name."""
        found: dict[str, list[tuple[str, ast.ClassDef]]] = {}
        for name, text in self._texts.items():
            if b"class " in text and name.startswith(
                (*WITH_CLASSES, "vllm/model_executor/layers/attention/")
            ):
                tree = self.tree(name)
                for node in ast.walk(tree) if tree is not None else ():
                    if isinstance(node, ast.ClassDef):
                        found.setdefault(node.name, []).append((name, node))
        return found

    def _class(self, name: str, near: str) -> tuple[str, ast.ClassDef] | None:
        """A class by name: of the same file, else as imported there, else the only one, NVIDIA's first."""
        found = self._classes.get(name.rpartition(".")[2], [])
        made = _assigned(self.tree(near), name) if not found else None
        if isinstance(made, ast.Call) and made.args:  # such as `as_embedding_model(LlamaForCausalLM)`
            made = made.args[0]
        if isinstance(made, ast.Name) and made.id != name:
            return self._class(made.id, near)
        here = [one for one in found if one[0] == near]
        known = here or self._imported(near, name) or [one for one in found if "/nvidia/" in one[0]] or found
        return known[0] if known else None

    def _imported(self, file: str, name: str) -> list[tuple[str, ast.ClassDef]]:
        tree = self.tree(file)
        for node in ast.walk(tree) if tree is not None else ():
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        end = f"{node.module.replace('.', '/')}.py"
                        return [one for one in self._classes.get(alias.name, []) if one[0].endswith(end)]
        return []

    def _line(self, file: str, node: ast.ClassDef) -> Iterator[tuple[str, ast.ClassDef]]:
        """A class and those that it is made of, nearest first."""
        yield file, node
        for base in node.bases:
            plain = ast.unparse(base.value if isinstance(base, ast.Subscript) else base)
            parent = self._class(plain, file)
            if parent is not None and parent[1] is not node:
                yield from self._line(*parent)

    def _returned(self, name: str, method: str) -> ast.expr | None:
        """What a method of a class returns in its first `return`."""
        found = self._class(name, "")
        return self._method(*found, method) if found is not None else None

    def _method(self, file: str, node: ast.ClassDef, name: str) -> ast.expr | None:
        for _, one in self._line(file, node):
            for item in one.body:
                if isinstance(item, ast.FunctionDef) and item.name == name:
                    returns = [part for part in ast.walk(item) if isinstance(part, ast.Return)]
                    return returns[0].value if returns else None
        return None

    def _attribute(self, node: ast.ClassDef, name: str) -> ast.expr | None:
        for _, one in self._line("", node):
            for item in one.body:
                if _target(item) == name:
                    value: ast.expr | None = item.value  # type: ignore[attr-defined]
                    return value
        return None

    def model(self, module: str, name: str) -> tuple[str, ast.ClassDef] | None:
        """The class of a model in a module of the registry, with its file."""
        path = module.replace(".", "/") if "." in module else f"vllm/model_executor/models/{module}"
        files = [file for file in (f"{path}.py", f"{path}/__init__.py") if file in self._texts]
        found = self._class(name, files[0] if files else "")
        inside = [one for one in self._classes.get(name, []) if one[0].startswith(f"{path}/nvidia/")]
        return inside[0] if inside else found

    def _supports(self, module: str, name: str, interface: str) -> bool:
        found = self.model(module, name)
        if found is None:
            return False
        seen = {interface}
        return any(
            ast.unparse(base).partition("[")[0].rpartition(".")[2] in seen
            for _, one in self._line(*found)
            for base in one.bases
        )

    @cached_property
    def _automatic(self) -> set[str]:
        """Backends that are tried where none is named; DeepSeek V4's layers choose theirs themselves."""
        tree = self.tree("vllm/platforms/cuda.py")
        found = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)) if tree else ()
        chooser = next((node for node in found if node.name == "_get_backend_priorities"), None)
        parts = ast.walk(chooser) if chooser is not None else ()
        return {part.attr for part in parts if isinstance(part, ast.Attribute) and part.attr.isupper()}

    @cached_property
    def _backends(self) -> Mapping[str, tuple[str, ast.ClassDef]]:
        """Backends of the registry by their name."""
        found = {}
        tree = self.tree(f"{BACKENDS}registry.py")
        for node in ast.walk(tree) if tree is not None else ():
            name = _target(node)
            if (
                name is None
                or not name.isupper()
                or not isinstance(getattr(node, "value", None), ast.Constant)
            ):
                continue
            path = str(node.value.value)  # type: ignore[attr-defined]
            module, _, kind = path.rpartition(".")
            file = f"{module.replace('.', '/')}.py"
            inside = [one for one in self._classes.get(kind, []) if one[0] == file]
            if inside and not any(word in name for word in ("ROCM", "XPU", "CPU", "TPU")):
                found[name] = inside[0]
        return found


def _target(node: ast.AST) -> str | None:
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
        return node.target.id
    return None


def _assigned(tree: ast.Module | None, name: str) -> ast.expr | None:
    for node in ast.walk(tree) if tree is not None else ():
        if _target(node) == name:
            value: ast.expr = node.value  # type: ignore[attr-defined]
            return value
    return None


def _texts(node: ast.AST | None) -> list[str]:
    parts = ast.walk(node) if node is not None else ()
    return [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]


def _keys(node: ast.Dict) -> list[str]:
    return [str(ast.literal_eval(key)) for key in node.keys if key is not None]


def _calls(tree: ast.Module | None, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name:
            yield node


def _serves(table: str) -> bool:
    return table.endswith("MODELS") and not any(word in table for word in NOT_SERVED)


def _entries(node: ast.expr) -> Iterator[tuple[str, tuple[str, str]]]:
    for key, value in zip(getattr(node, "keys", []), getattr(node, "values", []), strict=True):
        if isinstance(key, ast.Constant) and isinstance(value, ast.Tuple) and len(value.elts) >= 2:
            names = [ast.literal_eval(item) for item in value.elts[:2]]
            yield str(key.value), (str(names[0]), str(names[1]))


def _capability(node: ast.Constant) -> str:
    """`89` is compute capability 8.9."""
    number = int(node.value)  # type: ignore[arg-type]
    return f"{number // 10}.{number % 10}"


def _dtypes(node: ast.expr) -> list[str]:
    names = {"half": "float16", "float": "float32"}
    found = [part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)]
    return sorted({names.get(name, name) for name in found})


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _holds(condition: ast.expr | None, capability: str) -> bool:
    """Whether a backend's own condition on the GPU is true of a compute capability."""
    if condition is None:
        return True
    major, _, minor = capability.partition(".")
    names = {"capability": Capability(int(major), int(minor)), "DeviceCapability": Capability}
    code = compile(ast.Expression(condition), "condition", "eval")
    return bool(eval(code, {"__builtins__": {}}, names))  # an expression of a pinned wheel
