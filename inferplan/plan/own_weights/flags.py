"""The command line and environment of a vLLM server, and the check that the pinned version knows every flag.

Not here: the numbers behind the flags (servers, inferplan.sizing).
"""

from __future__ import annotations

from inferplan import catalog
from inferplan.plan.images import VLLM_VERSION
from inferplan.records.no_plan import Conflict, NoPlan
from inferplan.records.plan import Adapter
from inferplan.sizing.adapters import RANKS
from inferplan.sizing.formats import kv_format
from inferplan.spec.model import Api, Backend

MODELS_MOUNT = "/models"
PORT = 8000
# No host ends in .invalid (RFC 6761). An empty list would mean "any", so the list holds a name nothing can
# have.
NO_MEDIA_DOMAIN = "none.invalid"
DEFAULT_LORA_RANK = 16

ENVIRONMENT = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_MEDIA_URL_ALLOW_REDIRECTS": "0",
    "VLLM_NO_USAGE_STATS": "1",
}

# What the plan decides itself; a spec that sets one of these would contradict the sizing behind it.
PLANNED = frozenset(
    {
        "gpu-memory-utilization",
        "host",
        "kv-cache-dtype",
        "load-format",
        "max-model-len",
        "max-num-batched-tokens",
        "max-num-seqs",
        "model",
        "model-loader-extra-config",
        "pipeline-parallel-size",
        "port",
        "quantization",
        "revision",
        "served-model-name",
        "shutdown-timeout",
        "tensor-parallel-size",
        "tokenizer-revision",
    }
)


def max_lora_rank(backend: Backend) -> int:
    """The smallest rank that vLLM can be told and that every adapter stays within."""
    largest = max((adapter.rank or DEFAULT_LORA_RANK for adapter in backend.adapters), default=1)
    return next(rank for rank in RANKS if rank >= max(largest, DEFAULT_LORA_RANK))


def weights_key(model: str, revision: str | None) -> str:
    """The prefix of a model in the weights bucket, with its revision: a path never changes content."""
    return f"models/{model}/{revision or 'unpinned'}"


def server_flags(
    *,
    backend_name: str,
    backend: Backend,
    api: Api,
    served_name: str,
    revision: str | None,
    quantization: str | None,
    tensor_parallel: int,
    pipeline_parallel: int,
    max_model_len: int,
    max_num_seqs: int,
    max_num_batched_tokens: int,
    gpu_memory_utilization: float,
    adapters: tuple[Adapter, ...],
    max_lora_rank: int,
    dtype_half: bool,
    loading: tuple[str, ...],
    shutdown_seconds: int,
) -> tuple[str, ...]:
    """Everything after `vllm serve <path>`; NoPlan for a flag that the pinned version does not know.

    Weights are read from the mount as safetensors only, whatever the loader: other formats may run code while
    they load.
    """
    flags = [
        "--served-model-name", served_name,
        "--port", str(PORT),
        "--tensor-parallel-size", str(tensor_parallel),
        "--max-model-len", str(max_model_len),
        "--max-num-seqs", str(max_num_seqs),
        "--max-num-batched-tokens", str(max_num_batched_tokens),
        "--gpu-memory-utilization", f"{gpu_memory_utilization:g}",
        *loading,
        "--allowed-media-domains", NO_MEDIA_DOMAIN,
        "--shutdown-timeout", str(shutdown_seconds),
    ]  # fmt: skip
    if revision is not None:
        flags += ["--revision", revision, "--tokenizer-revision", revision]
    if pipeline_parallel > 1:
        flags += ["--pipeline-parallel-size", str(pipeline_parallel)]
    if quantization is not None:
        flags += ["--quantization", quantization]
    if backend.engine.kv_cache_dtype is not None:
        flags += ["--kv-cache-dtype", kv_format(backend.engine.kv_cache_dtype).id]
    if dtype_half:
        flags += ["--dtype", "half"]
    if api in {"embeddings", "rerank", "classify"}:
        flags += ["--runner", "pooling"]
    if adapters:
        flags += ["--enable-lora", "--max-loras", str(len(adapters))]
        if max_lora_rank > DEFAULT_LORA_RANK:
            flags += ["--max-lora-rank", str(max_lora_rank)]
        flags += ["--lora-modules"]
        flags += [f"{adapter.name}={adapter.path}" for adapter in adapters]
    flags += _own_arguments(backend_name, backend)
    known = catalog.vllm_flags(VLLM_VERSION)
    unknown = [flag for flag in flags if flag.startswith("--") and flag not in known]
    if unknown:
        raise NoPlan(
            f"vLLM {VLLM_VERSION} does not know {', '.join(unknown)}",
            tuple(
                Conflict(
                    path=f"backends.{backend_name}.engine.args.{flag.removeprefix('--')}",
                    value=flag,
                    reason=f"not a flag of vLLM {VLLM_VERSION}",
                )
                for flag in unknown
            ),
        )
    return tuple(flags)


def _own_arguments(backend_name: str, backend: Backend) -> list[str]:
    """The spec's `engine.args`: true is a bare switch, false its negation, anything else a value."""
    flags: list[str] = []
    for name, value in sorted(backend.engine.args.items()):
        if name in PLANNED:
            raise NoPlan(
                f"backend {backend_name}: {name} is decided by the plan",
                (
                    Conflict(
                        path=f"backends.{backend_name}.engine.args.{name}",
                        value=str(value),
                        reason="the sizing rests on this flag; it follows from engine.max_model_len, "
                        "engine.kv_cache_dtype, quantization and load",
                    ),
                ),
            )
        if value is True:
            flags.append(f"--{name}")
        elif value is False:
            flags.append(f"--no-{name}")
        else:
            flags += [f"--{name}", str(value)]
    return flags
