"""Every rule by its own examples: they pass, their one change fails, and without the check nothing does."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

import policies.sovereignty
from inferplan.resource import Unknown
from policies.evaluate import evaluate
from policies.example import Case, failing_case, passing_case
from policies.packs import all_rules
from policies.rule import DECLARED_KINDS, Change, Example, Rule

AS_OF = date(2026, 11, 20)
RULES = all_rules()
PASSING = [
    pytest.param(rule, example, id=f"{rule.id}: {example.note}") for rule in RULES for example in rule.passing
]
FAILING = [
    pytest.param(rule, change, id=f"{rule.id}: {change.note}") for rule in RULES for change in rule.failing
]


def verdicts(case: Case, rules: tuple[Rule, ...] = RULES) -> dict[str, str]:
    """The worst verdict of each rule over a case."""
    report = evaluate(case.declaration, case.resources, AS_OF, rules=rules)
    return {result.id: result.verdict for result in report.rules}


@cache
def before(rule_id: str, of: int) -> dict[str, str]:
    """What all rules say about a passing example."""
    rule = next(rule for rule in RULES if rule.id == rule_id)
    return verdicts(passing_case(rule.passing[of]))


@pytest.mark.parametrize(("rule", "example"), PASSING)
def test_passing_example_passes(rule: Rule, example: Example) -> None:
    """A passing example is a pass: neither undecided nor not applicable."""
    report = evaluate(*_arguments(passing_case(example)), rules=(rule,))

    assert report.findings == () or {item.rule for item in report.findings} == {"FACTS-AGE"}
    assert {result.id: result.verdict for result in report.rules} == {rule.id: "pass"}


@pytest.mark.parametrize(("rule", "change"), FAILING)
def test_one_change_fails_exactly_this_rule(rule: Rule, change: Change) -> None:
    """One change turns exactly this rule, and those that the change names, from pass to its verdict."""
    now = verdicts(failing_case(rule, change))
    was = before(rule.id, change.of)

    assert now[rule.id] == change.verdict
    worse = {id_ for id_, verdict in now.items() if verdict in {"fail", "undecided"} and was[id_] != verdict}
    assert worse == {rule.id, *change.also}


UNKNOWN = [pytest.param(*case.values, id=case.id) for case in FAILING if case.values[1].props]


@pytest.mark.parametrize(("rule", "change"), UNKNOWN)
def test_unknown_never_passes(rule: Rule, change: Change) -> None:
    """Where a value breaks the rule, a value that nobody knows before deployment is no pass either."""
    hidden = replace(change, props=dict.fromkeys(change.props, Unknown()))

    assert verdicts(failing_case(rule, hidden), (rule,))[rule.id] in {"fail", "undecided"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_check_bites(rule: Rule) -> None:
    """Silencing any one check of a rule lets a failing example through, so no check is idle."""
    for index, check in enumerate(rule.checks):
        silent = replace(check, run=lambda _subject, _context: iter(()))
        mutant = replace(rule, checks=(*rule.checks[:index], silent, *rule.checks[index + 1 :]))
        cases = (failing_case(rule, change) for change in rule.failing)

        assert any(verdicts(case, (mutant,))[rule.id] not in {"fail", "undecided"} for case in cases), (
            f"check {index} ({check.run.__name__}) of {rule.id} could be removed unseen"
        )


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_rule_explains_itself(rule: Rule) -> None:
    """Every rule says what, why, how to mend it and where it comes from, and shows both sides."""
    assert all((rule.title, rule.why, rule.fix, rule.source, rule.passing, rule.failing, rule.applies_to))
    assert not rule.title.endswith(".")
    for check in rule.checks:
        if check.scope == "declaration":
            assert set(check.applies_to) <= set(DECLARED_KINDS)
        else:
            assert all(":" in token for token in check.applies_to)


def test_ids_are_unique() -> None:
    """No id or alias is used twice."""
    ids = [id_ for rule in RULES for id_ in (rule.id, *rule.aliases)]

    assert len(ids) == len(set(ids))


def test_every_rule_module_is_listed() -> None:
    """A module of the folder that is not listed would silently not run."""
    folder = Path(policies.sovereignty.__file__).parent
    names = {path.stem for path in folder.glob("*.py")} - {"__init__", "__main__"}

    assert {module.__name__.rpartition(".")[2] for module in policies.sovereignty.MODULES} == names
    for name in names:
        found = [
            item
            for item in vars(import_module(f"policies.sovereignty.{name}")).values()
            if isinstance(item, Rule)
        ]
        assert {rule.id for rule in found} <= {rule.id for rule in RULES}


BRITISH = (
    "organis",
    "licence",
    "quantis",
    "colour",
    "behaviour",
    "centre",
    "authoris",
    "localis",
    "defence",
    "labour",
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_spelling_is_american(rule: Rule) -> None:
    """Titles, reasons, fixes and notes use one spelling."""
    words = " ".join(
        [rule.title, rule.why, rule.fix, *(item.note for item in (*rule.passing, *rule.failing))]
    ).lower()

    assert not [word for word in BRITISH if word in words]


def _arguments(case: Case) -> tuple[object, ...]:
    return case.declaration, case.resources, AS_OF
