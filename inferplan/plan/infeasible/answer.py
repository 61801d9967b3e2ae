"""The answer where no plan exists: the fewest requirements that conflict, and what loosening each would cost.

Every proposed change was planned before it is proposed. Not here: the requirements (requirements), the search
for the smallest set (conflict) and planning itself, which the caller passes in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from itertools import product

from msgspec.structs import replace

from inferplan.plan.infeasible.conflict import fewest_with, smallest_conflict
from inferplan.plan.infeasible.field_edits import ORGANIZATION, field_edits
from inferplan.plan.infeasible.loosening import Change, Edit, Requirement, spec_of
from inferplan.plan.infeasible.requirements import account_ceiling, requirements
from inferplan.plan.search import Built
from inferplan.records.no_plan import Conflict, FieldEdit, NoPlan
from inferplan.records.plan import Range
from inferplan.spec.declaration import Declaration

BUDGET = "budget.monthly_usd"


Key = tuple[tuple[int, int], ...]  # changes, each as (requirement, which of its changes)
Objections = Callable[[Declaration], frozenset[object]]  # what rules say against a declaration
Attempt = Callable[[Declaration], Built]  # the cheapest stack in the spec's own mode; raises NoPlan


def over_budget(declaration: Declaration, monthly_usd: Range) -> bool:
    """Whether even the low case of the bill exceeds the spec's budget."""
    budget = spec_of(declaration).budget
    return budget is not None and monthly_usd.low > budget.monthly_usd


def explain(
    declaration: Declaration,
    attempt: Attempt,
    failure: NoPlan | None,
    objections: Objections = lambda declaration: frozenset(),
    as_planned: Attempt | None = None,
) -> NoPlan | None:
    """Why `declaration` has no plan, after `failure`, or None where only the budget is too small.

    No change is proposed to which rules object where they do not to the declaration as it stands;
    `as_planned` gives the stack that a plan would hold, where that is not the cheapest. Gives None where
    there is a plan within the budget after all.
    """
    said = requirements(declaration)
    probes = Probes(declaration, said, attempt, objections, as_planned or attempt)
    if probes.feasible(frozenset()):
        return None
    found = smallest_conflict(len(said), probes.feasible)
    if found is None:
        said = (account_ceiling(declaration), *said)
        probes = Probes(declaration, said, attempt, objections, as_planned or attempt)
        found = smallest_conflict(len(said), probes.feasible)
    if not found:  # nothing of what can be said otherwise is the cause
        return failure
    told = tuple(_conflict(index, found, probes, failure) for index in found)
    paths = {one.path for one in told}
    if not any(one.edits for one in told) and said[0].path.startswith(ORGANIZATION) and failure:
        return failure  # nothing that the platform team could register helps
    # What was not planned is no advice beside what was.
    before = tuple(
        replace(one, change=None) for one in (failure.conflicts if failure else ()) if one.path not in paths
    )
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
    objections: Objections
    as_planned: Attempt
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
            edited = self.edited([self.said[i].changes[change].edit for i, change in key])
            self._planned[key] = self.attempted(edited, self.attempt, is_changed=bool(key))
        return self._planned[key]

    @cached_property
    def known_objections(self) -> frozenset[object]:
        """What rules say against the declaration as it stands."""
        return self.objections(self.declaration)

    def edited(self, edits: Iterable[Edit]) -> Declaration:
        """The declaration after some edits."""
        return reduce(lambda declaration, edit: edit(declaration), edits, self.declaration)

    def attempted(self, edited: Declaration, attempt: Attempt, *, is_changed: bool) -> Built | None:
        """The stack of a declaration, None where there is none within the budget that is left."""
        try:
            found = attempt(edited)
        except NoPlan:
            return None
        # A bill that only its low case keeps within the budget is a plan with a warning, but no advice.
        usd = found.monthly_usd.expected if is_changed else found.monthly_usd.low
        budget = spec_of(edited).budget
        if budget is not None and usd > budget.monthly_usd:
            return None
        return None if is_changed and self.objections(edited) - self.known_objections else found


def _conflict(index: int, found: tuple[int, ...], probes: Probes, failure: NoPlan | None) -> Conflict:
    """One requirement of the conflict with the change that makes a plan possible."""
    said = probes.said[index]
    others = [probes.said[other].path for other in found if other != index]
    reasons = [one.reason for one in failure.conflicts if one.path == said.path] if failure else []
    reasons.append(f"not together with {', '.join(others)}" if others else "not possible")
    cure = _cure(index, probes)
    if cure is None:
        change = "no change of it, alone or with two others, makes a plan possible"
        return Conflict(path=said.path, value=said.value, reason=reasons[0], change=change)
    words = [
        ("" if i == index else f"{probes.said[i].path} ") + change.say(cure.priced.draft)
        for i, change in sorted(cure.changes.items(), key=lambda item: item[0] != index)
    ]
    certificate = _certificate(cure)
    words += [f"{ask.path} {ask.ask}" for ask in certificate]
    asks = [ask for change in cure.changes.values() for ask in change.asks]
    return Conflict(
        path=said.path,
        value=said.value,
        reason=reasons[0],
        change=f"works with {' and '.join(words)}, at {_bill(cure.priced)}",
        edits=(*field_edits(probes.declaration, cure.declaration), *asks, *certificate),
        monthly_usd=cure.priced.monthly_usd.expected,
    )


@dataclass(frozen=True, kw_only=True)
class Cure:
    """Changes by requirement, the declaration that they make, and its stack, which was planned."""

    changes: Mapping[int, Change]
    declaration: Declaration
    priced: Built


def _certificate(cure: Cure) -> list[FieldEdit]:
    """A balancer takes certificates of its own Region only: a stack elsewhere needs another one."""
    gateway, target = spec_of(cure.declaration).gateway, cure.priced.draft.target
    certificate = gateway.certificate if gateway else None
    if certificate is None or certificate.split(":")[3] == target.region:
        return []
    return [FieldEdit(path="gateway.certificate", value=None, ask=f"a certificate in {target.region}")]


def _cure(index: int, probes: Probes) -> Cure | None:
    """The change of one requirement, or of the fewest together with it, in values that a person can write."""
    dropped = fewest_with(index, range(len(probes.said)), probes.feasible)
    widest = probes.loosest(dropped) if dropped else None
    if widest is None:
        return None
    key = probes.smallest_steps(widest)
    found = probes.planned(key)
    assert found is not None
    written = (probes.said[i].changes[change].written(found.draft) for i, change in key)
    for changes in product(*written):
        edited = probes.edited([change.edit for change in changes])
        priced = probes.attempted(edited, probes.as_planned, is_changed=True)
        if priced is not None:
            chosen = {i: change for (i, _), change in zip(key, changes, strict=True)}
            return Cure(changes=chosen, declaration=edited, priced=priced)
    return None


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
