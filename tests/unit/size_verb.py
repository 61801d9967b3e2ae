"""The verb `size` as tests call it. Not here: what it has to answer (test_sizing_cli, test_size_speed)."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner, Result

from inferplan.cli.app import cli


def run(*arguments: str) -> Result:
    """Run the verb; bad input ends in click's usage error with exit code 2."""
    return CliRunner().invoke(cli, ["size", *arguments])


def report(*arguments: str) -> Any:
    """The JSON report of a run that must succeed."""
    result = run(*arguments, "--format", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)
