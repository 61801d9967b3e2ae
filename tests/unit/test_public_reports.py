"""Area of concern: public bug reports as small inputs; what stopped them is refused here, and only that.

Not here: reports about states (13, 15, 16 and 18: test_unread) and about wishes (09, 11, 22, 23 and 24:
test_advice).
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from inferplan.sizing.config_json import shapes_from_config
from inferplan.sizing.memory import Fit, fit
from inferplan.sizing.shapes import shapes_of
from tests.command_line import AS_OF, ROOT, Answer, inferplan

QWEN_MOE = {
    "architectures": ["Qwen3MoeForCausalLM"],
    "model_type": "qwen3_moe",
    "hidden_size": 4096,
    "intermediate_size": 12288,
    "moe_intermediate_size": 1536,
    "num_attention_heads": 64,
    "num_key_value_heads": 4,
    "head_dim": 128,
    "num_hidden_layers": 94,
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "vocab_size": 151936,
    "max_position_embeddings": 40960,
    "torch_dtype": "bfloat16",
    "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
}
H100_GIB, L4_GIB, T4_GIB, A10G_GIB = 79.18, 22.1, 14.6, 22.06
VERSION = "0.33.0"


def sized(model: str, total_gib: float, capability: str, tensor: int = 1, **more: object) -> Fit:
    said = {"vllm_version": VERSION, **more}
    return fit(shapes_of(model), total_gib, tensor_parallel=tensor, compute_capability=capability, **said)  # type: ignore[arg-type]


@pytest.mark.parametrize(("tensor", "whole"), [(1, True), (2, True), (4, True), (8, False), (16, False)])
def test_report_01_a_rank_takes_whole_blocks_of_quantized_experts(tensor: int, whole: bool) -> None:
    """1536 wide experts in blocks of 128: eight ranks would get 192 columns each."""
    shapes = shapes_from_config(QWEN_MOE, "moe", "2026-11-28")
    found = fit(
        shapes, H100_GIB, tensor_parallel=tensor, compute_capability="9.0", max_model_len=8192,
        vllm_version=VERSION,
    )  # fmt: skip
    said = [text for text in found.reasons if "blocks of 128" in text]

    assert (said == []) is whole
    assert all("(possible: 1, 2, 4)" in text for text in said)


def test_report_01_weights_that_are_not_stored_in_blocks_are_left_alone() -> None:
    """The same model with one scale a tensor may be cut anywhere."""
    shapes = shapes_from_config({**QWEN_MOE, "quantization_config": {"quant_method": "fp8"}})
    found = fit(
        shapes, H100_GIB, tensor_parallel=8, compute_capability="9.0", max_model_len=8192,
        vllm_version=VERSION,
    )  # fmt: skip

    assert not [text for text in found.reasons if "blocks" in text]


@pytest.mark.parametrize(("tensor", "possible"), [(1, True), (2, True), (4, False), (5, True), (8, False)])
def test_report_03_ten_kv_heads_are_shared_out_evenly(tensor: int, possible: bool) -> None:
    """Phi-4 has 40 heads and 10 KV heads: four ranks divide the first and not the second."""
    found = sized("microsoft/phi-4", L4_GIB, "8.9", tensor)
    said = [text for text in found.reasons if "KV heads cannot be divided" in text]

    assert (said == []) is possible
    assert all("(possible: 1, 2, 5, 10)" in text for text in said)


@pytest.mark.parametrize(("capability", "starts"), [("7.5", False), ("8.9", True)])
def test_report_04_gemma_needs_bfloat16(capability: str, starts: bool) -> None:
    """vLLM refuses float16 for it, and a card below 8.0 has nothing else of 16 bit."""
    found = sized("google/gemma-3-4b-it", T4_GIB, capability, max_model_len=8192)

    assert (not [text for text in found.reasons if "refuses float16" in text]) is starts
    assert not [text for text in found.cautions if "--dtype half" in text]


def test_report_07_heads_are_divided_among_ranks() -> None:
    """28 heads on eight cards do not start."""
    found = sized("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", A10G_GIB, "8.6", 8, max_model_len=16384)

    assert not found.fits
    assert "28 attention heads cannot be divided by tensor parallel 8" in found.reasons[0]


@pytest.mark.parametrize(
    ("length", "fits", "cache_gib"), [(20000, True, 3.81), (29000, False, 2.89), (35000, True, None)]
)
def test_report_08_a_longer_context_starts_where_a_shorter_did_not(
    length: int, fits: bool, cache_gib: float | None
) -> None:
    """V0 turns chunked prefill on above 32,768 tokens and then profiles with one chunk."""
    found = sized(
        "meta-llama/Llama-3.1-8B-Instruct", 23.58, "8.6", max_model_len=length, vllm_version="0.6.4",
        gpu_memory_utilization=0.9,
    )  # fmt: skip

    assert found.fits is fits
    if cache_gib is not None:
        assert found.kv_cache_gib == pytest.approx(cache_gib, rel=0.1)


# -- reports about what is logged, and about where vendors process: told on the command line


def told(folder: Path, verb: str, spec: str, *edits: tuple[str, str], organization: str = "") -> Answer:
    """What is said of an example after edits, with lines added to the vendors of the example organization."""
    shutil.copytree(ROOT / "organization", folder / "organization")  # makes the folder too
    register = folder / "organization" / "organization.yaml"
    said = register.read_text("utf-8")
    register.write_text(said.replace("\nvendors:\n", f"\nvendors:\n{organization}", 1), "utf-8")
    text = (ROOT / "specs" / f"{spec}.yaml").read_text("utf-8")
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "spec.yaml").write_text(text, "utf-8")
    return inferplan(verb, "spec.yaml", *AS_OF, cwd=folder)


def with_args(args: str) -> tuple[str, str]:
    return ("args: {}", f"args: {{{args}}}")


@pytest.mark.parametrize(
    ("flag", "args"),
    [
        ("enable-log-requests", "enable-log-requests: true"),
        ("enable-log-outputs", "enable-log-requests: true, enable-log-outputs: true"),
    ],
)
def test_report_10_logging_what_is_asked_is_denied_where_nothing_is_kept(
    flag: str, args: str, tmp_path: Path
) -> None:
    """The spec says `retention: {prompts: none}`; a server's log is a place where prompts are kept."""
    done = told(tmp_path, "check", "de-clinic-notes", with_args(args))

    assert done.code == 1
    assert f"logs what it is asked: engine.args.{flag}" in done.out


def test_report_10_the_flag_of_older_versions_can_go(tmp_path: Path) -> None:
    """The hint never turns logging on, and says that it is off."""
    done = told(tmp_path, "validate", "de-clinic-notes", with_args("disable-log-requests: true"))

    assert done.code == 2
    assert "request logging is off by default: take the line out" in done.err
    assert "did you mean enable-log-requests" not in done.err
    again = told(tmp_path / "again", "validate", "de-clinic-notes", with_args("enable-log-requests: false"))
    assert again.code == 0


AZURE = """\
  azure-eu:
    provider: azure-openai
    host: desk-we.openai.azure.com
    max_class: internal
    tier: %s
    retention: {days: 0, reference: DPA-1, date: 2026-05-20}
    trains_on_data: false
    contract: DPA-1
    subprocessors: []
    assessment: {reference: PIA-1, date: 2026-07-01, approver: a@x.example, classes: [public, internal]}
    monthly_limit_usd: 4000
    key: {rotation_days: 90}
    review_by: 2027-03-31
"""


@pytest.mark.parametrize("tier", ["GlobalStandard", "Standard"])
def test_report_19_a_deployment_is_not_believed_to_stay_where_its_host_is(tier: str, tmp_path: Path) -> None:
    """A global deployment of the same host may process anywhere, and no name tells them apart."""
    vendor = ("vendor: openai-eu, model: gpt-4.1-2025-04-14", "vendor: azure-eu, model: gpt-4o")
    done = told(tmp_path, "check", "eu-support-desk", vendor, organization=AZURE % tier)

    assert done.code == 1
    assert "SOV-007 mandatory" in done.out


def test_report_21_a_profile_that_reaches_further_is_denied(tmp_path: Path) -> None:
    """The way out is an id that Dublin has: this model is offered through profiles only."""
    model = "anthropic.claude-sonnet-4-5-20250929-v1:0"
    done = []
    for prefix in ("global.", "", "eu."):
        folder = tmp_path / f"calls {prefix}"
        folder.mkdir()
        edit = ("mistral.mistral-large-2402-v1:0", f"{prefix}{model}")
        done.append(told(folder, "check", "eu-support-desk", edit))
    wide, bare, narrow = done

    assert (wide.code, bare.code, narrow.code) == (1, 3, 0)
    assert "SOV-006 mandatory" in wide.out
    assert f"; use eu.{model}" in wide.out
    assert f"and not by this id; use eu.{model}" in bare.err


# -- flags that a plan cannot keep


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ("api-key: sk-1", "a key here would stand in the spec"),
        ("hf-token: hf_1", "a key here would stand in the spec"),
        ("enable-auto-tool-choice: true", "does not start without tool-call-parser"),
        ("enable-log-outputs: true", "does not start without enable-log-requests"),
        ('speculative-config: \'{"model": "x/y"}\'', "a second model (x/y) is neither mirrored nor counted"),
        ("speculative-config: ngram", "must be a JSON object in quotes"),
        ("rope-scaling: yarn", "part of hf-overrides now"),
        ("swap-space: 4", "the line can go"),
    ],
)
def test_a_flag_that_a_plan_cannot_keep_is_refused(args: str, says: str, tmp_path: Path) -> None:
    """At its line, with what to do."""
    done = told(tmp_path, "validate", "de-clinic-notes", with_args(args))

    assert done.code == 2
    assert says in done.err


@pytest.mark.parametrize(
    "args",
    [
        "enable-auto-tool-choice: true, tool-call-parser: hermes",
        "enable-auto-tool-choice: false",
        'speculative-config: \'{"method": "ngram", "num_speculative_tokens": 4}\'',
    ],
)
def test_a_flag_that_it_can_keep_is_taken(args: str, tmp_path: Path) -> None:
    """The same flags with what they need."""
    assert told(tmp_path, "validate", "de-clinic-notes", with_args(args)).code == 0
