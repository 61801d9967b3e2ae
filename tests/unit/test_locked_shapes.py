"""Planning from what the lock knows: a model that no table has, an adapter's rank, what contradicts them."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from inferplan.plan.make import make_plan
from inferplan.records.plan import Plan
from inferplan.sizing.stated_shapes import refuse_shapes
from inferplan.spec.faults import SpecErrors
from inferplan.spec.loading import load
from policies.gates import gates
from tests.unit.spec_texts import GOOD, ORGANIZATION, refused

AS_OF = date(2026, 11, 20)
MODEL = "acme/Tiny-4B"
REVISION = "1" * 40
CONFIG: dict[str, Any] = {
    "architectures": ["Qwen3ForCausalLM"],
    "hidden_size": 2560,
    "intermediate_size": 9728,
    "max_position_embeddings": 40960,
    "num_attention_heads": 32,
    "num_hidden_layers": 36,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "vocab_size": 151936,
}
UNKNOWN = GOOD.replace("hf://Qwen/Qwen3-4B", f"hf://{MODEL}")
ADAPTER = "adapters: [{name: tone, weights: hf://acme/tone}]"


def written(folder: Path, text: str, **lock: Any) -> Path:
    """A spec with a lock beside it (JSON is YAML)."""
    path = folder / "spec.yaml"
    path.write_text(text)
    whole = {"apiVersion": "inferplan/v1beta1", "kind": "Lock", **lock}
    (folder / "spec.lock.yaml").write_text(json.dumps(whole))
    return path


def model(**fields: Any) -> dict[str, Any]:
    return {MODEL: {"revision": REVISION, "config": CONFIG, **fields}}


def planned(path: Path) -> Plan:
    return make_plan(load(path, ORGANIZATION), AS_OF, gates)


def test_a_model_that_the_catalog_does_not_know_is_planned_from_the_lock(tmp_path: Path) -> None:
    (server,) = planned(written(tmp_path, UNKNOWN, models=model())).servers
    known = planned(written(tmp_path, GOOD)).servers[0]
    assert (server.model, server.revision) == (MODEL, REVISION)
    assert server.memory.weights_gib == pytest.approx(known.memory.weights_gib, rel=0.01)


def test_without_its_configuration_the_lock_does_not_help(tmp_path: Path) -> None:
    written(tmp_path, UNKNOWN, models={MODEL: {"revision": REVISION}})
    message = refused(UNKNOWN, tmp_path)
    assert f"unknown model '{MODEL}'" in message
    assert "`inferplan lock SPEC`" in message


def test_the_catalog_goes_before_the_lock(tmp_path: Path) -> None:
    other = {"Qwen/Qwen3-4B": {"revision": REVISION, "config": {**CONFIG, "num_hidden_layers": 72}}}
    with_lock, without = (planned(written(tmp_path, GOOD, models=models)) for models in (other, {}))
    assert with_lock.servers[0].memory.weights_gib == without.servers[0].memory.weights_gib


def test_a_quantization_beside_the_configuration_counts(tmp_path: Path) -> None:
    beside = {"quantization": {"quant_algo": "FP8", "exclude_modules": ["lm_head"]}}
    whole = planned(written(tmp_path, UNKNOWN, models=model())).servers[0].memory.weights_gib
    small = planned(written(tmp_path, UNKNOWN, models=model(quantization_config=beside))).servers[0]
    assert whole is not None
    assert small.memory.weights_gib is not None
    assert small.memory.weights_gib < 0.7 * whole


def test_what_is_wrong_in_the_locked_configuration_is_told_at_its_place(tmp_path: Path) -> None:
    wrong = {**CONFIG, "num_hidden_layers": "many"}
    declaration = load(written(tmp_path, UNKNOWN, models=model(config=wrong)), ORGANIZATION)
    with pytest.raises(SpecErrors) as caught:
        refuse_shapes(declaration)
    (error,) = caught.value.errors
    assert error.file.endswith("spec.lock.yaml")
    assert "num_hidden_layers" in error.path


@pytest.mark.parametrize(("layers", "is_told"), [(36, False), (40, True)])
def test_shapes_that_differ_from_the_locked_configuration_are_told(
    tmp_path: Path, layers: int, is_told: bool
) -> None:
    shapes = json.dumps({**CONFIG, "num_hidden_layers": layers})
    text = UNKNOWN.replace(f"hf://{MODEL}}}", f"hf://{MODEL}, shapes: {shapes}}}")
    found = planned(written(tmp_path, text, models=model()))
    told = [warning for warning in found.warnings if "config.json in the lock" in warning]
    assert bool(told) is is_told
    assert all(f"layers {layers}, there 36" in warning for warning in told)


def test_an_adapters_rank_is_read_from_the_lock(tmp_path: Path) -> None:
    text = GOOD.replace("hf://Qwen/Qwen3-4B}", f"hf://Qwen/Qwen3-4B, {ADAPTER}}}")
    silent = planned(written(tmp_path, text))
    read = planned(written(tmp_path, text, adapters={"tone": {"rank": 64}}))
    assert "--max-lora-rank" not in silent.servers[0].flags
    assert read.servers[0].flags[read.servers[0].flags.index("--max-lora-rank") + 1] == "64"
    assert any("without rank" in warning for warning in silent.warnings)
    assert not any("without rank" in warning for warning in read.warnings)


@pytest.mark.parametrize(("rank", "is_told"), [(8, True), (64, False)])
def test_a_rank_below_that_of_the_adapter_is_told(tmp_path: Path, rank: int, is_told: bool) -> None:
    adapter = ADAPTER.replace("tone,", f"tone, rank: {rank},")
    text = GOOD.replace("hf://Qwen/Qwen3-4B}", f"hf://Qwen/Qwen3-4B, {adapter}}}")
    found = planned(written(tmp_path, text, adapters={"tone": {"rank": 64}}))
    assert any("it does not load" in warning for warning in found.warnings) is is_told
