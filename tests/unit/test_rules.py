"""Every rule by its own examples: they pass, their one change fails, and without the check nothing does."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache
from importlib import import_module

import pytest

from inferplan.resource import Unknown
from policies.evaluate import evaluate
from policies.packs import ROOT, all_rules, pack_names, rules_of
from policies.rule import DECLARED_KINDS, Change, Example, Rule
from policies.world.cases import DECLARED, Case, failing_case, passing_case

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


def of_resources(change: Change) -> list[str]:
    """The edits of a change that edit resources."""
    return [key for key in change.edits if key.partition(":")[0] not in DECLARED]


@pytest.mark.parametrize(("rule", "example"), PASSING)
def test_passing_example_passes(rule: Rule, example: Example) -> None:
    """A passing example is a pass: neither undecided nor not applicable."""
    report = evaluate(*_arguments(passing_case(example)), rules=(rule,))

    assert {item.rule for item in report.findings if not item.removed} <= {"FACTS-AGE"}
    assert {result.id: result.verdict for result in report.rules} == {rule.id: "pass"}


@pytest.mark.parametrize(("rule", "change"), FAILING)
def test_one_change_fails_exactly_this_rule(rule: Rule, change: Change) -> None:
    """One change turns exactly this rule, and those that the change names, from pass to its verdict."""
    now = verdicts(failing_case(rule, change))
    was = before(rule.id, change.of)

    assert now[rule.id] == change.verdict
    worse = {id_ for id_, verdict in now.items() if verdict in {"fail", "undecided"} and was[id_] != verdict}
    assert worse == {rule.id, *change.also} & set(was)


UNKNOWN = [pytest.param(*case.values, id=case.id) for case in FAILING if of_resources(case.values[1])]


@pytest.mark.parametrize(("rule", "change"), UNKNOWN)
def test_unknown_never_passes(rule: Rule, change: Change) -> None:
    """Where a value breaks the rule, a value that nobody knows before deployment is no pass either."""
    hidden = replace(change, edits={**change.edits, **dict.fromkeys(of_resources(change), Unknown())})

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


@pytest.mark.parametrize("pack", pack_names())
def test_every_module_of_a_pack_holds_rules(pack: str) -> None:
    """Rules are found in the modules of a folder, so a module without any would hide something."""
    files = {path.stem for path in (ROOT / pack).glob("*.py") if not path.stem.startswith("_")}
    held = {
        name: [
            item for item in vars(import_module(f"policies.{pack}.{name}")).values() if isinstance(item, Rule)
        ]
        for name in files
    }

    assert all(held.values()), held
    assert {rule.id for found in held.values() for rule in found} == {rule.id for rule in rules_of(pack)}
    assert {rule.pack for rule in rules_of(pack)} <= {pack}


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
