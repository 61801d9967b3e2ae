"""Images that the mirror builds: a base from a real registry, packages from loopback, and what comes out.

Area of concern: an image that is another one each time, holds more than its recipe, or takes any bytes.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from msgspec.structs import replace

from inferplan.plan.mirror_order import OrderedBuild, OrderedWheel
from tests.supply.builds import Account, account, ordered
from tests.supply.hub import Hub, hash_of
from tests.supply.registry import Registry

SITE = "usr/local/lib/python3.12/site-packages"
MODEL = "zz_core_news_lg"


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Account]:
    with account(tmp_path) as made:
        yield made


def wheel() -> bytes:
    """A model as spaCy publishes one: a package of plain files."""
    info = f"{MODEL}-3.8.0.dist-info"
    members = {
        f"{MODEL}/__init__.py": "NAME = 'zz'\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {MODEL}\nVersion: 3.8.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        for name, text in members.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return kept.getvalue()


def built(registry: Registry, hub: Hub, tag: str = "1-zz") -> OrderedBuild:
    content = wheel()
    commit = hub.put("acme/models", {f"{MODEL}-3.8.0-py3-none-any.whl": content})
    url = f"{hub.url}/acme/models/resolve/{commit}/{MODEL}-3.8.0-py3-none-any.whl"
    return OrderedBuild(
        name="presidio-analyzer",
        base=f"{registry.host}/upstream/python",
        base_digest=registry.put_index("upstream/python", "3.12-slim"),
        python="3.12",
        site=SITE,
        packages="",
        wheels=(OrderedWheel(name=MODEL, url=url, sha256=hash_of(content)),),
        repository="inferplan/acme/presidio-analyzer",
        tag=tag,
    )


def test_an_image_is_its_base_and_one_layer_the_same_each_time(
    aws: Account, shared_registry: Registry, model_hub: Hub
) -> None:
    """Built twice it has one digest; what is there under its tag is not built again."""
    build = built(shared_registry, model_hub)
    order = ordered(builds=(build,), registry=shared_registry.host)
    ran = aws.run(order)
    assert ran.code == 0, ran.output
    (told,) = ran.record["images"]
    digest, manifest = shared_registry.manifest(build.repository, build.tag)
    assert told["digest"] == digest
    assert len(manifest["layers"]) == 2
    blob = f"{shared_registry.url}/v2/{build.repository}/blobs/{manifest['layers'][-1]['digest']}"
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(requests.get(blob, timeout=30).content))) as layer:
        names = [member.name for member in layer if member.isfile()]
        assert f"{SITE}/{MODEL}/__init__.py" in names
        assert all(member.uid == member.gid == member.mtime == 0 for member in layer)
        assert all(name.startswith(f"{SITE}/") for name in names)
    again = aws.run(ordered(builds=(replace(build, tag="2-zz"),), registry=shared_registry.host))
    assert [one["digest"] for one in again.record["images"]] == [digest]
    assert aws.run(order).states() == {"presidio-analyzer": "there"}


def test_a_package_with_another_hash_is_in_no_image(
    aws: Account, shared_registry: Registry, model_hub: Hub
) -> None:
    build = built(shared_registry, model_hub, "3-zz")
    wrong = replace(build, wheels=(replace(build.wheels[0], sha256="0" * 64),))
    ran = aws.run(ordered(builds=(wrong,), registry=shared_registry.host))
    assert ran.code == 1
    assert "the hash of a package is not the recipe's" in ran.problem("presidio-analyzer")
    listed = requests.get(f"{shared_registry.url}/v2/{build.repository}/tags/list", timeout=30).text
    assert "3-zz" not in (json.loads(listed).get("tags") or [])
