"""Policy documents as rules read them: what they allow, to whom, and whether a condition holds anybody back.

Not here: which of it is too much (the packs).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from inferplan.resource import Resource
from policies import types
from policies.read import each, get, json_document, listed, mapping

# Condition keys that say whose call or resource it is.
BINDING = frozenset(
    {"aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:resourceaccount",
     "aws:resourceorgid", "aws:sourceaccount", "aws:sourcearn", "aws:sourceowner", "aws:sourcevpc",
     "aws:sourcevpce", "kms:calleraccount", "s3:dataaccesspointaccount"}
)  # fmt: skip


def allowed_statements(document: Any) -> list[dict[str, Any]]:
    """The Allow statements of a policy document."""
    statements = [mapping(item, "a policy statement") for item in listed(get(document, "Statement", []))]
    return [dict(item) for item in statements if item.get("Effect") == "Allow"]


def documents(item: Resource) -> Iterator[tuple[str, Any]]:
    """The policy documents that say what a principal may do, each with its place."""
    where = "inlinePolicies[].policy" if item.type == types.ROLE else "policy"
    for path, policy in each(item.props, where):
        yield path, json_document(policy) or {}


def allowing(document: Any, actions: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Statements that allow one of these actions, given in lower case; what they name may be patterns."""
    for statement in allowed_statements(document):
        patterns = [str(action).lower() for action in listed(statement.get("Action"))]
        if "NotAction" in statement or any(
            fnmatchcase(name, pattern) for name in actions for pattern in patterns
        ):
            yield statement


def allows_all(document: Any) -> bool:
    """Whether a statement lets anybody do anything with everything, without a condition."""
    return any(
        not binds(statement.get("Condition")) and names_anybody(statement) and _names_anything(statement)
        for statement in allowed_statements(document)
    )


def names_anybody(statement: dict[str, Any]) -> bool:
    """Whether a statement speaks of every principal there is."""
    principal = statement.get("Principal")
    named = listed(principal.get("AWS")) if isinstance(principal, dict) else listed(principal)
    return "*" in named or "NotPrincipal" in statement


def _names_anything(statement: dict[str, Any]) -> bool:
    """Whether it covers every resource of a service; a bucket's ARN names neither Region nor account."""
    parts = [str(item).rpartition(":")[2] for item in listed(statement.get("Resource"))]
    return "NotResource" in statement or any(not part.strip("*/") for part in parts)


def binds(condition: Any) -> bool:
    """Whether a condition ties callers or resources to accounts, networks or names that it spells out."""
    return any(
        key.lower() in BINDING and "Not" not in operator and "*" not in listed(values)
        for operator, keys in mapping(condition, "a policy condition").items()
        if "Equals" in operator or "Like" in operator
        for key, values in mapping(keys, f"a policy condition of {operator}").items()
    )
