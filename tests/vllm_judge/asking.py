"""The side of the tests: the pinned wheels unpacked once into the cache, and one judge for each process.

Not here: what the judge does (court).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from inferplan.catalog.refresh import wheels
from inferplan.records.plan import Server
from inferplan.sizing import shapes_of

ROOT = Path(__file__).parents[2]
# What a LeaderWorkerSet puts in for the pods of a group.
IN_A_GROUP = {"$(LWS_WORKER_INDEX)": "1", "$(LWS_LEADER_ADDRESS)": "leader"}


@dataclass(frozen=True)
class Judge:
    """vLLM in a process of its own, for as long as the tests run."""

    process: subprocess.Popen[str]

    def refuses(self, argv: list[str], architecture: str | None = None, pools: bool = False) -> str | None:
        """What vLLM says against everything after `vllm serve`, or None."""
        return self._ask({"argv": argv, "architecture": architecture, "pools": pools})

    def fetches(self, argv: list[str], url: str) -> str | None:
        """Why a server with these flags fetches nothing for a request that names `url`; None: it would."""
        return self._ask({"argv": argv, "url": url})

    def _ask(self, asked: dict[str, Any]) -> str | None:
        asked["argv"] = [IN_A_GROUP.get(word, word) for word in asked["argv"]]
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the judge ended with {self.process.wait()}")
        refusal: str | None = json.loads(answer)["refused"]
        return refusal

    def refuses_server(self, server: Server, *more: str) -> str | None:
        """The same for the command of a planned server."""
        pools = "--runner" in server.flags
        argv = [f"/{server.weights_key}", *server.flags, *more]
        architecture = None if server.engine == "diffusion" else shapes_of(server.model).architecture
        return self.refuses(argv, architecture, pools)


@cache
def judge() -> Judge | None:
    """The judge, started at the first question; None where a wheel is not fetched."""
    if wheels.fetched("vllm") is None or wheels.fetched("vllm-omni") is None:
        return None
    command = [sys.executable, "-W", "ignore", "-m", "tests.vllm_judge.court", str(_sources())]
    return Judge(
        subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        )
    )


def _sources() -> Path:
    """Python files of both wheels, side by side; unpacked whole or not at all."""
    versions = [wheels.version("vllm"), wheels.version("vllm-omni")]
    target = wheels.folder().parent / "vllm-sources" / "-".join(versions)
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    unpacked = Path(tempfile.mkdtemp(dir=target.parent))
    for package in ("vllm", "vllm-omni"):
        with ZipFile(wheels.wheel(package)) as archive:
            wanted = (name for name in archive.namelist() if name.endswith((".py", "/METADATA", ".jinja")))
            archive.extractall(unpacked, wanted)
    try:
        unpacked.rename(target)
    except OSError:  # another process was faster
        shutil.rmtree(unpacked)
    return target
