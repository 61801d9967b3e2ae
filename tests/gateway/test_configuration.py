"""The planned configuration against the installed package: what is planned and never read is no protection.

Not here: whether what is read also holds (test_gateway).
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.gateway import keys
from inferplan import catalog
from tests.unit.recorded import HYBRID, MANAGED, planned

PACKAGES = ("litellm", "litellm_proxy_extras", "litellm_enterprise")
# Read by boto3, huggingface_hub and transformers, which the proxy imports.
OTHERS = {
    "AWS_DEFAULT_REGION",
    "DO_NOT_TRACK",
    "HF_HUB_DISABLE_TELEMETRY",
    "HF_HUB_OFFLINE",
    "TRANSFORMERS_OFFLINE",
}
# A field of a model that nothing else names is declared and not read.
DECLARED = re.compile(r"^\s+\w+: [^\n]*Field\(", re.MULTILINE)


@pytest.fixture(scope="module")
def read_names(home: Path) -> frozenset[str]:
    """Every word of the package's code, without the fields that are only declared."""
    return _words(home / "venv", PACKAGES)


@pytest.fixture(scope="module")
def presidio_names(home: Path) -> frozenset[str]:
    """Every word of the analyzer's code."""
    return _words(home / "redaction", ("presidio_analyzer",))


def _words(environment: Path, packages: tuple[str, ...]) -> frozenset[str]:
    site = next((environment / "lib").glob("python3*/site-packages"))
    words: set[str] = set()
    for package in packages:
        for file in (site / package).rglob("*.py"):
            text = DECLARED.sub("", file.read_text())
            words.update(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", text))
    return frozenset(words)


@pytest.mark.parametrize("name", [MANAGED, HYBRID])
def test_every_planned_key_is_read_row_15(name: str, read_names: frozenset[str]) -> None:
    """Settings, parameters of models and guardrails, and variables are known to the pinned version."""
    gateway = planned(name).gateway
    names = {*gateway.env} - OTHERS
    for section in ("router_settings", "litellm_settings", "general_settings"):
        names |= set(gateway.config[section])
    for entry in (*gateway.config["model_list"], *gateway.config["guardrails"]):
        names |= {*entry, *entry["litellm_params"], *entry.get("model_info", ())}

    assert sorted(names - read_names) == []


@pytest.mark.parametrize("name", [MANAGED, HYBRID])
def test_every_field_of_a_key_is_taken_row_5_and_15(name: str, home: Path) -> None:
    """What the program sends for a caller is a field of the proxy's own request."""
    show = "from litellm.proxy._types import GenerateKeyRequest as R; print(*R.model_fields)"
    shown = subprocess.run(
        [home / "venv/bin/python", "-c", show], check=True, capture_output=True, text=True
    ).stdout
    bodies = json.loads(keys.callers_text(planned(name).gateway))

    assert bodies
    assert {field for body in bodies for field in body} - {"secret"} - set(shown.split()) == set()


@pytest.mark.parametrize("name", [MANAGED, HYBRID])
def test_every_key_of_the_analyzer_is_read_row_4_and_15(name: str, presidio_names: frozenset[str]) -> None:
    """Settings, recognizers and the fields of a recognizer are known to the pinned Presidio."""
    (config,) = [sidecar.config for sidecar in planned(name).gateway.sidecars if sidecar.config]
    labels = set(config["nlp_configuration"]["ner_model_configuration"]["model_to_presidio_entity_mapping"])
    recognizers = config["recognizer_registry"]["recognizers"]
    named = {recognizer["name"] for recognizer in recognizers}

    assert sorted((set(_keys(config)) - labels | named) - presidio_names) == []


def test_every_recognizer_of_the_catalog_exists_row_4(presidio_names: frozenset[str]) -> None:
    """Classes of the pinned Presidio, for each country that has some."""
    listed = {name for names in catalog.redaction_recognizers().values() for name in names}

    assert listed - presidio_names == set()


def _keys(value: Any) -> Iterator[str]:
    """Names at any depth."""
    if isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


def test_ignored_keys_are_noticed_row_15(read_names: frozenset[str]) -> None:
    """The two keys that were planned once and read by nobody."""
    assert not {"LITELLM_TELEMETRY_DISABLED", "enable_public_model_hub"} & read_names
