"""Fixtures of the supply tests: a real registry and a stand-in for the hub, both on loopback.

Not here: the tests. All are marked `supply`; without a registry those that need it are skipped, and say why.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.supply.certificates import Certificate, certificate
from tests.supply.hub import Hub, hub
from tests.supply.registry import Registry, registry


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.supply)


@pytest.fixture(scope="session")
def loopback_certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def shared_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """One for all tests, over plain HTTP; each test names its own repositories."""
    with registry(tmp_path_factory.mktemp("registry")) as made:
        yield made


@pytest.fixture(scope="session")
def closed_registry(
    tmp_path_factory: pytest.TempPathFactory, loopback_certificate: Certificate
) -> Iterator[Registry]:
    """One over TLS that wants USER and PASSWORD."""
    folder = tmp_path_factory.mktemp("closed-registry")
    with registry(folder, certificate=loopback_certificate, password=True) as made:
        yield made


@pytest.fixture
def model_hub() -> Iterator[Hub]:
    """An empty one for each test."""
    with hub() as made:
        yield made
