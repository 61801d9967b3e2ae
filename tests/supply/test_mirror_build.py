"""The mirror's build, run as a process against a real registry, a stand-in for the hub, and moto's S3.

Area of concern: a digest that changes on the way, and bytes under a key that are not the lock's.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from inferplan.plan.mirror_order import OrderedImage, order_digest
from tests.supply.builds import BUCKET, HUB_SECRET, Account, account, ordered, supplied
from tests.supply.hub import TOKEN, Hub
from tests.supply.registry import PASSWORD, USER, Registry

SMALL, LARGE = b'{"a": 1}', os.urandom(80 << 20)  # the large one takes three parts


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Account]:
    with account(tmp_path) as made:
        yield made


def image(registry: Registry, name: str, digest: str, tag: str = "v1-0123456789ab") -> OrderedImage:
    """An image that lies at `upstream/NAME` and goes to `inferplan/acme/NAME` of the same registry."""
    return OrderedImage(
        name=name,
        source=f"{registry.host}/upstream/{name}",
        digest=digest,
        repository=f"inferplan/acme/{name}",
        tag=tag,
    )


def test_images_keep_their_digests_with_all_platforms_note_3(aws: Account, shared_registry: Registry) -> None:
    """An index arrives byte for byte, with the image of every platform that it names."""
    digest = shared_registry.put_index("upstream/several", "v1")
    order = ordered(images=(image(shared_registry, "several", digest),), registry=shared_registry.host)
    ran = aws.run(order)
    assert (ran.code, ran.states()) == (0, {"several": "brought"}), ran.output
    found, index = shared_registry.manifest("inferplan/acme/several", digest)
    assert found == digest
    for entry in index["manifests"]:
        assert shared_registry.manifest("inferplan/acme/several", entry["digest"])[0] == entry["digest"]
    assert aws.run(order).states() == {"several": "there"}


def test_files_arrive_hashed_and_marked_note_3(aws: Account, model_hub: Hub) -> None:
    """Large and small, with their hash in the metadata, and nothing of them lies on the build's disk."""
    commit = model_hub.put("acme/tiny", {"config.json": SMALL, "model.safetensors": LARGE})
    source = "hf://acme/tiny"
    files = (
        supplied(source, commit, "config.json", SMALL),
        supplied(source, commit, "model.safetensors", LARGE),
    )
    order = ordered(files, hub=model_hub.url)
    ran = aws.run(order, file_bytes=1 << 20)
    assert ran.code == 0, ran.output
    assert aws.objects() == {files[0].key: SMALL, files[1].key: LARGE}
    for file in files:
        head = aws.client("s3").head_object(Bucket=BUCKET, Key=file.key)
        assert head["Metadata"] == {"inferplan-sha256": file.sha256}
    record = ran.record
    assert (record["order"], record["build"], record["complete"]) == (
        order_digest(order),
        "inferplan-acme-mirror:0001",
        True,
    )
    told = {one["key"]: (one["source"], one["revision"], one["sha256"]) for one in record["files"]}
    assert told == {file.key: (source, commit, file.sha256) for file in files}
    assert ran.events[-1] == {"ended": 0, "brought": 2, "there": 0, "failed": 0}


def test_a_second_run_brings_what_is_missing_alone(aws: Account, model_hub: Hub) -> None:
    """A half-filled bucket is resumed; bytes that no mirror has marked are not trusted."""
    commit = model_hub.put("acme/tiny", {"a.json": SMALL, "b.bin": b"b" * 5000, "c.json": b"[]"})
    files = tuple(
        supplied("hf://acme/tiny", commit, name, content)
        for name, content in (("a.json", SMALL), ("b.bin", b"b" * 5000), ("c.json", b"[]"))
    )
    assert aws.run(ordered(files[:2], hub=model_hub.url)).code == 0
    aws.client("s3").put_object(Bucket=BUCKET, Key=files[2].key, Body=b"{}")
    model_hub.asked.clear()
    ran = aws.run(ordered(files, hub=model_hub.url))
    assert [ran.states()[file.key] for file in files] == ["there", "there", "brought"]
    assert aws.objects()[files[2].key] == b"[]"
    assert [one for one in model_hub.asked if "c.json" not in one] == []


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["in one piece", "in parts"])
def test_another_hash_leaves_nothing_under_the_key(aws: Account, model_hub: Hub, content: bytes) -> None:
    """The upload is given up before it is completed, and the other files still come."""
    commit = model_hub.put("acme/tiny", {"bad.bin": content, "good.json": b"[]"})
    model_hub.broken["bad.bin"] = content[:-1] + b"?"
    bad, good = (
        supplied("hf://acme/tiny", commit, name, said)
        for name, said in (("bad.bin", content), ("good.json", b"[]"))
    )
    ran = aws.run(ordered((bad, good), hub=model_hub.url))
    assert (ran.code, ran.states()) == (1, {bad.key: "failed", good.key: "brought"})
    assert f"the lock says {bad.sha256}: nothing is kept of it" in ran.problem(bad.key)
    assert not ran.record["complete"]
    assert (list(aws.objects()), aws.unfinished()) == ([good.key], [])
    model_hub.broken.clear()
    assert aws.run(ordered((bad, good), hub=model_hub.url)).states() == {
        bad.key: "brought",
        good.key: "there",
    }


def test_a_file_that_ends_early_is_asked_for_again(aws: Account, model_hub: Hub) -> None:
    """A hub that is busy, and says for how long, is asked again."""
    commit = model_hub.put("acme/tiny", {"model.bin": b"m" * 5000})
    model_hub.faults += [(503, {"Retry-After": "0"}), (429, {"Retry-After": "0"})]
    ran = aws.run(
        ordered(
            (supplied("hf://acme/tiny", commit, "model.bin", b"m" * 5000),), hub=model_hub.url, attempts=3
        )
    )
    assert ran.code == 0, ran.output


def test_a_hub_that_stays_silent_is_named_and_costs_nothing(aws: Account, model_hub: Hub) -> None:
    """The rest is brought, the reason is said, and the next run takes it up."""
    commit = model_hub.put("acme/tiny", {"model.bin": b"m" * 5000})
    file = supplied("hf://acme/tiny", commit, "model.bin", b"m" * 5000)
    ran = aws.run(ordered((file,)))
    assert ran.code == 1
    assert "no answer" in ran.problem(file.key)
    assert aws.objects() == {}
    assert aws.run(ordered((file,), hub=model_hub.url)).code == 0


def test_a_gated_model_is_read_with_the_account_s_token(aws: Account, model_hub: Hub) -> None:
    """Without one the reason names the secret; the token goes to the hub alone and is in no output."""
    content = b"w" * 5000
    commit = model_hub.put("acme/closed", {"model.bin": content}, gated=True)
    file = supplied("hf://acme/closed", commit, "model.bin", content)
    order = ordered((file,), hub=model_hub.url, token_secrets={"huggingface.co": HUB_SECRET})
    refused = aws.run(order)
    assert "the hub answers 401" in refused.problem(file.key)
    assert HUB_SECRET in refused.problem(file.key)
    aws.client("secretsmanager").create_secret(Name=HUB_SECRET, SecretString=TOKEN)
    model_hub.asked.clear()
    model_hub.tokens.clear()
    ran = aws.run(order)
    assert ran.code == 0, ran.output
    assert [one.split("/")[1] for one in model_hub.asked] == ["acme", "lfs"]
    assert model_hub.tokens == [f"Bearer {TOKEN}"]  # not where the redirect leads
    assert TOKEN not in ran.output + str(ran.record)


def test_weights_of_a_store_and_of_a_registry_come_the_same_way(
    aws: Account, shared_registry: Registry
) -> None:
    """Adapters and own weights: from a bucket of the organization, from an artifact by its layer's hash."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="acme-store", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_object(Bucket="acme-store", Key="adapters/kyc/adapter.bin", Body=b"a" * 9000)
    shared_registry.put_artifact("weights/own", "v1", {"own.bin": b"o" * 9000})
    files = (
        supplied("s3://acme-store/adapters/kyc", "0" * 40, "adapter.bin", b"a" * 9000),
        supplied(f"oci://{shared_registry.host}/weights/own", "1" * 40, "own.bin", b"o" * 9000),
    )
    ran = aws.run(ordered(files))
    assert ran.code == 0, ran.output
    assert sorted(aws.objects().values()) == [b"a" * 9000, b"o" * 9000]
    gone = tuple(replace(file, path="none.bin", sha256="0" * 64) for file in files)
    again = aws.run(ordered(gone))
    assert again.code == 1
    assert {one["state"] for one in again.parts()} == {"failed"}


def test_an_image_that_is_not_there_is_refused_and_the_rest_is_brought(
    aws: Account, shared_registry: Registry
) -> None:
    digest = shared_registry.put_image("upstream/proxy", "v1")
    images = (
        image(shared_registry, "none", f"sha256:{'0' * 64}"),
        image(shared_registry, "proxy", digest),
    )
    ran = aws.run(ordered(images=images, registry=shared_registry.host))
    assert (ran.code, ran.states()) == (1, {"none": "failed", "proxy": "brought"})
    assert "UNKNOWN" in ran.problem("none")


def test_a_registry_that_wants_a_password_gets_the_account_s(
    aws: Account, closed_registry: Registry, loopback_certificate, shared_registry: Registry
) -> None:
    """The source is closed; its login lies in the account as JSON."""
    digest = closed_registry.put_image("upstream/closed", "v1")
    aws.environment["SSL_CERT_FILE"] = str(loopback_certificate.path)
    secret = {closed_registry.host: "inferplan-mirror/closed"}
    order = ordered(
        images=(image(closed_registry, "closed", digest),),
        registry=shared_registry.host,
        token_secrets=secret,
    )
    assert "UNAUTHORIZED" in aws.run(order).problem("closed").upper()
    aws.client("secretsmanager").create_secret(
        Name="inferplan-mirror/closed", SecretString=f'{{"username": "{USER}", "password": "{PASSWORD}"}}'
    )
    ran = aws.run(order)
    assert ran.code == 0, ran.output
    assert PASSWORD not in ran.output + str(ran.record)


def test_an_order_that_is_not_the_one_asked_for_is_refused(aws: Account) -> None:
    """The bytes under the name have to have it as their digest."""
    order = ordered()
    assert aws.run(order).code == 0
    started = aws.start(order)
    started.communicate(timeout=60)
    name = order_digest(order)
    aws.client("s3").put_object(Bucket=BUCKET, Key=f"orders/{'0' * 64}.json", Body=b"{}")
    aws.environment["INFERPLAN_ORDER"] = "0" * 64
    again = aws.start(order)
    output, _ = again.communicate(timeout=60)
    assert (again.returncode, "not the one that was asked for" in output) == (2, True)
    assert name


def test_a_build_that_is_stopped_leaves_nothing_under_the_key(aws: Account, model_hub: Hub) -> None:
    """What it has completed stays, and the next one takes up the rest."""
    commit = model_hub.put("acme/tiny", {"model.bin": LARGE})
    file = supplied("hf://acme/tiny", commit, "model.bin", LARGE)
    order = ordered((file,), hub=model_hub.url)
    running = aws.start(order)
    assert running.stdout is not None
    for line in running.stdout:
        if '"done_bytes"' in line:
            break
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=60)
    assert file.key not in aws.objects() or aws.objects()[file.key] == LARGE
    assert aws.run(order).code == 0
    assert aws.objects()[file.key] == LARGE
