"""Area of concern: the planned series, for Prometheus's own grammar and arithmetic (k8s_11).

Not here: who scales by them, and that vLLM has the metrics they are made of (tests/unit/test_watch).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from inferplan.plan.make import make_plan
from policies.gates import gates
from tests.cluster.prometheus import promtool, tried, written
from tests.cluster.test_scheduling import STACKS
from tests.unit.plan_edits import AS_OF
from tests.unit.recorded import SELF_HOSTED, planned

pytestmark = pytest.mark.cluster

SERVED = '{job="model-servers", server="llm-qwen", instance="a", model_name="qwen", engine="0"}'
OTHER = SERVED.replace('"a"', '"b"')
HERE = 'namespace="inference"'
POD = f'{HERE}, pod="llm-qwen-7c9d5f8b6c-x2k4z"'


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The clinic's rules, alone in a folder."""
    written(tmp_path, planned(SELF_HOSTED))
    return tmp_path


@pytest.mark.parametrize("stack", STACKS)
def test_rules_and_configuration_are_accepted(stack: str, tmp_path: Path) -> None:
    """Of every stack, with all kinds of servers, by the program that reads them."""
    written(tmp_path, make_plan(STACKS[stack](), AS_OF, gates))

    answer = promtool(tmp_path, "check", "config", "prometheus.yml")

    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_a_query_that_is_none_is_refused(files: Path) -> None:
    """The judgement above bites."""
    rules = files / "rules.yml"
    rules.write_text(rules.read_text().replace("sum by (server)", "sum of (server)"))

    assert promtool(files, "check", "config", "prometheus.yml").returncode != 0


def test_requests_in_flight_are_those_of_all_pods_k8s_11(files: Path) -> None:
    """Running and waiting; a steady load is expected to stay what it is."""
    found = tried(
        files,
        {
            f"vllm:num_requests_running{SERVED}": "6x160",
            f"vllm:num_requests_waiting{SERVED}": "2x160",
            f"vllm:num_requests_running{OTHER}": "4x160",
            f"vllm:num_requests_waiting{OTHER}": "0x160",
        },
        {
            "inferplan_requests_in_flight": (
                "40m",
                [{"labels": 'inferplan_requests_in_flight{server="llm-qwen"}', "value": 12}],
            ),
            "inferplan_requests_waiting": (
                "40m",
                [{"labels": 'inferplan_requests_waiting{server="llm-qwen"}', "value": 2}],
            ),
            "inferplan_requests_ahead": (
                "40m",
                [{"labels": 'inferplan_requests_ahead{server="llm-qwen"}', "value": 12}],
            ),
        },
    )

    assert not found, found


def test_a_growing_load_is_seen_ahead_by_the_lead_k8s_11(files: Path) -> None:
    """One request more each minute: the replica ordered now is for the load of the time it takes to start."""
    scaling = planned(SELF_HOSTED).servers[0].scaling
    assert scaling is not None
    more = scaling.lead_seconds / 60
    found = tried(
        files,
        {
            f"vllm:num_requests_running{SERVED}": "0+0.25x160",
            f"vllm:num_requests_waiting{SERVED}": "0x160",
        },
        {
            "round(inferplan_requests_ahead, 0.01)": (
                "40m",
                [{"labels": '{server="llm-qwen"}', "value": round(40 + more, 2)}],
            )
        },
    )

    assert not found, found


def test_a_falling_load_is_not_believed_before_it_has_fallen_k8s_11(files: Path) -> None:
    """The trend orders replicas; it takes none away."""
    found = tried(
        files,
        {
            f"vllm:num_requests_running{SERVED}": "200-1x160",
            f"vllm:num_requests_waiting{SERVED}": "0x160",
        },
        {
            "inferplan_requests_ahead": (
                "30m",
                [{"labels": 'inferplan_requests_ahead{server="llm-qwen"}', "value": 80}],
            )
        },
    )

    assert not found, found


def test_without_pods_there_is_no_load(files: Path) -> None:
    """No value: the scaler then has nothing to scale by, and pods that wait are told by another series."""
    found = tried(
        files,
        {f'kube_deployment_spec_replicas{{{HERE}, deployment="llm-qwen"}}': "4x20"},
        {"inferplan_requests_ahead": ("5m", []), "inferplan_requests_in_flight": ("5m", [])},
    )

    assert not found, found


def test_latencies_are_quantiles_of_all_pods(files: Path) -> None:
    """Of the last five minutes, interpolated between vLLM's own buckets."""
    first = SERVED.removesuffix("}")
    found = tried(
        files,
        {
            f'vllm:time_to_first_token_seconds_bucket{first}, le="1.0"}}': "0+90x40",
            f'vllm:time_to_first_token_seconds_bucket{first}, le="2.5"}}': "0+100x40",
            f'vllm:time_to_first_token_seconds_bucket{first}, le="+Inf"}}': "0+100x40",
        },
        {
            "round(inferplan_time_to_first_token_seconds, 0.01)": (
                "8m",
                [{"labels": '{percentile="p95", server="llm-qwen"}', "value": 1.75}],
            )
        },
    )

    assert not found, found


@pytest.mark.parametrize(("failed", "share"), [("0+0x40", 0), ("0+1x40", 0.1)])
def test_errors_are_a_share_of_all_answers(files: Path, failed: str, share: float) -> None:
    """Of vLLM's own count of answers by kind of status; none failed is 0, not nothing."""
    first = '{job="model-servers", server="llm-qwen", instance="a", handler="/v1/chat/completions", status='
    found = tried(
        files,
        {
            f'http_requests_total{first}"2xx"}}': "0+9x40" if share else "0+10x40",
            f'http_requests_total{first}"5xx"}}': failed,
        },
        {
            "inferplan_error_share": (
                "8m",
                [{"labels": 'inferplan_error_share{server="llm-qwen"}', "value": share}],
            )
        },
    )

    assert not found, found


@pytest.mark.parametrize(
    ("wanted", "ready", "without"), [(4, 0, 1), (4, 1, 0), (0, 0, 0)], ids=["none", "some", "none wanted"]
)
def test_no_ready_replica_is_told_unless_none_is_wanted(
    files: Path, wanted: int, ready: int, without: int
) -> None:
    """Outside the hours of a schedule nothing is wrong."""
    found = tried(
        files,
        {
            f'kube_deployment_spec_replicas{{{HERE}, deployment="llm-qwen"}}': f"{wanted}x20",
            f'kube_deployment_status_replicas_ready{{{HERE}, deployment="llm-qwen"}}': f"{ready}x20",
        },
        {
            "inferplan_without_ready_replica": (
                "5m",
                [{"labels": 'inferplan_without_ready_replica{server="llm-qwen"}', "value": without}],
            )
        },
    )

    assert not found, found


def test_pods_that_wait_and_how_long_one_took(files: Path) -> None:
    """By the pods of the Deployment alone: another server's name may begin alike."""
    alike = POD.replace("llm-qwen-", "llm-qwen-small-")
    found = tried(
        files,
        {
            f'kube_pod_status_phase{{{POD}, phase="Pending"}}': "1x20",
            f'kube_pod_status_phase{{{alike}, phase="Pending"}}': "1x20",
            f"kube_pod_status_scheduled_time{{{POD}}}": "1000x20",
            f"kube_pod_status_ready_time{{{POD}}}": "1450x20",
        },
        {
            "inferplan_pods_waiting": (
                "5m",
                [{"labels": 'inferplan_pods_waiting{server="llm-qwen"}', "value": 1}],
            ),
            "inferplan_start_seconds": (
                "5m",
                [{"labels": 'inferplan_start_seconds{server="llm-qwen"}', "value": 450}],
            ),
        },
    )

    assert not found, found


def test_gpu_errors_are_counted_by_node_note_36(files: Path) -> None:
    """The node monitoring agent says them as a condition; other conditions are not meant."""
    condition = 'kube_node_status_condition{node="%s", condition="%s", status="false"}'
    found = tried(
        files,
        {
            condition % ("a", "AcceleratedHardwareReady"): "1x20",
            condition % ("b", "AcceleratedHardwareReady"): "0x20",
            condition % ("c", "KernelReady"): "1x20",
        },
        {
            "inferplan_gpu_errors": (
                "5m",
                [{"labels": 'inferplan_gpu_errors{scope="stack"}', "value": 1}],
            )
        },
    )

    assert not found, found
