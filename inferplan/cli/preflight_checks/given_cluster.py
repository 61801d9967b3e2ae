"""A cluster that exists already: whether the account has it as the platform team has registered it.

Nothing of it is changed. Not here: a cluster that the foundation makes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from inferplan.cli.preflight_checks.account_question import Answer, Asking, Question, Said, Wanted, ok, to_do
from inferplan.plan import given as register
from inferplan.spec.organization import RegisteredCluster

ABSENT = ("ResourceNotFoundException",)


class Described(NamedTuple):
    """The cluster as EKS describes it, and the names of its add-ons."""

    cluster: Answer
    addons: frozenset[str]


def questions(wanted: Wanted) -> Iterator[Question[Any]]:
    """One for all of it."""
    registered, planned = register.given_cluster(wanted.declaration), wanted.plan.cluster
    if registered is None or planned is None:
        return
    arn = wanted.arn("eks", f"cluster/{planned.name}")
    yield Question(
        check="existing-cluster",
        layer="foundation",
        subject=planned.name,
        asks={"eks:DescribeCluster": (arn,), "eks:ListAddons": (arn,)},
        ask=partial(_described, planned.name),
        judge=partial(as_registered, wanted, planned.name, registered),
    )


def _described(name: str, asking: Asking) -> Described | None:
    answer = asking.found(ABSENT, "eks", "describe_cluster", name=name)
    if answer is None:
        return None
    addons = asking.rows("eks", "list_addons", "addons", clusterName=name)
    return Described(answer["cluster"], frozenset(addons))


def as_registered(
    wanted: Wanted, name: str, registered: RegisteredCluster, described: Described | None
) -> Iterable[Said]:
    """What the stack needs of it, and what the register says of it; everything that differs is told."""
    if described is None:
        return [to_do("the account has no such cluster in the Region", wanted.aws("eks list-clusters"))]
    cluster = described.cluster
    said = [*_needed(wanted, name, cluster), *_registered(name, registered, cluster)]
    for addon in registered.addons:
        if addon not in described.addons:
            fix = wanted.aws(f"eks create-addon --cluster-name {name} --addon-name {addon}")
            said.append(to_do(f"it lacks the add-on {addon}, which is registered", fix))
    return said or [ok(f"{cluster['version']}, private, as registered")]


def _needed(wanted: Wanted, name: str, cluster: Answer) -> Iterator[Said]:
    """Access entries, by which the stack lets its roles in, and a private address."""
    if cluster["status"] != "ACTIVE":
        show = wanted.aws(f"eks describe-cluster --name {name} --query cluster.health")
        yield to_do(f"it is {cluster['status']}", show)
    change = f"eks update-cluster-config --name {name}"
    if cluster.get("accessConfig", {}).get("authenticationMode", "CONFIG_MAP") == "CONFIG_MAP":
        fix = wanted.aws(f"{change} --access-config authenticationMode=API_AND_CONFIG_MAP")
        yield to_do("it knows no access entries, by which the stack lets its roles in", fix)
    if not cluster["resourcesVpcConfig"].get("endpointPrivateAccess"):
        fix = wanted.aws(f"{change} --resources-vpc-config endpointPrivateAccess=true")
        yield to_do("its API has no private address", fix)


def _registered(name: str, registered: RegisteredCluster, cluster: Answer) -> Iterator[Said]:
    """The plan rests on these fields of the register."""
    network = cluster["resourcesVpcConfig"]
    groups = [network.get("clusterSecurityGroupId"), *network.get("securityGroupIds", ())]
    group = registered.control_plane_group
    access = "public" if network.get("endpointPublicAccess") else "private"
    for field, is_, expected in (
        ("version", cluster["version"], registered.version),
        ("network", network.get("vpcId"), registered.network),
        ("endpoint", cluster.get("endpoint"), registered.endpoint),
        ("access", access, registered.access),
        ("control_plane_group", group if group in groups else groups[0], group),
    ):
        if is_ != expected:
            fix = f"in organization.yaml: clusters.{name}.{field}: {is_}"
            yield to_do(f"its {field} is {is_}, and {expected} is registered", fix)
