"""Area of concern: the loader of a server, the room it needs, and a start that is predicted for it."""

from __future__ import annotations

import base64
import json
import tomllib
from dataclasses import replace
from email import message_from_string

import pytest
import yaml
from msgspec import structs

from components.node_config import parallel_pull
from inferplan import catalog, sizing
from inferplan.plan.make import make_plan
from inferplan.plan.own_weights.instance_choice import pod_memory_gib
from inferplan.plan.own_weights.weight_loading import has_two_layouts, largest_tensor_gib
from inferplan.records.plan import Plan, Server
from inferplan.sizing import shapes_of
from inferplan.sizing.startup import startup_constants
from inferplan.spec.declaration import Declaration
from inferplan.spec.lock import LockedModel
from policies.gates import gates
from tests.unit.plan_edits import AS_OF, EXAMPLES, declared, with_backend, with_spec
from tests.unit.recorded import STACKS, planned, recorded

WITH_SERVERS = tuple(name for name in dict.fromkeys((*STACKS, *EXAMPLES)) if planned(name).servers)
RATES = {"runai_streamer": "weights_mount_streamed_mb_s", "safetensors": "weights_mount_mapped_mb_s"}
READS = {"runai_streamer": "mount-streamed", "safetensors": "mount-mapped"}


def lab(model: str, **backend: object) -> Plan:
    """The plan of the minimal spec around one model."""
    said = with_spec(declared("minimal"), budget=None, target={"region": "us-east-1"})
    return make_plan(with_backend(said, "small", weights=f"hf://{model}", **backend), AS_OF, gates)


def after(server: Server, flag: str) -> str:
    return server.flags[server.flags.index(flag) + 1]


@pytest.mark.parametrize("stack", WITH_SERVERS)
def test_the_start_is_predicted_for_the_loader_that_runs_k8s_6(stack: str) -> None:
    """A start at the slow end of what this loader does must not end in a killed pod."""
    for index, one in enumerate(planned(stack).servers):
        inputs = planned(stack).derivations[f"servers[{index}].startup.seconds_expected"].inputs
        loader = after(one, "--load-format")
        patience = one.startup.probe_period_seconds * one.startup.probe_failure_threshold

        assert inputs["weights_from"] == READS[loader]
        assert patience > inputs["weights_gib"] * 2**30 / (startup_constants()[RATES[loader]].slow * 1e6)
        (pods,) = [r for r in recorded(stack).of("kubernetes:apps/v1:Deployment") if one.name in r.name]
        probe = pods.props["spec"]["template"]["spec"]["containers"][0]["startupProbe"]
        assert probe["periodSeconds"] * probe["failureThreshold"] == patience


@pytest.mark.parametrize(
    ("slower", "faster"),
    [
        ("weights_mount_mapped_mb_s", "weights_mount_streamed_mb_s"),
        ("weights_mount_streamed_mb_s", "weights_stream_mb_s"),
    ],
)
def test_each_loader_has_a_rate_of_its_own_k8s_6(slower: str, faster: str) -> None:
    """Mapped through FUSE, streamed through FUSE, streamed from S3; nobody measured the first two."""
    slow, fast = startup_constants()[slower], startup_constants()[faster]

    assert slow.expected < fast.expected
    assert slow.slow < fast.slow
    assert slow.source
    assert not slow.verified


def test_files_on_the_mount_are_streamed_k8s_6() -> None:
    """By the loader that reads ahead; every worker reads its own part once."""
    one = lab("Qwen/Qwen3-4B", capacity={"instance_type": "g6.xlarge"}).servers[0]
    two = planned("in-bank-assistant").servers[0]

    for server, distributed in ((one, False), (two, True)):
        assert after(server, "--load-format") == "runai_streamer"
        extra = json.loads(after(server, "--model-loader-extra-config"))
        assert extra.get("distributed", False) is distributed is (server.tensor_parallel > 1)
        assert extra["memory_limit"] == 0  # a buffer of the largest tensor, not of 40 GB


def test_a_folder_with_two_layouts_is_mapped_k8s_6() -> None:
    """The streamer would read both, and the second one fails; vLLM's own loader follows the index."""
    plan = lab("mistralai/Mistral-Small-24B-Instruct-2501", quantization="fp8")
    server = plan.servers[0]

    assert after(server, "--load-format") == "safetensors"
    assert "--model-loader-extra-config" not in server.flags
    assert any("in two layouts" in warning for warning in plan.warnings)
    assert not any("slower than they could" in warning for warning in lab("Qwen/Qwen3-4B").warnings)


@pytest.mark.parametrize(
    ("model", "files", "both"),
    [
        ("mistralai/Mistral-7B-Instruct-v0.3", (), True),
        ("mistralai/Mistral-7B-Instruct-v0.3", ("model-00001-of-00003.safetensors", "config.json"), False),
        ("mistralai/Mistral-7B-Instruct-v0.3", ("consolidated.safetensors",), False),
        ("me/tuned", ("consolidated.safetensors", "model-00001-of-00003.safetensors"), True),
        ("me/tuned", ("original/consolidated.safetensors", "model.safetensors"), False),
        ("Qwen/Qwen3-4B", (), False),
    ],
)
def test_layouts_are_read_from_the_lock(model: str, files: tuple[str, ...], both: bool) -> None:
    """What the lock lists wins over what a publisher usually does; folders below are not read."""
    assert has_two_layouts(model, files) is both


def locked(model: str, *files: str) -> Declaration:
    """The minimal spec around a model whose files the lock lists."""
    said = with_spec(declared("minimal"), budget=None, target={"region": "us-east-1"})
    said = with_backend(said, "small", weights=f"hf://{model}", capacity={"instance_type": "g6.12xlarge"})
    assert said.lock is not None
    row = LockedModel(revision="0" * 40, files=dict.fromkeys(files, "0" * 64))
    return replace(said, lock=structs.replace(said.lock, models={model: row}))


def test_a_lock_that_lists_one_layout_lets_it_stream() -> None:
    """Mirrored without the second layout, the same repository is streamed."""
    model = "mistralai/Mistral-7B-Instruct-v0.3"
    one = make_plan(locked(model, "model-00001-of-00002.safetensors"), AS_OF, gates).servers[0]
    two = make_plan(
        locked(model, "model-00001.safetensors", "consolidated.safetensors"), AS_OF, gates
    ).servers[0]

    assert after(one, "--load-format") == "runai_streamer"
    assert after(two, "--load-format") == "safetensors"


def test_a_pod_without_room_for_the_buffers_maps_k8s_6() -> None:
    """The embedding of Gemma 4 E4B is 6.5 GiB: two of it are too much beside 16 GiB of a small node."""
    model = "google/gemma-4-E4B-it"
    small = lab(model, capacity={"instance_type": "g6.xlarge"}).servers[0]
    large = lab(model, capacity={"instance_type": "g6.4xlarge"}).servers[0]

    assert largest_tensor_gib(shapes_of(model)) == pytest.approx(6.5, abs=0.1)
    assert after(small, "--load-format") == "safetensors"
    assert after(large, "--load-format") == "runai_streamer"
    assert large.memory_gib_per_pod >= pod_memory_gib(1) + 13


@pytest.mark.parametrize(
    "model", ["Qwen/Qwen3-4B", "meta-llama/Llama-3.3-70B-Instruct", "openai/gpt-oss-120b"]
)
def test_the_largest_tensor_is_the_embedding_or_a_layer_of_experts(model: str) -> None:
    shapes = shapes_of(model)
    table = (shapes.vocab or 0) * (shapes.hidden or 0) * 2 / 2**30

    assert table <= largest_tensor_gib(shapes) < 0.1 * (catalog.model(model).params * 2 / 2**30) + 1.3


def test_an_image_is_pulled_no_faster_than_the_disk_takes_it_k8s_7() -> None:
    """What is pulled and what it unpacks to are both written."""
    free = sizing.startup(11.2, 0, unpacked_gib=26.6, parallel_pull=True)
    capped = sizing.startup(11.2, 0, unpacked_gib=26.6, parallel_pull=True, disk_mb_s=524)

    assert capped.phases["image_pull"].fast == pytest.approx((11.2 + 26.6) * 2**30 / 524e6)
    assert free.phases["image_pull"].fast < capped.phases["image_pull"].fast


@pytest.mark.parametrize("stack", WITH_SERVERS)
def test_gpu_nodes_pull_in_parallel_pitfall_1_20_k8s_7(stack: str) -> None:
    """Told in the way of their image, and counted in the start; other nodes boot as EKS has them."""
    plan = planned(stack)
    for template in recorded(stack).of("aws:ec2/launchTemplate:LaunchTemplate"):
        text = template.props.get("userData")
        pools = [pool for pool in plan.pools if f"-{pool.name}-" in template.name]
        if not pools:
            assert text is None
            continue
        told = base64.b64decode(text).decode()
        if pools[0].ami_type.startswith("BOTTLEROCKET"):
            settings = tomllib.loads(told)["settings"]
            assert settings["container-runtime"]["snapshotter"] == "soci"
            assert (
                settings["container-runtime-plugins"]["soci-snapshotter"]["pull-mode"]
                == "parallel-pull-unpack"
            )
        else:
            (part,) = message_from_string(told).get_payload()
            assert part.get_content_type() == "application/node.eks.aws"
            assert yaml.safe_load(part.get_payload())["spec"] == {"featureGates": {"FastImagePull": True}}
    inputs = plan.derivations["servers[0].startup.seconds_expected"].inputs
    assert inputs["parallel_pull"] is True


def test_nodes_of_other_images_are_told_nothing() -> None:
    """Only two families are known to take it."""
    assert parallel_pull("AL2_x86_64_GPU") is None
    assert parallel_pull("CUSTOM") is None
    assert parallel_pull("AL2023_x86_64_NVIDIA") != parallel_pull("BOTTLEROCKET_x86_64_NVIDIA")
