"""Rules about resources together, or about what stands inside one, that AWS states only in prose.

Not here: rules about the text of a single property (prose).
"""

from __future__ import annotations

import ipaddress
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from inferplan.resource import Resource, Unknown
from tests.aws.judge import Finding
from tests.aws.prose import API

Check = Callable[[Sequence[Resource]], Iterator[str]]
CHECKS: dict[Check, str] = {}  # each with its address

USER_GUIDE = f"{API}AWSEC2/latest/UserGuide/"


def stated(address: str) -> Callable[[Check], Check]:
    """A rule and where it is stated."""

    def add(check: Check) -> Check:
        CHECKS[check] = address
        return check

    return add


def judged(resources: Sequence[Resource]) -> Iterator[Finding]:
    """What these rules refuse in one stack."""
    for check, address in CHECKS.items():
        for text in check(resources):
            yield Finding("prose", check.__name__, "", f"{text} against {address}")


def _of(resources: Sequence[Resource], ending: str) -> list[Resource]:
    return [resource for resource in resources if resource.type.endswith(f":{ending}")]


@stated("https://github.com/hashicorp/terraform-provider-aws/issues/38073")
def one_list_per_dns_rule(resources: Sequence[Resource]) -> Iterator[str]:
    """The provider finds a rule of the DNS Firewall again by its group and its list alone."""
    pairs = Counter(
        tuple(
            rule.property_dependencies.get(name, ())
            for name in ("firewallRuleGroupId", "firewallDomainListId")
        )
        for rule in _of(resources, "ResolverFirewallRule")
    )
    for (_, lists), count in pairs.items():
        if count > 1:
            yield f"{count} rules share {', '.join(urn.rpartition('::')[2] for urn in lists)}"


@stated(f"{API}aws-cost-management/latest/APIReference/API_budgets_CreateBudget.html")
def few_budget_notifications(resources: Sequence[Resource]) -> Iterator[str]:
    """A budget has five notifications, a notification ten addresses and one topic."""
    for budget in _of(resources, "Budget"):
        notifications = budget.props.get("notifications") or ()
        if len(notifications) > 5:
            yield f"{len(notifications)} notifications"
        for said in notifications:
            mails, topics = (
                len(said.get(f"subscriber{kind}") or ()) for kind in ("EmailAddresses", "SnsTopicArns")
            )
            if mails > 10 or topics > 1 or not mails + topics:
                yield f"{mails} addresses and {topics} topics"


@stated("https://github.com/aws/amazon-vpc-cni-k8s/issues/3311")
def hello_is_complete(resources: Sequence[Resource]) -> Iterator[str]:
    """A TLS rule that cuts without asking for the client hello cuts on its first segment."""
    for rule in _stateful_rules(resources):
        keywords = {option["keyword"] for option in rule["ruleOptions"]}
        cuts = rule["header"]["protocol"] == "TLS" and rule["action"] in ("DROP", "REJECT")
        if cuts and not keywords & {"ssl_state", "tls.sni"}:
            yield "TLS is cut before the client hello is complete"


@stated(f"{API}network-firewall/latest/developerguide/nwfw-rule-group-capacity.html")
def rules_are_told_apart(resources: Sequence[Resource]) -> Iterator[str]:
    """Rules of a group have numbers of their own and fit its capacity."""
    for group in _of(resources, "RuleGroup"):
        rules = list(_stateful_rules([group]))
        sids = [o["settings"][0] for rule in rules for o in rule["ruleOptions"] if o["keyword"] == "sid"]
        if len(set(sids)) < len(rules):
            yield f"{len(rules)} rules with {len(set(sids))} numbers"
        if len(rules) > group.props["capacity"]:
            yield f"{len(rules)} rules in a capacity of {group.props['capacity']}"


def _stateful_rules(resources: Sequence[Resource]) -> Iterator[Mapping[str, Any]]:
    for group in _of(resources, "RuleGroup"):
        yield from group.props["ruleGroup"]["rulesSource"]["statefulRules"]


FARGATE_MIB: dict[int, Sequence[int]] = {  # CPU units and the memory that goes with them
    256: (512, 1024, 2048),
    512: range(1024, 4097, 1024),
    1024: range(2048, 8193, 1024),
    2048: range(4096, 16385, 1024),
    4096: range(8192, 30721, 1024),
    8192: range(16384, 61441, 4096),
    16384: range(32768, 122881, 8192),
}


@stated(f"{API}AmazonECS/latest/developerguide/fargate-tasks-services.html")
def fargate_sizes(resources: Sequence[Resource]) -> Iterator[str]:
    """Fargate has fixed sizes, and its containers fit into them."""
    for task in _of(resources, "TaskDefinition"):
        cpu, mib = int(task.props["cpu"]), int(task.props["memory"])
        if mib not in FARGATE_MIB.get(cpu, ()):
            yield f"{cpu} units of CPU with {mib} MiB"
        inside = sum(container.get("memory", 0) for container in _containers(task))
        if inside > mib:
            yield f"containers of {inside} MiB in {mib} MiB"


RANGES = {"interval": (5, 300), "timeout": (2, 120), "retries": (1, 10), "startPeriod": (0, 300)}


@stated(f"{API}AmazonECS/latest/APIReference/API_HealthCheck.html")
def health_check_ranges(resources: Sequence[Resource]) -> Iterator[str]:
    """Times and counts of container health checks keep to their ranges."""
    for task in _of(resources, "TaskDefinition"):
        for container in _containers(task):
            for name, value in container.get("healthCheck", {}).items():
                low, high = RANGES.get(name, (None, None))
                if low is not None and high is not None and not low <= value <= high:
                    yield f"{name} {value}"


@stated(f"{API}AmazonECS/latest/APIReference/API_ContainerDefinition.html")
def containers_of_a_task(resources: Sequence[Resource]) -> Iterator[str]:
    """Containers wait for containers of their task, stop within two minutes, read files called .env."""
    for task in _of(resources, "TaskDefinition"):
        containers = _containers(task)
        names = {container["name"] for container in containers}
        for container in containers:
            waits_for = {said["containerName"] for said in container.get("dependsOn", ())}
            if strangers := waits_for - names:
                yield f"{container['name']} waits for {', '.join(sorted(strangers))}"
            if not 0 <= container.get("stopTimeout", 30) <= 120:
                yield f"{container['name']} stops within {container['stopTimeout']} s"
            if any(not said["value"].endswith(".env") for said in container.get("environmentFiles", ())):
                yield f"{container['name']} reads an environment file without .env"


def _containers(task: Resource) -> list[dict[str, Any]]:
    said = task.props["containerDefinitions"]
    containers: list[dict[str, Any]] = [] if isinstance(said, Unknown) else json.loads(said)
    return containers


@stated(f"{API}vpc/latest/userguide/subnet-sizing.html")
def subnets_lie_apart(resources: Sequence[Resource]) -> Iterator[str]:
    """Subnets lie in their VPC and do not overlap."""
    subnets = [(s.name, ipaddress.ip_network(s.props["cidrBlock"])) for s in _of(resources, "Subnet")]
    for vpc in _of(resources, "Vpc"):
        whole = ipaddress.ip_network(vpc.props["cidrBlock"])
        yield from (f"{name} lies outside {whole}" for name, cidr in subnets if not cidr.subnet_of(whole))  # type: ignore[arg-type]
    for (one, first), (other, second) in combinations(subnets, 2):
        if first.overlaps(second):
            yield f"{one} overlaps {other}"


@stated(f"{API}vpc/latest/userguide/VPC_Route_Tables.html")
def clients_have_a_way_back(resources: Sequence[Resource]) -> Iterator[str]:
    """A client outside the VPC is answered only where its subnets have a route to it."""
    whole = [ipaddress.ip_network(vpc.props["cidrBlock"]) for vpc in _of(resources, "Vpc")]
    tables = [
        t for t in _of(resources, "RouteTable") if t.props.get("tags", {}).get("inferplan:tier") == "balancer"
    ]
    routed = {
        (urn, ipaddress.ip_network(route.props["destinationCidrBlock"]))
        for route in _of(resources, "Route")
        if "destinationCidrBlock" in route.props
        for urn in route.property_dependencies["routeTableId"]
    }
    for rule in _of(resources, "SecurityGroupIngressRule"):
        said = rule.props.get("cidrIpv4")
        if said is None or isinstance(said, Unknown) or "balancer" not in rule.name:
            continue
        clients = ipaddress.ip_network(said)
        ways = [urn for urn, cidr in routed if clients.subnet_of(cidr)]  # type: ignore[arg-type]
        inside = any(clients.subnet_of(vpc) for vpc in whole)  # type: ignore[arg-type]
        if not inside and any(table.urn not in ways for table in tables):
            yield f"{said} has no route"


@stated(f"{API}eks/latest/userguide/launch-templates.html")
def templates_of_node_groups(resources: Sequence[Resource]) -> Iterator[str]:
    """What a launch template says, its node group must not say again; an own image is in the template."""
    for group, template in _node_groups(resources):
        own = group.props.get("amiType") == "CUSTOM"
        if own and not template.get("imageId"):
            yield f"{group.name}: an own image, and none in the template"
        if (own or template.get("imageId")) and group.props.get("version"):
            yield f"{group.name}: a version beside an own image"
        if template.get("instanceType") and group.props.get("instanceTypes"):
            yield f"{group.name}: instance types in template and group"
        if group.props.get("diskSize") or template.get("iamInstanceProfile"):
            yield f"{group.name}: disk size or instance profile beside a template"


@stated("https://github.com/aws/aws-parallelcluster/issues/7143")
def network_cards(resources: Sequence[Resource]) -> Iterator[str]:
    """The first card of p6-b300 carries no EFA."""
    for group, template in _node_groups(resources):
        types = [template.get("instanceType"), *(group.props.get("instanceTypes") or ())]
        if any(str(name).startswith("p6-b300") for name in types):
            for said in template.get("networkInterfaces") or ():
                if said["networkCardIndex"] == 0 and said["interfaceType"] != "interface":
                    yield f"{group.name}: {said['interfaceType']} on card 0"


@stated("https://github.com/terraform-aws-modules/terraform-aws-eks/issues/3730")
def reservations_have_their_place(resources: Sequence[Resource]) -> Iterator[str]:
    """Capacity that is reserved lies where it lies: a new placement group does not match it."""
    for group, template in _node_groups(resources):
        if template.get("capacityReservationSpecification") and template.get("placement"):
            yield f"{group.name}: a reservation and a placement group"


def _node_groups(resources: Sequence[Resource]) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    """Every node group with what its launch template says."""
    templates = {template.urn: template.props for template in _of(resources, "LaunchTemplate")}
    for group in _of(resources, "NodeGroup"):
        (urn,) = group.property_dependencies["launchTemplate"]
        yield group, templates[urn]


@stated(f"{API}IAM/latest/UserGuide/reference_iam-quotas.html")
def names_are_taken_once(resources: Sequence[Resource]) -> Iterator[str]:
    """No two resources of a type and Region share a name, whatever its case."""
    named = (
        "Role",
        "Policy",
        "LogGroup",
        "Alias",
        "Secret",
        "Repository",
        "MetricAlarm",
        "TargetGroup",
        "Budget",
    )
    for ending in (*named, "LoadBalancer", "Topic", "LogMetricFilter"):
        names = Counter(str(resource.props["name"]).lower() for resource in _of(resources, ending))
        yield from (f"{ending} {name} twice" for name, count in names.items() if count > 1)


ACROSS_ZONES = {"LoadBalancer": "subnets", "SubnetGroup": "subnetIds", "Cluster": "vpcConfig"}


@stated(f"{API}AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html")
def two_zones(resources: Sequence[Resource]) -> Iterator[str]:
    """Balancers, databases and control planes want subnets in two zones at least."""
    zones = {subnet.urn: subnet.props["availabilityZoneId"] for subnet in _of(resources, "Subnet")}
    for ending, name in ACROSS_ZONES.items():
        for resource in _of(resources, ending):
            used = {zones[urn] for urn in resource.property_dependencies.get(name, ()) if urn in zones}
            if len(used) == 1:
                yield f"{resource.name}: one zone"


@stated(f"{API}vpc/latest/userguide/amazon-vpc-limits.html")
def few_rules_per_group(resources: Sequence[Resource]) -> Iterator[str]:
    """A security group has sixty rules each way, from a lower to a higher port."""
    for ending in ("SecurityGroupEgressRule", "SecurityGroupIngressRule"):
        rules = _of(resources, ending)
        groups = Counter(rule.property_dependencies.get("securityGroupId", ()) for rule in rules)
        yield from (f"{count} rules: {urns}" for urns, count in groups.items() if urns and count > 60)
        for rule in rules:
            low, high = rule.props.get("fromPort"), rule.props.get("toPort")
            if low is not None and high is not None and not 0 <= low <= high <= 65535:
                yield f"{rule.name}: ports {low} to {high}"


@stated(f"{API}AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html")
def dashboards_are_drawn(resources: Sequence[Resource]) -> Iterator[str]:
    """A body is JSON: widgets on 24 columns, with metrics of a namespace, a name and pairs of dimensions."""
    for dashboard in _of(resources, "Dashboard"):
        widgets = json.loads(dashboard.props["dashboardBody"])["widgets"]
        if len(widgets) > 500:
            yield f"{dashboard.name} has {len(widgets)} widgets"
        for widget in widgets:
            drawn, title = widget["properties"], widget["properties"].get("title", "")
            if not (0 <= widget["x"] <= 23 and widget["x"] + widget["width"] <= 24 and widget["y"] >= 0):
                yield f"{title} stands beyond the 24 columns"
            if widget["type"] != "metric" or not drawn.get("region") or not drawn.get("metrics"):
                yield f"{title} draws no metric of a Region"
            if drawn["period"] % 60:
                yield f"{title} has a period that is no multiple of a minute"
            for metric in drawn.get("metrics", ()):
                if (
                    len(metric) % 2
                    or len(metric) > 2 + 2 * 30
                    or not all(isinstance(one, str) for one in metric)
                ):
                    yield f"{title} names a metric by {metric}"
