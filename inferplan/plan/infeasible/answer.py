"""The answer where no plan exists: the fewest requirements that conflict, and what loosening each would cost.

Every proposed change was planned before it is proposed. Not here: the requirements (requirements), the search
for the smallest set (conflict) and planning itself, which the caller passes in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product

from inferplan.plan.infeasible.conflict import fewest_with, smallest_conflict
from inferplan.plan.infeasible.loosening import Edit, Requirement, spec_of
from inferplan.plan.infeasible.requirements import account_ceiling, requirements
from inferplan.plan.search import Built
from inferplan.records.no_plan import Conflict, NoPlan
from inferplan.records.plan import Range
from inferplan.spec.declaration import Declaration

BUDGET = "budget.monthly_usd"


Key = tuple[tuple[int, int], ...]  # changes, each as (requirement, which of its changes)
Attempt = Callable[[Declaration], Built]  # the cheapest stack in the spec's own mode; raises NoPlan


def over_budget(declaration: Declaration, monthly_usd: Range) -> bool:
    """Whether even the low case of the bill exceeds the spec's budget."""
    budget = spec_of(declaration).budget
    return budget is not None and monthly_usd.low > budget.monthly_usd


def explain(declaration: Declaration, attempt: Attempt, failure: NoPlan | None) -> NoPlan | None:
    """Why `declaration` has no plan, after `failure`, or None where only the budget is too small.

    Gives None where there is a plan within the budget after all.
    """
    said = requirements(declaration)
    probes = Probes(declaration, said, attempt)
    if probes.feasible(frozenset()):
        return None
    found = smallest_conflict(len(said), probes.feasible)
    if found is None:
        said = (account_ceiling(declaration), *said)
        probes = Probes(declaration, said, attempt)
        found = smallest_conflict(len(said), probes.feasible)
    if not found:  # nothing of what can be said otherwise is the cause
        return failure
    told = tuple(_conflict(index, found, probes, failure) for index in found)
    paths = {one.path for one in told}
    before = tuple(one for one in failure.conflicts if one.path not in paths) if failure else ()
    return NoPlan(
        f"{' + '.join(said[index].short for index in found)}: {_why(probes, failure)}",
        (*before, *told),
        failure.candidates if failure else (),
    )


@dataclass
class Probes:
    """What is possible when some requirements are loosened; each answer is planned once."""

    declaration: Declaration
    said: Sequence[Requirement]
    attempt: Attempt
    _planned: dict[Key, Built | None] = field(default_factory=dict)
    _feasible: dict[frozenset[int], bool] = field(default_factory=dict)

    def feasible(self, dropped: frozenset[int]) -> bool:
        """Whether loosening `dropped` as far as it goes gives a plan within the budget."""
        if dropped not in self._feasible:
            known = any(answer and less <= dropped for less, answer in self._feasible.items())
            self._feasible[dropped] = known or self.loosest(dropped) is not None
        return self._feasible[dropped]

    def loosest(self, dropped: frozenset[int]) -> Key | None:
        """The changes that loosen `dropped` most and give a plan."""
        order = sorted(dropped)
        for taken in product(*(self.said[index].loosest for index in order)):
            key = tuple((i, change) for i, change in zip(order, taken, strict=True) if change is not None)
            if self.planned(key) is not None:
                return key
        return None

    def smallest_steps(self, key: Key) -> Key:
        """Changes that give a plan, each taken back as far as the others allow."""
        for place, (index, last) in enumerate(key):
            if not self.said[index].in_steps:
                continue
            low, high = 0, last
            while low < high:
                middle = (low + high) // 2
                tried = (*key[:place], (index, middle), *key[place + 1 :])
                if self.planned(tried) is not None:
                    high = middle
                else:
                    low = middle + 1
            key = (*key[:place], (index, high), *key[place + 1 :])
        return key

    def planned(self, key: Key) -> Built | None:
        """The stack with some changes, None where there is none within the budget."""
        if key not in self._planned:
            self._planned[key] = self.with_edits([self.said[i].changes[change].edit for i, change in key])
        return self._planned[key]

    def with_edits(self, edits: Sequence[Edit]) -> Built | None:
        """The stack after some edits, None where there is none within the budget that is left."""
        edited = self.declaration
        for edit in edits:
            edited = edit(edited)
        try:
            found = self.attempt(edited)
        except NoPlan:
            return None
        # A bill that only its low case keeps within the budget is a plan with a warning, but no advice.
        usd = found.monthly_usd.expected if edits else found.monthly_usd.low
        budget = spec_of(edited).budget
        return found if budget is None or usd <= budget.monthly_usd else None


def _conflict(index: int, found: tuple[int, ...], probes: Probes, failure: NoPlan | None) -> Conflict:
    """One requirement of the conflict with the change that makes a plan possible."""
    said = probes.said[index]
    others = [probes.said[other].path for other in found if other != index]
    reasons = [one.reason for one in failure.conflicts if one.path == said.path] if failure else []
    reasons.append(f"not together with {', '.join(others)}" if others else "not possible")
    change, priced = _cure(index, probes)
    return Conflict(
        path=said.path,
        value=said.value,
        reason=reasons[0],
        change=change,
        monthly_usd=priced.monthly_usd.expected if priced else None,
    )


def _cure(index: int, probes: Probes) -> tuple[str, Built | None]:
    """The change of one requirement, or of the fewest together with it, and the stack it makes possible."""
    dropped = fewest_with(index, range(len(probes.said)), probes.feasible)
    widest = probes.loosest(dropped) if dropped else None
    if widest is None:
        return "no change of it, alone or with two others, makes a plan possible", None
    key = probes.smallest_steps(widest)
    priced = probes.planned(key)
    assert priced is not None
    (mine,) = (change for i, change in key if i == index)
    words = probes.said[index].changes[mine].say(priced.draft)
    exact = probes.said[index].exact
    if exact is not None and len(key) == 1:
        limit = exact(priced.draft)
        kept = probes.with_edits([limit.edit]) if limit else None
        if limit is not None and kept is not None:
            words, priced = limit.say(kept.draft), kept
    more = [
        f"{probes.said[i].path} {probes.said[i].changes[change].say(priced.draft)}"
        for i, change in key
        if i != index
    ]
    return f"works with {' and '.join([words, *more])}, at {_bill(priced)}", priced


def _bill(priced: Built) -> str:
    unknown = priced.unpriced
    more = f" plus what has no list price: {', '.join(unknown)}" if unknown else ""
    return f"{priced.monthly_usd.expected:,.0f} USD a month{more}"


def _why(probes: Probes, failure: NoPlan | None) -> str:
    """What stands in the way, in one clause."""
    if failure is not None:
        return failure.summary
    budget = next(i for i in range(len(probes.said)) if probes.said[i].path == BUDGET)
    cheapest = probes.planned(((budget, 0),))
    if cheapest is None:
        return "the bill exceeds the budget"
    draft = cheapest.draft
    pools = " + ".join(f"{pool.nodes} x {pool.instance_type}" for pool in draft.pools)
    what = f"{draft.kind} in {draft.target.region}" + (f" on {pools}" if pools else "")
    return f"the cheapest without that budget is {what} at {_bill(cheapest)}"
