"""Area of concern: what a citation such as 000:116 says can be read where it is met, in our own words."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from policies.documents import Line, cited, documents
from policies.notices import NOTICES
from policies.packs import all_rules
from tests.command_line import AS_OF, ROOT, inferplan

CITATION = re.compile(r"\d{3}:\d+")
USED = {source for one in (*all_rules(), *NOTICES) for source in one.source if CITATION.fullmatch(source)}


def test_every_cited_line_has_a_row_and_no_row_is_uncited() -> None:
    """A rule that cites another line adds its row to policies/documents.json, and takes it when it goes."""
    rows = Counter(line.citation for line in documents().lines)

    assert set(rows) == USED
    assert set(rows.values()) == {1}
    assert {line.document for line in documents().lines} == {one.document for one in documents().documents}


@pytest.mark.parametrize("line", documents().lines, ids=lambda line: line.citation)
def test_a_row_is_one_sentence(line: Line) -> None:
    """It says something, and ends."""
    assert re.fullmatch(r"[A-Z][^.!?]{25,180}\.", line.says)


def test_findings_cite_lines_that_have_a_row() -> None:
    """Also those that belong to no rule, such as a missing lock."""
    done = inferplan("check", "-", "--format", "json", *AS_OF, stdin=_denied())

    sources = {
        source for finding in json.loads(done.out)["stacks"][0]["findings"] for source in finding["source"]
    }
    assert {"002:44", "000:116"} <= sources <= USED


@pytest.mark.parametrize(("wanted", "source"), [("SOV-001", "000:116"), ("lock-missing", "002:44")])
def test_tried_12_a_rule_tells_what_its_lines_say(wanted: str, source: str) -> None:
    """In text below its source with the document's title, in JSON as `cited`, on the page of rules too."""
    (line,) = cited([source])

    text = " ".join(inferplan("rules", wanted).out.split())
    answer = json.loads(inferplan("rules", wanted, "--format", "json").out)
    (entry,) = answer["rules"] + answer["notices"]

    assert f"Source: {source} {line.says}" in text
    assert f"document {source[:3]}: {line.document}" in text
    assert entry["cited"] == [{"source": source, "document": line.document, "says": line.says}]


def test_what_is_no_line_of_a_document_is_left_as_it_is() -> None:
    """A law cited by name has no row."""
    assert cited(["Regulation (EU) 2016/679, Article 44"]) == ()


def _denied() -> bytes:
    text = (ROOT / "specs/de-clinic-notes.yaml").read_text()
    return text.replace("region: eu-central-1", "region: us-east-1").encode()
