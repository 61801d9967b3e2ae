"""The lock beside a spec as frozen records: what names were pinned to.

Not here: how pins are found (the verb `lock`) and who may change the bar (organization).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from inferplan.spec.vocabulary import END, Record, Text

Digest = Annotated[
    str, Meta(pattern=rf"^sha256:[0-9a-f]{{64}}{END}", title="a digest (sha256:, 64 hex digits)")
]
Sha256 = Annotated[str, Meta(pattern=rf"^[0-9a-f]{{64}}{END}", title="a SHA-256 (64 hex digits)")]
Commit = Annotated[str, Meta(pattern=rf"^[0-9a-f]{{40}}{END}", title="a full commit id (40 hex digits)")]


class LockedImage(Record):
    """A container image.

    repository: registry and name
    tag: tag it was found under
    digest: what it is pinned to
    models: spaCy models that an image of presidio-analyzer holds; en_core_web_lg alone when it is not said
    """

    repository: Text
    tag: Text
    digest: Digest
    models: tuple[Text, ...] = ()


class LockedModel(Record):
    """A model's weights.

    revision: commit they are pinned to
    files: SHA-256 of each file
    quantized: whether the engine quantizes at load or the publisher did
    """

    revision: Commit
    files: dict[str, Sha256] = field(default_factory=dict)
    quantized: Literal["at_load", "published"] | None = None


class LockedAdapter(Record):
    """An adapter's weights.

    files: SHA-256 of each file
    """

    files: dict[str, Sha256] = field(default_factory=dict)


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
