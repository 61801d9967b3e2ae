"""The registry and the hub of these tests, as maintained clients see them.

Not here: what inferplan makes of them.
"""

from __future__ import annotations

import json

import pytest
from dxf import DXF
from huggingface_hub import HfApi
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

from tests.supply.certificates import Certificate
from tests.supply.hub import TOKEN, Hub, hash_of
from tests.supply.registry import PASSWORD, USER, Registry, sha256


def test_the_registry_gives_an_index_and_its_images_by_digest(shared_registry):
    pushed = shared_registry.put_index("stand-ins/several", "v1")
    client = DXF(shared_registry.host, "stand-ins/several", insecure=True, timeout=10)
    text, answer = client.get_manifest_and_response("v1")
    assert answer.headers["Docker-Content-Digest"] == sha256(text.encode()) == pushed
    assert [one["platform"]["architecture"] for one in json.loads(text)["manifests"]] == ["amd64", "arm64"]
    assert client.list_aliases() == ["v1"]


def test_the_closed_registry_wants_its_password(
    closed_registry: Registry, loopback_certificate: Certificate, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(loopback_certificate.path))
    pushed = closed_registry.put_image("stand-ins/closed", "v1")

    def sign_in(client, response):
        client.authenticate(USER, PASSWORD, response=response)

    client = DXF(closed_registry.host, "stand-ins/closed", auth=sign_in, timeout=10)
    assert client.head_manifest_and_response("v1")[0] == pushed


def test_the_hub_gives_what_its_client_reads(model_hub: Hub, tmp_path):
    weights = b"w" * 5000
    commit = model_hub.put(
        "acme/tiny", {"config.json": b"{}", "model.safetensors": weights}, card={"license": "mit"}
    )
    api = HfApi(endpoint=model_hub.url, token=False)
    told = api.model_info("acme/tiny", files_metadata=True)
    small, large = told.siblings
    assert (told.sha, told.card_data.license) == (commit, "mit")
    assert (small.size, small.lfs) == (2, None)
    assert (large.size, large.lfs.sha256) == (5000, hash_of(weights))
    for name in ("config.json", "model.safetensors"):
        api.hf_hub_download("acme/tiny", name, revision=commit, local_dir=tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == weights


def test_the_hub_refuses_as_the_real_one(model_hub: Hub, tmp_path):
    model_hub.put("acme/closed", {"config.json": b"{}"}, gated=True)
    api = HfApi(endpoint=model_hub.url, token=False)
    with pytest.raises(GatedRepoError):
        api.hf_hub_download("acme/closed", "config.json", local_dir=tmp_path)
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("acme/none")
    with pytest.raises(RevisionNotFoundError):
        api.model_info("acme/closed", revision="v9")
    known = HfApi(endpoint=model_hub.url, token=TOKEN)
    known.hf_hub_download("acme/closed", "config.json", local_dir=tmp_path)
