"""The lock beside a spec as frozen records: what names were pinned to.

Not here: how pins are found (the verb `lock`) and who may change the bar (organization).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from inferplan.spec.vocabulary import END, Record, Text

Digest = Annotated[
    str, Meta(pattern=rf"^sha256:[0-9a-f]{{64}}{END}", title="a digest (sha256:, 64 hex digits)")
]
Sha256 = Annotated[str, Meta(pattern=rf"^[0-9a-f]{{64}}{END}", title="a SHA-256 (64 hex digits)")]
Commit = Annotated[str, Meta(pattern=rf"^[0-9a-f]{{40}}{END}", title="a full commit id (40 hex digits)")]
Bytes = Annotated[int, Meta(ge=0, le=1 << 50, title="a number of bytes")]


class LockedImage(Record):
    """A container image.

    repository: registry and name
    tag: tag it was found under
    digest: what it is pinned to
    models: spaCy models that an image of presidio-analyzer holds; en_core_web_lg alone when it is not said
    size_bytes: what a pull transfers, compressed
    """

    repository: Text
    tag: Text
    digest: Digest
    models: tuple[Text, ...] = ()
    size_bytes: Bytes | None = None


class LockedModel(Record):
    """A model's weights.

    revision: commit they are pinned to; of weights outside a hub, the first 40 digits of their files' digest
    files: SHA-256 of each file
    sizes: bytes of each file
    quantized: whether the engine quantizes at load or the publisher did
    config: the model's config.json, from which a model that the catalog does not know is sized
    quantization_config: its hf_quant_config.json, where it has one
    license: license that the hub states
    """

    revision: Commit
    files: dict[str, Sha256] = field(default_factory=dict)
    sizes: dict[str, Bytes] = field(default_factory=dict)
    quantized: Literal["at_load", "published"] | None = None
    config: dict[str, Any] | None = None
    quantization_config: dict[str, Any] | None = None
    license: Text | None = None


class LockedAdapter(Record):
    """An adapter's weights.

    revision: commit they are pinned to; of weights outside a hub, the first 40 digits of their files' digest
    files: SHA-256 of each file
    sizes: bytes of each file
    rank: rank that its adapter_config.json states
    base_model: model that it was trained on, as stated there
    """

    revision: Commit | None = None
    files: dict[str, Sha256] = field(default_factory=dict)
    sizes: dict[str, Bytes] = field(default_factory=dict)
    rank: Annotated[int, Meta(ge=1, le=512)] | None = None
    base_model: Text | None = None


class Lock(Record):
    """What names were pinned to.

    apiVersion: version of this language
    kind: kind of this file
    images: container images by name
    models: weights by model id
    adapters: adapters by name
    addons: versions of EKS add-ons
    charts: versions of Helm charts
    documentation_values: marks pins that no registry has been asked for
    """

    api_version: Literal["inferplan/v1beta1"] = field(name="apiVersion")
    kind: Literal["Lock"]
    images: dict[str, LockedImage] = field(default_factory=dict)
    models: dict[str, LockedModel] = field(default_factory=dict)
    adapters: dict[str, LockedAdapter] = field(default_factory=dict)
    addons: dict[str, Text] = field(default_factory=dict)
    charts: dict[str, Text] = field(default_factory=dict)
    documentation_values: bool = False


NO_PINS = Lock(api_version="inferplan/v1beta1", kind="Lock")
