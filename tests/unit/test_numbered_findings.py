"""Area of concern: every numbered finding and public report has a test whose name carries its number.

Not here: the tests themselves. A name says the trial and the number, as in `test_aws_3_...` or `..._row_3`:
aws = planned resources judged by what AWS publishes, row = the proxy started for real, tried = the product
tried by a new user, held = kinds of state that rules missed, report = public bug reports, k8s = the planned
workload on a real scheduler, pitfall = known traps by table and row, note = field notes on what decides
whether a stack works.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
NUMBER = re.compile(r"(?:^|_)(aws|row|tried|held|report|k8s|note|pitfall_[0-9]+)_([0-9]+)(?=_|$)")

FINDINGS = {
    ("aws", 1): "block rules of the DNS Firewall that share a list",
    ("aws", 2): "a record type that the resolver does not know by that name",
    ("aws", 3): "signs that EC2 refuses in descriptions",
    ("aws", 4): "an own node image without what lets it join",
    ("aws", 5): "budgets without subscribers, or with too many",
    ("aws", 6): "vendor calls cut in the middle of a ClientHello",
    ("aws", 7): "instance types unknown to the autoscaler's own list",
    ("aws", 8): "placement groups beside reserved capacity",
    ("aws", 9): "EFA on a card that carries IP only",
    ("aws", 10): "a runner or a tunnel that reaches neither state nor API server",
    ("aws", 11): "clients without a route back",
    ("k8s", 1): "texts longer than an encoder takes in one step",
    ("k8s", 2): "groups of nodes across zones, of which none is whole after losing one",
    ("k8s", 3): "replicas that outlive a zone and cannot be replaced",
    ("k8s", 4): "a gateway without room for its update",
    ("k8s", 5): "requests cut when a pod ends",
    ("k8s", 6): "a start predicted for another loader than the one that runs",
    ("k8s", 7): "volumes too small and too slow for the image",
    ("k8s", 8): "instance types that the autoscaler does not know",
    ("k8s", 9): "an extra node for each update",
    ("k8s", 10): "an autoscaler without probes, and low user ids",
    ("pitfall_1", 5): "a quota of nothing in a new account",
    ("pitfall_1", 6): "GPUs that are seldom to be had on demand",
    ("pitfall_1", 7): "capacity blocks that have not begun, or end soon",
    ("pitfall_1", 8): "a group across zones whose reservation is in one",
    ("pitfall_1", 1): "GPU nodes on an image without a driver",
    ("pitfall_1", 2): "an image of an ended line",
    ("pitfall_1", 3): "no device plugin, or two",
    ("pitfall_1", 9): "a group that stands in several zones",
    ("pitfall_1", 12): "nodes whose group does not let them talk",
    ("pitfall_1", 26): "pods that take the role of their node",
    ("pitfall_1", 27): "an update that wants a spare GPU",
    ("pitfall_1", 14): "a small /dev/shm",
    ("pitfall_1", 15): "pods that share the host's IPC or processes",
    ("pitfall_1", 16): "probes that kill what still loads",
    ("pitfall_1", 17): "a health path that answers before the model",
    ("pitfall_1", 18): "a Service whose name sets a variable of the engine",
    ("pitfall_1", 19): "disks too small for image and cache",
    ("pitfall_1", 20): "images pulled layer after layer",
    ("pitfall_1", 21): "weights fetched from a hub at each start",
    ("pitfall_1", 22): "offline servers that ask the hub all the same",
    ("pitfall_1", 23): "usage statistics",
    ("pitfall_1", 24): "paths without a key",
    ("pitfall_1", 25): "a context larger than the cache",
    ("pitfall_1", 28): "hops that cut long answers",
    ("pitfall_1", 30): "images by a tag that moves",
    ("pitfall_1", 31): "types that a zone does not offer",
    ("k8s", 11): "replicas that nothing scales, and metrics that nobody may read",
    ("note", 2): "a private API server that nothing outside can reach",
    ("note", 3): "a mirror that nothing starts, and digests that a copy changes",
    ("note", 4): "services that start before their secret has a value",
    ("note", 8): "key policies that name a role which does not exist",
    ("note", 11): "an entrance without a certificate",
    ("note", 14): "redaction by images that nobody has built",
    ("note", 34): "pods that scale without nodes, and two that say how many there are",
    ("note", 35): "a scaler that cannot take its role, and figures outside the boundary",
    ("note", 36): "parts that no recorder sees, and sick GPUs that nobody is told of",
    ("note", 38): "objects that are replaced because the way to the cluster has changed",
    ("note", 39): "zones compared by names, which differ from account to account",
    ("note", 42): "one word for two ways to quantize",
    ("note", 43): "what a destroy leaves behind without a word",
    ("note", 46): "service-linked roles and first uses that fail",
    ("pitfall_3", 4): "resources in another Region than their provider's",
    ("pitfall_3", 5): "objects that land in whatever cluster is at hand",
    ("pitfall_3", 6): "a preview that asks a cluster which does not exist",
    ("pitfall_3", 7): "objects applied before the API server is ready",
    ("pitfall_3", 8): "a cluster that goes before its objects",
    ("pitfall_3", 9): "waits that end before a server can start",
    ("row", 1): "an entry point that ECS does not replace",
    ("row", 2): "caller keys that open every path",
    ("row", 3): "the vendor's key sent to AWS",
    ("row", 4): "redaction in languages that the analyzer does not know",
    ("row", 5): "caller keys that nobody makes",
    ("row", 6): "a password in the output of a failing start",
    ("row", 7): "a configuration asked for at the wrong host",
    ("row", 8): "budgets open while the cache is down",
    ("row", 9): "originals that are not restored",
    ("row", 10): "adapter routes that nobody may call",
    ("row", 11): "revocations that are not broadcast",
    ("row", 12): "tasks killed by a failover of the database",
    ("row", 13): "admin pages and the description of the API open",
    ("row", 14): "streams that arrive in one piece behind a guard",
    ("row", 15): "settings that the pinned version does not read",
    ("row", 16): "answers without a cap",
    ("tried", 1): "a foreign or empty state allowed unread",
    ("tried", 2): "an organization of the author's own",
    ("tried", 3): "mistyped rules, waivers and levels that pass",
    ("tried", 4): "shapes that end as a bug",
    ("tried", 5): "a kind that is no text",
    ("tried", 6): "a class that counts without saying why",
    ("tried", 7): "vendor models that cannot do what is asked, and offers that cannot serve",
    ("tried", 8): "rules that decide plans and do not exist",
    ("tried", 9): "remedies that do not help",
    ("tried", 10): "wishes dropped without a word",
    ("tried", 11): "one home of a setting read, the others not",
    ("tried", 12): "small contradictions between outputs",
    ("tried", 13): "whole cases, from spec to decision",
    ("report", 1): "expert weights in blocks that a rank cannot take whole",
    ("report", 3): "KV heads that ranks can neither share nor copy evenly",
    ("report", 4): "a family without float16 on a card without bfloat16",
    ("report", 7): "attention heads that ranks cannot share evenly",
    ("report", 8): "a longer context that starts where a shorter does not",
    ("report", 9): "an adapter of a higher rank than the server takes",
    ("report", 10): "a flag of older versions, and requests written into the log",
    ("report", 11): "typical requests longer than the context",
    ("report", 13): "callbacks named for one team or one model",
    ("report", 15): "prompts kept in the proxy's own table",
    ("report", 16): "public addresses from elsewhere than the subnet",
    ("report", 18): "a network policy that nothing enforces",
    ("report", 19): "a vendor's deployment that may run anywhere behind a regional host",
    ("report", 21): "a model offered through profiles only",
    ("report", 22): "a type that its zone does not offer",
    ("report", 23): "a fabric adapter that the type lacks",
    ("report", 24): "a capacity block of a type that is sold in none",
} | {("held", number): "a kind of state that was read wrongly" for number in range(1, 19)}


@cache
def named() -> frozenset[tuple[str, int]]:
    """Every number that the name of a test carries."""
    return frozenset(number for path in TESTS.rglob("test_*.py") for number in numbers_of(path))


def numbers_of(path: Path) -> Iterator[tuple[str, int]]:
    """By the syntax tree, so that a name in a comment does not count."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield from ((trial, int(number)) for trial, number in NUMBER.findall(node.name))


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda one: f"{one[0]}_{one[1]}")
def test_a_finding_has_a_test_that_carries_its_number(finding: tuple[str, int]) -> None:
    """Removing the last one of a number fails here."""
    assert finding in named(), FINDINGS[finding]


def test_no_test_carries_a_number_that_nobody_found() -> None:
    """A slip in a name would count for a finding that it is not about, or for none."""
    assert named() <= FINDINGS.keys()


def test_numbers_are_read_from_names(tmp_path: Path) -> None:
    """One name may carry several; a longer number or another word is none of them."""
    text = (
        "def test_aws_1_x(): ...\nasync def test_y_row_12_pitfall_1_9(): ...\n"
        "def test_z_draws_3(): ...\n# test_held_2\n"
    )
    path = tmp_path / "test_x.py"
    path.write_text(text, "utf-8")

    assert set(numbers_of(path)) == {("aws", 1), ("row", 12), ("pitfall_1", 9)}
