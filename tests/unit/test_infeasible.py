"""Area of concern: where no plan exists, the smallest set of requirements that conflict, and the way out."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferplan.cli.app import run
from inferplan.decision import Question
from inferplan.exitcodes import ExitCode
from inferplan.plan import infeasible, make, search
from inferplan.plan.infeasible.conflict import fewest_with, hitting_set, smallest_conflict
from inferplan.plan.infeasible.loosening import Requirement
from inferplan.plan.infeasible.requirements import LOAD_SHARES, requirements
from inferplan.plan.make import make_plan
from inferplan.records.no_plan import NoPlan
from inferplan.spec.declaration import Declaration
from inferplan.spec.model import Objectives, Percentiles, Residency
from policies.gates import gates
from tests.unit.plan_edits import (
    AS_OF,
    ROOT,
    declared,
    spec_of,
    with_backend,
    with_countries,
    with_route,
    with_spec,
)


def refused(declaration: Declaration, mode: str | None = None) -> NoPlan:
    with pytest.raises(NoPlan) as caught:
        make_plan(declaration, AS_OF, gates, mode)
    return caught.value


def subsets(count: int) -> list[frozenset[int]]:
    return [frozenset(c) for size in range(count + 1) for c in combinations(range(count), size)]


# -- the search itself
# -------------------------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 7).flatmap(
        lambda count: st.tuples(
            st.just(count),
            st.lists(st.frozensets(st.integers(0, count - 1), min_size=1), min_size=1, max_size=6),
        )
    )
)
def test_smallest_conflict_agrees_with_brute_force(case: tuple[int, list[frozenset[int]]]) -> None:
    """The search finds one of the smallest conflicts, as trying all subsets does."""
    count, conflicts = case

    def feasible(dropped: frozenset[int]) -> bool:
        kept = frozenset(range(count)) - dropped
        return not any(conflict <= kept for conflict in conflicts)

    found = smallest_conflict(count, feasible)

    infeasible_kept = [kept for kept in subsets(count) if not feasible(frozenset(range(count)) - kept)]
    assert found is not None
    assert frozenset(found) in infeasible_kept
    assert len(found) == min(len(kept) for kept in infeasible_kept)


def test_smallest_conflict_has_two_answers_without_a_conflict() -> None:
    """Nothing to drop gives the empty conflict; nothing that dropping helps gives None."""
    assert smallest_conflict(3, lambda dropped: True) == ()
    assert smallest_conflict(3, lambda dropped: False) is None


def test_hitting_set_is_the_smallest() -> None:
    """One element that is in every set beats one element of each."""
    assert hitting_set(4, [frozenset({0, 3}), frozenset({1, 3}), frozenset({2, 3})]) == {3}
    assert hitting_set(3, []) == frozenset()


def test_a_correction_leaves_out_what_it_does_not_need() -> None:
    """What is dropped together with a requirement would not do without it."""
    wanted = (frozenset({0}), frozenset({1, 2}))

    def feasible(dropped: frozenset[int]) -> bool:
        return any(one <= dropped for one in wanted)

    assert fewest_with(0, range(3), feasible) == {0}
    assert fewest_with(1, range(3), feasible) == {1, 2}
    assert fewest_with(2, range(3), feasible, most=1) is None


# -- real specs against all subsets
# -------------------------------------------------------------------------------------------------------


def small(**changes: object) -> Declaration:
    """The minimal spec in a named Region, so that few things are required of it."""
    return with_spec(declared("minimal"), target={"region": "eu-central-1"}, **changes)


SMALL: dict[str, Callable[[], Declaration]] = {
    "a context longer than the model has": lambda: with_backend(
        small(budget=None), "small", engine={"max_model_len": 131072}
    ),
    "a model that no GPU of the Region holds": lambda: with_backend(
        with_spec(declared("minimal"), target={"region": "eu-west-3"}, budget=None),
        "small",
        weights="hf://meta-llama/Llama-3.1-405B-Instruct",
        capacity={"instance_type": "g6.48xlarge"},
    ),
    "a type without an on-demand price": lambda: with_backend(
        with_spec(declared("minimal"), target={"region": "eu-north-1"}),
        "small",
        capacity={"instance_type": "p5e.48xlarge"},
    ),
    "a budget below the fixed part": lambda: small(budget={"monthly_usd": 100}),
    "a zone of another Region": lambda: with_backend(
        small(budget=None), "small", capacity={"zone": "euw1-az1"}
    ),
    "a country without a Region": lambda: with_spec(
        declared("minimal"), data={"residency": Residency(countries=("PL",))}
    ),
}


def brute_force(declaration: Declaration, said: tuple[Requirement, ...]) -> dict[frozenset[int], bool]:
    """For every set of dropped requirements, whether any of their changes, or as said, gives a plan."""
    planned: dict[tuple[int, ...], bool] = {}

    def possible(key: tuple[int, ...]) -> bool:
        if key not in planned:
            edited = declaration
            for requirement, change in zip(said, key, strict=True):
                if change >= 0:
                    edited = requirement.changes[change].edit(edited)
            try:
                built = search.cheapest(Question.of(edited, AS_OF, gates))
            except NoPlan:
                planned[key] = False
            else:
                budget = spec_of(edited).budget
                planned[key] = budget is None or built.monthly_usd.low <= budget.monthly_usd
        return planned[key]

    answers = {}
    for dropped in subsets(len(said)):
        options = [
            range(-1, len(requirement.changes)) if index in dropped else (-1,)
            for index, requirement in enumerate(said)
        ]
        less = any(answers.get(dropped - {index}) for index in dropped)
        answers[dropped] = less or any(possible(key) for key in product(*options))
    return answers


@pytest.mark.parametrize("name", SMALL)
def test_the_conflict_is_the_smallest_of_all_subsets(name: str) -> None:
    """Every subset of the requirements was planned: none smaller conflicts, and what is reported does."""
    declaration = SMALL[name]()
    said = requirements(declaration)
    feasible = brute_force(declaration, said)
    every = frozenset(range(len(said)))
    conflicts = [every - dropped for dropped, answer in feasible.items() if not answer]

    answer = refused(declaration)

    paths = {conflict.path for conflict in answer.conflicts}
    reported = frozenset(index for index, one in enumerate(said) if one.path in paths)
    assert not feasible[frozenset()]
    assert reported in conflicts
    assert len(reported) == min(map(len, conflicts))
    for conflict in answer.conflicts:
        index = next(i for i, one in enumerate(said) if one.path == conflict.path)
        assert (conflict.monthly_usd is not None) == any(
            answer and index in dropped and not feasible[dropped - {index}]
            for dropped, answer in feasible.items()
            if len(dropped) <= 3
        )


def test_probing_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer for the richest example takes at most a hundred plans, not one for each subset."""
    probes = []
    plan = search.cheapest
    monkeypatch.setattr(make, "cheapest", lambda *given: probes.append(given) or plan(*given))

    refused(with_spec(declared("in-bank-assistant"), budget={"monthly_usd": 20000}))

    assert 5 < len(probes) <= 100


# -- what is said, and that it is true
# -------------------------------------------------------------------------------------------------------


def clinic_with(**objectives: Percentiles) -> Declaration:
    said = spec_of(declared("de-clinic-notes")).routes[0].objectives
    return with_route(
        declared("de-clinic-notes"),
        objectives=Objectives(
            ttft_ms=objectives.get("ttft_ms", said.ttft_ms),
            tpot_ms=objectives.get("tpot_ms", said.tpot_ms),
            availability_percent=said.availability_percent,
        ),
    )


def bank(**changes: object) -> Declaration:
    return with_spec(declared("in-bank-assistant"), **changes)


def bank_in(region: str) -> Declaration:
    """The bank elsewhere, its vendor's model by a profile that every Region has."""
    said = bank(target={"region": region, "zones": 1})
    return with_backend(said, "mistral", model="global.amazon.nova-2-lite-v1:0")


def p5e() -> Declaration:
    return with_backend(bank_in("eu-north-1"), "llama", capacity={"instance_type": "p5e.48xlarge"})


@pytest.mark.parametrize(
    ("declaration", "path", "words", "changed"),
    [
        pytest.param(
            lambda: bank(budget={"monthly_usd": 20000}),
            "backends.llama.weights",
            "meta-llama/Llama-3.1-8B-Instruct",
            lambda said: with_backend(said, "llama", weights="hf://meta-llama/Llama-3.1-8B-Instruct"),
            id="a smaller model of the same publisher keeps the budget",
        ),
        pytest.param(
            lambda: bank(budget={"monthly_usd": 20000}),
            "budget.monthly_usd",
            "a budget of 101,000 USD a month",
            lambda said: with_spec(said, budget={"monthly_usd": 101000}),
            id="a higher budget is the bill as said",
        ),
        pytest.param(
            p5e,
            "backends.llama.capacity.instance_type",
            "p5.48xlarge",
            lambda said: with_backend(said, "llama", capacity={"instance_type": None}),
            id="another type is on demand",
        ),
        pytest.param(
            p5e,
            "backends.llama.capacity.kind",
            "what has no list price: GPU nodes gpu-llama",
            lambda said: with_backend(said, "llama", capacity={"kind": "reservation"}),
            id="a reservation of it is possible and its price is not known",
        ),
        pytest.param(
            lambda: clinic_with(ttft_ms=Percentiles(p95=150)),
            "routes[0].objectives.ttft_ms",
            "p95 1300 ms",
            lambda said: with_route(said, objectives={"ttft_ms": Percentiles(p95=1300)}),
            id="the limit that the hardware of the budget keeps",
        ),
        pytest.param(
            lambda: with_backend(declared("minimal"), "small", engine={"max_model_len": 131072}),
            "backends.small.engine.max_model_len",
            "32768 tokens",
            lambda said: with_backend(said, "small", engine={"max_model_len": 32768}),
            id="the longest half of the context that the model has",
        ),
        pytest.param(
            lambda: with_spec(declared("minimal"), data={"residency": Residency(countries=("PL",))}),
            "data.residency.countries",
            "SE allowed too",
            lambda said: with_spec(said, data={"residency": Residency(countries=("PL", "SE"))}),
            id="the cheapest country of the account",
        ),
        pytest.param(
            lambda: with_spec(declared("eu-support-desk"), mode="self-hosted"),
            "mode",
            "mode managed-api",
            lambda said: with_spec(said, mode="managed-api"),
            id="the mode that the backends have",
        ),
    ],
)
def test_a_proposed_change_is_planned_at_the_price_it_says(
    declaration: Callable[[], Declaration],
    path: str,
    words: str,
    changed: Callable[[Declaration], Declaration],
) -> None:
    """Making the change by hand gives a plan, at the bill that the answer states."""
    said = declaration()

    (conflict,) = [one for one in refused(said).conflicts if one.path == path]

    assert conflict.change is not None
    assert words in conflict.change
    assert conflict.monthly_usd == make_plan(changed(said), AS_OF, gates).cost.monthly_usd.expected
    assert f"{conflict.monthly_usd:,.0f} USD a month" in conflict.change


def test_a_place_a_model_and_a_budget() -> None:
    """One Region, 70 billion parameters and 30,000 USD: each that conflicts is named, with its own change."""
    said = with_countries(bank_in("ap-southeast-1"), "IN", "SG", "JP")
    answer = refused(with_spec(with_backend(said, "llama", quantization=None), budget={"monthly_usd": 30000}))

    assert [conflict.path for conflict in answer.conflicts] == [
        "backends.llama.weights",
        "routes[*].load",
        "budget.monthly_usd",
    ]
    assert "meta-llama/Llama-3.3-70B-Instruct" in answer.summary
    assert "30,000 USD a month" in answer.summary
    assert "p4de.24xlarge" in answer.summary  # the only 80 GB GPUs of ap-southeast-1
    assert "ap-southeast-1" in answer.summary


def test_a_two_requirement_conflict_names_both() -> None:
    """A type that is not sold on demand, asked for on demand: either can change."""
    answer = refused(p5e())

    assert [conflict.path for conflict in answer.conflicts] == [
        "backends.llama.capacity.instance_type",
        "backends.llama.capacity.kind",
    ]
    for one, other in (answer.conflicts, answer.conflicts[::-1]):
        assert other.path in one.reason
    assert "no on-demand list price" in str(answer)


def test_what_the_account_forbids_is_not_the_specs_to_change() -> None:
    """Where even the account's countries hold no Region, the answer names the platform team's entry."""
    answer = refused(with_countries(declared("minimal"), "PL"))

    (ceiling,) = [one for one in answer.conflicts if one.path.startswith("organization.")]
    assert ceiling.path == "organization.accounts.444444444444.countries"
    assert "platform team" in (ceiling.change or "")
    assert "data.residency.countries" in (ceiling.change or "")


def test_a_cause_that_nothing_required_explains_is_told_as_it_is() -> None:
    """An engine argument that vLLM does not have is not explained by unrelated requirements."""
    said = with_backend(declared("de-clinic-notes"), "qwen", engine={"args": {"enable-teleportation": True}})

    answer = refused(said)

    assert "enable-teleportation" in str(answer)
    assert not {"backends.qwen.weights", "budget.monthly_usd"} & {one.path for one in answer.conflicts}


# -- the budget
# -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share_of_low", "share_of_expected", "planned"),
    [(0.99, None, False), (1.001, None, True), (None, 0.99, True), (None, 1.01, True)],
)
def test_only_a_budget_below_the_low_bill_has_no_plan(
    share_of_low: float | None, share_of_expected: float | None, planned: bool
) -> None:
    """Estimated prices have a range: a budget inside it is a warning, one below it has no plan.

    The low bill is below the expected one there, because spot has another price in each zone.
    """
    spot = {"kind": "spot", "instance_type": "g6.xlarge"}
    there = with_backend(with_countries(declared("minimal"), "DE"), "small", capacity=spot)
    bill = make_plan(there, AS_OF, gates).cost.monthly_usd
    assert bill.low < 0.99 * bill.expected
    usd = bill.low * share_of_low if share_of_low else bill.expected * (share_of_expected or 0)
    said = with_spec(there, budget={"monthly_usd": usd})

    if not planned:
        assert "budget.monthly_usd" in {one.path for one in refused(said).conflicts}
        return
    warned = [
        text for text in make_plan(said, AS_OF, gates).warnings if text.startswith("budget.monthly_usd")
    ]
    assert len(warned) == 1


def test_auto_is_refused_only_when_every_mode_is_over_budget() -> None:
    """500 USD buy no mode; 3,000 buy the vendor but not own GPUs."""
    answer = refused(with_spec(declared("eu-both-ways"), budget={"monthly_usd": 500}))
    plan = make_plan(with_spec(declared("eu-both-ways"), budget={"monthly_usd": 3000}), AS_OF, gates)

    assert [one.path for one in answer.conflicts] == ["routes[*].load", "budget.monthly_usd"]
    assert answer.conflicts[0].monthly_usd is not None
    assert answer.conflicts[0].monthly_usd <= 500
    assert plan.mode == "managed-api"


def test_load_is_reduced_no_further_than_needed() -> None:
    """The next larger share of the load that is tried would not keep the budget."""
    said = with_spec(declared("eu-both-ways"), budget={"monthly_usd": 500})
    (load,) = [one for one in requirements(said) if one.path == "routes[*].load"]
    (conflict,) = [one for one in refused(said).conflicts if one.path == load.path]
    share = next(share for share in LOAD_SHARES if f"{share:.0%} of it" in (conflict.change or ""))
    place = LOAD_SHARES.index(share)

    assert search.cheapest(Question.of(load.changes[place].edit(said), AS_OF, gates)).monthly_usd.low <= 500
    assert (
        search.cheapest(Question.of(load.changes[place - 1].edit(said), AS_OF, gates)).monthly_usd.low > 500
    )


def test_the_answer_is_the_same_each_time() -> None:
    """No order of sets or dictionaries shows in the answer."""
    said = bank(budget={"monthly_usd": 20000})

    assert str(refused(said)) == str(refused(said))
    assert refused(said).exit_code == ExitCode.NO_PLAN


def test_explain_gives_none_where_there_is_a_plan() -> None:
    """A spec that fits its budget has nothing to explain."""
    said = declared("minimal")

    assert infeasible.explain(said, lambda one: search.cheapest(Question.of(one, AS_OF, gates)), None) is None


def test_the_command_line_ends_with_3(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`inferplan plan` prints the conflict on stderr and exits 3."""
    spec = tmp_path / "dear.yaml"
    text = (ROOT / "specs" / "minimal.yaml").read_text(encoding="utf-8")
    spec.write_text(text.replace("monthly_usd: 2000", "monthly_usd: 100"), encoding="utf-8")

    code = run(["plan", str(spec), "--organization", str(ROOT / "organization"), "--as-of", "2026-11-20"])

    told = capsys.readouterr()
    assert code == ExitCode.NO_PLAN
    assert told.out == ""
    assert "budget.monthly_usd: 100 USD a month" in told.err
    assert "works with a budget of 798 USD a month, at 798 USD a month" in told.err


def test_tried_13_nothing_is_proposed_to_which_rules_object() -> None:
    """Where rules object to another model, and not to this one, no change offers one."""
    said = bank(budget={"monthly_usd": 20000})
    weights = spec_of(said).backends["llama"].weights

    def objections(one: Declaration) -> frozenset[object]:
        return frozenset({"LIC-002"} if spec_of(one).backends["llama"].weights != weights else ())

    def offered(answer: NoPlan | None) -> set[str]:
        assert answer is not None
        return {edit.path for conflict in answer.conflicts for edit in conflict.edits}

    def attempt(one: Declaration) -> search.Built:
        return search.cheapest(Question.of(one, AS_OF, gates))

    assert "backends.llama.weights" in offered(infeasible.explain(said, attempt, None))
    assert "backends.llama.weights" not in offered(infeasible.explain(said, attempt, None, objections))
