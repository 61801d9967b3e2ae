"""Which files of a model or adapter are pinned: what the engine reads, and what its license asks for.

Not here: where the files lie (hub_weights, bucket_weights, oci_registries).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from inferplan.cli.locking.lock_file import NOT_STORED
from inferplan.cli.locking.patience import Unanswered
from inferplan.spec.yaml12 import MAX_KEY

CONFIG, BESIDE, ADAPTER_CONFIG = "config.json", "hf_quant_config.json", "adapter_config.json"
DOCUMENTS = (CONFIG, BESIDE, ADAPTER_CONFIG)

_SAFE = ".safetensors"
_REVISION, _SHA256 = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{64}")
_TORCH = re.compile(r"\.(bin|pt|pth)$")
_OTHERS = re.compile(r"\.(ckpt|h5|msgpack|onnx|onnx_data|ot|tflite|mlmodel|gguf|ggml|pdparams|npz)$")
# Weights for other programs, training states, pictures; vLLM passes over `original` too (config/load.py).
_FOLDERS = re.compile(r"^(original|onnx|openvino|coreml|flax|runs|checkpoint-[0-9]+|figures|assets|images)/")
_NOT_READ = re.compile(
    r"(^|/)(\.gitattributes|\.gitignore|\.DS_Store|optimizer\.\w+|scheduler\.pt|trainer_state\.json"
    r"|training_args\.bin|rng_state[^/]*\.pth)$|\.(png|jpe?g|gif|svg|webp|mp4|mp3|wav|pdf|ipynb)$",
    re.IGNORECASE,
)


class Weights(NamedTuple):
    """What a source holds of a model or adapter."""

    revision: str
    files: dict[str, str]  # SHA-256 by path
    sizes: dict[str, int]  # bytes by path
    documents: dict[str, dict[str, Any]]  # the JSON files that describe it, by path
    license: str | None = None


def needed(paths: Iterable[str]) -> list[str]:
    """The paths that are pinned, sorted; weights that are there twice are taken in one form.

    Safetensors go before every other form; of a pipeline of diffusers its folders count, not the same in one
    file; Mistral's consolidated files give way to those that config.json describes.
    """
    kept = sorted(path for path in paths if not _FOLDERS.search(path) and not _NOT_READ.search(path))
    present = set(kept)
    safe = [path for path in kept if path.endswith(_SAFE)]
    whole = {path for path in safe if "/" not in path}
    dropped: set[str] = set()
    if "model_index.json" in present and len(whole) < len(safe):
        dropped |= whole
    plain = {path for path in whole if not path.startswith("consolidated")}
    if CONFIG in present and plain:
        dropped |= {path for path in present if path.startswith("consolidated")}
    dropped |= {path for path in safe if path.replace(".fp16.", ".") in present - {path}}
    torch = {path for path in kept if _TORCH.search(path)}
    if safe or torch:
        dropped |= {path for path in kept if _OTHERS.search(path)}
    if safe:
        dropped |= torch
        dropped |= {path for path in kept if path.endswith((".bin.index.json", ".fp16.index.json"))}
    return [path for path in kept if path not in dropped]


def checked(found: Weights) -> Weights:
    """The same, if a lock can hold it and a bucket take it; raises Unanswered for what no repository has."""
    if not _REVISION.fullmatch(found.revision):
        raise Unanswered(f"has the revision {found.revision!r:.60}, which is no full commit id")
    for path, sha256 in found.files.items():
        parts = path.split("/")
        if len(path) > MAX_KEY or NOT_STORED.search(path) or {"", ".", ".."} & {*parts} or path == "<<":
            raise Unanswered(f"holds a file {path!r:.60}, which is no path that can be copied")
        if not _SHA256.fullmatch(sha256):
            raise Unanswered(f"states no SHA-256 of {path}")
    text = found.license
    return found._replace(license=None if text is None or NOT_STORED.search(text) else text)


def revision_of(files: Mapping[str, str]) -> str:
    """What stands for a commit where there is none: the digest of all hashes, as sha256sum lists them."""
    listed = "".join(f"{sha256}  {path}\n" for path, sha256 in sorted(files.items()))
    return hashlib.sha256(listed.encode()).hexdigest()[:40]
