"""Area of concern: the list of what will be created, for people and tools, and what `diff` shows of it."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest
from jsonschema import Draft202012Validator

from inferplan.report import diff_text, resource_list, resource_tree
from inferplan.report.contract_schemas import output_text
from inferplan.resource import Provider, Resource, Unknown
from inferplan.spec.declaration import Bar
from stacks import LAYERS
from stacks.purposes import purposes
from tests.command_line import AS_OF, inferplan
from tests.unit.plan_edits import EXAMPLES, planned, recorded

# The AWS SDK warns about its own modules when one of its packages is first imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pulumi_aws.*")

BAR = Bar(path=None, name="strict", digest="0" * 64)
CANARY = "canary-1618033988"
ROOT = "urn:pulumi:a.foundation::inferplan::inferplan:index:Deployment::a"
STACK = "urn:pulumi:a.foundation::inferplan::pulumi:pulumi:Stack::inferplan-a.foundation"


def resource(type_: str = "aws:rds/instance:Instance", name: str = "a-db", **fields: Any) -> Resource:
    urn = f"urn:pulumi:a.foundation::inferplan::{type_}::{name}"
    return Resource(**{"urn": urn, "type": type_, "name": name, "parent": ROOT, "props": {}} | fields)


def listed(*resources: Resource) -> list[dict[str, Any]]:
    """The entries of a foundation, as JSON has them."""
    text = resource_list.as_json("a", {"foundation": resources}, BAR)
    entries: list[dict[str, Any]] = json.loads(text)["layers"]["foundation"]
    return entries


def schema() -> Draft202012Validator:
    """The committed contract."""
    return Draft202012Validator(json.loads(output_text("resources")))


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_answer_fits_its_published_schema(example: str) -> None:
    """Every example, every recorded resource, one per line, and whatever it names is in the list."""
    done = inferplan("resources", f"specs/{example}.yaml", "--format", "json", *AS_OF)

    answer = json.loads(done.out)
    assert done.code == 0
    assert list(schema().iter_errors(answer)) == []
    assert (answer["name"], list(answer["layers"])) == (example, list(LAYERS))
    entries = [entry for layer in LAYERS for entry in answer["layers"][layer]]
    assert [entry["urn"] for entry in entries] == [found.urn for found in recorded(example)]
    lines = done.out.splitlines()
    assert sum(line.startswith('   {"urn": ') for line in lines) == len(entries)
    urns = {entry["urn"] for entry in entries}
    assert {entry["parent"] for entry in entries} - {None} <= urns
    assert {urn for entry in entries for urns_ in entry["origins"].values() for urn in urns_} <= urns | {
        urn for entry in entries for urn in entry["depends_on"]
    }
    assert [entry["type"] for entry in entries if entry["parent"] is None] == [
        "inferplan:index:Deployment"
    ] * len(LAYERS)


def test_the_schema_refuses_what_is_not_the_contract() -> None:
    """A missing or mistyped field does not fit."""
    answer = json.loads(resource_list.as_json("a", {"foundation": (resource(),)}, BAR))
    (entry,) = answer["layers"]["foundation"]

    assert schema().is_valid(answer)
    for key in entry:
        broken = {name: value for name, value in entry.items() if name != key}
        assert not schema().is_valid(answer | {"layers": {"foundation": [broken]}}), key
    assert not schema().is_valid(answer | {"layers": {"foundation": [entry | {"depends_on": "x"}]}})
    assert not schema().is_valid(answer | {"schema": "inferplan.resources/v1"})


def test_one_layer_can_be_asked_for() -> None:
    """The other is not in the answer."""
    done = inferplan(
        "resources", "specs/eu-support-desk.yaml", "--layer", "workload", "--format", "json", *AS_OF
    )

    assert list(json.loads(done.out)["layers"]) == ["workload"]
    assert inferplan("resources", "specs/eu-support-desk.yaml", "--layer", "account", *AS_OF).code == 2


def test_a_secret_is_never_shown() -> None:
    """Neither at the top nor inside lists and maps, known or unknown, in JSON or in the tree."""
    held = resource(
        props={
            "password": CANARY,
            "users": [{"name": "app", "key": CANARY}],
            "later": Unknown((ROOT,)),
            "description": CANARY,
            "port": 5432,
        },
        secret_paths=frozenset({"password", "users[0].key", "later", "description"}),
    )

    (entry,) = listed(held)
    tree = resource_tree.text("a", {"foundation": (held,)}, {})

    assert entry["inputs"] == {
        "description": {"secret": True},
        "later": {"secret": True},
        "password": {"secret": True},
        "port": 5432,
        "users": [{"key": {"secret": True}, "name": "app"}],
    }
    assert CANARY not in tree
    assert "a-db  aws:rds:Instance" in tree


def test_an_unknown_value_names_where_it_comes_from() -> None:
    """In inputs at any depth, and in the Region of a provider."""
    region = Unknown((STACK,))
    waiting = resource(
        props={"ids": [Unknown((ROOT,))], "text": "x"},
        provider=Provider(urn="p", package="aws", config={"region": region}),
        property_dependencies={"ids": (ROOT,)},
        dependencies=(ROOT,),
    )

    (entry,) = listed(waiting)

    assert entry["inputs"] == {"ids": [{"unknown": [ROOT]}], "text": "x"}
    assert entry["provider"] == {"package": "aws", "region": {"unknown": [STACK]}}
    assert (entry["origins"], entry["depends_on"]) == ({"ids": [ROOT]}, [ROOT])


def test_the_tree_shows_every_resource_below_its_component() -> None:
    """With the component's purpose, and what a resource says of itself."""
    done = inferplan("resources", "specs/in-bank-assistant.yaml", *AS_OF)

    lines = done.out.splitlines()
    custom = sum(found.custom for found in recorded("in-bank-assistant"))
    assert done.code == 0
    assert lines[0] == f"in-bank-assistant: {custom} resources"
    branches = [line for line in lines if line.startswith("  ") and not line.startswith("  bar ")]
    assert len(branches) == len(recorded("in-bank-assistant"))
    at = next(
        n for n, line in enumerate(lines) if line.startswith("    in-bank-assistant-network  Network: VPC")
    )
    below = lines[at + 1 : at + 60]
    assert "      in-bank-assistant-network-vpc  aws:ec2:Vpc" in below
    assert any("aws:kms:Key: " in line for line in lines)
    assert "\x1b" not in done.out


def test_every_component_says_what_it_is_for() -> None:
    """Components are called by their class, and the module of each has a first sentence."""
    used = {found.type for name in EXAMPLES for found in recorded(name) if not found.custom}

    said = purposes()

    assert used <= said.keys()
    assert [type_ for type_, purpose in said.items() if len(purpose.split()) < 3] == []


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("aws:ec2/vpc:Vpc", "aws:ec2:Vpc"),
        ("aws:route53/resolverFirewallRule:ResolverFirewallRule", "aws:route53:ResolverFirewallRule"),
        ("kubernetes:apps/v1:Deployment", "kubernetes:apps/v1:Deployment"),
        ("pulumi:providers:aws", "pulumi:providers:aws"),
    ],
)
def test_types_are_written_as_people_write_them(token: str, expected: str) -> None:
    """The file of the SDK is left out where it only repeats the name."""
    assert resource_tree.short_type(token) == expected


def sides(*modes: str) -> list[diff_text.Side]:
    return [
        diff_text.Side(
            label=mode, plan=planned("eu-both-ways", mode), resources=recorded("eu-both-ways", mode)
        )
        for mode in modes
    ]


def test_diff_counts_what_comes_and_goes_by_component() -> None:
    """Short by default; what both have is not in it."""
    text = diff_text.table(sides("managed-api", "self-hosted"))

    rows = {
        line.split()[0]: line.split()[1:]
        for line in text.partition("come and go")[2].splitlines()[1:]
        if line
    }
    assert rows["GatewayEcs"] == ["3", "-"]
    assert rows["Cluster"] == ["-", "3"]
    assert not {"Database", "Cache"} & rows.keys()
    assert "come and go" not in diff_text.table(sides("self-hosted", "self-hosted"))


def test_diff_names_what_comes_and_goes_when_asked() -> None:
    """Each by layer, component, type and name; JSON has them always."""
    pair = sides("managed-api", "self-hosted")

    lines = [
        " ".join(line.split()) for line in click.unstyle(diff_text.table(pair, verbose=True)).splitlines()
    ]
    told = json.loads(diff_text.as_json(pair, BAR))["resources"]

    assert "foundation, Cluster managed-api self-hosted" in lines
    assert "aws:eks:Cluster eks-cluster - yes" in lines
    assert {
        "layer": "foundation",
        "component": "Cluster",
        "type": "aws:eks/cluster:Cluster",
        "name": "eks-cluster",
        "sides": [False, True],
    } in told
    assert not any(all(entry["sides"]) for entry in told)


def test_diff_compares_two_specs_without_their_names() -> None:
    """Two specs of one kind share what only their names tell apart."""
    two = [
        diff_text.Side(label=name, plan=planned(name), resources=recorded(name))
        for name in ("de-clinic-notes", "minimal")
    ]

    assert ("foundation", "Cluster", "aws:eks/cluster:Cluster", "eks-cluster") not in diff_text.come_and_go(
        two
    )
    assert not any(name.startswith(("de-clinic-notes", "minimal")) for *_, name in diff_text.come_and_go(two))
