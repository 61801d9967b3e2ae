"""What pinned wheels state of open-weight models, each as the config.json-like mapping that sizing reads.

Not here: how rows are made of it (models), and what no wheel states and a person has read.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from types import ModuleType
from typing import Any
from zipfile import ZipFile

from inferplan.catalog.refresh import wheels

Config = dict[str, Any]
PACKAGES = ("aiconfigurator-core", "litgpt", "transformers", "mteb", "vllm", "gpustack")
BESIDE = "hf_quant_config"
CONFIGS = "aiconfigurator_core/model_configs/"
REVIEWS = "mteb/models/model_implementations/"
LISTED = "gpustack/assets/model-catalog.yaml"
REGISTRY = "vllm/model_executor/models/registry.py"
POOLING = {
    "_EMBEDDING_MODELS",
    "_LATE_INTERACTION_MODELS",
    "_REWARD_MODELS",
    "_TOKEN_CLASSIFICATION_MODELS",
    "_SEQUENCE_CLASSIFICATION_MODELS",
}
GENERATING = {"_TEXT_GENERATION_MODELS", "_MULTIMODAL_MODELS", "_TRANSFORMERS_SUPPORTED_MODELS"}
# litgpt's names of what a config.json states
LITGPT = {
    "n_layer": "num_hidden_layers",
    "n_embd": "hidden_size",
    "n_head": "num_attention_heads",
    "n_query_groups": "num_key_value_heads",
    "head_size": "head_dim",
    "intermediate_size": "intermediate_size",
    "moe_intermediate_size": "moe_intermediate_size",
    "padded_vocab_size": "vocab_size",
    "block_size": "max_position_embeddings",
    "n_expert": "num_experts",
    "n_expert_per_token": "num_experts_per_tok",
}


def config_of(source: str) -> Config:
    """What `package name` states; raises KeyError for a name that the package does not know."""
    package, _, name = source.partition(" ")
    readers = {
        "aiconfigurator-core": aiconfigurator,
        "litgpt": litgpt,
        "transformers": transformers,
        "mteb": mteb,
    }
    return readers[package](name)


def cited(source: str) -> str:
    """The source as a row names it: the wheel, its version and the file or entry in it."""
    package, _, name = source.partition(" ")
    where = {
        "aiconfigurator-core": f"model_configs/{name}_config.json, a copy of the config.json",
        "litgpt": f"litgpt/config.py, {name}",
        "transformers": f"defaults of {name}",
        "mteb": f"metadata of {name}",
    }[package]
    return f"{package} {wheels.version(package)} wheel: {where}"


def aiconfigurator(name: str) -> Config:
    """A copy of a config.json; the hf_quant_config.json beside it, where there is one, under its name."""
    with ZipFile(wheels.wheel("aiconfigurator-core")) as archive:
        found: Config = json.loads(archive.read(f"{CONFIGS}{name}_config.json"))
        beside = f"{CONFIGS}{name}_{BESIDE}.json"
        if beside in archive.namelist():
            found[BESIDE] = json.loads(archive.read(beside))
    return found


@cache
def _litgpt() -> Mapping[str, Any]:
    """Every model of litgpt, by its repository; the module has no import that is not installed here."""
    with ZipFile(wheels.wheel("litgpt")) as archive:
        code = archive.read("litgpt/config.py").decode()
    module = ModuleType("litgpt_config")
    sys.modules[module.__name__] = module  # dataclasses look their own module up
    exec(compile(code, "litgpt/config.py", "exec"), module.__dict__)
    known = module.__dict__["configs"]
    return {f"{one['hf_config']['org']}/{one['hf_config']['name']}": module.Config(**one) for one in known}


def litgpt(name: str) -> Config:
    """The shapes that litgpt states for a repository."""
    one = _litgpt()[name]
    found = {theirs: getattr(one, ours) for ours, theirs in LITGPT.items() if getattr(one, ours)}
    if one.sliding_window_size and one.sliding_window_size < one.block_size:
        sliding = one.sliding_window_indices or [1] * one.n_layer
        kinds = ("full_attention", "sliding_attention")
        found["sliding_window"] = one.sliding_window_size
        found["layer_types"] = [kinds[flag] for flag in sliding[: one.n_layer]]
    return found


def transformers(name: str) -> Config:
    """The constants that a configuration class of transformers takes where a file says nothing."""
    folder, _, wanted = name.partition(".")
    path = f"transformers/models/{folder}/configuration_{folder}.py"
    with ZipFile(wheels.wheel("transformers")) as archive:
        tree = ast.parse(archive.read(path))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == wanted)
    return {
        item.target.id: item.value.value
        for item in body
        if isinstance(item, ast.AnnAssign)
        and isinstance(item.target, ast.Name)
        and isinstance(item.value, ast.Constant)
        and item.value.value is not None
    }


@cache
def _reviewed() -> Mapping[str, Config]:
    """The constants of every model that mteb describes."""
    found: dict[str, Config] = {}
    with ZipFile(wheels.wheel("mteb")) as archive:
        for path in sorted(name for name in archive.namelist() if name.startswith(REVIEWS)):
            for node in ast.walk(ast.parse(archive.read(path))) if path.endswith(".py") else ():
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "ModelMeta":
                    stated = {word.arg: _constant(word.value) for word in node.keywords if word.arg}
                    found.setdefault(str(stated.get("name")), stated)
    return found


def _constant(node: ast.expr) -> Any:
    """What an expression of plain numbers and texts is, else None."""
    try:
        return eval(compile(ast.Expression(node), "mteb", "eval"), {"__builtins__": {"int": int}})
    except (NameError, AttributeError, TypeError):
        return None


def mteb(name: str) -> Config:
    """Parameters, longest input and license tag that mteb states of an embedding or reranking model."""
    stated = _reviewed()[name]
    names = {"n_parameters": "num_parameters", "max_tokens": "max_position_embeddings", "license": "license"}
    return {
        theirs: int(stated[ours]) if isinstance(stated[ours], float) else stated[ours]
        for ours, theirs in names.items()
        if stated.get(ours) is not None
    }


@cache
def license_tags() -> Mapping[str, str]:
    """The license tag that gpustack's catalog states of each repository; none where its entries differ."""
    import yaml

    with ZipFile(wheels.wheel("gpustack")) as archive:
        listed = yaml.safe_load(archive.read(LISTED))["model_sets"]
    said: dict[str, set[str]] = {}
    for one in listed:
        for spec in one.get("specs") or ():
            if spec.get("huggingface_repo_id"):
                said.setdefault(spec["huggingface_repo_id"], set()).update(one.get("licenses") or ())
    return {name: next(iter(tags)) for name, tags in said.items() if len(tags) == 1}


def cited_license() -> str:
    """The source of license tags as a row names it."""
    return f"gpustack {wheels.version('gpustack')} wheel: {LISTED} (license)"


def _tables() -> Iterator[tuple[str, str, tuple[str, str]]]:
    """Per architecture of vLLM's registry its table, and the module and class that run it."""
    with ZipFile(wheels.wheel("vllm")) as archive:
        tree = ast.parse(archive.read(REGISTRY))
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            table = ast.unparse(node.targets[0])
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                if table in POOLING | GENERATING and key is not None:
                    yield table, ast.literal_eval(key), ast.literal_eval(value)


@cache
def transcribers() -> Mapping[str, str]:
    """Architectures whose class in vLLM writes down speech: "only", or something else, too."""
    found: dict[str, str] = {}
    with ZipFile(wheels.wheel("vllm")) as archive:
        for _, architecture, (module, name) in _tables():
            path = module.replace(".", "/") if "." in module else f"vllm/model_executor/models/{module}"
            text = archive.read(f"{path}.py") if f"{path}.py" in archive.namelist() else b""
            for node in ast.parse(text).body if b"SupportsTranscription" in text else ():
                if not (isinstance(node, ast.ClassDef) and node.name == name):
                    continue
                if "SupportsTranscription" in map(ast.unparse, node.bases):
                    is_only = "supports_transcription_only = True" in ast.unparse(node)
                    found[architecture] = "only" if is_only else "too"
    return found


@cache
def served() -> Mapping[str, frozenset[str]]:
    """Per architecture that vLLM serves, how: generate, pooling, or both."""
    found: dict[str, set[str]] = {}
    for table, architecture, _ in _tables():
        found.setdefault(architecture, set()).add("pooling" if table in POOLING else "generate")
    return {name: frozenset(ways) for name, ways in found.items()}
