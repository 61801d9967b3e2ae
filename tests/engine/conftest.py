"""Fixtures of the engine tests: the engine, stand-in providers, and a project folder per test.

Not here: the tests. All of them are marked `engine` and skipped, with the reason, where no engine can be had.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.provider import StandIn, attached
from tests.engine.workspace import Engine, Workspace, find_engine

VERSIONS = {"aws": "7.51.1", "kubernetes": "4.34.2"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder; the AWS SDK warns about its own modules when it is imported."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.engine)
            item.add_marker(pytest.mark.filterwarnings("ignore::DeprecationWarning:pulumi_aws"))


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    found = find_engine(tmp_path_factory.mktemp("bin"))
    if isinstance(found, str):
        pytest.skip(f"no Pulumi engine: {found}")
    return found


@pytest.fixture(scope="session")
def providers() -> Iterator[tuple[str, dict[str, StandIn]]]:
    with attached(VERSIONS) as served:
        yield served


@pytest.fixture
def stand_ins(providers: tuple[str, dict[str, StandIn]]) -> dict[str, StandIn]:
    """The stand-in providers, with nothing done yet."""
    for stand_in in providers[1].values():
        stand_in.forget()
    return providers[1]


@pytest.fixture
def workspace(
    engine: Engine, providers: tuple[str, dict[str, StandIn]], stand_ins: dict[str, StandIn], tmp_path: Path
) -> Workspace:
    return Workspace(engine, tmp_path, {"PULUMI_DEBUG_PROVIDERS": providers[0]})
