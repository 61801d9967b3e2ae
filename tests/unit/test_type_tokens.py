"""Area of concern: the resource types that rules speak of: each is spelled once, and the SDKs have it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from inferplan.catalog.refresh.type_registry import registered

POLICIES = Path(__file__).parents[2] / "policies"
TOKEN = re.compile(r"(?:aws|kubernetes|pulumi|inferplan):(?:\*|[\w./*-]+:[\w*-]+)")
NO_TYPES = {"aws:kms:dsse"}  # two layers of encryption, in the words of S3
# Groups of custom resources: no SDK registers them, their controllers bring them.
CONTROLLERS = {
    "keda.sh": "replicas that follow the load",
    "leaderworkerset.x-k8s.io": "model servers over several nodes",
    "elbv2.k8s.aws": "the AWS load balancer controller",
    "gateway.k8s.aws": "the same, for the Gateway API",
    "gateway.networking.k8s.io": "the Gateway API",
}


def spelled(source: str) -> Iterator[str]:
    """Every type token that a module spells, also one that is put together of literals."""
    for node in ast.walk(ast.parse(source)):
        text = folded(node)
        if text is not None and text not in NO_TYPES and TOKEN.fullmatch(text):
            yield text


def folded(node: ast.AST) -> str | None:
    """The text of a literal, or of literals that are added to each other; None for anything else."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = folded(node.left), folded(node.right)
        return left + right if left is not None and right is not None else None
    return None


@cache
def places() -> dict[str, list[str]]:
    """Where each token of policies/ is spelled."""
    found: dict[str, list[str]] = {}
    for path in sorted(POLICIES.rglob("*.py")):
        for token in spelled(path.read_text("utf-8")):
            found.setdefault(token, []).append(str(path.relative_to(POLICIES)))
    return found


def unregistered(tokens: set[str]) -> set[str]:
    """Tokens of AWS and Kubernetes that mean nothing the SDKs have; one with `*` has to mean something."""
    return {
        token
        for token in tokens
        if token.startswith(("aws:", "kubernetes:"))
        and token.split(":")[1].partition("/")[0] not in CONTROLLERS
        and not _means_something(token)
    }


def _means_something(token: str) -> bool:
    if "*" not in token:
        return token in registered()
    pattern = re.compile(re.escape(token).replace(r"\*", ".*"))
    return any(pattern.fullmatch(known) for known in registered())


def test_no_type_is_spelled_twice() -> None:
    """What two modules speak of is a name in policies/types.py; what one speaks of is a name in that one."""
    assert {token: where for token, where in places().items() if len(where) > 1} == {}


def test_every_type_exists_in_the_sdk() -> None:
    """A misspelt type would match nothing, and its rule would pass whatever is deployed."""
    assert unregistered(set(places())) == set()


def test_every_controller_is_spoken_of() -> None:
    """No exception outlives what it is for."""
    groups = {token.split(":")[1].partition("/")[0] for token in places()}

    assert set(CONTROLLERS) <= groups


@pytest.mark.parametrize(
    "source",
    ['T = "aws:s3/bukket:Bucket"', 'T = "aws:s3/" "bukket:Bucket"', 'T = "aws:s3/" + "bukket:Bucket"'],
    ids=["whole", "joined", "added"],
)
def test_a_misspelt_type_is_seen(source: str) -> None:
    """However its literal is written."""
    assert unregistered(set(spelled(source))) == {"aws:s3/bukket:Bucket"}


@pytest.mark.parametrize(
    ("token", "known"),
    [("kubernetes:core/v1:Pod", True), ("kubernetes:core/v2:Pod", False), ("aws:s3/*:Bucket*", True),
     ("aws:s4/*", False), ("aws:s4/*:Bucket", False)],
)  # fmt: skip
def test_what_the_sdk_has(token: str, known: bool) -> None:
    """Exact tokens and patterns alike."""
    assert (unregistered({token}) == set()) is known
