"""The build itself: read the order, bring everything that is not there, leave a record, say how it went.

Exit codes: 0 all is there; 1 something is not, and the record says what and why; 2 the order cannot be read.
Not here: how images and files come (image_copies, image_builds, files).
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from inferplan.cli.mirroring.worker.files import bring_file
from inferplan.cli.mirroring.worker.image_builds import build_image
from inferplan.cli.mirroring.worker.image_copies import bring_image, sign_in
from inferplan.cli.mirroring.worker.streams import HUB_HOST, Refused, Silent, Stream, opening
from inferplan.cli.mirroring.worker.telling import Teller, say

RECORD = "inferplan.mirror-record/v1beta1"
DONE, FAILED, UNREADABLE = 0, 1, 2
NO_SECRET = ("ResourceNotFoundException", "AccessDeniedException")  # none of this name, or none to be read


def main() -> int:
    """Carry out the order that the environment names."""
    import boto3
    from botocore.config import Config

    bucket, name = os.environ["INFERPLAN_BUCKET"], os.environ["INFERPLAN_ORDER"]
    config = Config(retries={"mode": "standard", "total_max_attempts": 8}, max_pool_connections=64)
    session = boto3.Session()
    s3 = session.client("s3", config=config)
    text = s3.get_object(Bucket=bucket, Key=f"orders/{name}.json")["Body"].read()
    if hashlib.sha256(text).hexdigest() != name:
        say({"ended": UNREADABLE, "problem": "the order is not the one that was asked for"})
        return UNREADABLE
    order = json.loads(text)
    started = datetime.now(UTC)
    secrets = session.client("secretsmanager", config=config)
    tokens = {host: token for host, id_ in order["token_secrets"].items() if (token := _token(secrets, id_))}
    with tempfile.TemporaryDirectory() as folder:
        results = _bring(order, s3, session.client("ecr", config=config), tokens, Path(folder))
    failed = [one for one in results if one["problem"]]
    record = {
        "schema": RECORD,
        "order": name,
        "stack": order["stack"],
        "build": os.environ.get("CODEBUILD_BUILD_ID"),
        "started": started.isoformat(timespec="seconds"),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "complete": not failed,
        "images": [one for one in results if one["kind"] == "image"],
        "files": [one for one in results if one["kind"] == "file"],
    }
    _write(s3, bucket, f"{order['records_prefix']}/{name}.json", record)
    code = FAILED if failed else DONE
    brought = sum(one["state"] == "brought" for one in results)
    there = sum(one["state"] == "there" for one in results)
    say({"ended": code, "brought": brought, "there": there, "failed": len(failed)})
    return code


def _bring(
    order: Mapping[str, Any], s3: Any, ecr: Any, tokens: Mapping[str, str], folder: Path
) -> list[dict[str, Any]]:
    """Images first, because they are small and a wrong sign-in shows at once; each beside the others."""
    images, files, builds = order["images"], order["files"], order["builds"]
    telling = Teller(len(images) + len(files) + len(builds), sum(file["size_bytes"] or 0 for file in files))
    problem = _sign_in(order, ecr, tokens, folder)

    def image(one: Mapping[str, Any]) -> dict[str, Any]:
        told = {"kind": "image", "name": one["name"], "source": one["source"], "digest": one["digest"]}
        target = {"target": f"{order['registry']}/{one['repository']}:{one['tag']}"}
        ended = _ended(lambda: (_or_refused(problem) or bring_image(one, order), 0))
        telling.ended(one["name"], ended["state"], ended["problem"])
        return {**told, **target, **ended}

    def build(one: Mapping[str, Any]) -> dict[str, Any]:
        told = {"kind": "image", "name": one["name"], "source": f"{one['base']}@{one['base_digest']}"}
        target = {"target": f"{order['registry']}/{one['repository']}:{one['tag']}"}
        digest: list[str] = []

        def act() -> tuple[str, int]:
            _or_refused(problem)
            state, found = build_image(one, order)
            digest.append(found)
            return state, 0

        ended = _ended(act)
        telling.ended(one["name"], ended["state"], ended["problem"])
        return {**told, **target, "digest": digest[0] if digest else None, **ended}

    def file(one: Mapping[str, Any]) -> dict[str, Any]:
        told = {"kind": "file", **{key: one[key] for key in ("key", "source", "revision", "path", "sha256")}}
        opened = _opened(one, order, tokens, s3)
        ended = _ended(lambda: bring_file(one, order, s3, opened, telling.came))
        skipped = (one["size_bytes"] or 0) if ended["state"] == "there" else 0
        telling.ended(one["key"], ended["state"], ended["problem"], skipped)
        return {**told, **ended}

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        copied, built, came = pool.map(image, images), pool.map(build, builds), pool.map(file, files)
        return [*copied, *built, *came]


def _opened(
    file: Mapping[str, Any], order: Mapping[str, Any], tokens: Mapping[str, str], s3: Any
) -> Callable[[], Stream]:
    return lambda: Stream(opening(file, order, tokens, s3), order["attempts"])


def _or_refused(problem: str | None) -> str:
    if problem:
        raise Refused(problem)
    return ""


def _ended(act: Callable[[], tuple[str, int]]) -> dict[str, Any]:
    """How one image or file ended; what one of them meets stops none of the others."""
    started = time.monotonic()
    state, count, problem = "failed", 0, None
    try:
        state, count = act()
    except (Refused, Silent) as reason:
        problem = str(reason)
    except Exception as bug:
        problem = f"{type(bug).__name__}: {bug}"
    return {
        "state": state,
        "bytes": count,
        "seconds": round(time.monotonic() - started, 1),
        "problem": problem,
    }


def _sign_in(order: Mapping[str, Any], ecr: Any, tokens: Mapping[str, str], folder: Path) -> str | None:
    """Sign in to the registries; the reason why that did not go, which every image then tells."""
    from base64 import b64decode

    from botocore import exceptions

    try:
        found = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        password = b64decode(found).decode().partition(":")[2]
        logins = {host: token for host, token in tokens.items() if host != HUB_HOST}
        sign_in(folder, order["registry"], password, logins)
    except exceptions.ClientError as problem:
        return f"ECR answers {problem.response.get('Error', {}).get('Code', 'unknown')} to a sign-in"
    except (exceptions.BotoCoreError, Refused) as problem:
        return f"no sign-in to the registry: {problem}"
    return None


def _token(secrets: Any, name: str) -> str | None:
    """A token that the account keeps; None where it keeps none: what is public needs none."""
    from botocore import exceptions

    try:
        value: str = secrets.get_secret_value(SecretId=name)["SecretString"]
    except exceptions.ClientError as problem:
        if problem.response.get("Error", {}).get("Code") in NO_SECRET:
            return None
        raise
    return value.strip()


def _write(s3: Any, bucket: str, key: str, record: Mapping[str, Any]) -> None:
    body = json.dumps(record, indent=1).encode()
    s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")
