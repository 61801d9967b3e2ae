"""What the source documents say at the lines that rules cite, in our own words: documents.json.

Not here: the rules that cite them, and the documents themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import msgspec

from inferplan.records.verdicts import CitedLine

DOCUMENTS = Path(__file__).with_name("documents.json")


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A source document; `document` is the number that citations begin with."""

    document: str
    title: str


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One cited line, and what it says in one sentence."""

    document: str
    line: int
    says: str

    @property
    def citation(self) -> str:
        """Document and line, as rules cite it: `004:73`."""
        return f"{self.document}:{self.line}"


class Documents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every document that is cited, and every cited line."""

    documents: tuple[Document, ...]
    lines: tuple[Line, ...]


@cache
def documents() -> Documents:
    """The whole file."""
    return msgspec.json.decode(DOCUMENTS.read_bytes(), type=Documents)


def cited(sources: Iterable[str]) -> tuple[CitedLine, ...]:
    """What each citation of a source document says; laws and contracts are cited by name and left out."""
    held = documents()
    titles = {document.document: document.title for document in held.documents}
    lines = {line.citation: line for line in held.lines}
    found = (lines[source] for source in sources if source in lines)
    return tuple(CitedLine(line.citation, titles[line.document], line.says) for line in found)
