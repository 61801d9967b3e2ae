"""An account with a deployed foundation, as `inferplan mirror` meets it; botocore's models judge both ways.

Not here: what the build does (tests/supply runs it), and what the verb says (tests/unit/test_mirror.py).
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore import xform_name

from tests.aws_answers import Answer, Asked
from tests.command_line import ROOT

MARK = "inferplan "
STARTED = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BUILT = f"sha256:{'b' * 64}"
IN_PROGRESS, SUCCEEDED, FAILED = "IN_PROGRESS", "SUCCEEDED", "FAILED"


def pinned_examples(folder: Path) -> Path:
    """The examples with locks that say they were asked for, to be run in."""
    for name in ("specs", "organization"):
        shutil.copytree(ROOT / name, folder / name)
    for lock in (folder / "specs").glob("*.lock.yaml"):
        lock.write_text(lock.read_text().replace("documentation_values: true\n", ""))
    return folder


class MirrorAccount:
    """Bucket, repositories, project and builds; a build ends `lasts` looks after it was started.

    `carries_out` is what a build does: it gives its exit status; `says` are the lines of its log.
    """

    def __init__(self, account: str, *, lasts: int = 2) -> None:
        self.account, self.lasts = account, lasts
        self.has_project = self.has_bucket = True
        self.objects: dict[str, bytes] = {}
        self.images: dict[str, set[str]] = {}
        self.builds: list[dict[str, Any]] = []
        self.says: list[str] = []
        self.carries_out: Callable[[dict[str, str]], str] = self.bring
        self.refuses: dict[str, str] = {}  # operation -> code
        self.looks: dict[str, int] = {}

    def __call__(self, operation: str, region: str, asked: Asked) -> Answer:
        if operation in self.refuses:
            return self.refuses[operation]
        answer: Answer = getattr(self, f"_{xform_name(operation)}")(asked)
        return answer

    def bring(self, variables: dict[str, str]) -> str:
        """All of the order, as the real build leaves it."""
        order = json.loads(self.objects[f"orders/{variables['INFERPLAN_ORDER']}.json"])
        for file in order["files"]:
            self.objects[file["key"]] = b"w" * (file["size_bytes"] or 1)
        for image in order["images"]:
            self.images.setdefault(image["repository"], set()).add(image["digest"])
        for build in order["builds"]:
            self.images.setdefault(build["repository"], set()).add(BUILT)
        self.leave(variables, {})
        return SUCCEEDED

    def leave(self, variables: dict[str, str], problems: dict[str, str]) -> None:
        """The record of a build in which these images and keys failed."""
        order = json.loads(self.objects[f"orders/{variables['INFERPLAN_ORDER']}.json"])

        def part(kind: str, called: str, **more: str) -> dict[str, Any]:
            problem = problems.get(called)
            state = "failed" if problem else "brought"
            return {"kind": kind, "state": state, "bytes": 0, "seconds": 1.0, "problem": problem, **more}

        record = {
            "order": variables["INFERPLAN_ORDER"],
            "build": self.builds[0]["id"],
            "complete": not problems,
            "images": [
                part("image", one["name"], name=one["name"], digest=one.get("digest", BUILT))
                for one in (*order["images"], *order["builds"])
            ],
            "files": [part("file", one["key"], key=one["key"]) for one in order["files"]],
        }
        self.objects[f"records/{variables['INFERPLAN_ORDER']}.json"] = json.dumps(record).encode()

    # -- the API
    def _get_caller_identity(self, _: Asked) -> Answer:
        return {"Account": self.account, "UserId": "u", "Arn": f"arn:aws:iam::{self.account}:role/r"}

    def _batch_get_projects(self, asked: Asked) -> Answer:
        return {"projects": [{"name": name} for name in asked["names"] if self.has_project]}

    def _list_builds_for_project(self, _: Asked) -> Answer:
        return {"ids": [one["id"] for one in self.builds]} if self.builds else {}

    def _batch_get_builds(self, asked: Asked) -> Answer:
        return {"builds": [self._as_it_stands(one) for one in self.builds if one["id"] in asked["ids"]]}

    def _as_it_stands(self, build: dict[str, Any]) -> dict[str, Any]:
        seen = self.looks[build["id"]] = self.looks.get(build["id"], 0) + 1
        if build["buildStatus"] == IN_PROGRESS and seen > self.lasts:
            said = build["environment"]["environmentVariables"]
            status = self.carries_out({one["name"]: one["value"] for one in said})
            phase: dict[str, Any] = {"phaseType": "BUILD", "phaseStatus": status}
            if status != SUCCEEDED:
                message = "Error while executing command: python worker. Reason: exit status 1"
                phase["contexts"] = [{"statusCode": "COMMAND_EXECUTION_ERROR", "message": message}]
            build |= {"buildStatus": status, "currentPhase": "COMPLETED", "phases": [phase]}
        return build

    def _start_build(self, asked: Asked) -> Answer:
        build = {
            "id": f"{asked['projectName']}:{len(self.builds) + 1:04}",
            "projectName": asked["projectName"],
            "startTime": STARTED,
            "currentPhase": "QUEUED",
            "buildStatus": IN_PROGRESS,
            "logs": {"groupName": "/inferplan/x/mirror", "streamName": f"stream-{len(self.builds) + 1}"},
            "environment": {
                "type": "LINUX_CONTAINER",
                "image": "i",
                "computeType": "BUILD_GENERAL1_SMALL",
                "environmentVariables": list(asked["environmentVariablesOverride"]),
            },
        }
        self.builds.insert(0, build)
        return {"build": build}

    def _get_log_events(self, asked: Asked) -> Answer:
        at = int(asked.get("nextToken", 0))
        new = self.says[at:]
        return {"events": [{"message": f"{line}\n"} for line in new], "nextForwardToken": str(at + len(new))}

    def _list_objects_v2(self, asked: Asked) -> Answer:
        if not self.has_bucket:
            return "NoSuchBucket"
        held = [key for key in sorted(self.objects) if key.startswith(asked["Prefix"])]
        return {"Contents": [{"Key": key, "Size": len(self.objects[key])} for key in held]}

    def _put_object(self, asked: Asked) -> Answer:
        self.objects[asked["Key"]] = asked["Body"]
        return {}

    def _get_object(self, asked: Asked) -> Answer:
        if asked["Key"] not in self.objects:
            return "NoSuchKey"
        return {"Body": io.BytesIO(self.objects[asked["Key"]])}

    def _describe_images(self, asked: Asked) -> Answer:
        if asked["repositoryName"] not in self.images:
            return "RepositoryNotFoundException"
        return {"imageDetails": [{"imageDigest": one} for one in self.images[asked["repositoryName"]]]}
