"""Area of concern: what was measured beside the plan, from pods' own text and from a query's JSON.

Not here: how the stack's own series are computed (tests/cluster/test_series.py).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec import structs

from inferplan.plan.comparison import measured
from inferplan.plan.readings import MAX_BYTES, NotMetricsError, readings
from inferplan.records.measured import Measurement
from tests.command_line import inferplan
from tests.unit.recorded import MANAGED, SELF_HOSTED, planned

METRICS = Path(__file__).parents[1] / "fixtures" / "metrics"
CLINIC = planned(SELF_HOSTED)
SERVER = CLINIC.servers[0]
SPEED = SERVER.throughput
assert SPEED is not None


def query(kind: str = "vector", **series: float) -> bytes:
    """A query's answer with some of the stack's own series of the clinic's server."""
    result = [
        {"metric": {"__name__": f"inferplan_{name}", "server": SERVER.name}, "value": [1.0, str(value)]}
        for name, value in series.items()
    ]
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}}).encode()


def figures(data: bytes) -> dict[str, Measurement]:
    return {one.figure: one for one in measured(CLINIC, readings(data))}


def histogram(name: str, **buckets: float) -> str:
    """A histogram of one pod, its edges in seconds."""
    edges = {edge.removeprefix("le").replace("_", "."): count for edge, count in buckets.items()}
    lines = [f"# TYPE {name} histogram"]
    lines += [
        f'{name}_bucket{{model_name="{SERVER.served_name}",engine="0",le="{edge}"}} {count}'
        for edge, count in edges.items()
    ]
    return "\n".join(lines) + "\n"


def test_a_pods_own_text_says_latencies_and_no_rate() -> None:
    """One reading has no duration, so tokens a second stay unknown."""
    found = figures((METRICS / "pod.txt").read_bytes())

    first = found["time to first token p95"]
    assert first.measured == pytest.approx(989.13)
    assert (first.verdict, first.limit, first.limit_held) == ("inside", 2500, True)
    assert (found["output tokens"].measured, found["output tokens"].verdict) == (None, "not measured")
    assert found["start"].verdict == "not measured"


def test_a_query_says_the_rest() -> None:
    """Per replica, from the series of the stack."""
    found = figures((METRICS / "query.json").read_bytes())

    assert found["output tokens"].measured == 275
    assert found["output tokens"].verdict == "inside"
    assert (found["start"].measured, found["start"].verdict) == (411, "inside")
    slow = found["time per output token p95"]
    assert (slow.measured, slow.verdict, slow.limit_held) == (90, "slower", False)


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [
        (SERVER.startup.seconds_low - 1, "faster"),
        (SERVER.startup.seconds_low, "inside"),
        (SERVER.startup.seconds_high, "inside"),
        (SERVER.startup.seconds_high + 1, "slower"),
    ],
)
def test_a_start_is_inside_its_range_or_not(seconds: float, verdict: str) -> None:
    """The ends belong to it."""
    assert figures(query(start_seconds=seconds))["start"].verdict == verdict


@pytest.mark.parametrize(
    ("share", "verdict"), [(0.5, "slower"), (1.0, "inside"), (2.0, "faster")], ids=["half", "same", "twice"]
)
def test_more_tokens_are_faster(share: float, verdict: str) -> None:
    """At the planned number of requests in flight."""
    assert SPEED is not None
    rate = SPEED.output_tokens_per_second
    assert rate is not None
    found = figures(
        query(output_tokens_per_second=rate * share, ready_replicas=1, requests_in_flight=SPEED.concurrency)
    )

    assert found["output tokens"].verdict == verdict


def test_a_quiet_hour_says_nothing_about_the_plan() -> None:
    """With few requests a replica makes few tokens, and each answer is quick."""
    quiet = query(output_tokens_per_second=20, ready_replicas=4, requests_in_flight=4)

    found = figures(quiet)["output tokens"]

    assert found.verdict == "not comparable"
    assert "holds 1.0 requests" in found.note


def test_two_readings_of_a_counter_are_a_rate() -> None:
    """A range of vLLM's own counter, of two pods; a counter that began anew is none."""

    def answer(*values: tuple[float, float]) -> bytes:
        result = [
            {
                "metric": {
                    "__name__": "vllm:generation_tokens_total",
                    "model_name": SERVER.served_name,
                    "instance": pod,
                },
                "values": [[at, str(value)] for at, value in values],
            }
            for pod in ("a", "b")
        ]
        return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()

    assert figures(answer((0, 1000), (60, 19000)))["output tokens"].measured == 300
    assert figures(answer((0, 1000), (60, 10)))["output tokens"].measured is None


def test_pods_together_make_one_percentile() -> None:
    """Buckets are added before the quantile is taken; the last one ends at its lower edge."""
    slow = histogram("vllm:time_to_first_token_seconds", le1_0=0, le2_0=100, **{"le+Inf": 100})
    beyond = histogram("vllm:time_to_first_token_seconds", le1_0=0, le2_0=0, **{"le+Inf": 100})

    assert figures(slow.encode())["time to first token p95"].measured == 1950
    assert figures(beyond.encode())["time to first token p95"].measured == 2000
    none = histogram("vllm:time_to_first_token_seconds", le1_0=0, **{"le+Inf": 0})
    assert figures(none.encode())["time to first token p95"].verdict == "not measured"


def test_another_models_metrics_are_not_this_servers() -> None:
    """By the name under which vLLM serves it."""
    text = (METRICS / "pod.txt").read_text().replace('model_name="qwen"', 'model_name="other"')

    assert {one.verdict for one in figures(text.encode()).values()} == {"not measured"}


def test_a_server_without_a_prediction_is_said_to_have_none() -> None:
    """Never a guess."""
    plan = structs.replace(CLINIC, servers=(structs.replace(SERVER, throughput=None),))

    found = {
        one.figure: one.verdict for one in measured(plan, readings((METRICS / "query.json").read_bytes()))
    }

    assert found["output tokens"] == found["time per output token p95"] == "not predicted"
    assert found["start"] == "inside"


def test_vendors_have_no_start_to_measure() -> None:
    """A stack without own weights answers with no row, and says so."""
    assert measured(planned(MANAGED), readings((METRICS / "pod.txt").read_bytes())) == ()
    told = inferplan("explain", f"specs/{MANAGED}.yaml", "measured", "--metrics", str(METRICS / "pod.txt"))
    assert told.code == 0
    assert "no route is served by own weights" in told.out


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no metric of vLLM"),
        (b"go_goroutines 12\n", "no metric of vLLM"),
        (b"# a page\n\nof prose, not metrics\n", "no text exposition"),
        (b"vllm:x{", "no text exposition"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"{}", "no JSON answer"),
        (b"[1, 2]", "no JSON answer"),
        (b'{"status": "error", "error": "bad query"}', "bad query"),
        (b'{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}', "no JSON answer"),
        (query(start_seconds=1).replace(b'"1"', b'"soon"'), "is no number"),
        (b"[" * 100_000, "no JSON answer"),
        (b"#" * (MAX_BYTES + 1), "bytes, more than"),
    ],
)
def test_other_files_are_refused_with_what_is_wanted(data: bytes, why: str) -> None:
    """Understandable, and without a traceback."""
    with pytest.raises(NotMetricsError, match=why):
        readings(data)


def test_the_verb_wants_a_file_for_measured_and_for_nothing_else(tmp_path: Path) -> None:
    """Each of them without the other is a usage error, and so is a file that is not there."""
    spec = f"specs/{SELF_HOSTED}.yaml"
    file = str(METRICS / "pod.txt")
    assert inferplan("explain", spec, "measured").code == 2
    assert inferplan("explain", spec, "residency", "--metrics", file).code == 2
    assert inferplan("explain", spec, "measured", "--metrics", str(tmp_path / "none")).code == 2
    assert inferplan("explain", spec, "measured", "--metrics", str(tmp_path)).code == 2
    told = inferplan("explain", spec, "measured", "--metrics", file)
    assert told.code == 0
    assert "keeps the limit of 2,500" in told.out
