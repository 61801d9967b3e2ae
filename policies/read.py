"""Reading property values: by path, as text, as ARNs and Regions; an unknown that is read stops the check.

Not here: which resource a value belongs to (stack), and what may be where (context).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from inferplan import catalog
from inferplan.resource import Resource, Unknown, UnknownValueError

# Free words of people, never an instruction to a machine.
PROSE_KEYS = frozenset({"tags", "tagsAll", "description", "comment", "labels", "annotations", "Sid"})
# Under these a program reads every key, whatever its name; Kubernetes encodes two of them.
DATA_KEYS = frozenset({"data", "stringData", "binaryData"})
ENCODED = re.compile(
    r"(?:.*userdata|.*userdatabase64|.*contentbase64|(?:data|binarydata)\..+)", re.IGNORECASE
)
VARIABLE = re.compile(r".*\benv(?:ironment)?\[\d+\]\.value")
# Annotations that tell a controller of balancers what to do.
INSTRUCTION = re.compile(r"(?:[\w-]+\.)*(?:ingress\.kubernetes\.io|ingress\.[\w.]+|beta\.kubernetes\.io)/.+")
STATEMENT_KEYS = frozenset(
    {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource",
     "Condition"}
)  # fmt: skip


class Misshapen(Exception):  # noqa: N818 - not an error of the rule: it ends a check as undecided
    """A property holds a value of a kind that its provider does not write there."""


def known(value: Any) -> Any:
    """The value, when it is known before deployment; a part of it may still be unknown."""
    if isinstance(value, Unknown):
        raise UnknownValueError(value)
    return value


def get(value: Any, path: str, default: Any = None) -> Any:
    """The value at a dotted path such as `vpcConfig.endpointPublicAccess`; absent and null give the default.

    Raises UnknownValueError where the path meets a value that is only known after deployment.
    """
    for key in path.split("."):
        known(value)
        if isinstance(value, list) and len(value) == 1:  # blocks that a provider bridges as lists of one
            value = known(value[0])
        if not isinstance(value, Mapping) or value.get(key) is None:
            return default
        value = value[key]
    return known(value)


def each(value: Any, path: str, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value at a path with `[]` for lists, with its own path; the value itself may be Unknown.

    `rules[].destination.bucket` yields `("rules[0].destination.bucket", ...)`. An unknown on the way is
    yielded in place of what it hides.
    """
    if isinstance(value, Unknown) or not path:
        if value is not None:
            yield prefix, value
        return
    head, _, rest = path.partition(".")
    key = head.removesuffix("[]")
    if isinstance(value, list) and len(value) == 1 and not isinstance(value[0], str):
        value = value[0]
    if not isinstance(value, Mapping):
        return
    item, place = value.get(key), f"{prefix}.{key}" if prefix else key
    if head.endswith("[]") and isinstance(item, list):
        for index, element in enumerate(item):
            yield from each(element, rest, f"{place}[{index}]")
    else:
        yield from each(item, rest, place)


def listed(value: Any) -> list[Any]:
    """A policy document's `x or [x]` as a list."""
    known(value)
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]


def mapping(value: Any, what: str) -> Mapping[str, Any]:
    """The value as a mapping, empty where there is none; raises Misshapen for anything else."""
    if value is None or isinstance(known(value), Mapping):
        return value or {}
    raise Misshapen(f"{what} is not a mapping")


def number(value: Any, what: str) -> int | None:
    """The value as a whole number, None where there is none; raises Misshapen for anything else."""
    try:
        return None if known(value) is None else int(value)
    except (TypeError, ValueError, OverflowError):
        raise Misshapen(f"{what} is not a number") from None


def text(value: Any, what: str) -> str:
    """The value as text; raises Misshapen for anything else."""
    if isinstance(known(value), str):
        return str(value)
    raise Misshapen(f"{what} is not text")


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text inside a resource's inputs and where it stands."""

    path: str
    value: str


def texts(value: Any, path: str = "") -> Iterator[Text]:
    """Every machine-read string of a value, documents in JSON taken apart, `Deny` statements left out."""
    if isinstance(value, str):
        document = json_document(value) if value[:1] in "{[ \n" else None
        if document is not None:
            yield from texts(document, path)
        else:
            yield Text(path, value)
            if ENCODED.fullmatch(path):
                yield from _decoded(value, path)
            elif len(value) > 24 and VARIABLE.fullmatch(path):
                yield from _written(value, path)
    elif isinstance(value, dict):
        if value.get("Effect") == "Deny" and STATEMENT_KEYS.issuperset(value):
            return
        prose = PROSE_KEYS if path not in DATA_KEYS else ()
        for key, item in value.items():
            if key not in prose:
                yield from texts(item, f"{path}.{key}" if path else str(key))
            elif key == "annotations" and isinstance(item, dict):
                orders = {name: order for name, order in item.items() if INSTRUCTION.fullmatch(name)}
                yield from (
                    leaf for name, order in orders.items() for leaf in texts(order, f"{path}.{key}.{name}")
                )
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from texts(item, f"{path}[{index}]")


def answered(resource: Resource) -> Iterator[tuple[str, str]]:
    """What a provider says became of a resource, as far as it is one word and not what was asked for."""
    for key, value in resource.outputs.items():
        told = isinstance(value, str) and key not in PROSE_KEYS and value != resource.props.get(key)
        if told and re.fullmatch(r"[^\s{}\"]+", value):
            yield key, value


def json_document(value: Any) -> Any:
    """The parsed document of a JSON text (or an inline mapping), None for other text."""
    known(value)
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, str) or value.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        document = json.loads(value)
    except ValueError:
        return None
    return document if isinstance(document, dict | list) else None


def _decoded(value: str, path: str) -> Iterator[Text]:
    try:
        yield Text(path, base64.b64decode(value, validate=True).decode("utf-8", "replace"))
    except (binascii.Error, ValueError):
        return


def _written(value: str, path: str) -> Iterator[Text]:
    """A variable whose value is a text in base64, as files are handed to containers."""
    try:
        text = base64.b64decode(value, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return
    if "\n" in text or text.startswith("{"):
        yield Text(path, text)


@dataclass(frozen=True, slots=True)
class Arn:
    """The parts of an ARN; `region` and `account` are empty where the service leaves them out."""

    partition: str
    service: str
    region: str
    account: str
    resource: str


_ARN = re.compile(r"arn:([a-z-]+|\*):([a-z0-9*-]+):([a-z0-9*-]*):([0-9a-z*]*):([^\s\"',]+)")


def arns(text: str) -> Iterator[Arn]:
    """Every ARN in a text."""
    for match in _ARN.finditer(text):
        yield Arn(*match.groups())


def arn(value: Any) -> Arn | None:
    """The value as one ARN, None when it is something else."""
    match = _ARN.fullmatch(known(value)) if isinstance(known(value), str) else None
    return Arn(*match.groups()) if match else None


@cache
def _region_token() -> re.Pattern[str]:
    names = "|".join(sorted(map(re.escape, catalog.regions()), key=len, reverse=True))
    # A Region name as a word of its own, perhaps with a zone letter or in S3's older host names
    # (`s3-eu-west-1`); not inside any other name with dashes.
    return re.compile(rf"(?<![A-Za-z0-9-])(?:s3-)?({names})[a-z]?(?![A-Za-z0-9-])")


def regions_named(text: str) -> Iterator[str]:
    """Every Region that a text names, alone or in an ARN, host or zone name."""
    for match in _region_token().finditer(text):
        yield match.group(1)


@cache
def _apart_token() -> re.Pattern[str]:
    names = "|".join(map(re.escape, catalog.regions()))
    return re.compile(
        rf"(?<![A-Za-z0-9-])(?:{names})-(?:wl\d+-)?[a-z]{{3}}(?:-wlz)?-\d+[a-z]?(?![A-Za-z0-9-])"
    )


def zones_apart(text: str) -> list[str]:
    """Every Local or Wavelength Zone that a text names: they may lie in another country than their Region."""
    return _apart_token().findall(text)


_NAMED = re.compile(
    r".*(?:passw(?:or)?d|passphrase|secret|token|key|salt|credential)(?:s|wo|string|binary|hash)?(?:\[\d+\])?",
    re.IGNORECASE,
)


def credential_name(name: str) -> bool:
    """Whether a property, variable or parameter of this name holds a credential."""
    return _NAMED.fullmatch(name) is not None
