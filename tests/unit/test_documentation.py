"""Area of concern: the documentation says what is so: pages, commands, links, examples, no traces."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

import pytest

from inferplan.catalog.table import stated_date, table_names
from inferplan.cli import VERBS
from inferplan.spec.schema import KINDS
from policies.evaluate import evaluate
from policies.families import families
from policies.notices import NOTICES
from policies.packs import all_rules
from policies.rule import Rule
from policies.world.cases import failing_case, passing_case
from tests import documentation, how_to_rows
from tests.pages import commands, rules, spec
from tests.unit.recorded import component, names

ROOT = documentation.ROOT
FILES = documentation.files()
PAGES = sorted([*documentation.hand_written(), *(ROOT / name for name in documentation.GENERATED)])
AS_OF = date(2026, 11, 20)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def headings(page: str) -> set[str]:
    """The texts of a page's headings, without what stands in code blocks."""
    text = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text("utf-8"), flags=re.M | re.S)
    return {found.strip() for found in re.findall(r"^#+ (.+)$", text, re.M)}


# -- what is generated is current, and nothing is missing from it
@pytest.mark.parametrize(("path", "text"), FILES.items(), ids=map(name_of, FILES))
def test_page_is_current(path: Path, text: Callable[[], str]) -> None:
    """`make docs` would change nothing, and every command of the page ends as the page says."""
    assert path.read_text("utf-8") == text(), f"{name_of(path)} is out of date: run `make docs`"


def test_every_rule_has_a_heading() -> None:
    """Each rule is on the page of rules under its own heading."""
    wanted = {f"{rule.id}: {rules.prose(rule.title)}" for rule in all_rules()}

    assert wanted <= headings("docs/rules.md")


def test_every_notice_has_a_heading() -> None:
    """Findings that belong to no rule are on the same page."""
    wanted = {f"{notice.id}: {rules.prose(notice.title)}" for notice in NOTICES}

    assert wanted <= headings("docs/rules.md")


def test_every_rule_belongs_to_a_family() -> None:
    """Each id is one that policies/families.json counts, so that implemented and missing ones add up."""
    known = {id_ for family in families() for id_ in family.ids}

    assert {rule.id for rule in all_rules()} <= known
    assert all(family.reason for family in families())


def test_every_rule_that_is_missing_is_listed() -> None:
    """An id that nothing checks stands in the last section with the reason."""
    missing = {id_ for family in families() for id_ in family.ids} - {rule.id for rule in all_rules()}
    _, _, listed = rules.text().partition("## Not implemented yet")

    assert set(re.findall(r"[A-Z]+-\d{3}", listed)) == missing


@pytest.mark.parametrize("kind", KINDS)
def test_every_top_level_field_has_a_heading(kind: str) -> None:
    """Each field of each kind of file is on the page of the spec language."""
    wanted = {f"{kind}: {field}" for field in spec.top_level_fields(kind)}

    assert wanted | {kind} <= headings("docs/spec.md")


def test_every_verb_has_a_heading() -> None:
    """Each verb is on the page of the command line."""
    assert {f"inferplan {verb}" for verb in VERBS} <= headings("docs/cli.md")


def test_every_table_has_a_heading() -> None:
    """Each table of the catalog is on its page."""
    assert set(table_names()) <= headings("docs/catalog.md")


def test_the_status_names_no_verb_that_exists() -> None:
    """What the status page calls missing is missing."""
    text = (ROOT / "docs/status.md").read_text("utf-8")
    listed = re.search(r"\*\*Verbs\.\*\*(.+?)\n\n", text, re.S)
    assert listed is not None

    assert not set(re.findall(r"`(\w+)`", listed[1])) & set(VERBS)


def test_check_finds_what_is_out_of_date(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--check` names a stale page, ends with 1 and writes nothing."""
    page = tmp_path / "page.md"
    page.write_text("old\n")
    monkeypatch.setattr(documentation, "ROOT", tmp_path)
    monkeypatch.setattr(documentation, "files", lambda: {page: lambda: "new\n"})

    assert documentation.main(["--check"]) == 1
    assert "page.md is out of date" in capsys.readouterr().err
    assert page.read_text() == "old\n"
    assert documentation.main([]) == 0
    assert page.read_text() == "new\n"
    assert documentation.main(["--check"]) == 0


# -- commands
def targets() -> set[str]:
    """The targets of the Makefile."""
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))


@pytest.mark.parametrize("path", documentation.hand_written(), ids=name_of)
def test_commands_name_verbs_and_targets_that_exist(path: Path) -> None:
    """Every `inferplan` and `make` line in an `sh` block calls something that is there."""
    for command in commands.page_commands(path):
        if command.words[0] == "inferplan":
            assert command.words[1] in VERBS, command.text
        if command.words[0] == "make":
            assert set(command.words[1:]) <= targets(), command.text


def test_every_inferplan_line_of_the_readme_is_run() -> None:
    """The README has commands, and those of inferplan need nothing that is not in this repository."""
    found = [command for command in commands.page_commands(ROOT / "README.md") if "inferplan" in command.text]
    ours = [command for command in found if command.words[0] == "inferplan"]

    assert ours
    assert all(command.is_run and not re.search(r"\b(SPEC|FILE|PATH)\b", command.text) for command in ours)


BLOCKS = {
    "inferplan check x.yaml --as-of 2026-11-20\n": [("inferplan check x.yaml --as-of 2026-11-20", {0})],
    "inferplan check x.yaml\n": [("inferplan check x.yaml", {0, 1})],
    "inferplan check x.yaml  # exits 1\n": [("inferplan check x.yaml", {1})],
    "# only a comment\n\nmake demo    # words\n": [("make demo", {0})],
    "inferplan plan x.yaml \\\n  --mode auto\n": [("inferplan plan x.yaml --mode auto", {0})],
}


@pytest.mark.parametrize(("block", "wanted"), BLOCKS.items())
def test_commands_of_a_block(block: str, wanted: list[tuple[str, set[int]]]) -> None:
    """Comments go, lines are joined, and the exit code that a line is meant to have is read."""
    assert [(command.text, set(command.codes)) for command in commands.commands(block)] == wanted


def test_a_command_that_ends_otherwise_is_told(tmp_path: Path) -> None:
    """A page whose command fails is no page."""
    with pytest.raises(ValueError, match="ended with 3, not 0"):
        commands.run(commands.Command("exit 3", frozenset({0})), tmp_path)


def test_a_path_of_this_machine_is_told(tmp_path: Path) -> None:
    """No output with the folder that it was made in gets into a page."""
    with pytest.raises(ValueError, match="path of this machine"):
        commands.run(commands.Command("pwd", frozenset({0})), tmp_path)


# -- links
@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_relative_links_lead_somewhere(path: Path) -> None:
    """Every relative link names a file that exists, and every fragment a heading in it."""
    text = re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.M | re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if urlsplit(link).scheme:
            continue
        name, _, fragment = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), f"{name_of(path)}: {link}"
        if fragment:
            known = {rules.anchor(heading) for heading in headings(name_of(target))}
            assert fragment in known, f"{name_of(path)}: {link}"


# -- examples in the how-to pages
def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text("utf-8"), re.M | re.S)


def test_the_rule_of_the_how_to_is_a_rule() -> None:
    """The rule that the page shows passes and fails as it says."""
    space: dict[str, object] = {}
    (source,) = blocks("docs/how-to/add-a-rule.md", "python")
    exec(compile(source, "add-a-rule.md", "exec"), space)
    (rule,) = (value for value in space.values() if isinstance(value, Rule))

    for example in rule.passing:
        case = passing_case(example)
        assert verdict(rule, case.declaration, case.resources) == "pass"
    for change in rule.failing:
        case = failing_case(rule, change)
        assert verdict(rule, case.declaration, case.resources) == "fail"
    assert rule.id not in {known.id for known in all_rules()}


def verdict(rule: Rule, declaration: object, resources: object) -> str:
    report = evaluate(declaration, resources, AS_OF, rules=(rule,))
    return report.rules[0].verdict


def test_the_component_of_the_how_to_is_a_component(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the page shows declares its resource under itself."""
    (source,) = blocks("docs/how-to/add-a-component.md", "python")
    module = ModuleType("topic_of_the_page")  # dataclasses and Pulumi look their names up in it
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(source, "add-a-component.md", "exec", dont_inherit=True), vars(module))

    def build() -> None:
        module.Topic("chat-notices", module.TopicArgs(names=names(), kms_key_arn="own"))

    found = {resource.name: resource for resource in component(build).resources}
    assert found["chat-notices-topic"].parent == found["chat-notices"].urn
    assert found["chat-notices-topic"].props["name"] == names().fixed("notices")


def test_the_rows_of_the_how_to_are_rows() -> None:
    """Each row that the page shows fits the record of the table that the line before it names.

    The row of a model is one that a generator reads (test_models).
    """
    tables = list(how_to_rows.shown())
    assert tables == ["models", "instances", "region_prices"]
    for table in tables[1:]:
        made = how_to_rows.record(table)
        assert stated_date(made.as_of) is not None
        assert made.source


def test_the_configuration_of_the_how_to_is_read_by_the_pack() -> None:
    """The settings that pages show are those that the pack knows."""
    from policies.crossguard import ANCHOR, CONFIG_SCHEMA

    shown = [
        json.loads(block)
        for page in ("docs/how-to/deploy-with-pulumi.md", "docs/how-to/judge-a-state-file.md")
        for block in blocks(page, "json")
    ]

    assert len(shown) == 2
    for setting in shown:
        assert set(setting) == {ANCHOR}
        assert set(setting[ANCHOR]) <= set(CONFIG_SCHEMA.properties)


# -- style and traces
BRITISH = re.compile(
    r"licence|localis|authoris|organis|defence|behaviour|recognis|programme|catalogue|colour", re.I
)


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_spelling_is_american(path: Path) -> None:
    """One spelling in all pages."""
    assert BRITISH.findall(path.read_text("utf-8")) == []


def tracked() -> Iterator[tuple[str, str]]:
    """Every text file that is or would be committed, with its text."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.is_file() and b"\0" not in (content := path.read_bytes()):
            yield name, content.decode("utf-8", errors="replace")


HOMES = re.compile(r"(?<![\w./:@-])/(?:home|Users|root|work|mnt|workspace)/\w")
INDEX = re.compile(r"^\s*--(?:index-url|extra-index-url|find-links|trusted-host)|^[^#]*://", re.M)


def own_places() -> set[str]:
    """Folders and package hosts of this machine."""
    said = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    settings = [said, *(value for name, value in os.environ.items() if re.match("PIP_|UV_|GOPROXY", name))]
    hosts = {
        urlsplit(link).hostname or ""
        for text in settings
        for link in re.findall(r"https?://[^\s'\",|]+", text)
    }
    folders = {str(ROOT), str(Path.home())} | set(re.findall(r"find-links='(/[^']+)'", said))
    return {place for place in hosts | folders if len(place) > len("/root")}


def test_no_file_tells_where_it_was_made() -> None:
    """No folder of a machine, no host of a package index."""
    places = own_places()
    mine = name_of(Path(__file__))

    found = [
        name
        for name, text in tracked()
        if name != mine and (HOMES.search(text) or any(place in text for place in places))
    ]

    assert found == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_locked_versions_come_from_anywhere(name: str) -> None:
    """The files of versions and hashes name no index."""
    assert INDEX.findall((ROOT / name).read_text("utf-8")) == []


@pytest.mark.parametrize(
    "text", ["see /mnt/specs", "'/home/me'", "--index-url https://x", "file:///Users/me"]
)
def test_the_patterns_bite(text: str) -> None:
    """What the two tests above look for is found where it is."""
    assert HOMES.search(text) or INDEX.search(text)
