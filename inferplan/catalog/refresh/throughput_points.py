"""Published measurements of speed: vLLM's lines of a wheel's CSV and what a person read, split by a rule.

The rule: a configuration is model, GPU, tensor parallel size and weights. Within each cell of GPU family and
kind of model the configurations are put in the order of the SHA-256 of their names, and go to the fit and to
the test in turn, the first to the fit. So no configuration stands in both sets, and nobody chooses. Runs of
other engines and on GPUs that are not in the catalog belong to neither.
Not here: the constants fitted on the first set (speed_constants) and the comparison (inferplan.sizing).
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from inferplan import catalog
from inferplan.catalog.refresh import rows, wheels
from inferplan.sizing.shapes import shapes_of
from inferplan.sizing.speed_cells import family_of, kind_of
from inferplan.sizing.weights import format_of

PACKAGE = "aiconfigurator-core"
LINES = "aiconfigurator_core/systems/silicon_sample.csv"
GPUS = {"h100_sxm": "H100", "h200_sxm": "H200", "b200_sxm": "B200", "b300_sxm": "B300"}
# Model and precision of the CSV -> the model with its shapes, its weights, what to ask for to get them.
MODELS = {
    ("meta-llama/Llama-3.1-70B", "fp8"): ("meta-llama/Llama-3.1-70B-Instruct", "fp8", "fp8"),
    ("meta-llama/Llama-3.1-70B", "fp4"): ("meta-llama/Llama-3.1-70B-Instruct", "nvfp4", "nvfp4"),
    ("openai/gpt-oss-120b", "fp4"): ("openai/gpt-oss-120b", "mxfp4", None),
    ("MiniMaxAI/MiniMax-M2.5", "fp8"): ("MiniMaxAI/MiniMax-M2.5", "fp8", None),
    ("MiniMaxAI/MiniMax-M2.5", "fp4"): ("MiniMaxAI/MiniMax-M2.5", "nvfp4", "nvfp4"),
    ("moonshotai/Kimi-K2.5", "int4"): ("moonshotai/Kimi-K2.5", "int4", None),
    ("moonshotai/Kimi-K2.5", "fp4"): ("moonshotai/Kimi-K2.5", "nvfp4", "nvfp4"),
}


def split(runs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """`fit` or `test` by the rule above for every configuration that has a set."""
    cells: dict[tuple[str, str], set[str]] = {}
    for row in runs:
        if row["engine"].startswith("vllm") and row["gpu"] in catalog.gpus():
            shapes = shapes_of(row["model"])
            form, _ = format_of(shapes, row.get("quantization"))
            cell = family_of(catalog.gpu(row["gpu"])), kind_of(shapes, form)
            cells.setdefault(cell, set()).add(configuration(row))
    return {
        name: ("fit", "test")[number % 2]
        for names in cells.values()
        for number, name in enumerate(sorted(names, key=_digest))
    }


def configuration(row: Mapping[str, Any]) -> str:
    """The name of what was measured, whatever the load."""
    return "|".join(str(row[part]) for part in ("model", "gpu", "tensor_parallel", "weights"))


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def measured(wheel: Path) -> Iterator[dict[str, Any]]:
    """The runs of vLLM on one tensor parallel group; of the same run the newest.

    Left out: prefill apart from decoding, data and expert parallel, lines that do not say which, and the
    gap analysis, which repeats runs of the other files.
    """
    with ZipFile(wheel) as archive:
        lines = list(csv.DictReader(io.StringIO(archive.read(LINES).decode())))
    newest: dict[tuple[str, ...], dict[str, str]] = {}
    for line in lines:
        told = line["silicon_data_source"]
        alone = (line["attention_dp_size"], line["moe_ep_size"], line["pp_size"]) == ("1", "1", "1")
        if line["backend"] != "vllm" or line["mode"] != "agg" or not alone or "gap-analysis" in told:
            continue
        key = tuple(
            line[part]
            for part in ("model_path", "precision", "system", "tp_size", "isl", "osl", "batch_size")
        )
        if key not in newest or _order(line) > _order(newest[key]):
            newest[key] = line
    for key in sorted(newest, key=lambda parts: (parts[:3], *map(int, parts[3:]))):
        yield _point(newest[key])


def _order(line: Mapping[str, str]) -> tuple[str, str]:
    return _day(line), line["id"]


def _day(line: Mapping[str, str]) -> str:
    found = re.search(r"measured=(\d{4}-\d\d-\d\d)", line["silicon_data_source"])
    return found[1] if found else "unknown"


def _point(line: Mapping[str, str]) -> dict[str, Any]:
    model, weights, quantization = MODELS[line["model_path"], line["precision"]]
    gpus, concurrency = int(line["tp_size"]), int(line["batch_size"])
    tokens_in, tokens_out = int(line["isl"]), int(line["osl"])
    ttft, tpot = float(line["silicon_ttft_ms"]), float(line["silicon_tpot_ms"])
    seconds = (ttft + (tokens_out - 1) * tpot) / 1e3
    name = model.partition("/")[2].lower().removesuffix("-instruct")
    return {
        "id": f"aic-{name}-{weights}-{GPUS[line['system']]}-tp{gpus}-{tokens_in}-{tokens_out}-c{concurrency}",
        "model": model,
        "gpu": GPUS[line["system"]],
        "gpus": gpus,
        "tensor_parallel": gpus,
        "weights": weights,
        "engine": f"vllm {line['backend_version'][:7]}".strip(),
        "input_tokens": tokens_in,
        "output_tokens": tokens_out,
        "concurrency": concurrency,
        **({"quantization": quantization} if quantization else {}),
        "kv_cache_dtype": None,  # the file does not say
        "output_tokens_per_second_per_gpu": _short(concurrency * tokens_out / seconds / gpus),
        "ttft_ms": _short(ttft),
        "tpot_ms": _short(tpot),
        "verified": True,
        "source": [f"{PACKAGE} {wheels.version(PACKAGE)} {LINES.partition('/')[2]}"],
        "as_of": _day(line),
    }


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def table(wheel: Path) -> list[dict[str, Any]]:
    """Every measurement with its set."""
    runs = [*measured(wheel), *rows.hand_read("measured_runs")]
    sets = split(runs)
    return [{"id": row["id"], "set": sets.get(configuration(row)), **row} for row in runs]


def tables() -> dict[str, list[dict[str, Any]]]:
    """The table as it should read."""
    return {"throughput_points": table(wheels.wheel(PACKAGE))}


def main() -> None:
    """Rewrite the table and say what changed."""
    rows.replace(tables())


if __name__ == "__main__":
    main()
