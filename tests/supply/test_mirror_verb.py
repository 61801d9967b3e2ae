"""The whole road of a mirror: verb, order, the real program of the build, registry, hub, bucket, record.

CodeBuild, logs and identity are answered (tests/mirror_answers.py), S3 is moto's server, and a build is the
program run as a process. Area of concern: parts that each work, and do not fit one another.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from inferplan.cli.mirroring import following
from inferplan.plan.mirror_order import MirrorOrder, order_digest
from tests.aws_answers import Answer, Asked, answered
from tests.command_line import inferplan
from tests.mirror_answers import FAILED, SUCCEEDED, MirrorAccount, pinned_examples
from tests.supply.builds import BUCKET, Account, account
from tests.supply.hub import Hub, hash_of
from tests.supply.registry import Registry

SPEC = "specs/de-clinic-notes.yaml"
MODEL = "Qwen/Qwen3-32B-FP8"
FILES = {"config.json": b"{}", "model.safetensors": os.urandom(40 << 20), "tokenizer.json": b"[]"}


class RealBuilds(MirrorAccount):
    """The same account, whose builds are run, and whose bucket is moto's."""

    def __init__(self, aws: Account, registry: Registry) -> None:
        super().__init__("111111111111")
        self._aws, self._registry, self._s3 = aws, registry, aws.client("s3")
        self.carries_out = self._run

    def _run(self, variables: dict[str, str]) -> str:
        """Run the program of the archive that the verb has put there, with this registry for ECR's."""
        name = variables["INFERPLAN_ORDER"]
        text = self._s3.get_object(Bucket=BUCKET, Key=f"orders/{name}.json")["Body"].read()
        archive = self._s3.get_object(Bucket=BUCKET, Key=f"orders/{variables['INFERPLAN_WORKER']}.zip")
        assert hashlib.sha256(text).hexdigest() == name
        assert hashlib.sha256(archive["Body"].read()).hexdigest() == variables["INFERPLAN_WORKER"]
        order = msgspec.json.decode(text, type=MirrorOrder)
        assert order.registry.startswith("111111111111.dkr.ecr.eu-central-1.")
        here = msgspec.structs.replace(order, registry=self._registry.host, bucket=BUCKET, attempts=2)
        self._aws.environment["CODEBUILD_BUILD_ID"] = self.builds[0]["id"]
        ran = self._aws.run(here)
        self.says = ran.output.splitlines()
        found = self._s3.get_object(Bucket=BUCKET, Key=f"records/{order_digest(here)}.json")["Body"].read()
        self._s3.put_object(Bucket=BUCKET, Key=f"records/{name}.json", Body=found)
        for image in ran.record["images"]:
            if image["problem"] is None:
                repository = image["target"].split("/", 1)[1].rpartition(":")[0]
                self.images.setdefault(repository, set()).add(image["digest"])
        return FAILED if ran.code else SUCCEEDED

    def _asked_of_moto(self, operation: str, asked: Asked) -> Any:
        from botocore.exceptions import ClientError

        try:
            answer = getattr(self._s3, operation)(**{**asked, "Bucket": BUCKET})
        except ClientError as problem:
            return str(problem.response["Error"]["Code"])
        answer.pop("ResponseMetadata")
        return answer

    def _get_object(self, asked: Asked) -> Answer:
        found: Answer = self._asked_of_moto("get_object", asked)
        return found

    def _put_object(self, asked: Asked) -> Answer:
        found: Answer = self._asked_of_moto("put_object", asked)
        return found

    def _list_objects_v2(self, asked: Asked) -> Answer:
        found: Answer = self._asked_of_moto("list_objects_v2", asked)
        return found


def locked(folder: Path, registry: Registry, hub: Hub) -> Path:
    """The clinic's example with a lock of what really lies in registry and hub."""
    here = pinned_examples(folder)
    path = here / SPEC.replace(".yaml", ".lock.yaml")
    lock = yaml.safe_load(path.read_text())
    for name, image in lock["images"].items():
        image["repository"] = f"{registry.host}/upstream/{name}"
        image["digest"] = registry.put_index(f"upstream/{name}", image["tag"])
    model = lock["models"][MODEL]
    model["revision"] = hub.put(MODEL, FILES)
    model["files"] = {name: hash_of(content) for name, content in FILES.items()}
    model["sizes"] = {name: len(content) for name, content in FILES.items()}
    path.write_text(yaml.safe_dump(lock))
    return here


@pytest.mark.usefixtures("quick")
def test_from_the_lock_to_the_bucket_and_the_registry_note_3(
    tmp_path: Path, shared_registry: Registry, model_hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file is broken at first: all else comes, the second run brings it, and a third needs no build."""
    here = locked(tmp_path / "here", shared_registry, model_hub)
    monkeypatch.setenv("HF_ENDPOINT", model_hub.url)
    model_hub.broken["tokenizer.json"] = b"{]"

    def mirror() -> tuple[int, dict[str, Any]]:
        done = inferplan("mirror", SPEC, "--as-of", "2026-11-20", "--format", "json", cwd=here)
        return done.code, json.loads(done.out)

    with account(tmp_path) as aws:
        real = RealBuilds(aws, shared_registry)
        with answered(real):
            code, told = mirror()
            failed = [one["name"] for one in told["parts"] if one["state"] == "failed"]
            assert (code, told["outcome"], len(failed)) == (1, "incomplete", 1)
            assert failed[0].endswith("/tokenizer.json")
            model_hub.broken.clear()
            code, told = mirror()
            brought = [one["name"] for one in told["parts"] if one["state"] == "brought"]
            assert (code, told["outcome"], brought) == (0, "complete", failed)
            code, told = mirror()
            assert (code, told["outcome"], len(real.builds)) == (0, "already", 2)
        assert sorted(aws.objects().values()) == sorted(FILES.values())
    plan = json.loads(inferplan("plan", SPEC, "--as-of", "2026-11-20", "--format", "json", cwd=here).out)
    for image in (plan["gateway"]["image"], *(server["image"] for server in plan["servers"])):
        assert shared_registry.manifest(image["repository"], image["digest"])[0] == image["digest"]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following.time, "sleep", lambda _: None)
