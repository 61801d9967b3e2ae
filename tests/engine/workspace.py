"""One Pulumi project in a temporary folder, driven by the real `pulumi` command without network or cloud.

Not here: what is asserted about it (the tests of this folder).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TIME_LIMIT_SECONDS = 300


@dataclass(frozen=True)
class Engine:
    """The pulumi command, and the folder to put first on PATH for it (empty for an official one)."""

    pulumi: Path
    env: dict[str, str]


@dataclass(frozen=True)
class Result:
    """What a pulumi command answered."""

    code: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        """Everything it said, for assertions on messages."""
        return self.stdout + self.stderr


@dataclass
class Workspace:
    """A project folder with its own backend, home and configuration files."""

    engine: Engine
    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def project(self, program: Path = ROOT / "__main__.py") -> None:
        """Run `program` as the project's program; by default ours, with the settings of its Pulumi.yaml."""
        source = self.folder / "project"
        source.mkdir()
        (self.folder / "state").mkdir()
        shutil.copy(program, source / "__main__.py")
        settings = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))
        settings["runtime"]["options"]["virtualenv"] = sys.prefix
        if program.parent != ROOT:
            settings.pop("config", None)
        (source / "Pulumi.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")

    def stack(self, name: str, config: Mapping[str, str] | None = None) -> None:
        """Create a stack with plain configuration values."""
        self.run("stack", "init", name, check=True)
        file = self.folder / "project" / f"Pulumi.{name}.yaml"
        settings = yaml.safe_load(file.read_text(encoding="utf-8")) | {"config": dict(config or {})}
        file.write_text(yaml.safe_dump(settings), encoding="utf-8")

    def run(self, *arguments: str, check: bool = False, seconds: int = TIME_LIMIT_SECONDS) -> Result:
        """Run one pulumi command; with `check` a failure is an AssertionError that shows what was said."""
        done = subprocess.run(
            [self.engine.pulumi, *arguments, "--non-interactive"],
            cwd=self.folder / "project",
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        result = Result(done.returncode, done.stdout, done.stderr)
        assert not check or result.code == 0, result.text
        return result

    def export(self, stack: str) -> dict[str, Any]:
        """The state of a stack as `pulumi stack export` prints it."""
        state: dict[str, Any] = json.loads(self.run("stack", "export", "--stack", stack, check=True).stdout)
        return state

    def _environment(self) -> dict[str, str]:
        env = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "AWS_"))}
        return (
            env
            | {
                "PULUMI_HOME": str(self.folder / "home"),
                "PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}",
                "PULUMI_CONFIG_PASSPHRASE": "only for tests",
                "PULUMI_SKIP_UPDATE_CHECK": "true",
                "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
                "NO_COLOR": "1",
            }
            | self.engine.env
            | self.env
        )


def find_engine(folder: Path) -> Engine | str:
    """The official engine of PATH, else the one that build.sh makes; or the reason why there is none."""
    built = subprocess.run([HERE / "build.sh"], capture_output=True, text=True, check=False)
    if built.returncode != 0:
        return built.stderr.strip().splitlines()[-1]
    pulumi = Path(built.stdout.strip())
    if shutil.which("pulumi-language-python"):
        return Engine(pulumi, {})
    module = subprocess.run(
        ["go", "list", "-m", "-f", "{{.Dir}}", "github.com/pulumi/pulumi/sdk/v3"],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    host = folder / "pulumi-language-python"
    host.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -m tests.engine.language_host "$@"\n', encoding="utf-8"
    )
    host.chmod(0o755)
    env = {
        "PATH": os.pathsep.join((str(folder), os.environ["PATH"])),
        "PYTHONPATH": str(ROOT),
        "PULUMI_LANGUAGE_PYTHON_EXEC": f"{module}/python/cmd/pulumi-language-python-exec",
    }
    return Engine(pulumi, env)
