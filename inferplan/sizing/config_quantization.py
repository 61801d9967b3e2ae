"""How the repository of a config.json stores each module: its format and bytes per parameter.

It reads `quantization_config` by the conventions of fp8, fbgemm, mxfp4, awq, gptq, compressed-tensors and
modelopt, and the `hf_quant_config.json` beside it. Not here: which modules there are (config_tensors).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from inferplan.sizing.config_layers import Unclear
from inferplan.sizing.config_tensors import Module
from inferplan.sizing.formats import weight_format
from inferplan.sizing.tensors import HALF

_GROUPED = ("awq", "gptq", "auto_awq", "auto_gptq")
_ALGORITHMS = {  # of modelopt
    "FP8": "fp8",
    "FP8_PER_CHANNEL_PER_TOKEN": "fp8",
    "FP8_PB_WO": "fp8",
    "MXFP8": "mxfp8",
    "NVFP4": "nvfp4",
    "W4A16_NVFP4": "nvfp4",
    "NVFP4_AWQ": "nvfp4",
    "W4A16_AWQ": "w4a16",
    "W4A8_AWQ": "w4a16",
    "INT4_AWQ": "w4a16",
    "W8A8_SQ_PER_CHANNEL": "int8",
}
_EXPERT_TYPES = {"fp4": "mxfp4", "fp8": "fp8", "bf16": "bf16", "bfloat16": "bf16"}
# one spelling for what repositories call differently
_SPELLINGS = (
    (re.compile(r"^(?:\*\.|(?:model|language_model|backbone|transformer)\.)+"), ""),
    (re.compile(r"(^|\.)(?:block_sparse_moe|ffn|feed_forward|moe)(?=\.|$)"), r"\1mlp"),
    (re.compile(r"(^|\.)attn(?=\.|$)"), r"\1self_attn"),
    (re.compile(r"(^|\.)shared_expert(?=\.|$|\*)"), r"\1shared_experts"),
    (re.compile(r"(^|\.)(?:gate_proj|gate_up_proj|w1|w3)(?=\.|$)"), r"\1up_proj"),
    (re.compile(r"(^|\.)w2(?=\.|$)"), r"\1down_proj"),
    (re.compile(r"^head$"), "lm_head"),
    (re.compile(r"^embeddings$"), "embed_tokens"),
)


class Stored(NamedTuple):
    """The format of a module, a row of weight_formats, and its bytes per parameter."""

    format: str
    size: float


SIXTEEN = Stored("bf16", HALF)


class Storage:
    """How each module is stored; made by `storage_of`."""

    def __init__(
        self,
        base: Stored,
        excluded: Iterable[str] = (),
        listed: Mapping[str, Stored] | None = None,
        groups: Iterable[tuple[tuple[str, ...], Stored]] = (),
        experts: Stored | None = None,
        scope: str = "linear",
        is_whole: bool = True,
    ) -> None:
        self.is_whole = is_whole  # whether the modules that stay at 16 bit are named
        self._base, self._experts, self._scope = base, experts, scope
        self._names, self._expressions = _matchers(excluded)
        self._listed = {_spelled(name): stored for name, stored in (listed or {}).items()}
        self._groups = [(_matchers(targets), stored) for targets, stored in groups]

    def of(self, module: Module) -> Stored:
        """The storage of one module."""
        path = module.path
        if self._listed:
            for name in _prefixes(path):
                if name in self._listed:
                    return self._listed[name]
            if self._base is SIXTEEN:
                return SIXTEEN
        if module.kind == "kept":
            return SIXTEEN
        if module.kind == "expert" and self._experts is not None:
            return self._experts
        if self._scope == "experts" and module.kind != "expert":
            return SIXTEEN
        if self._scope == "mlp" and module.group != "feed-forward":
            return SIXTEEN
        if _matches(path, self._names, self._expressions):
            return SIXTEEN
        for (names, expressions), stored in self._groups:
            if _matches(path, names, expressions):
                return stored
        return self._base


def storage_of(
    config: Mapping[str, Any], beside: Mapping[str, Any] | None = None
) -> tuple[Storage, str | None]:
    """The storage and the method's name as the file gives it, None for a 16-bit repository.

    `beside` is the content of hf_quant_config.json; like the engine, it counts only where config.json says
    nothing. Raises Unclear, or catalog.UnknownName for a method that no format means.
    """
    said = config.get("quantization_config")
    if not said and beside:
        said = beside.get("quantization", beside)
    if not isinstance(said, Mapping) or not said:
        return Storage(SIXTEEN), None
    method = str(said.get("quant_method") or "").lower()
    if said.get("dynamic"):
        raise Unclear("quantization_config.dynamic: exceptions by module are not understood")
    if said.get("quant_algo") and (not method or method.startswith("modelopt") or "quantized_layers" in said):
        return _modelopt(said, config), method or "modelopt"
    if method == "compressed-tensors":
        return _compressed_tensors(said), method
    if method.startswith(_GROUPED):
        return Storage(_grouped(said), _names(said, "modules_to_not_convert")), method
    excluded = _names(said, "modules_to_not_convert", "ignored_layers", "exclude_modules")
    return storage_by_name(method or "bfloat16", excluded, _expert_storage(config)), method


def cache_dtype_of(config: Mapping[str, Any], beside: Mapping[str, Any] | None = None) -> str | None:
    """The type of KV cache that the repository asks for; None: the model's own (vllm, torch_utils.py)."""
    said = config.get("quantization_config")
    if not said and beside:
        said = beside.get("quantization", beside)
    if not isinstance(said, Mapping):
        return None
    asked = said.get("kv_cache_scheme") or said.get("kv_cache_quant_algo")
    if isinstance(asked, Mapping):
        bits = asked.get("num_bits")
        asked = (
            {8: "fp8", 4: "nvfp4"}.get(bits if isinstance(bits, int) else 0)
            if asked.get("type") == "float"
            else None
        )
    return {"FP8": "fp8", "NVFP4": "nvfp4"}.get(str(asked).upper())


def storage_by_name(method: str, excluded: Iterable[str] = (), experts: Stored | None = None) -> Storage:
    """The storage that a method's name alone says; raises catalog.UnknownName."""
    form = weight_format(method)
    if form.id == "bf16":
        return Storage(SIXTEEN)
    scope = "linear" if form.scope == "all" or (form.scope == "mlp" and excluded) else form.scope
    return Storage(_format(form.id), excluded, experts=experts, scope=scope)


def _format(name: str) -> Stored:
    return Stored(name, HALF if name == "bf16" else weight_format(name).bytes_per_param)


def _expert_storage(config: Mapping[str, Any]) -> Stored | None:
    said = config.get("expert_dtype")
    if said is None:
        return None
    if not isinstance(said, str) or said not in _EXPERT_TYPES:
        raise Unclear(f"expert_dtype {said!r:.40} is not understood")
    return _format(_EXPERT_TYPES[said])


def _algorithm(said: object, field: str) -> Stored:
    name = _ALGORITHMS.get(str(said).upper())
    if name is None:
        raise Unclear(f"{field} {said!r:.40} is not understood")
    return _format(name)


def _modelopt(said: Mapping[str, Any], config: Mapping[str, Any]) -> Storage:
    algorithm, layers = str(said["quant_algo"]).upper(), said.get("quantized_layers")
    excluded = _names(said, "exclude_modules", "ignore")
    if isinstance(layers, Mapping) and layers:
        listed = {}
        for name, how in layers.items():
            kind = how.get("quant_algo") if isinstance(how, Mapping) else how
            listed[str(name)] = _algorithm(kind, "quantized_layers: quant_algo")
        base = SIXTEEN
        if said.get("moe_quant_algo") and said.get("quant_method") == "fp8":
            base = _format("fp8")  # the exceptions are from the experts' format, the rest is as published
        return Storage(base, listed=listed)
    if algorithm == "MIXED_PRECISION":
        raise Unclear("quant_algo MIXED_PRECISION without quantized_layers: which layer is how is not said")
    return Storage(_algorithm(algorithm, "quant_algo"), excluded, is_whole=bool(excluded))


def _compressed_tensors(said: Mapping[str, Any]) -> Storage:
    groups = said.get("config_groups")
    found: list[tuple[tuple[str, ...], Stored]] = []
    base = SIXTEEN
    for group in groups.values() if isinstance(groups, Mapping) else ():
        if not isinstance(group, Mapping):
            continue
        weights = group.get("weights")
        stored = _packed(weights) if isinstance(weights, Mapping) else SIXTEEN
        targets = tuple(str(one) for one in group.get("targets") or ("Linear",))
        if "Linear" in targets:
            base = stored
        others = tuple(one for one in targets if one != "Linear")
        if others:
            found.append((others, stored))
    return Storage(base, _names(said, "ignore"), groups=found)


def _packed(weights: Mapping[str, Any]) -> Stored:
    """Bits, type and group of a weight in compressed-tensors."""
    bits, kind, group = weights.get("num_bits"), weights.get("type"), _positive(weights.get("group_size"))
    if bits == 4 and kind == "float":
        return _format("mxfp4" if group == 32 else "nvfp4")
    if bits == 4:
        zero = 0.0 if weights.get("symmetric", True) else 0.5
        return Stored("w4a16", 0.5 + (2 + zero) / group) if group else _format("w4a16")
    if bits == 8:
        return _format("int8" if kind == "int" else "mxfp8" if group == 32 else "fp8")
    if bits in (16, None):  # a file may hold what no set can
        return SIXTEEN
    raise Unclear(f"quantization_config: {bits!r:.20} bits are not understood")


def _grouped(said: Mapping[str, Any]) -> Stored:
    """AWQ and GPTQ: a scale and a zero point per group."""
    bits = said.get("bits") or said.get("w_bit") or 4
    if bits not in (4, 8):  # a file may hold what no set can
        raise Unclear(f"quantization_config: {bits!r:.20} bits are not understood")
    group = _positive(said.get("group_size") or said.get("q_group_size"))
    if bits == 8:
        return _format("int8")
    return Stored("w4a16", 0.5 + 2.5 / group) if group else _format("w4a16")


def _names(said: Mapping[str, Any], *keys: str) -> tuple[str, ...]:
    found = next((said[key] for key in keys if said.get(key)), ())
    return tuple(str(one) for one in found) if isinstance(found, list | tuple) else ()


def _matchers(names: Iterable[str]) -> tuple[frozenset[str], tuple[re.Pattern[str], ...]]:
    """Plain names, which hold for a module and all below it, and expressions."""
    plain, expressions = set(), []
    for name in names:
        if name.startswith("re:"):
            try:
                expressions.append(re.compile(name[3:]))
            except re.error:
                raise Unclear(f"quantization_config: {name!r:.60} is no regular expression") from None
            continue
        spelled = _spelled(name).rstrip("*").rstrip(".")
        if "*" in spelled:
            expressions.append(
                re.compile(r"(?:^|\.)" + re.escape(spelled).replace(r"\*", ".*") + r"(?:\.|$)")
            )
        elif spelled:
            plain.add(spelled)
    return frozenset(plain), tuple(expressions)


def _matches(path: str, names: frozenset[str], expressions: tuple[re.Pattern[str], ...]) -> bool:
    if names and any(name in names for name in _runs(path)):
        return True
    return any(one.search(path) for one in expressions)


def _spelled(name: str) -> str:
    for pattern, wanted in _SPELLINGS:
        name = pattern.sub(wanted, name)
    return name


def _prefixes(path: str) -> list[str]:
    parts = path.split(".")
    return [".".join(parts[:end]) for end in range(len(parts), 0, -1)]


def _runs(path: str) -> Iterable[str]:
    """Every run of parts of a dotted name."""
    parts = path.split(".")
    for start in range(len(parts)):
        for end in range(start + 1, len(parts) + 1):
            yield ".".join(parts[start:end])


def _positive(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
