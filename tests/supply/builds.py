"""The program of the mirror's build, run as there: unpacked from its archive, in a process of its own.

AWS is moto's server; registry, hub and crane are real or stand in on loopback. Not here: the tests.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from inferplan.cli.mirroring.packing import packed_worker
from inferplan.plan.mirror_order import (
    SCHEMA,
    MirrorOrder,
    OrderedBuild,
    OrderedImage,
    order_digest,
    order_text,
)
from inferplan.plan.supply import HASH_METADATA, RECORDS_PREFIX, SuppliedFile
from tests.supply.hub import hash_of

HERE = Path(__file__).parent
REGION, BUCKET = "eu-central-1", "acme-weights"
HUB_SECRET, REGISTRY_SECRET = "inferplan-mirror/huggingface.co", "inferplan-mirror/registry"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "CODEBUILD_BUILD_ID": "inferplan-acme-mirror:0001",
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
}


@dataclass
class Ran:
    """How a build ended: its exit code, what it told, and the record that it left."""

    code: int
    events: list[dict[str, Any]]
    record: dict[str, Any]
    output: str

    def states(self) -> dict[str, str]:
        """What became of each image by name and each file by key."""
        return {one.get("key") or one["name"]: one["state"] for one in self.parts()}

    def problem(self, name: str) -> str:
        """Why one of them failed."""
        (found,) = [one["problem"] for one in self.parts() if (one.get("key") or one["name"]) == name]
        return str(found)

    def parts(self) -> list[dict[str, Any]]:
        return [*self.record["images"], *self.record["files"]]


@dataclass
class Account:
    """An AWS account on loopback with a locked bucket, and what is run in it."""

    url: str
    folder: Path
    crane: Path
    environment: dict[str, str] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def run(self, order: MirrorOrder, *, file_bytes: int | None = None) -> Ran:
        """Run a build of an order; `file_bytes` is the largest file that it may write to disk."""
        started = self.start(order, file_bytes=file_bytes)
        output, _ = started.communicate(timeout=120)
        return self.ended(order, started.returncode, output)

    def start(self, order: MirrorOrder, *, file_bytes: int | None = None) -> subprocess.Popen[str]:
        name = order_digest(order)
        self.client("s3").put_object(Bucket=BUCKET, Key=f"orders/{name}.json", Body=order_text(order))
        packed = packed_worker()
        worker = self.folder / packed.digest
        with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
            archive.extractall(worker)

        limit = [] if file_bytes is None else ["prlimit", f"--fsize={file_bytes}"]
        said = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HF_"))}
        return subprocess.Popen(
            [*limit, sys.executable, worker],
            env=said
            | ENVIRONMENT
            | {
                "AWS_ENDPOINT_URL": self.url,
                "INFERPLAN_BUCKET": BUCKET,
                "INFERPLAN_ORDER": name,
                "INFERPLAN_CRANE": str(self.crane),
            }
            | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ended(self, order: MirrorOrder, code: int, output: str) -> Ran:
        events = [json.loads(line[10:]) for line in output.splitlines() if line.startswith("inferplan {")]
        return Ran(code, events, self.record(order), output)

    def record(self, order: MirrorOrder) -> dict[str, Any]:
        key = f"{RECORDS_PREFIX}/{order_digest(order)}.json"
        found = self.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
        record: dict[str, Any] = json.loads(found)
        return record

    def objects(self) -> dict[str, bytes]:
        """What lies under models/ in the bucket."""
        s3 = self.client("s3")
        listed = s3.list_objects_v2(Bucket=BUCKET, Prefix="models/").get("Contents", [])
        return {one["Key"]: s3.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read() for one in listed}

    def unfinished(self) -> list[str]:
        """Keys of uploads that were neither completed nor given up."""
        found = self.client("s3").list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        return [one["Key"] for one in found]


@contextmanager
def account(folder: Path) -> Iterator[Account]:
    """A fresh account for one test."""
    built = subprocess.run([HERE / "crane.sh"], check=False, stdout=subprocess.PIPE, text=True)
    if built.returncode:
        pytest.skip("no crane: see tests/supply/crane.sh's last line above")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        made = Account(f"http://127.0.0.1:{port}", folder, Path(built.stdout.strip().splitlines()[-1]))
        requests.post(f"{made.url}/moto-api/reset", timeout=10).raise_for_status()
        s3 = made.client("s3")
        s3.create_bucket(
            Bucket=BUCKET,
            CreateBucketConfiguration={"LocationConstraint": REGION},
            ObjectLockEnabledForBucket=True,
        )
        retention = {"Mode": "GOVERNANCE", "Days": 1}
        s3.put_object_lock_configuration(
            Bucket=BUCKET,
            ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention}},
        )
        yield made
    finally:
        server.stop()


def ordered(
    files: tuple[SuppliedFile, ...] = (),
    images: tuple[OrderedImage, ...] = (),
    *,
    hub: str = "http://127.0.0.1:9",
    registry: str = "127.0.0.1:9",
    attempts: int = 2,
    token_secrets: dict[str, str] | None = None,
    builds: tuple[OrderedBuild, ...] = (),
) -> MirrorOrder:
    """An order as the planner writes it, for loopback."""
    return MirrorOrder(
        schema=SCHEMA,
        stack="acme",
        region=REGION,
        bucket=BUCKET,
        registry=registry,
        hub=hub,
        attempts=attempts,
        hash_metadata=HASH_METADATA,
        records_prefix=RECORDS_PREFIX,
        token_secrets=token_secrets or {},
        images=images,
        files=files,
        builds=builds,
    )


def supplied(source: str, revision: str, path: str, content: bytes) -> SuppliedFile:
    """One file of the order, pinned to what it really holds."""
    return SuppliedFile(
        source=source,
        revision=revision,
        path=path,
        key=f"models/acme/tiny/{revision}/{path}",
        sha256=hash_of(content),
        size_bytes=len(content),
    )
