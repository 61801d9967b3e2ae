"""The planner: a declaration and a date in, a plan or the reason why there is none out.

Not here: each part of the plan has its own module; this one only puts them in order.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import date
from typing import Literal

import msgspec

from inferplan import catalog, decision
from inferplan.cost.bill_derivations import derive_bill, derive_candidates, derive_comparison
from inferplan.cost.origins import cautions
from inferplan.decision import Question
from inferplan.plan import infeasible
from inferplan.plan.advice import advice
from inferplan.plan.alternatives import compare
from inferplan.plan.case import Case, days
from inferplan.plan.flows import plan_flows
from inferplan.plan.images import cluster_images
from inferplan.plan.leadtime import plan_lead_time
from inferplan.plan.search import Built, cheapest, in_regions, stack_case
from inferplan.records.gate import Gates
from inferplan.records.no_plan import Conflict, NoPlan, NotBuilt
from inferplan.records.notes import Notes
from inferplan.records.plan import Alternative, Budget, Cost, Decision, Kind, Plan, Source
from inferplan.sizing.locked_shapes import as_locked
from inferplan.sizing.stated_shapes import refuse_shapes
from inferplan.spec.declaration import Declaration, data_class
from inferplan.spec.laws import laws_of
from inferplan.spec.model import InferenceStack, Mode

SCHEMA: Literal["inferplan.plan/v1beta1"] = "inferplan.plan/v1beta1"


def make_plan(declaration: Declaration, as_of: date, gates: Gates, mode: str | None = None) -> Plan:
    """Plan a stack as of a date; `mode` overrides the spec's.

    `gates` judges which backends may not serve which routes: mode auto leaves these out, a named mode shows
    them. The planner knows no rule; its caller brings those of the packs (policies.gates).
    Pure: the same declaration and date give the same plan. Raises NoPlan when nothing satisfies the spec,
    NotBuilt for what this version does not plan yet.
    """
    spec = declaration.spec
    if not isinstance(spec, InferenceStack):
        raise NotBuilt(
            f"{spec.metadata.name} is an account baseline, which this version does not plan yet",
            (
                Conflict(
                    path="kind",
                    value=spec.kind,
                    reason="the account stack is not built yet; what exists is registered in "
                    "organization.yaml under accounts.*.baseline",
                ),
            ),
        )
    if spec.target.platform != "aws":
        raise NotBuilt(
            f"{spec.metadata.name} runs on its own Kubernetes, which this version does not plan yet",
            (
                Conflict(
                    path="target.platform",
                    value=spec.target.platform,
                    reason="only AWS is planned yet, and that is no answer to nodes of one's own; `inferplan "
                    "size` says what fits on their GPUs, `inferplan validate` checks the spec",
                ),
            ),
        )
    refuse_shapes(declaration)
    declaration = as_locked(declaration)
    spec = declaration.spec
    assert isinstance(spec, InferenceStack)
    wanted = _mode(mode or spec.mode)
    asked = msgspec.structs.replace(spec, mode=wanted)
    failure: NoPlan | None = None
    try:
        plan = _in_mode(Question.of(declaration, as_of, gates), wanted)
        if not infeasible.over_budget(declaration, plan.cost.monthly_usd):
            return plan
    except NoPlan as reason:
        failure = reason
    said = dataclasses.replace(declaration, spec=asked)
    answer = infeasible.explain(
        said,
        lambda one: cheapest(Question.of(one, as_of, gates)),
        failure,
        lambda one: _objections(one, as_of, gates),
        lambda one: _as_planned(Question.of(one, as_of, gates)),
    )
    if answer is None:
        return plan
    if isinstance(failure, NotBuilt):
        raise NotBuilt(answer.summary, answer.conflicts, answer.candidates)
    raise answer


def _objections(declaration: Declaration, as_of: date, gates: Gates) -> frozenset[object]:
    """What rules say against backends that serve; those that mode auto would leave out do not."""
    spec = declaration.spec
    assert isinstance(spec, InferenceStack)
    return frozenset(
        (gate.rule, gate.backend, gate.route) for gate in gates(declaration, as_of) if spec.mode in gate.modes
    )


def _mode(text: str) -> Mode:
    modes: tuple[Mode, ...] = (*decision.MODES, "auto")
    for mode in modes:
        if mode == text:
            return mode
    raise ValueError(f"mode {text!r} is not one of {', '.join(modes)}")


def _in_mode(question: Question, wanted: Mode) -> Plan:
    if wanted == "auto":
        return _auto(question)
    plan, built = _plan(question, wanted, decision.said(question, wanted))
    return _beside(question, plan, built, {}, ())


def _beside(
    question: Question,
    plan: Plan,
    built: Built,
    made: Mapping[Kind, Built],
    modes: tuple[Alternative, ...],
) -> Plan:
    """The plan with the other ways beside it; `made` are modes of the question's spec planned already."""

    def planned(spec: InferenceStack, kind: Kind) -> Built | NoPlan:
        if spec is question.spec and kind in made:
            return made[kind]
        try:
            return in_regions(*stack_case(question.about(spec), kind, Notes()))[0]
        except NoPlan as reason:
            return reason

    priced = compare(question, built, planned, modes)
    notes = Notes()
    derive_comparison(priced, notes)
    _derive_decision(plan.decision, notes)
    derived = dict(sorted({**plan.derivations, **notes.derivations}.items()))
    compared = msgspec.structs.replace(plan, cost=priced, derivations=derived)
    advised = (*plan.warnings, *advice(question.spec, compared, question.prices))
    return msgspec.structs.replace(compared, warnings=advised)


def _auto(question: Question) -> Plan:
    """The mode that is decided for, with the others beside it."""
    left, decided, made, modes = _decided(question)
    return _beside(left, decided, made[decided.mode], made, modes)


def _as_planned(question: Question) -> Built:
    """The stack that a plan would hold: in mode auto the one that is decided for, not the cheapest."""
    if question.spec.mode != "auto":
        return cheapest(question)
    _, decided, made, _ = _decided(question)
    return made[decided.mode]


def _decided(
    question: Question,
) -> tuple[Question, Plan, Mapping[Kind, Built], tuple[Alternative, ...]]:
    """Every mode that the gates leave possible, then the decision among them."""
    removed = question.gates
    left = question.about(decision.without_removed(question.spec, removed))
    options: dict[Kind, Plan | NoPlan] = {}
    made: dict[Kind, Built] = {}
    for kind in decision.kinds_left(left.spec):
        undecided = Decision(mode=kind, asked="auto")
        try:
            options[kind], made[kind] = _plan(left, kind, undecided)
        except NoPlan as reason:
            options[kind] = reason
    best, record, modes = decision.decide(question, options, removed)
    taken = options[best]
    assert isinstance(taken, Plan)
    return left, msgspec.structs.replace(taken, decision=record), made, modes


def _plan(question: Question, kind: Kind, record: Decision) -> tuple[Plan, Built]:
    case, regions, notes = stack_case(question, kind, Notes())
    best, chosen = in_regions(case, regions, notes)
    return _finish(case, best, record, chosen), best


def _finish(case: Case, built: Built, record: Decision, notes: Notes) -> Plan:
    """The plan around a priced draft: flows, lead time, budget, warnings."""
    spec, draft, priced = case.spec, built.draft, built.cost
    weights_bucket = case.bucket("weights") if case.has_cluster else None
    prompts = 0 if spec.data.retention.prompts == "none" else days(spec.data.retention.prompts)
    opt_in = catalog.region(draft.target.region).opt_in is True
    lead_time = plan_lead_time(case, draft.pools, draft.vendors, opt_in, notes)
    _check_budget(spec, priced, notes)
    for caution in cautions(priced.lines, draft.prices, case.as_of):
        notes.warn(caution)
    derive_bill(draft, priced, notes)
    derive_candidates(built.candidates, notes)
    _derive_said(case, prompts, notes)
    if case.declaration.lock is None:
        notes.warn("there is no lock beside the spec: images, revisions and add-on versions are pending")
    return Plan(
        schema=SCHEMA,
        name=case.name,
        owner=spec.metadata.owner,
        group=spec.metadata.group,
        mode=case.kind,
        target=draft.target,
        data_class=data_class(case.declaration),
        log_retention_days=draft.log_retention_days,
        prompt_retention_days=prompts,
        routes=draft.routes,
        pools=draft.pools,
        servers=draft.servers,
        vendors=draft.vendors,
        network=draft.network,
        cluster=draft.cluster,
        gateway=draft.gateway,
        budget=_budget(spec),
        cost=priced,
        flows=plan_flows(draft, weights_bucket, prompts),
        decision=record,
        lead_time=lead_time,
        derivations=dict(sorted(notes.derivations.items())),
        defaults=tuple(notes.defaults),
        warnings=tuple(notes.warnings),
        mirror=draft.mirror,
        deploy_role=case.declaration.account.deploy_role,
        weights_bucket=weights_bucket,
        config_bucket=case.bucket("config"),
        candidates=built.candidates,
        images=cluster_images(
            case.declaration, draft.pools, draft.servers, draft.cluster.runner if draft.cluster else None
        ),
        watch=draft.watch,
        laws=laws_of(case.declaration),
    )


def _budget(spec: InferenceStack) -> Budget | None:
    said = spec.budget
    if said is None:
        return None
    return Budget(
        monthly_usd=said.monthly_usd,
        alert_emails=said.alert_emails,
        actual_percent=said.actual_percent,
        forecast_percent=said.forecast_percent,
        max_overspend_usd=said.max_overspend_usd,
    )


def _check_budget(spec: InferenceStack, priced: Cost, notes: Notes) -> None:
    if spec.budget is None:
        notes.warn("budget: nobody is told when spending runs away")
    elif priced.monthly_usd.expected > spec.budget.monthly_usd:
        notes.warn(
            f"budget.monthly_usd {spec.budget.monthly_usd:,.0f} is below the expected bill of "
            f"{priced.monthly_usd.expected:,.0f} USD a month"
        )
    elif priced.monthly_usd.high > spec.budget.monthly_usd:
        notes.warn(
            f"budget.monthly_usd {spec.budget.monthly_usd:,.0f} is below the high case of "
            f"{priced.monthly_usd.high:,.0f} USD a month"
        )


def _derive_decision(record: Decision, notes: Notes) -> None:
    """The points of both sides."""
    neutral = catalog.decision_settings()["neutral_priority"]
    told = {"neutral_priority": neutral.value}
    formula = (
        "weight x priority / neutral priority (1 where none is stated) x the share that the evidence gives"
    )
    sources = tuple(Source(source=text, as_of=neutral.as_of) for text in neutral.source)
    for index, row in enumerate(record.criteria):
        inputs = told | {name: row[name] for name in ("weight", "priority", "evidence", "standing")}
        notes.derive(
            f"decision.criteria[{index}]", row["points"], "points by side", formula, inputs, sources=sources
        )
    scored = {row["id"]: row["points"] for row in record.criteria if row["points"]}
    formula = "the sum over decision.criteria; what speaks for hybrid only is no side's"
    notes.derive("decision.totals", record.totals, "points by side", formula, scored)


def _derive_said(case: Case, prompts: int, notes: Notes) -> None:
    """Numbers that the spec itself states."""
    retention = case.spec.data.retention
    for path, value, field, said in (
        ("log_retention_days", case.log_retention_days, "logs", retention.logs),
        ("prompt_retention_days", prompts, "prompts", retention.prompts),
    ):
        notes.derive(path, value, "days", f"data.retention.{field} of the spec", {"said": said})
