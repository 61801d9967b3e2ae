"""YAML 1.2 text to values that know where they stand: core schema, one document, keys that are unique text.

Not here: which fields a file may have (structure) and which file to read (loading).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from inferplan.printable import NOT_TEXT
from inferplan.spec.faults import SpecError, SpecErrors, child, clip

MAX_BYTES = 1 << 20
MAX_BYTES_PURE = 1 << 16  # without libyaml the parser is about fifty times slower
MAX_DEPTH = 32
MAX_NODES = 50_000  # after expanding aliases
MAX_KEY = 200
MAX_NUMBER = 1 << 53  # beyond it JSON readers disagree
MAX_PROBLEMS = 100

_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_CONSTANTS = dict.fromkeys(("", "~", "null", "Null", "NULL")) | {
    text: text.lower() == "true" for text in ("true", "True", "TRUE", "false", "False", "FALSE")
}
_TAB_INDENT = re.compile(r"^ *\t[ \t]*[^\s#]", re.MULTILINE)

_HINTS = {
    "mapping values are not allowed": "check the indentation, or put quotes around text that holds a colon",
    "could not find expected ':'": "a colon is missing, or the indentation is off",
    "did not find expected key": "check the indentation and the quotes above",
    "cannot start any token": "put quotes around the text",
    "did not find expected ',' or": "a comma or a closing bracket is missing",
    "unexpected end of stream": "a quote or bracket is not closed",
    "expected the node content": "a value is missing, or a bracket too many",
    "did not find expected node content": "a value is missing, or a bracket too many",
}

Mark = tuple[int, int]


@dataclass(slots=True)
class Node:
    """A value with the place it was written at. `value` is a scalar, a list of nodes or a dict of nodes.

    `text` is a scalar as written; `keys` holds the place of each key; `size` counts this node and those
    below, aliases expanded.
    """

    value: Any
    file: str
    line: int
    column: int
    text: str = ""
    keys: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    size: int = 1

    def plain(self) -> Any:
        """The value without places: str, int, float, bool, None, list, dict."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def parse(data: bytes, file: str) -> Node:
    """The mapping that a file holds; raises SpecErrors for anything else. Time is bounded for any bytes."""
    text = _decode(data, file)
    builder = _Builder(file)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    if loader is yaml.SafeLoader and len(data) > MAX_BYTES_PURE:
        raise _whole(file, f"larger than {MAX_BYTES_PURE >> 10} KiB, the limit where libyaml is missing")
    try:
        for event in _events(loader, text):
            if builder.add(event):
                break
    except yaml.YAMLError as error:
        builder.problems.append(_syntax(error, text, file))
    except (ValueError, RecursionError) as error:  # a broken escape; the pure parser on deep nesting
        builder.problems.append(SpecError(file=file, problem=f"not valid YAML: {clip(str(error))}"))
    if builder.problems:
        raise SpecErrors(builder.problems)
    if builder.root is None or builder.root.value is None:
        raise _whole(file, "the file is empty")
    if not isinstance(builder.root.value, dict):
        raise _whole(file, f"must be a mapping (`field: value` lines), not {describe(builder.root)}")
    return builder.root


def node_of(plain: Any, file: str, depth: int = 0) -> Node:
    """A value without places as a node; all stands at 1:1. Raises SpecErrors where it is too deep."""
    if depth > MAX_DEPTH:
        raise _whole(file, f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(plain, dict):
        value: Any = {key: node_of(item, file, depth + 1) for key, item in plain.items()}
        return Node(value, file, 1, 1, keys=dict.fromkeys(value, (file, 1, 1)))
    if isinstance(plain, list):
        return Node([node_of(item, file, depth + 1) for item in plain], file, 1, 1)
    return Node(plain, file, 1, 1, str(plain).lower() if isinstance(plain, bool) else str(plain))


def describe(node: Node) -> str:
    """A value in words, as it was written."""
    value = node.value
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return f"'{clip(value)}'"
    return f"{'the number ' if not isinstance(value, bool) else ''}{clip(node.text)}"


def _whole(file: str, problem: str, hint: str = "") -> SpecErrors:
    return SpecErrors([SpecError(file=file, problem=problem, hint=hint)])


def _decode(data: bytes, file: str) -> str:
    if len(data) > MAX_BYTES:
        raise _whole(file, f"larger than {MAX_BYTES >> 20} MiB")
    if b"\0" in data:
        raise _whole(file, "not a text file (it holds zero bytes)", "YAML must be UTF-8 text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _mark(data[: error.start].decode("utf-8", "replace"))
        raise SpecErrors([SpecError(file=file, line=line, column=column, problem="not UTF-8 text")]) from None
    if bad := NOT_TEXT.search(text):
        line, column = _mark(text[: bad.start()])
        problem = f"control character U+{ord(bad.group()):04X} is not allowed"
        raise SpecErrors([SpecError(file=file, line=line, column=column, problem=problem)])
    return text


def _mark(before: str) -> Mark:
    before = before.replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _start(event: Any) -> Mark:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _events(loader: Any, text: str) -> Iterator[Any]:
    parser = loader(text)
    try:
        while parser.check_event():
            yield parser.get_event()
    finally:
        parser.dispose()


def _syntax(error: yaml.YAMLError, text: str, file: str) -> SpecError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    line, column = min((line, column), _mark(text))  # libyaml ends a file one line late
    tab = _TAB_INDENT.search(text)
    if tab is not None and (at := _mark(text[: text.index("\t", tab.start())]))[0] <= line + 1:
        problem = "a tab indents this line"
        return SpecError(file=file, line=at[0], column=at[1], problem=problem, hint="YAML allows spaces only")
    words = getattr(error, "problem", None) or getattr(error, "context", None) or str(error)
    hint = next((hint for start, hint in _HINTS.items() if start in words), "")
    return SpecError(
        file=file, line=line, column=column, problem=f"not valid YAML: {clip(words, 120)}", hint=hint
    )


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not been seen; `key` waits for its value."""

    node: Node
    anchor: str | None
    key: str | None = None
    key_mark: Mark = (1, 1)


class _Builder:
    """Builds nodes from parser events without recursion, so that no input can exhaust the stack."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Node | None = None
        self.problems: list[SpecError] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}  # None: still open
        self._documents = 0
        self._nodes = 0

    def add(self, event: Any) -> bool:
        """Take one event; True means that reading on makes no sense."""
        if isinstance(event, yaml.ScalarEvent):
            self._started(event)
            self._place(self._scalar(event), event.anchor, event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._started(event)
            empty: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
            node = Node(empty, self.file, *_start(event))
            if self._wants_key():
                self._problem(event, "a key must be text, not a list or a mapping")
                return True
            self._open.append(_Open(node, event.anchor))
            if event.anchor:
                self._anchors[event.anchor] = None
            if len(self._open) > MAX_DEPTH:
                self._problem(event, f"nested deeper than {MAX_DEPTH} levels")
                return True
        elif isinstance(event, yaml.CollectionEndEvent):
            done = self._open.pop()
            self._place(done.node, done.anchor, event)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._problem(event, "a second document begins here", "keep one document per file")
                return True
            if event.version and event.version != (1, 2):
                self._problem(
                    event, "this file asks for YAML 1.1", "files are read as YAML 1.2: remove the line"
                )
        if self._nodes > MAX_NODES:
            self._problem(event, f"more than {MAX_NODES} values (aliases count as often as they are used)")
            return True
        return len(self.problems) >= MAX_PROBLEMS

    def _started(self, event: Any) -> None:
        self._nodes += 1
        if event.tag is not None:
            self._problem(event, f"the tag {clip(event.tag)} is not supported", "write text in quotes")

    def _scalar(self, event: Any) -> Node:
        text: str = event.value
        value: Any = text
        plain = event.implicit[0] and not event.style
        if plain and event.tag is None:
            value = self._resolve(event, text)
        if isinstance(value, str) and (bad := NOT_TEXT.search(value)):
            self._problem(event, f"control character U+{ord(bad.group()):04X} is not allowed")
        return Node(value, self.file, *_start(event), text)

    def _resolve(self, event: Any, text: str) -> Any:
        """A plain scalar by the core schema of YAML 1.2."""
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if text[0] not in "+-.0123456789":
            return text
        number: int | float
        if _NOT_FINITE.fullmatch(text):
            self._problem(event, f"{text} is not a finite number")
            return 0
        if len(text) > 40 and _FLOAT.fullmatch(text):
            number = math.inf
        elif _INTEGER.fullmatch(text):
            number = int(text)
        elif _BASED.fullmatch(text):
            number = int(text, 0)
        elif _FLOAT.fullmatch(text):
            number = float(text)
        else:
            return text
        if abs(number) > MAX_NUMBER:
            self._problem(event, f"the number {clip(text)} is too large", "put it in quotes if it is text")
            return 0
        return number

    def _alias(self, event: Any) -> None:
        node = self._anchors.get(event.anchor)
        if node is None:
            inside = event.anchor in self._anchors
            self._problem(
                event, f"*{clip(event.anchor)} {'contains itself' if inside else 'is not defined above'}"
            )
            node = Node(None, self.file, *_start(event))
        self._nodes += node.size
        self._place(node, None, event)

    def _wants_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].node.value, dict) and self._open[-1].key is None

    def _place(self, node: Node, anchor: str | None, event: Any) -> None:
        if anchor:
            self._anchors[anchor] = node
        if not self._open:
            self.root = node
            return
        top = self._open[-1]
        if self._wants_key():
            top.key, top.key_mark = (
                self._key(node, event),
                _start(event),
            )
            return
        top.node.size += node.size
        if isinstance(top.node.value, list):
            top.node.value.append(node)
            return
        key, top.key = top.key or "", None
        if key in top.node.keys:
            first = top.node.keys[key][1]
            self._problem_at(top.key_mark, "duplicate key", f"line {first} has it already", key)
            return
        top.node.value[key] = node
        top.node.keys[key] = (self.file, *top.key_mark)

    def _key(self, node: Node, event: Any) -> str:
        if not isinstance(node.value, str):
            hint = f'put it in quotes: "{clip(node.text)}"' if node.text else ""
            if self._splits_a_number(node.text):
                hint = "a comma ends the entry before it; write the number without separators"
            self._problem(event, f"a key must be text, not {describe(node)}", hint)
            return node.text
        if len(node.value) > MAX_KEY:
            self._problem(event, f"a key of more than {MAX_KEY} characters")
        if node.value == "<<":
            self._problem(event, "merge keys (<<) are not part of YAML 1.2", "share fields with `extends`")
        return node.value

    def _splits_a_number(self, text: str) -> bool:
        """Whether `{monthly_usd: 2,000}` was meant: three digits for a key behind a number."""
        last = next(reversed(self._open[-1].node.value.values()), None)
        return (
            bool(re.fullmatch(r"[0-9]{3}(?:\.[0-9]*)?", text))
            and last is not None
            and last.text[:1].isdigit()
        )

    def _problem(self, event: Any, problem: str, hint: str = "") -> None:
        self._problem_at(_start(event), problem, hint)

    def _problem_at(self, mark: Mark, problem: str, hint: str = "", key: str | None = None) -> None:
        path = ""
        for item in self._open[:8]:  # deeper paths say no more
            if isinstance(item.node.value, list):
                path = child(path, len(item.node.value))
            elif item.key is not None:
                path = child(path, item.key)
        if key is not None:
            path = child(path, key)
        line, column = mark
        self.problems.append(
            SpecError(file=self.file, line=line, column=column, path=path, problem=problem, hint=hint)
        )
