"""A cluster that exists already: whether it is of the version, and lets the stack in as it has to.

Nothing of it is changed. Not here: a cluster that the foundation makes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from inferplan.cli.preflight_checks.question import Answer, Asking, Question, Said, Wanted, ok, to_do

ABSENT = ("ResourceNotFoundException",)


class Given(NamedTuple):
    """The cluster as EKS describes it, and the names of its add-ons."""

    cluster: Answer
    addons: frozenset[str]


def questions(wanted: Wanted) -> Iterator[Question[Any]]:
    """One for all of it."""
    cluster = wanted.plan.cluster
    if cluster is None or cluster.existing is None:
        return
    name = cluster.existing
    arn = wanted.arn("eks", f"cluster/{name}")
    yield Question(
        check="existing-cluster",
        layer="foundation",
        subject=name,
        asks={"eks:DescribeCluster": (arn,), "eks:ListAddons": (arn,)},
        ask=partial(_given, name),
        judge=partial(fitting, wanted, name),
    )


def _given(name: str, asking: Asking) -> Given | None:
    answer = asking.found(ABSENT, "eks", "describe_cluster", name=name)
    if answer is None:
        return None
    return Given(answer["cluster"], frozenset(asking.rows("eks", "list_addons", "addons", clusterName=name)))


def fitting(wanted: Wanted, name: str, given: Given | None) -> Iterable[Said]:
    """Everything that does not fit is told."""
    planned = wanted.plan.cluster
    assert planned is not None
    if given is None:
        return [to_do("the account has no such cluster in the Region", wanted.aws("eks list-clusters"))]
    cluster, said = given.cluster, []
    if cluster["status"] != "ACTIVE":
        show = wanted.aws(f"eks describe-cluster --name {name} --query cluster.health")
        said.append(to_do(f"it is {cluster['status']}", show))
    if _number(cluster["version"]) < _number(planned.version):
        fix = wanted.aws(f"eks update-cluster-version --name {name} --kubernetes-version {planned.version}")
        said.append(to_do(f"it is of version {cluster['version']}, below {planned.version}", fix))
    if cluster.get("accessConfig", {}).get("authenticationMode", "CONFIG_MAP") == "CONFIG_MAP":
        mode = "authenticationMode=API_AND_CONFIG_MAP"
        fix = wanted.aws(f"eks update-cluster-config --name {name} --access-config {mode}")
        said.append(to_do("it knows no access entries, by which the stack lets its roles in", fix))
    network = cluster["resourcesVpcConfig"]
    if not network.get("endpointPrivateAccess"):
        access = "endpointPrivateAccess=true"
        fix = wanted.aws(f"eks update-cluster-config --name {name} --resources-vpc-config {access}")
        said.append(to_do("its API has no private address", fix))
    vpc = wanted.plan.network.existing_vpc
    if network.get("vpcId") != vpc:
        told = f"it stands in {network.get('vpcId')}, and the spec names {vpc or 'no existing network'}"
        said.append(to_do(told, wanted.field(f"network.existing.vpc: {network.get('vpcId')}")))
    for addon in planned.addons:
        if addon not in given.addons:
            fix = wanted.aws(f"eks create-addon --cluster-name {name} --addon-name {addon}")
            said.append(to_do(f"it lacks the add-on {addon}", fix))
    return said or [ok(f"{cluster['version']}, private, with every add-on")]


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
