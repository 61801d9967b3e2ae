"""The page of rules, of findings that belong to none, and of rules that are planned but not there yet.

Not here: the rules (policies) and the table of families (policies/families.json).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from policies.documents import cited, documents
from policies.families import Family, families
from policies.notices import NOTICES, Notice
from policies.packs import all_rules
from policies.rule import Rule
from tests.pages.markdown import GENERATED, code, page, prose, table

OF_NO_RULE = "Findings that belong to no rule"
DOCUMENTS = "The source documents"


def text() -> str:
    """The whole page."""
    rules = {rule.id: rule for rule in all_rules()}
    listed = families()
    total = sum(family.rules for family in listed)
    return page(
        [
            "# Rules",
            "",
            GENERATED,
            "",
            f"{len(rules)} of {total} rules are implemented; the others are listed at the end of this page.",
            "`inferplan rules ID` prints one of them.",
            "A mandatory rule that fails, or cannot be decided, denies the spec; an advisory one is shown.",
            "Where the level reads `mandatory/advisory`, the declaration decides: class of data, sector,",
            "kinds of backend.",
            "Sources are cited by document and line: `004:73` is line 73 of document 004.",
            f"What it says stands in our own words; [the documents](#{anchor(DOCUMENTS)}) follow at the end.",
            f"[Findings that belong to no rule](#{anchor(OF_NO_RULE)}) have ids of their own.",
            "",
            *table(
                ("family", "about", "implemented"),
                (
                    (
                        f"[{family.family}](#{anchor(heading(family))})" if done else family.family,
                        family.title,
                        f"{done} of {family.rules}",
                    )
                    for family in listed
                    for done in [sum(id_ in rules for id_ in family.ids)]
                ),
            ),
            "",
            *(line for family in listed for line in _family(family, rules.values())),
            *_of_no_rule(),
            *_not_yet(listed, rules),
            *_documents(),
        ]
    )


def heading(family: Family) -> str:
    """The text of a family's heading."""
    return f"{family.family}: {family.title.lower()}"


def anchor(text: str) -> str:
    """The name under which GitHub links to a heading."""
    kept = (letter for letter in text.lower() if letter.isalnum() or letter in " -_")
    return "".join(kept).replace(" ", "-")


def _family(family: Family, rules: Iterable[Rule]) -> list[str]:
    mine = [rule for rule in rules if rule.id.partition("-")[0] == family.family]
    if not mine:
        return []
    return [f"## {heading(family)}", "", *(line for rule in mine for line in _rule(rule))]


def _rule(rule: Rule) -> list[str]:
    lines = [
        f"### {rule.id}: {prose(rule.title)}",
        "",
        f"- Level: {rule.level_name}",
        f"- Pack: {rule.pack}",
        f"- Why: {prose(rule.why)}",
        f"- Fix: {prose(rule.fix)}",
        *_sources(rule.source),
    ]
    if rule.regimes:
        lines.append(f"- Regimes: {', '.join(rule.regimes)}")
    if rule.aliases:
        lines.append(f"- Also known as: {', '.join(rule.aliases)}")
    return [
        *lines,
        f"- Applies to: {code(rule.applies_to)}",
        *_notes("Passes", [example.note for example in rule.passing]),
        *_notes("Fails after one change", [change.note for change in rule.failing]),
        "",
    ]


def _of_no_rule() -> list[str]:
    lead = "About pins, waivers, the organization, facts and packages, found beside the rules."
    return [f"## {OF_NO_RULE}", "", lead, "", *(line for notice in NOTICES for line in _notice(notice))]


def _notice(notice: Notice) -> list[str]:
    sources = _sources(notice.source) if notice.source else []
    return [f"### {notice.id}: {prose(notice.title)}", "", f"- Fix: {prose(notice.fix)}", *sources, ""]


def _sources(sources: Sequence[str]) -> list[str]:
    says = {line.source: line.says for line in cited(sources)}
    return [
        "- Source:",
        *(f"  - {prose(f'{source}: {says[source]}' if source in says else source)}" for source in sources),
    ]


def _documents() -> list[str]:
    rows = ((document.document, document.title) for document in documents().documents)
    return ["", f"## {DOCUMENTS}", "", *table(("number", "title"), rows)]


def _notes(label: str, notes: Sequence[str]) -> list[str]:
    return [f"- {label}:", *(f"  - {prose(note)}" for note in notes)] if notes else []


def _not_yet(listed: Sequence[Family], rules: dict[str, Rule]) -> list[str]:
    rows = [
        (family.family, ", ".join(missing), family.reason)
        for family in listed
        if (missing := [id_ for id_ in family.ids if id_ not in rules])
    ]
    if not rows:
        return []
    return [
        "## Not implemented yet",
        "",
        "These ids are taken, and nothing checks them yet: a spec that is allowed was not judged by them.",
        "",
        *table(("family", "ids", "why not yet"), rows),
    ]
