"""Which widths of a model tensor parallelism cuts, and into how many parts vLLM can cut them.

Not here: whether the bytes fit (memory) and everything else that vLLM asks for (constraints).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from inferplan.sizing.constants import version_key
from inferplan.sizing.engine_limits import encoder_cut
from inferplan.sizing.formats import WeightFormat
from inferplan.sizing.shapes import ModelShapes

VOCABULARY_PADDED_TO = 64  # DEFAULT_VOCAB_PADDING_SIZE, vocab_parallel_embedding.py
DEGREES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16)  # of tensor parallelism that are offered instead
USUAL_GROUP = 128  # of AWQ and GPTQ repositories
HALVED = ("awq", "gptq")  # their experts take scales in halves of a group, down to the least
LEAST_GROUP = 32  # moe_wna16.py since 0.7.1, and blocks of FP8 experts since 0.29.0
# Formats whose blocks run along the inputs of a layer and are the same in every repository.
INPUT_BLOCKS = {"nvfp4": 16, "mxfp8": 32}
FINER_FP8_EXPERTS = "0.29.0"  # refine_fp8_moe_block_shape, fused_moe/oracle/fp8.py
MERGED_FP8_AS_THEY_ARE = "0.14.0"  # _maybe_allow_fp8_block_shape_mismatch, layers/linear.py


class Width(NamedTuple):
    """Columns that are cut among the ranks, and how many of them must stay together."""

    what: str
    columns: int
    block: int = 1
    alone: bool = False  # whether one rank alone must hold whole blocks too

    def fits(self, tensor: int) -> bool:
        """Whether every rank gets whole columns and whole blocks."""
        if self.columns % tensor:
            return False
        return (tensor == 1 and not self.alone) or not self.columns // tensor % self.block


def is_latent(shapes: ModelShapes) -> bool:
    """Whether attention keeps one latent that every rank holds (MLA)."""
    return (shapes.attention or "").startswith("mla")


def uneven(kv_heads: int, tensor: int) -> bool:
    """Whether ranks can neither share the KV heads out evenly nor each hold one of them."""
    return bool(kv_heads and (kv_heads % tensor if kv_heads >= tensor else tensor % kv_heads))


def head_problems(shapes: ModelShapes, tensor: int) -> Iterator[str]:
    """Heads, also of encoders, states of recurrent layers and vocabulary that cannot be shared out."""
    heads = shapes.heads or 0
    if heads % tensor:
        yield (
            f"{heads} attention heads cannot be divided by tensor parallel {tensor} "
            f"(possible: {_listed(n for n in DEGREES if not heads % n)})"
        )
    for count in () if is_latent(shapes) else _kv_heads(shapes):
        if uneven(count, tensor) and not heads % tensor:
            yield (
                f"{count} KV heads cannot be divided by tensor parallel {tensor}, nor the other way around, "
                "which the model class asserts (possible: "
                f"{_listed(n for n in DEGREES if not heads % n and not uneven(count, n))})"
            )
    for what, count in _whole_shares(shapes):
        if count % tensor:
            yield (
                f"{count} {what} cannot be divided by tensor parallel {tensor} "
                f"(possible: {_listed(n for n in DEGREES if not count % n and not heads % n)})"
            )
    rows = -(-(shapes.vocab or 0) // VOCABULARY_PADDED_TO) * VOCABULARY_PADDED_TO
    if rows % tensor and not heads % tensor:
        yield (
            f"the vocabulary of {shapes.vocab}, padded to {rows}, cannot be divided by tensor parallel "
            f"{tensor} (possible: {_listed(n for n in DEGREES if not rows % n and not heads % n)})"
        )


def _whole_shares(shapes: ModelShapes) -> Iterator[tuple[str, int]]:
    """What every rank must get the same number of, beside the attention heads; a single group goes to all."""
    yield "value heads of the linear attention", shapes.linear_value_heads or 0
    yield "key heads of the linear attention", shapes.linear_key_heads or 0
    yield "heads of the linear attention", shapes.delta_heads or 0
    yield "heads of the Mamba layers", shapes.mamba_heads or 0
    if shapes.mamba_heads and (shapes.mamba_groups or 1) > 1:  # mamba_mixer2.py
        yield "groups of the Mamba layers", shapes.mamba_groups or 0
    for part, count in (("vision", shapes.vision_heads), ("audio", shapes.audio_heads)):
        if encoder_cut(shapes.architecture, part) == "split":
            yield f"heads of the {part} encoder", count or 0


def _kv_heads(shapes: ModelShapes) -> tuple[int, ...]:
    counts = (shapes.kv_heads, shapes.global_kv_heads)
    return tuple(dict.fromkeys(count for count in counts if count))


def ragged(
    shapes: ModelShapes, form: WeightFormat, published: bool, tensor: int, version: str, experts_spread: bool
) -> Iterator[str]:
    """Widths of which a rank would not get whole columns, or whole blocks of what is stored in blocks."""
    heads = shapes.heads or 0
    for width in _widths(shapes, form, published, version, experts_spread):
        if width.fits(tensor) or (heads % tensor and width.what.endswith("together")):
            continue  # heads that cannot be shared out say it themselves
        whole = (n for n in DEGREES if not heads % n and width.fits(n))
        stored = f" and stored in blocks of {width.block}" if width.block > 1 else ""
        yield (
            f"the {width.what} are {width.columns} wide{stored}: at tensor parallel {tensor} a rank gets "
            f"{width.columns / tensor:g} columns, no whole number{' of blocks' if stored else ''} "
            f"(possible: {_listed(whole)}){_finer(shapes, width, tensor, version)}"
        )
    yield from _kv_columns(shapes, form, published, tensor, version)


def _widths(
    shapes: ModelShapes, form: WeightFormat, published: bool, version: str, experts_spread: bool
) -> Iterator[Width]:
    heads = shapes.heads or 0
    block = _block(shapes, form, published)
    grouped = form.id in {"w4a16", "int8"} or (shapes.dtype or "").endswith(HALVED)
    if not experts_spread and form.id != "mxfp4":  # its kernels pad what a rank gets
        together = _expert_block(shapes, block, form, version)
        if shapes.moe_intermediate:
            yield Width("experts", shapes.moe_intermediate, together, alone=not grouped)
    # an FP8 layer of one rank is checked where its parts are merged, which 0.14.0 gave up
    alone = not grouped and version_key(version) < version_key(MERGED_FP8_AS_THEY_ARE)
    if shapes.shared_intermediate:
        yield Width("shared experts", shapes.shared_intermediate, block, alone)
    if shapes.intermediate and (not shapes.is_moe or shapes.dense_layers):
        yield Width("feed-forward layers", shapes.intermediate, block, alone)
    latent = is_latent(shapes)
    values = (shapes.v_head_dim if latent else shapes.head_dim) or 0
    yield Width("attention heads together", heads * values, block, alone)
    if latent and shapes.weight_block and shapes.qk_nope_head_dim:
        yield Width(
            "queries together", heads * (shapes.qk_nope_head_dim + (shapes.qk_rope_head_dim or 0)), block
        )
        yield Width("latent keys and values together", heads * (shapes.qk_nope_head_dim + values), block)


def _block(shapes: ModelShapes, form: WeightFormat, published: bool) -> int:
    """Elements along the inputs of a layer that stay together in the format on the GPU."""
    if not published:
        return INPUT_BLOCKS.get(form.id, 1)
    return shapes.weight_block or INPUT_BLOCKS.get(form.id, 1)


def _expert_block(shapes: ModelShapes, block: int, form: WeightFormat, version: str) -> int:
    named = (shapes.dtype or "").lower()
    halves = named.endswith(HALVED) or named.startswith(HALVED)
    if halves and block > LEAST_GROUP and version_key(version) >= version_key("0.7.1"):
        return LEAST_GROUP
    return block


def _finer(shapes: ModelShapes, width: Width, tensor: int, version: str) -> str:
    """What newer versions do with FP8 experts that are cut inside a block."""
    share = width.columns // tensor
    if width.what != "experts" or width.columns % tensor or (shapes.dtype or "") != "fp8":
        return ""
    if share % LEAST_GROUP or version_key(version) < version_key(FINER_FP8_EXPERTS):
        return ""
    return (
        f"; vLLM {FINER_FP8_EXPERTS} and newer start all the same, with finer blocks for their Triton "
        "kernels alone, which is not planned with: spread the experts with --enable-expert-parallel"
    )


def _kv_columns(
    shapes: ModelShapes, form: WeightFormat, published: bool, tensor: int, version: str
) -> Iterator[str]:
    """Keys of a rank, which older versions check for whole FP8 blocks beside the queries."""
    if form.id != "fp8" or not published or not shapes.weight_block or is_latent(shapes):
        return
    if version_key(version) >= version_key(MERGED_FP8_AS_THEY_ARE) or uneven(shapes.kv_heads or 0, tensor):
        return
    columns = max(1, (shapes.kv_heads or 0) // tensor) * (shapes.head_dim or 0)
    if columns % shapes.weight_block:
        yield (
            f"the keys of a rank are {columns} wide at tensor parallel {tensor}, no whole number of blocks "
            f"of {shapes.weight_block}, which vLLM before {MERGED_FP8_AS_THEY_ARE} refuses"
        )


def usual_groups(shapes: ModelShapes, tensor: int) -> Iterator[str]:
    """Widths that a repository in groups of the usual size could not give each rank in whole groups."""
    heads = shapes.heads or 0
    widths = {
        "experts": shapes.moe_intermediate,
        "shared experts": shapes.shared_intermediate,
        "feed-forward layers": shapes.intermediate if not shapes.is_moe or shapes.dense_layers else None,
    }
    for what, columns in widths.items():
        least = LEAST_GROUP if what == "experts" else USUAL_GROUP
        width = Width(what, columns or 0, least)
        if columns and not width.fits(tensor):
            whole = _listed(n for n in DEGREES if not heads % n and width.fits(n))
            yield (
                f"in groups of {USUAL_GROUP} the {what}, {columns} wide, can be cut for tensor parallel "
                f"{whole} only, unless that repository pads them"
            )


def _listed(degrees: Iterator[int]) -> str:
    return ", ".join(str(n) for n in degrees) or "none"
