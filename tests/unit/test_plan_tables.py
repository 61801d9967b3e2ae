"""Area of concern: what each example gives in each mode, against tables worked out by hand.

The arithmetic stands beside each row and rests on the reference data alone: list prices by Region (a month is
730 hours), usable GPU memory, bandwidth and FP8 or 16-bit rates of the GPUs, parameter counts, the fitted
shares and times of the throughput model, and its load: to 65 % at the expected speed, and in production to
95 % at the slow end of the range while a zone is down. GB/s and TFLOPS are decimal, GiB is binary.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from inferplan import catalog
from inferplan.plan.make import make_plan
from inferplan.records.no_plan import NoPlan
from inferplan.report import diff_text
from policies.gates import gates
from tests.unit.plan_edits import AS_OF, EXAMPLES, declared, planned, recorded

HOURS = 730


class Row(NamedTuple):
    """What one example gives in one mode; `gpu_usd` is the by-hand bill of its GPU nodes."""

    example: str
    mode: str
    kind: str  # the mode that is planned
    region: str
    family: str | None  # of the GPU instances
    gpus: range
    gpu_usd: float
    low_usd: float  # band of the expected bill
    high_usd: float


# de-clinic-notes: Qwen3-32B-FP8, 1 request/s of 2,500 + 350 tokens, TTFT 2.5 s, TPOT 70 ms, production, 2
# zones.
#   Weights: 32.76 G parameters, of which 2 x 151,936 x 5,120 = 1.56 G (embedding, head) stay at 2 bytes:
#   34.3 GB = 32.0 GiB. That leaves L4 and A10G (22 GiB) only in groups, L40S (44.5 GiB) 6 GiB for KV
#   cache and RTX PRO 6000 (94.8 GiB): 0.92 x 94.8 = 87.2 - 32.0 - 1.4 - 1.2 = 52.7 GiB. eu-central-1 has
#   no H100 or H200. RTX PRO 6000 (1,792 GB/s, of which 0.77; 936 TFLOPS FP8, of which 0.86): prefill 2 x
#   32.76e9 x 2,500 / (0.86 x 936e12) = 0.203 s + 0.019 attention = 0.22 s. A step with 16 requests: 44.0 GB
#   / 1,374 GB/s = 32.0 + 1.3 arithmetic + 3.8 = 37.1 ms. TPOT = 37.1 + 15 x 221 / 350 = 46.6 ms, at the
#   slow end / 0.67 = 69.5 ms; one more would be above 70. A request takes 16 x 0.221 + 350 x 0.0371 = 16.5
#   s, so 16 / 16.5 = 0.97 requests/s a GPU, 0.65 at the slow end. 1 / (0.97 x 0.65) = 1.6 -> 2 GPUs; with
#   one zone left 1 / (0.65 x 0.95) = 1.6 -> 2
#   there. 2 a zone: 4 GPUs. g7e has no price in eu-central-1: 3.36312 x 1.2505 (g5: 1.258 / 1.006) =
#   4.2056 USD/h +- 15 %; 4 x 730 x 4.2056 = 12,280 USD. The same four on g7e.12xlarge (2 GPUs): 2 x 730 x
#   8.286 x 1.2505 = 15,128. Beside them: EKS 73, two m6i.xlarge 2 x 730 x 0.23 = 336, 12 endpoints x 2
#   zones x 0.012 x 730 = 210, database 100, cache 37, balancer 16, disks, keys, registry and logs about
#   45: 817. Together 13,100 USD.
CLINIC = ("g7e", range(4, 5), 4 * HOURS * 3.36312 * 1.258 / 1.006, 12_700.0, 13_500.0)

# in-bank-assistant: Llama-3.3-70B, FP8 at load, 8 requests/s of 1,500 + 300 tokens (TTFT 1.5 s, TPOT 50
# ms), and 2 requests/s of 900 + 400 that fall back to it; production, 99.9 %, 2 zones of ap-south-1.
#   Weights: 70.55 G parameters, 2 x 128,256 x 8,192 = 2.10 G at 2 bytes: 72.7 GB = 67.7 GiB, 16.9 GiB at
#   TP4, 33.9 at TP2. The mean request is 1,380 + 320 tokens. H100 TP2 (3,350 GB/s, of which 0.92; 1,978
#   TFLOPS FP8, of which 0.48): prefill 2 x 70.55e9 x 1,380 / (0.48 x 2 x 1,978e12) = 103 ms + 3 attention +
#   16 all-reduce = 122 ms. A step with 51 requests: 48.1 GB / 3,074 GB/s = 15.7 + 3.8 arithmetic + 1.4
#   all-reduce + 5.0 = 25.9 ms. TPOT = 25.9 + 50 x 122 / 320 = 44.9 ms, / 0.91 = 49.4 ms; a request takes 51
#   x 0.122 + 320 x 0.0259 = 14.5 s: 51 / 14.5 = 3.52 requests/s, 3.20 at the slow end. 8 / (3.52 x 0.65) =
#   3.5 -> 4; with one zone left 8 / (3.20 x 0.95) = 2.6 -> 3 there. 3 a zone: 6 groups of 2 GPUs = 2 x
#   p5.48xlarge = 16 GPUs: 2 x 730 x 66.048 = 96,430 USD. p4d.24xlarge at 26.3444 USD/h is 2.5 times cheaper
#   a node, but A100 computes FP8 in 16 bit (312 TFLOPS) and its range is wide: 12 nodes, 230,777
#   USD. Beside: EKS 73, system nodes 3 x 730 x 0.202 = 442, endpoints 11 x 2 x 0.013 x 730 = 209,
#   database, cache and balancer 153, disks and their throughput 77, keys, logs about 52, guardrail 250,000
#   requests x 6 text units x (0.15 + 0.10) / 1,000 = 375: 1,381 -> 97,811 USD. Hybrid sends the 250,000
#   office requests to Mistral Large (5.2 and 15.6 USD per million tokens): 250,000 x (900 x 5.2 + 400 x
#   15.6) / 1e6 = 2,730 USD -> 100,541 USD. It keeps the GPUs: they are the fallback. Self-hosted serves
#   all 10 requests/s itself: 10 / (3.52 x 0.65) = 4.4 -> 5; with one zone left 10 / (3.20 x 0.95) = 3.3 -> 4
#   there: 8 groups on 2 nodes.
BANK_GPUS = ("p5", range(16, 17), 2 * HOURS * 66.048)

# minimal: Qwen3-4B in 16 bit, no load stated: 0.5 requests/s of 1,000 + 300 tokens; development, 1 zone.
#   Weights: 4.02 G x 2 = 8.04 GB = 7.5 GiB; T4: 0.92 x 14.6 = 13.4 - 7.5 - 0.2 - 1.15 = 4.6 GiB of KV
#   cache at 36 x 8 x 2 x 128 x 2 = 147,456 bytes a token: 1,300 tokens take 0.18 GiB, so 25 requests at
#   once. T4 (320 GB/s, of which 0.62; 65 TFLOPS, of which 0.40): prefill 0.32 s, step 12.3 GB / 199 GB/s +
#   7.7 arithmetic + 2.5 = 72 ms, TPOT 72 + 24 x 321 / 300 = 98 ms; a request takes 25 x 0.321 + 300 x 0.072 =
#   29.6 s: 0.84 requests/s, x 0.65 = 0.55 > 0.5: one GPU. The
#   cheapest T4 with 16 GiB of host memory in an EU Region is g4dn.xlarge in eu-north-1 at 0.558 USD/h
#   (eu-west-1 0.587, eu-central-1 0.658; L4 g6.xlarge 0.8536): 730 x 0.558 = 407 USD. Beside: EKS 73, two
#   m6i.large 2 x 730 x 0.102 = 149, 11 endpoints x 1 zone x 0.01 x 730 = 80, database 26, cache 9, disks,
#   keys, registry and logs about 26: 363. Together 770 USD.
MINIMAL = ("g4dn", range(1, 2), HOURS * 0.558, 730.0, 810.0)

# eu-support-desk: 90,000 requests of 1,200 + 250 tokens to GPT-4.1 in Europe (2 and 8 USD per million
# tokens):
#   90,000 x (1,200 x 2 + 250 x 8) / 1e6 = 396 USD. Two firewall endpoints 2 x 730 x 0.395 = 577, five VPC
#   endpoints 5 x 2 x 730 x 0.011 = 80, addresses 7, Fargate two tasks of 2 vCPU and 7 GiB 4 x 730 x
#   0.04048 + 14 x 730 x 0.004445 = 118 + 45, database 100, cache 37, balancer 16, guardrail 540 thousand
#   text units x 0.25 = 135, keys, secrets, logs 6. Together 1,518 USD.
DESK = (1_450.0, 1_590.0)

# eu-both-ways: 1 request/s of 800 + 300 tokens, TTFT 2 s, production, 2 zones; Mistral Small 24B, FP8 at
# load.
#   Weights: 23.57 G parameters, 1.34 G at 2 bytes: 24.9 GB = 23.2 GiB. L4 and A10G (22 GiB) do not hold
#   it alone; L40S: 0.92 x 44.5 = 40.9 - 23.2 - 0.45 - 1.15 = 16.1 GiB at 163,840 bytes a token: 96
#   requests of 1,100 tokens. L40S (864 GB/s, of which 0.62; 733 TFLOPS FP8, of which 0.46): prefill 0.113 s,
#   step 38.5 GB / 537 GB/s + 13.4 arithmetic + 3.4 = 88.5 ms, TPOT 88.5 + 95 x 113 / 300 = 124 ms; a request
#   takes 96 x 0.113 + 300 x 0.0885 = 37.4 s: 2.57 requests/s, 1.72 at the slow end, x 0.95 > 1: one, and one
#   more for the other zone: 2 x g6e.xlarge. Cheapest in the EEA:
#   eu-south-2 1.961 USD/h (eu-north-1 1.974, eu-central-1 2.327): 2 x 730 x 1.961 = 2,863 USD. Beside:
#   EKS 73, two m6i.xlarge (no price in eu-south-2: 0.192 x 1.054) 295, 11 endpoints x 2 zones x 0.01 x
#   730 = 161, database 100, cache 37, the rest about 32: 698. Together 3,561 USD. Managed: Mistral Large
#   300,000 x (800 x 5.2 + 300 x 15.6) / 1e6 = 2,652 USD; five endpoints 73, Fargate 79, database 100, cache
#   37, the rest 6 = 294. Together 2,946 USD, in Paris or Dublin, the Regions of the EEA that have it.
#   Neither has an L40S, so hybrid is dearer. Two L4 in tensor parallel (2 x 300 GB/s, 2 x 242 TFLOPS FP8)
#   hold a replica: prefill 0.265 s, of which 0.093 on PCIe; step 18.0 GB / 187 GB/s + 17 arithmetic + 17
#   exchange + 3 = 134 ms; with 80 requests 80 / (80 x 0.265 + 300 x 0.134) = 1.30 requests/s, 0.87 at the
#   slow end, x 0.95: not 1, but it is the fallback, which both zones carry together: one a zone. 2 x
#   g6.12xlarge in Paris at 5.8412 USD/h are 2 x 730 x 5.8412 = 8,528 USD; four T4 do 0.1 requests/s within
#   2 s. Beside: EKS 73, two m6i.xlarge 327, 12 endpoints 175, database 100, cache 37, the rest about 34:
#   746; tokens 2,652. Together 11,926.
BOTH_GPUS = ("g6e", range(2, 3), 2 * HOURS * 1.961)
PARIS_GPUS = ("g6", range(8, 9), 2 * HOURS * 5.8412)

NO_GPUS = (None, range(1), 0.0)

ROWS = (
    Row("de-clinic-notes", "self-hosted", "self-hosted", "eu-central-1", *CLINIC),
    Row("de-clinic-notes", "auto", "self-hosted", "eu-central-1", *CLINIC),
    Row("in-bank-assistant", "hybrid", "hybrid", "ap-south-1", *BANK_GPUS, 99_500.0, 101_000.0),
    Row("in-bank-assistant", "self-hosted", "self-hosted", "ap-south-1", *BANK_GPUS, 96_900.0, 98_400.0),
    Row("in-bank-assistant", "auto", "hybrid", "ap-south-1", *BANK_GPUS, 99_500.0, 101_000.0),
    Row("minimal", "self-hosted", "self-hosted", "eu-north-1", *MINIMAL),
    Row("minimal", "auto", "self-hosted", "eu-north-1", *MINIMAL),
    Row("eu-support-desk", "managed-api", "managed-api", "eu-west-1", *NO_GPUS, *DESK),
    Row("eu-support-desk", "auto", "managed-api", "eu-west-1", *NO_GPUS, *DESK),
    Row("eu-both-ways", "self-hosted", "self-hosted", "eu-south-2", *BOTH_GPUS, 3_400.0, 3_720.0),
    Row("eu-both-ways", "managed-api", "managed-api", "eu-west-3", *NO_GPUS, 2_860.0, 3_040.0),
    Row("eu-both-ways", "hybrid", "hybrid", "eu-west-3", *PARIS_GPUS, 11_600.0, 12_250.0),
    Row("eu-both-ways", "auto", "managed-api", "eu-west-3", *NO_GPUS, 2_860.0, 3_040.0),
)

# What the other modes lack: the backends of their routes.
REFUSED = (
    ("de-clinic-notes", "managed-api"),
    ("de-clinic-notes", "hybrid"),
    ("in-bank-assistant", "managed-api"),
    ("minimal", "managed-api"),
    ("minimal", "hybrid"),
    ("eu-support-desk", "self-hosted"),
    ("eu-support-desk", "hybrid"),
)


def test_the_tables_cover_every_example_and_mode() -> None:
    """Five examples in four modes: each pair is either planned or refused."""
    seen = [(row.example, row.mode) for row in ROWS] + list(REFUSED)

    assert sorted(seen) == sorted(
        (example, mode) for example in EXAMPLES for mode in ("self-hosted", "managed-api", "hybrid", "auto")
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.example}, {row.mode}")
def test_examples_give_what_was_worked_out_by_hand(row: Row) -> None:
    """Mode, Region, instance family, GPUs, the GPU bill within 0.5 % and the whole bill in its band."""
    plan = planned(row.example, row.mode)

    families = {pool.instance_type.partition(".")[0] for pool in plan.pools}
    lines = [line for line in plan.cost.lines if line.name.startswith("GPU nodes")]
    assert (plan.mode, plan.target.region) == (row.kind, row.region)
    assert families == ({row.family} if row.family else set())
    assert sum(pool.nodes * pool.gpus for pool in plan.pools) in row.gpus
    assert sum(line.expected_usd or 0.0 for line in lines) == pytest.approx(row.gpu_usd, rel=0.005)
    assert row.low_usd <= plan.cost.monthly_usd.expected <= row.high_usd
    assert plan.cost.monthly_usd.low <= plan.cost.monthly_usd.expected <= plan.cost.monthly_usd.high


@pytest.mark.parametrize(("example", "mode"), REFUSED)
def test_a_mode_without_backends_is_refused(example: str, mode: str) -> None:
    """A mode that some route has no backend for is refused, and says which mode has them."""
    with pytest.raises(NoPlan, match=f"mode {mode}") as caught:
        planned(example, mode)

    change = next(one.change for one in caught.value.conflicts if one.path == "mode")
    assert change is not None
    assert "works with mode" in change


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_bill_of_gpus_is_the_nodes_at_the_price_of_the_region(example: str) -> None:
    """Nodes times 730 hours times the price of the type in that Region, and of no other."""
    plan = make_plan(declared(example), AS_OF, gates)

    for pool in plan.pools:
        price = catalog.instance_price(pool.instance_type, plan.target.region)
        (line,) = [line for line in plan.cost.lines if line.name == f"GPU nodes {pool.name}"]
        assert price.usd_hour is not None
        assert line.expected_usd == pytest.approx(pool.nodes * HOURS * price.usd_hour, abs=0.01)


def test_flipping_the_mode_gives_the_other_stack() -> None:
    """eu-both-ways in each mode has the parts of that mode only, and auto is one of them."""
    plans = {mode: planned("eu-both-ways", mode) for mode in ("self-hosted", "managed-api", "hybrid", "auto")}

    assert {mode: plan.mode for mode, plan in plans.items()} == {
        "self-hosted": "self-hosted",
        "managed-api": "managed-api",
        "hybrid": "hybrid",
        "auto": "managed-api",
    }
    assert {mode: (bool(p.servers), bool(p.vendors), p.cluster is not None) for mode, p in plans.items()} == {
        "self-hosted": (True, False, True),
        "managed-api": (False, True, False),
        "hybrid": (True, True, True),
        "auto": (False, True, False),
    }
    routes = {mode: (plan.routes[0].backend, plan.routes[0].fallback) for mode, plan in plans.items()}
    assert routes["self-hosted"] == ("mistral-own", ())
    assert routes["managed-api"] == ("mistral-api", ())
    assert routes["hybrid"] == ("mistral-api", ("mistral-own",))


def test_diff_shows_what_a_flip_changes() -> None:
    """Routes, servers, vendors, cost, places and resources of the modes stand side by side."""
    sides = [
        diff_text.Side(label=mode, plan=plan, resources=recorded("eu-both-ways", mode))
        for mode in ("self-hosted", "managed-api", "hybrid")
        for plan in (planned("eu-both-ways", mode),)
    ]

    own, managed, hybrid = (diff_text.facts(side) for side in sides)

    assert own["routes"] == {"drafting": "mistral-own"}
    assert managed["routes"] == {"drafting": "mistral-api"}
    assert hybrid["routes"] == {"drafting": "mistral-api > mistral-own"}
    assert "2 x g6e.xlarge" in own["servers and pools"]["gpu-mistral-own"]
    assert not managed["servers and pools"]
    assert "aws:eks/cluster:Cluster" in own["resources"]
    assert "aws:eks/cluster:Cluster" not in managed["resources"]
    text = diff_text.table(sides)
    for expected in ("self-hosted", "managed-api", "hybrid", "g6e.xlarge", "eu-south-2", "eu-west-3"):
        assert expected in text
