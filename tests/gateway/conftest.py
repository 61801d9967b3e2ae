"""Fixtures of the proxy's tests: the built environment, and one started gateway per example.

Not here: the tests. All are marked `gateway` and skipped, with the reason, where the proxy cannot be built.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.gateway.proxy import Gateway
from tests.unit.recorded import HYBRID, MANAGED


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder; the AWS SDK warns about its own modules when it is imported."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.gateway)
            item.add_marker(pytest.mark.filterwarnings("ignore::DeprecationWarning:pulumi_aws"))


@pytest.fixture(scope="session")
def home() -> Path:
    built = subprocess.run(
        [Path(__file__).parent / "build.sh"], check=False, stdout=subprocess.PIPE, text=True
    )
    if built.returncode:
        pytest.skip("no LiteLLM, PostgreSQL or Redis: see tests/gateway/build.sh's last line above")
    return Path(built.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="session")
def paths_of_the_proxy(home: Path) -> list[tuple[str, str]]:
    """Method and path of everything that it serves, whatever it is configured to."""
    program = Path(__file__).parent / "paths.py"
    listed = subprocess.run(
        [home / "venv/bin/python", program],
        check=True,
        capture_output=True,
        text=True,
        env={"HOME": str(home)},
    ).stdout.splitlines()[-1]
    return [(method, path) for method, path in json.loads(listed)]


@pytest.fixture(scope="session", params=[MANAGED, HYBRID])
def gateway(request: pytest.FixtureRequest, home: Path) -> Iterator[Gateway]:
    """On ECS and in Kubernetes: bootstrapped, migrated, serving, with the callers' keys set."""
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL refuses to run as root, and its user has to get there
        made = Gateway(request.param, home, folder, stack)
        made.first = made.run("bootstrap")
        made.migrate()
        made.start()
        yield made
