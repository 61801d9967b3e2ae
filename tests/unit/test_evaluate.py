"""The evaluator: verdicts, levels in time, waivers, pending pins, what a report holds, what errors become."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import msgspec
import pytest

from inferplan.records.verdicts import Report
from inferplan.resource import Resource, Unknown
from inferplan.spec.declaration import Declaration
from inferplan.spec.organization import RuleSetting, Waiver
from policies import types
from policies.context import Context
from policies.evaluate import evaluate
from policies.packs import all_rules, find_rule
from policies.rule import DECLARED_KINDS, GIVEN_KINDS, Example, Lapse, Outcome, Rule, Subject, fail, undecided
from policies.run import run_rule
from policies.stack import Stack
from policies.world.cases import failing_case, passing_case
from policies.world.things import bucket, resource

AS_OF = date(2026, 11, 20)


def declaration(**edits: Any) -> Declaration:
    """The base declaration of the examples, under an edited organization."""
    base = passing_case(Example(note="base")).declaration
    return replace(base, organization=msgspec.structs.replace(base.organization, **edits))


def probe(*checks: Any, level: Any = "mandatory", id_: str = "SOV-001", **fields: Any) -> Rule:
    """A rule of checks over buckets."""
    rule = Rule(id=id_, title="t", why="w", fix="f", source=("000:1",), level=level, **fields)
    for check in checks:
        rule.check(types.BUCKET)(check)
    return rule


def fails(_resource: Resource, _context: Context) -> Iterator[Outcome]:
    yield fail("wrong", path="bucket")


def passes(_resource: Resource, _context: Context) -> Iterator[Outcome]:
    yield from ()


DATA = bucket("data")


def judge(rule: Rule, declared: Declaration | None = None, **options: Any) -> Report:
    return evaluate(declared or declaration(), (DATA,), options.pop("as_of", AS_OF), rules=(rule,), **options)


def test_nothing_yielded_is_a_pass() -> None:
    """A check that yields nothing passes, and the number of its subjects is reported."""
    report = judge(probe(passes))

    assert (report.decision, report.rules[0].verdict, report.rules[0].subjects) == ("allow", "pass", 1)


def test_nothing_matched_is_not_applicable() -> None:
    """A rule without a subject is visible as not applicable, not as a pass."""
    report = evaluate(declaration(), (), AS_OF, rules=(probe(fails),))

    assert (report.rules[0].verdict, report.rules[0].subjects) == ("not_applicable", 0)
    assert report.summary.not_applicable == 1


def test_rule_that_is_not_meant_for_the_declaration_is_not_applicable() -> None:
    """`when` keeps a rule away from a declaration."""
    assert judge(probe(fails, when=lambda _context: False)).rules[0].verdict == "not_applicable"


def test_failure_denies_and_says_all_that_a_reader_needs() -> None:
    """A finding carries rule, subject, place, fix and source."""
    report = judge(probe(fails))
    found = report.findings[0]

    assert report.decision == "deny"
    assert (found.rule, found.verdict, found.subject.name, found.subject.urn) == (
        "SOV-001",
        "fail",
        "data",
        DATA.urn,
    )
    assert (found.path, found.message, found.fix, found.source) == ("bucket", "wrong", "f", ("000:1",))
    assert found.blocks


@pytest.mark.parametrize("read", [bool, lambda value: value or 1, lambda value: not value])
def test_unknown_as_condition_is_undecided(read: Any) -> None:
    """A check that takes an unknown for a condition is undecided with the rule's id, and blocks."""

    def check(item: Resource, _context: Context) -> Iterator[Outcome]:
        if read(item.props["arn"]):
            yield fail("never")

    unknown = resource(types.BUCKET, "data", {"arn": Unknown(("urn:pulumi:s::p::aws:kms/key:Key::k",))})
    report = evaluate(declaration(), (unknown,), AS_OF, rules=(probe(check),))

    assert (report.decision, report.findings[0].verdict) == ("deny", "undecided")
    assert (
        report.findings[0].message
        == "SOV-001 reads a value that is only known after deployment (it comes from k)"
    )


def test_error_in_a_rule_is_undecided_and_shows_no_value() -> None:
    """Any exception becomes undecided with the exception's type; the value that caused it stays inside."""

    def check(item: Resource, _context: Context) -> Iterator[Outcome]:
        raise ValueError(item.props["bucket"])
        yield

    report = judge(probe(check))

    assert report.findings[0].verdict == "undecided"
    assert report.findings[0].message == "SOV-001 could not be evaluated (ValueError)"
    assert "example-data" not in json.dumps(msgspec.to_builtins(report))


def test_what_was_found_before_an_error_stays() -> None:
    """A failure found before the error is not lost."""

    def check(_item: Resource, _context: Context) -> Iterator[Outcome]:
        yield fail("first")
        raise KeyError("x")

    assert [item.verdict for item in judge(probe(check)).findings] == ["fail", "undecided"]


def test_resource_run_leaves_unknowns_to_the_stack_run() -> None:
    """What only a reference can settle is silent for one resource, and decided with the whole stack."""

    def check(item: Resource, _context: Context) -> Iterator[Outcome]:
        if item.props["arn"]:
            yield fail("never")

    unknown = resource(types.BUCKET, "data", {"arn": Unknown()})
    rule = probe(check)

    assert evaluate(declaration(), (unknown,), AS_OF, rules=(rule,), scopes=("resource",)).decision == "allow"
    assert evaluate(declaration(), (unknown,), AS_OF, rules=(rule,), scopes=("stack",)).decision == "deny"
    assert (
        evaluate(declaration(), (DATA,), AS_OF, rules=(probe(fails),), scopes=("stack",)).decision == "allow"
    )


def test_without_declaration_declared_rules_are_undecided() -> None:
    """No declaration is no permission."""
    asked = {*DECLARED_KINDS} - {*GIVEN_KINDS}  # what nobody declares cannot be registered either
    rules = tuple(rule for rule in all_rules() if asked & {*rule.applies_to})
    report = evaluate(None, (), AS_OF, rules=rules)

    assert report.decision == "deny"
    assert {result.verdict for result in report.rules} == {"undecided"}


def test_advisory_failure_allows() -> None:
    """An advisory finding is printed and does not block."""
    report = judge(probe(fails, level="advisory"))

    assert (report.decision, report.findings[0].blocks) == ("allow", False)


def test_level_that_the_declaration_decides() -> None:
    """A level function sees the declaration; without one it is mandatory."""
    rule = probe(fails, level=lambda context, _serving: "advisory" if context.spec else "mandatory")

    assert judge(rule).decision == "allow"
    assert evaluate(None, (DATA,), AS_OF, rules=(rule,)).decision == "deny"


SETTINGS = [
    # own level, setting, existing stack, day -> level on the day
    ("advisory", {"level": "mandatory"}, False, AS_OF, "mandatory"),
    ("advisory", {"level": "mandatory", "from": "2027-03-01"}, False, AS_OF, "advisory"),
    ("advisory", {"level": "mandatory", "from": "2027-03-01"}, False, date(2027, 3, 1), "mandatory"),
    ("mandatory", {"level": "mandatory", "from": "2027-03-01"}, False, AS_OF, "advisory"),
    ("mandatory", {"level": "advisory"}, False, AS_OF, "advisory"),
    (
        "advisory",
        {"level": "mandatory", "from": "2026-11-01", "existing_stacks_from": "2027-06-01"},
        True,
        AS_OF,
        "advisory",
    ),
    (
        "advisory",
        {"level": "mandatory", "from": "2026-11-01", "existing_stacks_from": "2027-06-01"},
        False,
        AS_OF,
        "mandatory",
    ),
]


@pytest.mark.parametrize(("own", "setting", "existing", "day", "expected"), SETTINGS)
def test_levels_in_time(own: Any, setting: dict[str, Any], existing: bool, day: date, expected: str) -> None:
    """The organization raises, announces and lowers levels; existing stacks may have a later day."""
    organization = {"rules": {"SOV-001": msgspec.convert(setting, RuleSetting)}}
    report = judge(probe(fails, level=own), declaration(**organization), as_of=day, existing=existing)

    assert report.rules[0].level == expected


def test_announced_rule_ends_the_permission() -> None:
    """A failure of a rule that becomes mandatory later is allowed until the day before."""
    setting = msgspec.convert({"level": "mandatory", "from": "2027-03-01"}, RuleSetting)
    report = judge(probe(fails, level="advisory"), declaration(rules={"SOV-001": setting}))

    assert (report.decision, report.valid_until) == ("allow", "2027-02-28")
    assert report.valid_because == "SOV-001 becomes mandatory on 2027-03-01"


def test_disabled_rule_does_not_run_unless_it_is_protected() -> None:
    """The organization can switch a rule off, but not one that it lets nobody waive."""
    off = {"rules": {"SOV-001": RuleSetting(level="disabled")}}

    assert judge(probe(fails), declaration(**off)).rules == ()
    assert judge(probe(fails), declaration(**off, not_waivable=("SOV-001",))).decision == "deny"


def waiver(**edits: Any) -> Waiver:
    fields = {
        "apiVersion": "inferplan/v1beta1",
        "kind": "Waiver",
        "rule": "SOV-001",
        "scope": {"spec": "example"},
        "reason": "r",
        "ticket": "T-1",
        "owner": "a@example.com",
        "approver": "b@example.com",
        "created": "2026-11-01",
        "expires": "2027-01-31",
    }
    return msgspec.convert({**fields, **edits}, Waiver)


def waived(rule: Rule, *waivers: Waiver, as_of: date = AS_OF, **organization: Any) -> Report:
    return judge(rule, replace(declaration(**organization), waivers=waivers), as_of=as_of)


def test_waiver_allows_visibly_and_with_an_end() -> None:
    """A waived finding stays in the report, counts as waived, and dates the decision."""
    report = waived(probe(fails), waiver())

    assert (report.decision, report.valid_until) == ("allow", "2027-01-31")
    assert report.summary.waived == 1
    assert report.findings[0].waiver is not None
    assert (report.findings[0].waiver.ticket, report.findings[0].valid_until) == ("T-1", "2027-01-31")


BROKEN_WAIVERS = [
    ({"expires": "2026-11-19"}, "WAIVER-EXPIRED"),
    ({"owner": "B@example.com"}, "WAIVER-SELF-APPROVED"),
    ({"created": "2026-11-21"}, "WAIVER-NOT-YET"),
]


@pytest.mark.parametrize(("edits", "finding"), BROKEN_WAIVERS)
def test_waiver_that_does_not_count_is_a_finding(edits: dict[str, str], finding: str) -> None:
    """An expired, premature or self-approved waiver covers nothing and is reported."""
    report = waived(probe(fails), waiver(**edits))

    assert report.decision == "deny"
    assert [item.rule for item in report.findings] == ["SOV-001", finding]


def test_waiver_counts_on_its_last_day() -> None:
    """`expires` is the last day that counts."""
    assert waived(probe(fails), waiver(), as_of=date(2027, 1, 31)).decision == "allow"
    assert waived(probe(fails), waiver(), as_of=date(2027, 2, 1)).decision == "deny"


def test_rule_that_nobody_may_waive() -> None:
    """A waiver of a protected rule covers nothing and is reported."""
    report = waived(probe(fails), waiver(), not_waivable=("SOV-001",))

    assert report.decision == "deny"
    assert [item.rule for item in report.findings] == ["SOV-001", "WAIVER-NOT-WAIVABLE"]


def test_waiver_covers_its_scope_only() -> None:
    """Another spec or another subject is not covered."""
    assert waived(probe(fails), waiver(scope={"spec": "other"})).decision == "deny"
    assert waived(probe(fails), waiver(scope={"spec": "example", "subject": "other"})).decision == "deny"
    assert waived(probe(fails), waiver(scope={"spec": "exam*", "subject": "da*"})).decision == "allow"


def test_unused_waiver_is_a_finding_only_for_rules_that_exist() -> None:
    """A waiver that covers nothing is unused; one of a rule that nothing checks yet is said to be that."""
    report = waived(probe(passes), waiver(), waiver(rule="COST-006"))

    assert [item.rule for item in report.findings] == ["WAIVER-UNUSED", "RULE-UNBUILT"]
    assert "lifts COST-006, which nothing checks yet" in report.findings[1].message
    assert report.decision == "allow"


def test_tried_3_a_waiver_of_a_misspelled_subject_says_what_was_meant() -> None:
    """Among routes, backends, vendors and resources of the stack."""
    report = waived(probe(fails), waiver(scope={"spec": "example", "subject": "dat"}))

    (found,) = (item for item in report.findings if item.rule == "WAIVER-UNUSED")
    assert found.message.endswith("nothing is called 'dat'; did you mean data?")


def test_tried_3_a_level_that_is_ignored_is_said() -> None:
    """Lowering a rule that nobody may waive changes nothing, and that is a finding."""
    off = {"rules": {"SOV-001": RuleSetting(level="disabled")}}
    report = judge(probe(fails), declaration(**off, not_waivable=("SOV-001",)))

    (found,) = (item for item in report.findings if item.rule == "RULE-KEEPS-LEVEL")
    assert found.path == "organization.rules.SOV-001"
    assert report.decision == "deny"
    assert judge(probe(fails), declaration(**off)).findings == ()


def test_alias_of_a_rule_is_waived() -> None:
    """A waiver written for an old id still covers the rule."""
    assert waived(probe(fails, aliases=("OLD-001",)), waiver(rule="OLD-001")).decision == "allow"


def test_pending_blocks_only_when_locked() -> None:
    """What only `inferplan lock` can settle allows with a count, and refuses when locked."""

    def check(_item: Resource, _context: Context) -> Iterator[Outcome]:
        yield undecided("no digest yet", pending=True)

    assert (judge(probe(check)).decision, judge(probe(check)).pending) == ("allow", 1)
    assert judge(probe(check), locked=True).decision == "deny"


def test_passes_that_lapse_date_the_decision() -> None:
    """The earliest end among what the decision rests on is its end; a denial has none."""

    def check(_item: Resource, _context: Context) -> Iterator[Outcome]:
        yield Lapse(date(2027, 5, 1), "later")
        yield Lapse(date(2027, 3, 31), "vendor review")

    report = judge(probe(check))

    assert (report.valid_until, report.valid_because) == ("2027-03-31", "vendor review")
    assert report.rules[0].valid_until == "2027-03-31"
    assert judge(probe(check, fails)).valid_until is None


def test_old_facts_give_one_line() -> None:
    """Facts older than 180 days are counted in one advisory finding."""

    def check(_item: Resource, context: Context) -> Iterator[Outcome]:
        context.facts_used["vendors/x"] = date(2026, 5, 23)
        context.facts_used["vendors/y"] = date(2025, 1, 1)
        context.facts_used["vendors/z"] = date(2026, 5, 24)
        yield from ()

    report = judge(probe(check))

    assert [item.rule for item in report.findings] == ["FACTS-AGE"]
    assert report.findings[0].message == (
        "2 facts are older than 180 days; the oldest is vendors/y of 2025-01-01"
    )
    assert report.decision == "allow"


def test_built_in_organization_is_said_loudly() -> None:
    """A declaration without an organization is judged by the strict default, and the report says so."""
    report = judge(probe(passes), replace(declaration(), organization_is_default=True))

    assert [item.rule for item in report.findings] == ["ORGANIZATION-DEFAULT"]


def test_stack_check_names_its_resource() -> None:
    """A stack check may name the resource it means; otherwise the finding is about the stack."""

    def check(items: tuple[Resource, ...], _context: Context) -> Iterator[Outcome]:
        yield fail("this one", subject=items[0])
        yield fail("all of it")

    rule = probe(passes)
    rule.check_stack(types.BUCKET)(check)

    report = judge(rule)

    assert [(item.subject.kind, item.subject.name) for item in report.findings] == [
        ("resource", "data"),
        ("stack", "example"),
    ]


def test_run_rule_on_one_subject_and_on_a_stack() -> None:
    """The adapter's entrance gives the outcomes of the checks that fit."""
    rule = probe(fails)
    context = Context(declaration(), Stack((DATA,)), AS_OF)

    assert [item.message for item in run_rule(rule, Subject.of(DATA), context)] == ["wrong"]  # type: ignore[union-attr]
    assert [item.message for item in run_rule(rule, context.stack, context)] == ["wrong"]  # type: ignore[union-attr]
    assert run_rule(rule, Subject(kind="route", name="r", value=None), context) == ()


def test_report_encodes_to_the_contract() -> None:
    """The JSON of one stack has the fields that tools rely on."""
    rule = find_rule("SOV-010")
    assert rule is not None
    case = failing_case(rule, rule.failing[0])
    stack = json.loads(msgspec.json.encode(evaluate(case.declaration, case.resources, AS_OF)))

    assert set(stack) >= {
        "spec", "digests", "decision", "pending", "valid_until", "summary", "rules", "findings",
    }  # fmt: skip
    assert set(stack["spec"]) == {"path", "name"}
    assert set(stack["digests"]) == {"spec", "lock", "organization", "catalog", "policies"}
    assert set(stack["summary"]) == {"pass", "fail", "undecided", "not_applicable", "waived"}
    assert sum(stack["summary"].values()) == len(stack["rules"]) == len(all_rules())
    assert set(stack["rules"][0]) >= {"id", "level", "verdict", "subjects"}
    assert set(stack["findings"][0]) >= {
        "rule", "level", "verdict", "subject", "file", "line", "column", "path", "message", "fix", "source",
        "waiver", "valid_until",
    }  # fmt: skip
    assert set(stack["findings"][0]["subject"]) == {"kind", "name", "type", "urn"}


def test_declared_finding_has_its_place_in_the_spec() -> None:
    """A finding about a route names its field path."""
    rule = find_rule("SOV-010")
    assert rule is not None
    noted = {change.note: change for change in rule.failing}
    case = failing_case(rule, noted["a restricted route falls back to a vendor"])
    report = evaluate(case.declaration, case.resources, AS_OF, rules=(rule,))

    assert [item.path for item in report.findings] == ["routes[0].backends[1]"]
    assert report.findings[0].file is not None


def test_two_runs_are_equal() -> None:
    """The same inputs give the same bytes."""
    case = passing_case(all_rules()[0].passing[0])
    runs = [msgspec.json.encode(evaluate(case.declaration, case.resources, AS_OF)) for _ in range(2)]

    assert runs[0] == runs[1]
