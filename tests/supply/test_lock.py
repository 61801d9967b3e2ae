"""`inferplan lock` against a real OCI registry and a stand-in for the hub: what it pins, keeps and says.

Not here: what is asked of AWS (tests/unit/test_lock_account.py), and single parts.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from inferplan.cli.locking import patience
from inferplan.plan.images import UPSTREAM
from inferplan.spec.loading import load
from inferplan.spec.lock import Lock
from tests.command_line import INFERPLAN, Answer, inferplan
from tests.supply.certificates import Certificate
from tests.supply.hub import TOKEN, Hub, hash_of
from tests.supply.registry import PASSWORD, USER, Registry, registry
from tests.supply.tokens import tokens
from tests.unit.spec_texts import GOOD, ORGANIZATION
from tests.unit.test_locked_shapes import CONFIG, MODEL, UNKNOWN

WEIGHTS = b"w" * 5000
FILES = {"config.json": json.dumps(CONFIG).encode(), "model.safetensors": WEIGHTS, "LICENSE": b"free"}
ADAPTER = {
    "adapter_config.json": json.dumps(
        {"peft_type": "LORA", "r": 32, "base_model_name_or_path": MODEL}
    ).encode(),
    "adapter_model.safetensors": b"a" * 3000,
}
WITH_ADAPTER = UNKNOWN.replace(
    f"hf://{MODEL}}}", f"hf://{MODEL}, adapters: [{{name: tone, weights: hf://acme/tone}}]}}"
)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No credentials of whoever runs the tests, and no waiting."""
    for name in [*os.environ]:
        if name.startswith(("AWS_", "HF_", "DOCKER_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setattr(patience, "WAITS_S", (0.0, 0.0, 0.0))


@pytest.fixture
def published(
    shared_registry: Registry, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> dict[str, str]:
    """Every image of UPSTREAM in the registry, in repositories of this test; digests by name."""
    here = f"t{abs(hash(request.node.nodeid))}"
    digests = {}
    for name, (_, tag) in [*UPSTREAM.items()]:
        monkeypatch.setitem(UPSTREAM, name, (f"{shared_registry.host}/{here}/{name}", tag))
        layers = {"linux/amd64": (f"{here} {name}".encode(),), "linux/arm64": (b"arm",)}
        digests[name] = shared_registry.put_index(f"{here}/{name}", tag, layers)
    return digests


@pytest.fixture
def hub_of_models(model_hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("HF_ENDPOINT", model_hub.url)
    model_hub.put(MODEL, FILES, card={"license": "apache-2.0"})
    return model_hub


def spec_in(folder: Path, text: str = UNKNOWN, lock: dict[str, Any] | None = None) -> Path:
    path = folder / "spec.yaml"
    path.write_text(text)
    if lock is not None:
        whole = {"apiVersion": "inferplan/v1beta1", "kind": "Lock", **lock}
        (folder / "spec.lock.yaml").write_text(json.dumps(whole))
    return path


def run(path: Path, *arguments: str) -> Answer:
    day = ("--as-of", "2026-11-20", "--organization", str(ORGANIZATION))
    return inferplan("lock", str(path), *day, *arguments)


def told(path: Path, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(path, "--format", "json", *arguments).out)
    return found


def sign_in(folder: Path, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `docker login` leaves behind."""
    kept = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": kept}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))


def lock_of(path: Path) -> Lock:
    lock = load(path, ORGANIZATION).lock
    assert lock is not None
    return lock


def test_a_model_that_nobody_knows_is_pinned_and_then_planned(
    tmp_path: Path, published: dict[str, str], hub_of_models: Hub
):
    path = spec_in(tmp_path)
    assert inferplan("plan", str(path), "--organization", str(ORGANIZATION)).code == 2
    assert run(path).code == 0
    model = lock_of(path).models[MODEL]
    assert model.files == {name: hash_of(content) for name, content in FILES.items()}
    assert model.sizes == {name: len(content) for name, content in FILES.items()}
    assert (model.config, model.license) == (CONFIG, "apache-2.0")
    assert inferplan("plan", str(path), "--organization", str(ORGANIZATION)).code == 0


def test_an_image_is_pinned_to_its_index_and_sized_for_the_nodes_note_3_pitfall_1_30(
    tmp_path: Path, published: dict[str, str], hub_of_models: Hub, shared_registry: Registry
):
    path = spec_in(tmp_path)
    run(path)
    locked = lock_of(path).images
    assert {name: image.digest for name, image in locked.items()} == {
        name: published[name] for name in locked
    }
    name = UPSTREAM["vllm"][0].partition("/")[2]
    _, index = shared_registry.manifest(name, published["vllm"])
    _, ours = shared_registry.manifest(name, index["manifests"][0]["digest"])
    assert locked["vllm"].size_bytes == ours["layers"][0]["size"] + ours["config"]["size"]


def test_a_second_run_changes_nothing_and_asks_nobody(
    tmp_path: Path, published: dict[str, str], hub_of_models: Hub
):
    path = spec_in(tmp_path)
    run(path)
    written = (tmp_path / "spec.lock.yaml").read_bytes()
    asked = len(hub_of_models.asked)
    again = told(path)
    assert (again["written"], again["changes"]) == (False, [])
    assert (tmp_path / "spec.lock.yaml").read_bytes() == written
    assert len(hub_of_models.asked) == asked


def test_what_moved_stays_pinned_until_it_is_asked_for(
    tmp_path: Path, published: dict[str, str], hub_of_models: Hub, shared_registry: Registry
):
    path = spec_in(tmp_path)
    run(path)
    before = lock_of(path)
    repository, tag = UPSTREAM["vllm"]
    moved = shared_registry.put_image(repository.partition("/")[2], tag, b"another build")
    newer = hub_of_models.put(MODEL, {**FILES, "LICENSE": b"other terms"})
    assert told(path)["changes"] == []
    assert lock_of(path) == before
    assert run(path, "--check", "--upgrade").code == 1
    assert lock_of(path) == before
    changed = {one["path"]: (one["before"], one["after"]) for one in told(path, "--upgrade")["changes"]}
    assert changed["images.vllm.digest"] == (before.images["vllm"].digest, moved)
    assert changed[f"models.{MODEL}.revision"] == (before.models[MODEL].revision, newer)
    assert "images.litellm.digest" not in changed
    assert run(path, "--check", "--upgrade").code == 0


def test_an_older_version_stays_until_it_is_asked_for(
    tmp_path: Path, published: dict[str, str], hub_of_models: Hub, shared_registry: Registry
):
    repository, tag = UPSTREAM["litellm"]
    old = shared_registry.put_image(repository.partition("/")[2], "v1.0.0", b"old")
    image = {"repository": repository, "tag": "v1.0.0", "digest": old}
    path = spec_in(tmp_path, lock={"images": {"litellm": image}})
    kept = told(path)
    assert (lock_of(path).images["litellm"].tag, lock_of(path).images["litellm"].digest) == ("v1.0.0", old)
    assert any("v1.0.0 is pinned" in note for note in kept["notes"])
    run(path, "--upgrade")
    assert lock_of(path).images["litellm"].tag == tag


def test_an_image_of_ones_own_is_asked_where_it_lies(
    tmp_path: Path, published: dict[str, str], hub_of_models: Hub, shared_registry: Registry
):
    """Documentation values are replaced; repository and tag of the lock count."""
    mine = shared_registry.put_image("mine/proxy", "7", b"mine")
    image = {"repository": f"{shared_registry.host}/mine/proxy", "tag": "7", "digest": f"sha256:{'0' * 64}"}
    path = spec_in(tmp_path, lock={"documentation_values": True, "images": {"litellm": image}})
    run(path)
    assert lock_of(path).images["litellm"].digest == mine


@pytest.mark.parametrize("all_is_asked", [False, True])
def test_documentation_values_are_gone_once_everything_was_asked_for(
    tmp_path: Path, published: dict[str, str], hub_of_models: Hub, all_is_asked: bool
):
    """Without AWS the add-ons are open, and the mark stays; a managed stack has none."""
    text = UNKNOWN
    if all_is_asked:
        text = (ORGANIZATION.parent / "specs" / "eu-support-desk.yaml").read_text()
    path = spec_in(tmp_path, text, {"documentation_values": True})
    if all_is_asked:
        path.write_text(text.replace("redaction: presidio", ""))
    run(path)
    assert lock_of(path).documentation_values is not all_is_asked


def test_an_adapter_is_pinned_with_its_rank(tmp_path: Path, published: dict[str, str], hub_of_models: Hub):
    hub_of_models.put("acme/tone", ADAPTER)
    path = spec_in(tmp_path, WITH_ADAPTER)
    run(path)
    adapter = lock_of(path).adapters["tone"]
    assert (adapter.rank, adapter.base_model) == (32, MODEL)
    assert adapter.files == {name: hash_of(content) for name, content in ADAPTER.items()}
    planned = inferplan("plan", str(path), "--organization", str(ORGANIZATION), "--format", "json")
    flags = json.loads(planned.out)["servers"][0]["flags"]
    assert flags[flags.index("--max-lora-rank") + 1] == "32"


def test_an_adapter_of_another_model_is_told(tmp_path: Path, published: dict[str, str], hub_of_models: Hub):
    config = {"peft_type": "LORA", "r": 8, "base_model_name_or_path": "acme/Other"}
    hub_of_models.put("acme/tone", {**ADAPTER, "adapter_config.json": json.dumps(config).encode()})
    assert any("acme/Other" in note for note in told(spec_in(tmp_path, WITH_ADAPTER))["notes"])


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"peft_type": "LOHA", "r": 8}, "LOHA"),
        ({"peft_type": "LORA", "r": 4096}, "rank 4096"),
        ({"peft_type": "LORA"}, "rank None"),
        (None, "adapter_config.json is missing"),
    ],
)
def test_what_the_engine_does_not_serve_is_no_adapter(
    tmp_path: Path, published: dict[str, str], hub_of_models: Hub, config: dict[str, Any] | None, said: str
):
    files = {"adapter_model.safetensors": b"a" * 3000}
    if config is not None:
        files["adapter_config.json"] = json.dumps(config).encode()
    hub_of_models.put("acme/tone", files)
    answer = run(spec_in(tmp_path, WITH_ADAPTER))
    assert answer.code == 2
    assert said in answer.out


@pytest.mark.parametrize("beside", [False, True])
def test_who_quantizes_is_noted_note_42(
    tmp_path: Path, published: dict[str, str], hub_of_models: Hub, beside: bool
):
    files = dict(FILES)
    if beside:
        files["hf_quant_config.json"] = json.dumps(
            {"quantization": {"quant_algo": "FP8", "exclude_modules": ["lm_head"]}}
        ).encode()
    hub_of_models.put(MODEL, files)
    text = UNKNOWN if beside else UNKNOWN.replace(f"hf://{MODEL}}}", f"hf://{MODEL}, quantization: fp8}}")
    path = spec_in(tmp_path, text)
    run(path)
    assert lock_of(path).models[MODEL].quantized == ("published" if beside else "at_load")


def test_weights_of_a_registry_are_pinned_by_their_layers(
    tmp_path: Path, published: dict[str, str], hub_of_models: Hub, shared_registry: Registry
):
    shared_registry.put_artifact("weights/tiny", "v1", FILES)
    text = UNKNOWN.replace(
        f"hf://{MODEL}}}", f"oci://{shared_registry.host}/weights/tiny:v1, model: {MODEL}}}"
    )
    path = spec_in(tmp_path, text)
    assert run(path).code == 0
    model = lock_of(path).models[MODEL]
    assert model.files == {name: hash_of(content) for name, content in FILES.items()}
    assert model.config == CONFIG
    assert len(model.revision) == 40


def test_only_one_section_is_touched(tmp_path: Path, published: dict[str, str], hub_of_models: Hub):
    path = spec_in(tmp_path)
    run(path, "--only", "models")
    assert set(lock_of(path).models) == {MODEL}
    assert not lock_of(path).images
    asked = len(hub_of_models.asked)
    run(path, "--only", "images")
    assert set(lock_of(path).images) >= {"vllm", "litellm"}
    assert len(hub_of_models.asked) == asked


def test_what_nothing_needs_any_more_goes(tmp_path: Path, published: dict[str, str], hub_of_models: Hub):
    image = {"repository": "registry.example/x", "tag": "1", "digest": f"sha256:{'1' * 64}", "size_bytes": 1}
    path = spec_in(tmp_path, lock={"images": {"forgotten": image}, "charts": {"kept": "1"}})
    assert {"images.forgotten": "gone"}.items() <= {
        one["path"]: one["change"] for one in told(path)["changes"]
    }.items()
    assert lock_of(path).charts == {"kept": "1"}


def test_comments_that_are_lost_are_told(tmp_path: Path, published: dict[str, str], hub_of_models: Hub):
    path = spec_in(tmp_path)
    (tmp_path / "spec.lock.yaml").write_text(
        "# by hand\napiVersion: inferplan/v1beta1\nkind: Lock   # mine\n"
    )
    assert any("comments of the former file (2 lines)" in note for note in told(path)["notes"])
    assert not told(path, "--upgrade")["notes"]


# -- what does not answer, and what is not there


def test_a_tag_that_is_not_there_is_answered_with_those_that_are(
    tmp_path: Path, published: dict[str, str], hub_of_models: Hub
):
    repository, tag = UPSTREAM["litellm"]
    image = {"repository": repository, "tag": f"{tag}x", "digest": f"sha256:{'0' * 64}"}
    path = spec_in(tmp_path, lock={"documentation_values": True, "images": {"litellm": image}})
    answer = run(path)
    assert answer.code == 2
    assert f"has no tag '{tag}x'; did you mean {tag}?" in answer.out
    assert lock_of(path).images["litellm"].digest == image["digest"]
    assert lock_of(path).images["vllm"].digest == published["vllm"]


def test_a_model_that_is_not_there_is_answered_with_one_that_is_meant(
    tmp_path: Path, published: dict[str, str], hub_of_models: Hub
):
    answer = run(spec_in(tmp_path, GOOD.replace("Qwen/Qwen3-4B", "Qwen/Qwen3-4")))
    assert answer.code == 2
    assert "did you mean Qwen/Qwen3-4B" in answer.out


def test_a_gated_model_needs_a_token_which_is_never_printed(
    tmp_path: Path, published: dict[str, str], hub_of_models: Hub, monkeypatch: pytest.MonkeyPatch
):
    hub_of_models.put(MODEL, FILES, gated=True)
    path = spec_in(tmp_path)
    without = run(path)
    assert without.code == 2
    assert "is gated: accept its terms" in without.out
    monkeypatch.setenv("HF_TOKEN", "hf_wrong-and-secret")
    wrong = run(path)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    right = run(path)
    assert right.code == 0
    assert "hf_" not in without.out + wrong.out + wrong.err + right.out + right.err
    assert "hf_" not in (tmp_path / "spec.lock.yaml").read_text()


def test_a_limit_of_requests_is_waited_for(tmp_path: Path, published: dict[str, str], hub_of_models: Hub):
    hub_of_models.faults += [(429, {"Retry-After": "0"}), (503, {})]
    assert run(spec_in(tmp_path)).code == 0


def test_a_limit_of_requests_that_stays_is_told(
    tmp_path: Path, published: dict[str, str], hub_of_models: Hub
):
    hub_of_models.faults += [(429, {})] * 50
    path = spec_in(tmp_path)
    answer = run(path)
    assert answer.code == 2
    assert "answers 429 (too many requests), 4 times in a row" in answer.out


def test_a_server_that_asks_to_wait_for_an_hour_is_not_waited_for(
    tmp_path: Path, published: dict[str, str], hub_of_models: Hub
):
    hub_of_models.faults += [(429, {"Retry-After": "3600"})]
    assert "come back in 3600 s" in run(spec_in(tmp_path)).out


def test_a_hub_that_does_not_answer_loses_nothing(
    tmp_path: Path, published: dict[str, str], hub_of_models: Hub, monkeypatch: pytest.MonkeyPatch
):
    path = spec_in(tmp_path)
    run(path)
    before = lock_of(path)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    answer = run(path, "--upgrade")
    assert answer.code == 2
    assert "127.0.0.1 does not answer" in answer.out
    assert lock_of(path).models == before.models


def test_a_registry_that_does_not_answer_loses_nothing(
    tmp_path: Path, published: dict[str, str], hub_of_models: Hub
):
    image = {"repository": "127.0.0.1:9/x", "tag": "1", "digest": f"sha256:{'2' * 64}"}
    path = spec_in(tmp_path, lock={"images": {"litellm": image}})
    answer = run(path)
    assert answer.code == 2
    assert "127.0.0.1:9 does not answer" in answer.out
    assert lock_of(path).images["litellm"].digest == image["digest"]
    assert lock_of(path).images["vllm"].digest == published["vllm"]


def test_a_hub_that_gives_other_bytes_than_it_lists_is_not_believed(
    tmp_path: Path, published: dict[str, str], hub_of_models: Hub
):
    hub_of_models.broken["config.json"] = b"{}"
    answer = run(spec_in(tmp_path))
    assert answer.code == 2
    assert "gives another config.json" in answer.out


def test_an_image_for_other_nodes_is_refused(
    tmp_path: Path, published: dict[str, str], hub_of_models: Hub, shared_registry: Registry
):
    repository, tag = UPSTREAM["litellm"]
    shared_registry.put_index(repository.partition("/")[2], tag, {"linux/arm64": (b"arm",)})
    answer = run(spec_in(tmp_path))
    assert answer.code == 2
    assert "holds nothing for linux/amd64, only linux/arm64" in answer.out


@pytest.mark.parametrize("is_signed_in", [True, False])
def test_a_registry_is_asked_as_docker_is_signed_in(
    tmp_path: Path,
    published: dict[str, str],
    hub_of_models: Hub,
    closed_registry: Registry,
    loopback_certificate: Certificate,
    monkeypatch: pytest.MonkeyPatch,
    is_signed_in: bool,
):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(loopback_certificate.path))
    pushed = closed_registry.put_image("closed/proxy", "v1")
    if is_signed_in:
        sign_in(tmp_path / "docker", closed_registry.host, monkeypatch)
    image = {
        "repository": f"{closed_registry.host}/closed/proxy", "tag": "v1", "digest": f"sha256:{'0' * 64}"
    }  # fmt: skip
    path = spec_in(tmp_path, lock={"documentation_values": True, "images": {"litellm": image}})
    answer = run(path)
    assert (lock_of(path).images["litellm"].digest == pushed) is is_signed_in
    assert ("docker login" in answer.out) is not is_signed_in
    assert PASSWORD not in answer.out + answer.err


@pytest.mark.parametrize("login", [None, (USER, PASSWORD)])
def test_a_registry_with_tokens_is_asked_for_them(
    tmp_path: Path,
    published: dict[str, str],
    hub_of_models: Hub,
    loopback_certificate: Certificate,
    monkeypatch: pytest.MonkeyPatch,
    login: tuple[str, str] | None,
):
    """As the public ones are: anybody may read, or whoever is signed in."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(loopback_certificate.path))
    with (
        tokens(loopback_certificate) as server,
        registry(tmp_path / "registry", certificate=loopback_certificate, tokens=server) as asked,
    ):
        pushed = asked.put_index("public/proxy", "v1")
        server.login = login
        image = {
            "repository": f"{asked.host}/public/proxy", "tag": "v1", "digest": f"sha256:{'0' * 64}"
        }  # fmt: skip
        path = spec_in(tmp_path, lock={"documentation_values": True, "images": {"litellm": image}})
        if login is not None:
            assert "docker login" in run(path).out
            sign_in(tmp_path / "docker", asked.host, monkeypatch)
        run(path)
        assert lock_of(path).images["litellm"].digest == pushed
        assert {one["scope"] for one in server.asked} == {"repository:public/proxy:pull"}


# -- plans that do not exist, files that cannot be written, and a run that is stopped


def test_without_a_plan_the_weights_are_pinned_all_the_same(
    tmp_path: Path, published: dict[str, str], hub_of_models: Hub
):
    text = UNKNOWN.replace(
        f"hf://{MODEL}}}",
        f"hf://{MODEL}, capacity: {{instance_type: g4dn.xlarge}}, engine: {{max_model_len: 40960}}}}",
    ).replace("backends: [small]}", "backends: [small], load: {peak_requests_per_second: 900}}")
    path = spec_in(tmp_path, text)
    answer = run(path)
    assert answer.code == 3
    assert "no plan" in answer.err
    assert set(lock_of(path).models) == {MODEL}


def test_what_is_wrong_in_the_spec_is_told_before_anybody_is_asked(
    tmp_path: Path, published: dict[str, str], hub_of_models: Hub
):
    answer = run(spec_in(tmp_path, UNKNOWN.replace("444444444444", "444444444445")))
    assert answer.code == 2
    assert "unknown account" in answer.err
    assert not hub_of_models.asked


def test_the_file_is_replaced_or_left(
    tmp_path: Path, published: dict[str, str], hub_of_models: Hub, monkeypatch: pytest.MonkeyPatch
):
    path = spec_in(tmp_path)
    run(path)
    written = (tmp_path / "spec.lock.yaml").read_bytes()
    hub_of_models.put(MODEL, {**FILES, "LICENSE": b"other terms"})

    def full(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.fsync", full)
    answer = run(path, "--upgrade")
    assert answer.code == 2
    assert "cannot be written" in answer.err
    assert (tmp_path / "spec.lock.yaml").read_bytes() == written
    assert sorted(file.name for file in tmp_path.iterdir()) == ["spec.lock.yaml", "spec.yaml"]


def test_a_run_that_is_stopped_keeps_what_it_has_found(
    tmp_path: Path, hub_of_models: Hub, shared_registry: Registry
):
    """A process of its own: its second model never answers, and is waited for when the signal comes."""
    hub_of_models.put("acme/slow", FILES)
    held, asked = threading.Event(), threading.Event()
    hub_of_models.hold["/api/models/acme/slow"] = (asked, held)
    text = UNKNOWN.replace("routes:", "  tardy: {weights: hf://acme/slow}\nroutes:")
    path = spec_in(tmp_path, text.replace("backends: [small]}", "backends: [small, tardy]}"))
    command = [INFERPLAN, "lock", path, "--organization", ORGANIZATION]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert asked.wait(60)
        running.send_signal(signal.SIGINT)
        held.set()
        assert running.wait(60) == 130
    finally:
        held.set()
        running.kill()
        running.communicate()
    written = yaml.safe_load((tmp_path / "spec.lock.yaml").read_text())
    assert set(written["models"]) == {MODEL}
    assert not [file for file in tmp_path.iterdir() if file.name.endswith(".new")]
