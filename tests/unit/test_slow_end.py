"""Area of concern: for which speed a load is sized, and that the plan says so."""

from __future__ import annotations

import pytest

from inferplan.plan.make import make_plan
from inferplan.records.plan import Plan
from inferplan.report import plan_text
from inferplan.spec.declaration import Declaration
from policies.gates import gates
from tests.unit.plan_edits import AS_OF, declared, with_backend, with_route, with_spec

PEAK, ANSWER = 13.35, 300


def busy() -> Declaration:
    """gpt-oss-120b in production, 13.35 requests/s of 1,000 + 300 tokens without latency limits, 2 zones."""
    said = with_backend(
        declared("de-clinic-notes"), "qwen", weights="hf://openai/gpt-oss-120b", quantization=None
    )
    return with_route(
        with_spec(said, budget=None),
        load={"peak_requests_per_second": PEAK, "input_tokens": 1000, "output_tokens": ANSWER},
        objectives={"ttft_ms": None, "tpot_ms": None},
    )


def plan(said: Declaration) -> Plan:
    """With the rules asked what may serve."""
    return make_plan(said, AS_OF, gates)


def test_speed_9_the_peak_is_carried_at_the_slow_end_with_a_zone_lost() -> None:
    """The peak is 4,005 tokens/s: two g7e.2xlarge could not promise it, half of those planned can."""
    found = plan(busy())
    (server,), (pool,) = found.servers, found.pools
    assert server.throughput is not None
    slow = server.throughput.output_tokens_per_second_low
    assert slow is not None

    assert pool.instance_type == "g7e.2xlarge"
    assert server.sized_at == "slow end"
    assert slow * server.replicas / len(pool.zones) >= PEAK * ANSWER
    assert 2 * slow / len(pool.zones) < PEAK * ANSWER
    assert "carries the peak at the slow end of that range too" in plan_text.plan(found)


@pytest.mark.parametrize(
    ("availability", "sized_at"), [(None, "expected"), (99.5, "expected"), (99.9, "slow end")]
)
def test_speed_9_in_development_availability_decides(availability: float | None, sized_at: str) -> None:
    """Without 99.9 percent the expected speed counts, and the plan says that too."""
    said = with_route(declared("minimal"), objectives={"availability_percent": availability})
    found = plan(with_spec(said, budget=None))
    (server,) = found.servers

    assert found.target.environment == "development"
    assert server.sized_at == sized_at
    assert ("not at the slow end of its range" in plan_text.plan(found)) is (sized_at == "expected")
    assert found.derivations["servers[0].sized_at"].value == sized_at
