"""Area of concern: what holds for plans of many specs: load, boundary, and the same bytes every time."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferplan import catalog
from inferplan.decision import Question
from inferplan.plan.make import make_plan
from inferplan.plan.search import cheapest
from inferplan.records.no_plan import NoPlan
from inferplan.spec.declaration import Declaration
from inferplan.spec.model import Residency
from policies.gates import gates
from tests.unit.plan_edits import (
    AS_OF,
    EXAMPLES,
    ROOT,
    declared,
    spec_of,
    with_backend,
    with_route,
    with_spec,
)

COUNTRIES = ("DE", "ES", "FR", "IE", "IT", "SE", "CH")
TYPES = ("g4dn.xlarge", "g5.12xlarge", "g6.xlarge", "g6e.xlarge", "g7e.2xlarge", "p4d.24xlarge")

peaks = st.floats(0.01, 50, allow_nan=False)


def clinic_on(instance_type: str, peak: float, tokens: int) -> Declaration:
    """The clinic on one instance type, without a budget and latency objectives."""
    said = with_backend(declared("de-clinic-notes"), "qwen", capacity={"instance_type": instance_type})
    objectives = {"ttft_ms": None, "tpot_ms": None}
    load = {"peak_requests_per_second": peak, "input_tokens": tokens}
    return with_route(with_spec(said, budget=None), load=load, objectives=objectives)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(TYPES), peaks, peaks, st.sampled_from((200, 1000, 2500)))
def test_more_load_never_lowers_replicas(instance_type: str, one: float, other: float, tokens: int) -> None:
    """On a fixed instance type, a higher peak needs at least as many replicas, nodes and dollars."""
    less, more = sorted((one, other))
    try:
        small = cheapest(Question.of(clinic_on(instance_type, less, tokens), AS_OF, gates))
    except NoPlan:
        with pytest.raises(NoPlan):  # what does not fit is not made to fit by load
            cheapest(Question.of(clinic_on(instance_type, more, tokens), AS_OF, gates))
        return
    large = cheapest(Question.of(clinic_on(instance_type, more, tokens), AS_OF, gates))

    assert small.draft.servers[0].replicas <= large.draft.servers[0].replicas
    assert small.draft.pools[0].nodes <= large.draft.pools[0].nodes
    assert small.monthly_usd.expected <= large.monthly_usd.expected


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(("self-hosted", "managed-api", "hybrid")),
    st.sets(st.sampled_from(COUNTRIES), min_size=1),
    st.sampled_from(COUNTRIES),
)
def test_one_more_country_never_costs_more(mode: str, countries: set[str], added: str) -> None:
    """With a fixed mode, a wider boundary has the cheaper or the same stack; what had a plan keeps one.

    A bill without its GPU nodes, where no price is known, is a lower bound: any whole bill comes before it.
    """

    def bill(allowed: set[str]) -> tuple[bool, float] | None:
        residency = Residency(countries=tuple(sorted(allowed)))
        said = with_spec(declared("eu-both-ways"), data={"residency": residency}, mode=mode, budget=None)
        try:
            found = cheapest(Question.of(said, AS_OF, gates))
        except NoPlan:
            return None
        return any(name.startswith("GPU nodes") for name in found.unpriced), found.monthly_usd.expected

    narrow, wide = bill(countries), bill(countries | {added})

    if narrow is not None:
        assert wide is not None
        assert wide <= narrow


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(EXAMPLES), peaks)
def test_a_plan_stands_inside_the_boundary(name: str, peak: float) -> None:
    """Whatever the load, a Region that the spec leaves open lies in an allowed country."""
    said = with_spec(with_route(declared(name), load={"peak_requests_per_second": peak}), budget=None)
    target = cheapest(Question.of(with_spec(said, target={"region": None}), AS_OF, gates)).draft.target

    residency = spec_of(said).data.residency
    assert residency is not None
    assert target.country in catalog.expand_places(residency.countries)
    assert target.country in catalog.expand_places(said.account.countries)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(EXAMPLES), st.floats(0.01, 3))
def test_the_same_inputs_give_the_same_bytes(name: str, peak: float) -> None:
    """Planning twice in one process gives the same plan, or the same reason why there is none."""
    said = with_route(declared(name), load={"peak_requests_per_second": peak})

    def once() -> bytes:
        try:
            return msgspec.json.encode(make_plan(said, AS_OF, gates))
        except NoPlan as reason:
            return str(reason).encode()

    assert once() == once()


SCRIPT = """
import sys
from datetime import date
from pathlib import Path
import msgspec
from inferplan.records.no_plan import NoPlan
from inferplan.plan.make import make_plan
from inferplan.spec.loading import load
from policies.gates import gates
for name in sys.argv[1:]:
    declaration = load(Path("specs") / f"{name}.yaml", Path("organization"))
    for mode in ("self-hosted", "managed-api", "hybrid", "auto"):
        try:
            plan = make_plan(declaration, date(2026, 11, 20), gates, mode)
            sys.stdout.buffer.write(msgspec.json.encode(plan))
        except NoPlan as reason:
            sys.stdout.buffer.write(str(reason).encode())
        sys.stdout.buffer.write(b"\\n")
"""


def test_processes_agree_whatever_their_hash_seed() -> None:
    """Every example in every mode is byte-identical in two processes, planned in another order there."""

    def lines(seed: str, names: tuple[str, ...]) -> list[bytes]:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, *names],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        )
        return sorted(done.stdout.splitlines())

    found = lines("1", EXAMPLES)

    assert sum(line.startswith(b'{"schema"') for line in found) == 13  # of 20, the rest are reasons
    assert found == lines("4321", EXAMPLES[::-1])
