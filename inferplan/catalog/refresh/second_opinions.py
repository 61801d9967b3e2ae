"""What another model of speed predicts: aiconfigurator, run on a sample of loads in its own environment.

Where a run of the same load was published (throughput_points), the page shows all three figures.
Not here: our prediction of the same loads and the comparison (inferplan.sizing.speed_opinions).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from inferplan.catalog.refresh import rows, wheels
from inferplan.sizing.shapes import shapes_of

PACKAGES = ("aiconfigurator", "aiconfigurator-core")
AS_OF = "2026-11-28"
TOKENS = 1024  # of a prompt, and of an answer
CONCURRENCY = (8, 64)
# Model, format asked for, its name there, modes asked for there, and on which GPUs with which tensor parallel
# size. Left out for want of measured parts there: L4, gpt-oss on A100, MiniMax-M2.5 on eight GPUs.
SAMPLE: tuple[tuple[str, str | None, str, dict[str, str], tuple[tuple[str, int], ...]], ...] = (
    (
        "meta-llama/Llama-3.1-8B-Instruct", None, "meta-llama/Meta-Llama-3.1-8B", {},
        (("A100-80GB", 1), ("H100", 1), ("B200", 1), ("L40S", 1), ("RTX-PRO-6000", 1)),
    ),
    (
        "meta-llama/Llama-3.1-70B-Instruct", "fp8", "meta-llama/Meta-Llama-3.1-70B", {"gemm": "fp8"},
        (("H100", 4), ("H200", 2), ("B200", 2)),
    ),
    ("Qwen/Qwen3-32B", None, "Qwen/Qwen3-32B", {}, (("A100-80GB", 2), ("H100", 2))),
    ("Qwen/Qwen3-30B-A3B", None, "Qwen/Qwen3-30B-A3B", {}, (("RTX-PRO-6000", 1),)),
    ("Qwen/Qwen3-235B-A22B", None, "Qwen/Qwen3-235B-A22B", {}, (("A100-80GB", 8), ("H100", 8))),
    ("MiniMaxAI/MiniMax-M2.5", None, "MiniMaxAI/MiniMax-M2.5", {}, (("H200", 4),)),
    ("openai/gpt-oss-120b", None, "openai/gpt-oss-120b", {}, (("H100", 2), ("B200", 1))),
    ("moonshotai/Kimi-K2.5", None, "moonshotai/Kimi-K2.5", {}, (("H200", 8), ("B200", 8))),
    ("moonshotai/Kimi-K2.5", "nvfp4", "nvidia/Kimi-K2.5-NVFP4", {}, (("B200", 4),)),
    ("deepseek-ai/DeepSeek-R1", None, "deepseek-ai/DeepSeek-R1", {}, (("H200", 8),)),
    ("deepseek-ai/DeepSeek-V3.2", None, "deepseek-ai/DeepSeek-V3.2", {}, (("H200", 8),)),
)  # fmt: skip
# Runs there: arguments as JSON lines in, predictions as JSON lines out.
PROGRAM = """
import json, logging, sys
logging.disable(logging.CRITICAL)
from aiconfigurator.cli.api import cli_estimate
for line in sys.stdin:
    found = cli_estimate(**json.loads(line))
    told = [found.tokens_per_second, found.ttft, found.tpot]
    print(json.dumps({"version": found.backend_version, "told": [float(one) for one in told]}), flush=True)
"""


def environment() -> Path:
    """The interpreter that has both packages; made on the first call, beside the wheels."""
    home = wheels.folder().parent / f"aiconfigurator-{wheels.version(PACKAGES[0])}"
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        files = [wheels.wheel(package) for package in PACKAGES]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *files], check=True)
        (home / "ready").touch()
    return python


def loads() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The rows without figures, and what to ask for each, in the order of the GPUs: their data load once."""
    systems = {row["name"]: row["aic"] for row in rows.hand_read("gpus")}
    found = []
    for model, quantization, path, modes, places in SAMPLE:
        for gpu, size in places:
            for concurrency in CONCURRENCY:
                row = {
                    "model": model,
                    "gpu": gpu,
                    "tensor_parallel": size,
                    "quantization": quantization,
                    "input_tokens": TOKENS,
                    "output_tokens": TOKENS,
                    "concurrency": concurrency,
                }
                asked = {
                    "model_path": path,
                    "system_name": systems[gpu],
                    "backend_name": "vllm",
                    "isl": TOKENS,
                    "osl": TOKENS,
                    "batch_size": concurrency,
                    "tp_size": size,
                    "kvcache_quant_mode": "bfloat16",
                    **({"moe_tp_size": size, "moe_ep_size": 1} if shapes_of(model).is_moe else {}),
                    **{f"{part}_quant_mode": mode for part, mode in modes.items()},
                }
                found.append((row, asked))
    return sorted(found, key=lambda one: str(one[1]["system_name"]))


def tables() -> dict[str, list[dict[str, Any]]]:
    """The table as it should read; takes minutes."""
    asked = loads()
    done = subprocess.run(
        [environment(), "-c", PROGRAM],
        input="".join(json.dumps(one) + "\n" for _, one in asked),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"version"')]
    return {
        "second_opinions": [
            {
                "id": f"{row['model']} {row['quantization'] or 'as published'} {row['gpu']} x "
                f"{row['tensor_parallel']}, {row['concurrency']} at once",
                **row,
                "engine": f"vllm {one['version']}",
                **dict(
                    zip(
                        ("output_tokens_per_second", "ttft_ms", "tpot_ms"),
                        map(_short, one["told"]),
                        strict=True,
                    )
                ),
                "verified": True,
                "source": [f"{PACKAGES[0]} {wheels.version(PACKAGES[0])}, its estimate for vLLM"],
                "as_of": AS_OF,
            }
            for (row, _), one in zip(asked, told, strict=True)
        ]
    }


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def main() -> None:
    """Ask anew, rewrite the table and say what changed."""
    rows.replace(tables())


if __name__ == "__main__":
    main()
