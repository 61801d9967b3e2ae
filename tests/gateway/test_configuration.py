"""The planned configuration against the installed package: what is planned and never read is no protection.

Not here: whether what is read also holds (test_gateway).
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

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
    site = next((home / "venv/lib").glob("python3*/site-packages"))
    words: set[str] = set()
    for package in PACKAGES:
        for file in (site / package).rglob("*.py"):
            text = DECLARED.sub("", file.read_text())
            words.update(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", text))
    return frozenset(words)


@pytest.mark.parametrize("name", [MANAGED, HYBRID])
def test_every_planned_key_is_read_row_15(name: str, read_names: frozenset[str]) -> None:
    """Settings, parameters of models and guardrails, and variables are known to the pinned version."""
    gateway = planned(name).gateway
    keys = {*gateway.env} - OTHERS
    for section in ("router_settings", "litellm_settings", "general_settings"):
        keys |= set(gateway.config[section])
    for entry in (*gateway.config["model_list"], *gateway.config["guardrails"]):
        keys |= set(entry["litellm_params"])

    assert sorted(keys - read_names) == []


def test_ignored_keys_are_noticed_row_15(read_names: frozenset[str]) -> None:
    """The two keys that were planned once and read by nobody."""
    assert not {"LITELLM_TELEMETRY_DISABLED", "enable_public_model_hub"} & read_names
