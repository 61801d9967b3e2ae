"""What all tests share: the option that rewrites goldens, untimed examples, the last words of a run.

Not here: fixtures of one folder.
"""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-golden", action="store_true", help="write goldens instead of comparing")


@pytest.fixture
def rewrite_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--rewrite-golden"))


APART = {  # mark -> where such tests run
    "engine": "make test-engine",
    "cluster": "make test-cluster",
    "aws": "make test-aws",
}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how many tests ran and what a run leaves to others; pytest lists below what was skipped and why."""
    stats = terminalreporter.stats
    ran = sum(len(stats.get(kind, ())) for kind in ("passed", "failed", "xfailed", "xpassed"))
    terminalreporter.section("in the end")
    terminalreporter.write_line(f"{ran} tests ran, {len(stats.get('skipped', ()))} skipped")
    for mark, target in APART.items():
        if f"not {mark}" in config.option.markexpr:
            terminalreporter.write_line(f"left out: tests marked {mark}, which `{target}` runs")
