"""A good spec in a few lines, one change to it, and how the loader refuses the result; used by several tests.

Not here: any test.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from inferplan.spec.faults import SpecErrors
from inferplan.spec.loading import load

ROOT = Path(__file__).parents[2]
ORGANIZATION = ROOT / "organization"

GOOD = """\
apiVersion: inferplan/v1beta1
kind: InferenceStack
metadata: {name: demo, owner: me@lab.example}
mode: self-hosted
target: {platform: aws, account: "444444444444"}
data: {subjects: [FR], personal: false, residency: {countries: [EU]}}
backends:
  small: {weights: hf://Qwen/Qwen3-4B}
routes:
  - {name: chat, api: chat, classes: [public], backends: [small]}
"""


def changed(old: str, new: str) -> str:
    """The good spec with one change."""
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


def refused(text: str | bytes, folder: Path, name: str = "spec.yaml") -> str:
    """The message that a spec is refused with, without the folder's name."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SpecErrors) as caught:
        load(path, ORGANIZATION)
    return str(caught.value).replace(f"{folder}/", "")
