"""`inferplan size`: does a model fit a GPU, what is left, and how fast it is.

Not here: the arithmetic (inferplan.sizing) and the choice of an instance (`inferplan plan`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from inferplan.cli.screen import show
from inferplan.printable import printable

if TYPE_CHECKING:
    from inferplan.sizing import Fit, Performance
    from inferplan.sizing.asked_speed import AskedSpeed

MAX_CONFIG_BYTES = 1 << 24
COUNT = click.IntRange(1, 10**8)


@click.command()
@click.option("--model", help="A model of the catalog: its id, an alias, or the part after the slash.")
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A local Hugging Face config.json, for a model that the catalog does not know; an "
    "hf_quant_config.json beside it is read too.",
)
@click.option("--gpu", required=True, help="A GPU of the catalog, or any name with --total-gib.")
@click.option(
    "--tensor-parallel",
    "--tensor-parallel-size",
    "tensor_parallel",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
)
@click.option(
    "--pipeline-parallel",
    "--pipeline-parallel-size",
    "pipeline_parallel",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
)
@click.option("--quantization", help="Such as fp8, awq, nvfp4 (default: as the repository is published).")
@click.option("--kv-cache-dtype", default="auto", show_default=True)
@click.option("--max-model-len", type=COUNT, help="Tokens (default: the model's context).")
@click.option("--max-num-seqs", type=COUNT, help="Sequences at once (default: vLLM's for the GPU).")
@click.option("--max-num-batched-tokens", type=COUNT, help="Tokens per step (default: vLLM's for the GPU).")
@click.option("--gpu-memory-utilization", type=click.FloatRange(0, 1, min_open=True))
@click.option("--vllm-version", help="(default: the version the formulas follow)")
@click.option("--total-gib", type=click.FloatRange(0, 10**6, min_open=True), help="Usable GiB per GPU.")
@click.option("--compute-capability", help="Such as 8.6, for a GPU that is not in the catalog.")
@click.option("--enforce-eager", is_flag=True, help="No CUDA graphs.")
@click.option("--enable-expert-parallel", "expert_parallel", is_flag=True, help="Whole experts on every GPU.")
@click.option("--max-loras", type=click.IntRange(0, 1024), default=0, help="LoRA adapters at once.")
@click.option("--max-lora-rank", type=click.IntRange(1, 512), default=16, show_default=True)
@click.option("--input-tokens", type=COUNT, help="Of a request: asks for the speed too.")
@click.option(
    "--output-tokens", type=click.IntRange(0, 10**8), help="Of a request; 0 for a model that generates none."
)
@click.option("--concurrency", type=COUNT, help="Requests at once (default: the most that fit).")
@click.option("--format", "output", type=click.Choice(("text", "json")), default="text", show_default=True)
def size(
    model: str | None,
    config_file: Path | None,
    gpu: str,
    output: str,
    total_gib: float | None,
    compute_capability: str | None,
    vllm_version: str | None,
    input_tokens: int | None,
    output_tokens: int | None,
    concurrency: int | None,
    **settings: Any,
) -> int:
    """Say whether a model fits a GPU, term by term in GiB per GPU, and how fast one replica is.

    The speed needs the tokens of a typical request. Nine of ten published runs lie in its range.
    Exits with 0 whatever the answer, which is in `fits`; null means that it cannot be decided.
    """
    from inferplan.sizing.remedies import remedies

    found = _found(model, config_file, gpu, total_gib, compute_capability, vllm_version, settings)
    speed = _asked(found, input_tokens, output_tokens, concurrency)
    helps = remedies(found)
    if output == "json":
        click.echo(json.dumps(_report(found, speed, helps), indent=2))
    else:
        show("\n".join(_lines(found, speed, helps, gpu)))
    return 0


def _found(
    model: str | None,
    config_file: Path | None,
    gpu: str,
    total_gib: float | None,
    compute_capability: str | None,
    vllm_version: str | None,
    settings: dict[str, Any],
) -> Fit:
    """The fit that the options ask for; whatever is wrong with them is a usage error."""
    from inferplan import sizing
    from inferplan.catalog import UnknownName
    from inferplan.sizing.constants import version_key

    version = vllm_version or sizing.VLLM_VERSION
    try:
        version_key(version)
        shapes = _shapes(model, config_file)
        name, total, capability = _gpu(gpu, total_gib, compute_capability)
        found = sizing.fit(
            shapes, total, gpu=name, compute_capability=capability, vllm_version=version, **settings
        )
        return msgspec.structs.replace(found, cautions=(*found.cautions, *_unserved(name)))
    except UnknownName as unknown:
        raise click.UsageError(_sentence(str(unknown)) + _hint(unknown.kind)) from None
    except (ValueError, sizing.ShapesError) as problem:
        raise click.UsageError(_sentence(str(problem))) from None


def _asked(
    found: Fit, input_tokens: int | None, output_tokens: int | None, concurrency: int | None
) -> AskedSpeed | None:
    """The speed, where a request is described."""
    from inferplan import catalog
    from inferplan.sizing.asked_speed import asked_speed

    if input_tokens is None or output_tokens is None:
        if (input_tokens, output_tokens, concurrency) == (None, None, None):
            return None
        raise click.UsageError("The speed needs both --input-tokens and --output-tokens.")
    card = None if found.gpu is None else catalog.gpu(found.gpu)
    try:
        return asked_speed(found, card, input_tokens, output_tokens, concurrency)
    except ValueError as problem:
        raise click.UsageError(_sentence(str(problem))) from None


def _shapes(model: str | None, config_file: Path | None) -> Any:
    from inferplan import sizing

    if model is not None and config_file is None:
        return sizing.shapes_of(model)
    if config_file is None or model is not None:
        raise ValueError("give either --model or --config")
    beside = config_file.with_name("hf_quant_config.json")  # the engine reads it where config.json is silent
    quantization = _json(beside) if beside.is_file() else None
    return sizing.shapes_from_config(_json(config_file), str(config_file), beside=quantization)


def _json(path: Path) -> dict[str, Any]:
    """The object in a file; raises ValueError with what is wrong with it."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_CONFIG_BYTES + 1)
        config = json.loads(text) if len(text) <= MAX_CONFIG_BYTES else None
    except json.JSONDecodeError as problem:
        raise ValueError(f"{path}:{problem.lineno}:{problem.colno}: not valid JSON") from None
    except (OSError, ValueError, RecursionError) as problem:
        reason = getattr(problem, "strerror", None) or "not JSON text"
        raise ValueError(f"{path} cannot be read: {reason}") from None
    if len(text) > MAX_CONFIG_BYTES:
        raise ValueError(f"{path}: larger than {MAX_CONFIG_BYTES >> 20} MiB")
    if not isinstance(config, dict):
        raise ValueError(f"{path} holds no model configuration: it must be a JSON object")
    return config


def _gpu(name: str, total_gib: float | None, capability: str | None) -> tuple[str | None, float, str | None]:
    """Catalog name, usable GiB and compute capability; the flags override the catalog."""
    from inferplan import catalog
    from inferplan.sizing.formats import capability as parsed

    if capability is not None:
        try:
            parsed(capability)
        except ValueError:
            raise ValueError(f"{capability!r} is not a compute capability such as 8.9") from None
    try:
        known = catalog.gpu(name)
    except catalog.UnknownName:
        if total_gib is None:
            raise
        return None, total_gib, capability
    return known.name, total_gib or known.usable_gib, capability or known.cc


def _unserved(gpu: str | None) -> list[str]:
    """What is to be said of a GPU that no instance serves with the published engine."""
    from inferplan import catalog

    hosts = [one for one in catalog.instances().values() if gpu is not None and one.gpu == gpu]
    if not hosts or any(host.vllm == "ok" for host in hosts):
        return []
    return [
        f"vLLM publishes no kernels for {gpu} on {hosts[0].arch}: the arithmetic assumes an own build, and "
        "no plan takes its instances"
    ]


def _hint(kind: str) -> str:
    if kind == "GPU":
        return " A GPU outside the catalog needs --total-gib."
    if kind == "model":
        return " A model outside the catalog needs --config with its config.json."
    return ""


def _sentence(text: str) -> str:
    """Ended as a sentence; only a plain word gets a capital, never the name of a file, field or option."""
    first = text.partition(" ")[0]
    start = first.capitalize() if first.isalpha() and first.islower() else first
    return printable(start + text[len(first) :] + ("" if text.endswith(("?", ".")) else "."))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _report(found: Any, speed: AskedSpeed | None, helps: Any) -> dict[str, Any]:
    told = speed.performance if speed else None
    derivations = found.derivations
    if told is not None:
        derivations |= {f"speed.{name}": one for name, one in told.derivations.items()}
    return {
        "schema": "inferplan.size/v1beta1",
        "model": found.shapes.id,
        "fits": found.fits,
        "confidence": found.confidence,
        "total_gib": _rounded(found.total_gib),
        "requested_gib": _rounded(found.requested_gib),
        "weights_gib": _rounded(found.weights_gib),
        "activation_gib": _rounded(found.activation_gib),
        "non_torch_gib": _rounded(found.non_torch_gib),
        "cuda_graphs_gib": _rounded(found.cuda_graphs_gib),
        "kv_cache_gib": _rounded(found.kv_cache_gib),
        "kv_cache_tokens": found.kv_cache_tokens,
        "kv_cache_is_linear": found.kv_is_linear,
        "max_concurrency": _rounded(found.max_concurrency),
        "request_gib": _rounded(found.request_gib),
        "margin_gib": _rounded(found.margin_gib),
        "longest_max_model_len": found.longest_request,
        "repository_gib": _rounded(found.weights.repository_gib) if found.weights else None,
        "settings": {
            "tensor_parallel": found.tensor_parallel,
            "pipeline_parallel": found.pipeline_parallel,
            "quantization": found.weights.format if found.weights else found.quantization,
            "kv_cache_dtype": found.kv_cache_dtype,
            "max_model_len": found.max_model_len,
            "max_num_seqs": found.max_num_seqs,
            "max_num_batched_tokens": found.max_num_batched_tokens,
            "gpu_memory_utilization": found.gpu_memory_utilization,
            "vllm_version": found.vllm_version,
            "enforce_eager": found.enforce_eager,
            "expert_parallel": found.expert_parallel,
            "max_loras": found.max_loras,
            "max_lora_rank": found.max_lora_rank if found.max_loras else None,
        },
        "reasons": list(found.reasons),
        "cautions": list(found.cautions),
        "remedies": [msgspec.to_builtins(remedy) for remedy in helps],
        "speed": told
        and {
            name: _rounded(value) if isinstance(value, float) else value
            for name, value in msgspec.to_builtins(told.throughput()).items()
        },
        "speed_notes": list(speed.notes) if speed else [],
        "derivations": msgspec.to_builtins(derivations),
    }


def _lines(found: Any, speed: AskedSpeed | None, helps: Any, gpu: str) -> list[str]:
    verdict = {True: "fits", False: "does not fit", None: "cannot be decided"}[found.fits]
    layout = f"{gpu} x {found.tensor_parallel * found.pipeline_parallel}"
    lines = [f"{found.shapes.id} on {layout}, vLLM {found.vllm_version}: {verdict}"]
    lines += [f"  because {reason}" for reason in found.reasons]
    if found.weights is not None:
        lines += _table(found)
    if speed is not None and speed.performance is not None:
        lines += _speed(speed.performance)
    lines += [f"  would fit with {remedy.flag} (margin {remedy.margin_gib:.2f} GiB)" for remedy in helps]
    if found.is_tight:
        lines.append("  the margin is inside the error of the arithmetic: plan with more")
    lines += [f"  note: {note}" for note in (*found.cautions, *(speed.notes if speed else ()))]
    return lines


def _speed(told: Performance) -> list[str]:
    """Rates and latencies with their ranges."""
    request = f"{told.concurrency} requests of {told.input_tokens:,} + {told.output_tokens:,} tokens at once"
    first = f"{told.ttft_ms:,.0f} ms (to {told.ttft_ms_high:,.0f})"
    lines = [f"  speed         {request}, {told.confidence} confidence"]
    if told.tpot_ms is None or told.output_tokens_per_second is None:
        rate = f"{told.requests_per_second:,.1f} (from {told.requests_per_second_low:,.1f})"
        return [*lines, f"    requests/s  {rate}", f"    answer      {first}"]
    low, high = told.output_tokens_per_second_low, told.output_tokens_per_second_high
    return [
        *lines,
        f"    tokens/s    {told.output_tokens_per_second:,.0f} ({low:,.0f} to {high:,.0f})",
        f"    per token   {told.tpot_ms:,.1f} ms ({told.tpot_ms_low:,.1f} to {told.tpot_ms_high:,.1f})",
        f"    first token {first}",
    ]


def _table(found: Any) -> list[str]:
    linear = "" if found.kv_is_linear or found.layout is None else ", derived: not linear in tokens"
    tokens = "none" if found.kv_cache_tokens is None else f"{found.kv_cache_tokens:,} tokens{linear}"
    concurrency = "" if found.max_concurrency is None else f", {found.max_concurrency:.2f} full requests"
    rows = [
        ("usable", found.total_gib, ""),
        ("requested", found.requested_gib, f"utilization {found.gpu_memory_utilization:g}"),
        (
            "weights",
            found.weights_gib,
            f"{found.weights.format}, repository {found.weights.repository_gib:.1f} GiB",
        ),
        (
            "activation",
            found.activation_gib,
            f"max_num_seqs {found.max_num_seqs}, max_num_batched_tokens {found.max_num_batched_tokens}",
        ),
        ("outside torch", found.non_torch_gib, ""),
        ("CUDA graphs", found.cuda_graphs_gib, ""),
        ("KV cache", found.kv_cache_gib, tokens + concurrency),
        ("one request", found.request_gib, f"max_model_len {found.max_model_len}"),
        ("margin", found.margin_gib, f"{found.confidence} confidence"),
    ]
    return [
        f"  {name:<14}{value:>9.2f} GiB  {note}".rstrip() for name, value, note in rows if value is not None
    ]
