"""Fixtures of the cluster tests; all of them are skipped, with the reason, where nothing can be built.

Not here: the control plane itself (control_plane) and its nodes (cluster).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.control_plane import ApiServer, control_plane


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server that only takes objects: nothing acts on them."""
    with control_plane(tmp_path_factory.mktemp("api-server")) as server:
        yield server
