"""What `inferplan mirror --format json` prints, as records; fields may be added, not renamed.

Not here: filling them in (inferplan.cli) and the record that a build leaves in the account.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class MirroredPart(Struct, frozen=True, kw_only=True):
    """One image or one file of weights.

    kind: which of the two
    name: of the image, or the key in the bucket
    state: what became of it
    bytes: that were brought; 0 for an image
    problem: why it is not there; null where it is
    """

    kind: Literal["image", "file"]
    name: str
    state: Literal["brought", "there", "failed"]
    bytes: int
    problem: str | None


class MirrorDocument(Struct, frozen=True, kw_only=True):
    """What `inferplan mirror --format json` prints.

    schema: name and version of this contract
    stack: whose images and weights
    order: SHA-256 of the order, which is its name in the bucket
    build: id of the build; null where none was needed
    outcome: complete: everything is there, and a build has brought or found it; already: an earlier one had
    followed: whether the build was running already
    record: where the build's own record lies
    parts: images and files
    then: what is left to be done; null where nothing is
    """

    schema: Literal["inferplan.mirror/v1beta1"]
    stack: str
    order: str
    build: str | None
    outcome: Literal["complete", "already", "incomplete"]
    followed: bool
    record: str
    parts: tuple[MirroredPart, ...]
    then: str | None
