"""Subnets, routes and security groups as a graph over a stack's resources.

Not here: which of them may lead where (the packs).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from inferplan import catalog
from inferplan.resource import Resource, Unknown
from policies import types
from policies.read import each, get, known, number, text
from policies.stack import Stack, Target

# Ranges that no public host has: RFC 1918, carrier NAT, loopback, link local, unique local.
_PRIVATE = tuple(
    map(
        ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
         "fc00::/7", "fe80::/10", "::1/128"),
    )
)  # fmt: skip
_HOPS = {
    "gatewayId": "internet gateway",
    "natGatewayId": "NAT gateway",
    "egressOnlyGatewayId": "egress-only gateway",
    "vpcEndpointId": "VPC endpoint",
    "transitGatewayId": "transit gateway",
    "vpcPeeringConnectionId": "peering connection",
    "networkInterfaceId": "network interface",
    "carrierGatewayId": "carrier gateway",
    "localGatewayId": "local gateway",
    "coreNetworkArn": "core network",
    "instanceId": "instance",
}

GROUP_PATHS = ("vpcSecurityGroupIds", "securityGroups", "networkInterfaces[].securityGroups")
ADDRESS_PATHS = (
    "associatePublicIpAddress",
    "networkInterfaces[].associatePublicIpAddress",
)
_ADDRESSES = (types.ADDRESS, "aws:ec2/eipAssociation:EipAssociation")


def public(cidr: Any) -> bool:
    """Whether a range holds public addresses; a range that cannot be read counts as public."""
    try:
        network = ip_network(str(known(cidr)), strict=False)
    except ValueError:
        return True
    return not any(
        network.version == private.version and network.subnet_of(private)  # type: ignore[arg-type]
        for private in _PRIVATE
    )


def public_ranges(resource: Resource, path: str, value: Any, stack: Stack) -> list[str] | None:
    """The public ranges of the prefix list that a value names, None for a list that the stack lacks.

    Raises UnknownValueError where nobody can say which list it is.
    """
    lists = stack.meant(resource, path, value, types.PREFIX_LIST)
    if not lists:
        if not (isinstance(value, Unknown) and stack.follow(value)):
            known(value)
        return None
    entries = [(item.props, "entries[].cidr") for item in lists] + [
        (entry.props, "cidr")
        for item in lists
        for entry in stack.pointing_at(item, "prefixListId", types.PREFIX_LIST_ENTRY)
    ]
    return [str(cidr) for props, key in entries for _, cidr in each(props, key) if public(cidr)]


@dataclass(frozen=True, slots=True)
class Way:
    """A route to public addresses: where it stands, through what, and the property that names it."""

    resource: Resource
    path: str
    destination: str
    hop: str
    kind: str


def ways_out(table: Resource, stack: Stack) -> Iterator[Way]:
    """Every route of a route table that leads to public addresses, inline or as a resource of its own."""
    for path, block in each(table.props, "routes[]"):
        yield from _way(table, path, known(block), stack)
    for route in stack.of(types.ROUTE):
        if table in stack.named(route, "routeTableId", *types.ROUTE_TABLES):
            yield from _way(route, "", route.props, stack)


def _way(resource: Resource, path: str, block: Any, stack: Stack) -> Iterator[Way]:
    destination = next(
        (
            get(block, key)
            for key in ("destinationCidrBlock", "destinationIpv6CidrBlock", "cidrBlock", "ipv6CidrBlock")
            if get(block, key) is not None
        ),
        None,
    )
    named = block.get("destinationPrefixListId")
    if destination is None and named is not None:
        ranges = public_ranges(resource, path or "destinationPrefixListId", named, stack)
        destination = "a prefix list that this stack lacks" if ranges is None else next(iter(ranges), None)
    if destination is None or not public(destination):
        return
    hop = next((key for key in _HOPS if block.get(key) not in (None, "")), None)
    if hop is not None and block.get(hop) != "local":
        yield Way(resource, path, str(destination), hop, _HOPS[hop])


def tables_of(subnet: Resource, stack: Stack) -> list[Resource]:
    """The route table of a subnet: its own, or the main one of its VPC."""
    own = [
        table
        for association in stack.of(types.ROUTE_TABLE_ASSOCIATION)
        if subnet in stack.named(association, "subnetId", types.SUBNET)
        for table in stack.named(association, "routeTableId", *types.ROUTE_TABLES)
    ]
    if own:
        return own
    main = [
        table
        for association in stack.of("aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation")
        for table in stack.named(association, "routeTableId", *types.ROUTE_TABLES)
    ]
    return main or stack.of(types.MAIN_ROUTE_TABLE)


@dataclass(frozen=True, slots=True)
class InferenceNodes:
    """Machines with accelerators (or not shown to be without), their subnets and security groups."""

    resource: Resource
    subnets: tuple[Resource, ...]
    unseen_subnets: tuple[Any, ...]  # that are not declared in this stack; None: none is named at all
    groups: tuple[Resource, ...]
    own_groups: bool  # False: one that nobody declares, and that lets everything out
    unseen_groups: bool  # some groups are not declared in this stack
    machines: tuple[Resource, ...]  # what describes each machine: templates, configurations, the instance


def inference_nodes(stack: Stack) -> Iterator[InferenceNodes]:
    """Node groups and instances that serve models."""
    for group in stack.of(types.NODE_GROUP):
        templates = _templates(group, stack)
        hidden = group.props.get("launchTemplate") and not templates and not group.props.get("instanceTypes")
        if hidden or _accelerated(group, *templates):
            yield _nodes(group, "subnetIds", templates, stack)
    for group in stack.of(types.SCALING_GROUP):
        mixed = "mixedInstancesPolicy.launchTemplate"
        templates = [
            template
            for path in ("launchTemplate", f"{mixed}.launchTemplateSpecification")
            for key in ("id", "name", "launchTemplateId", "launchTemplateName")
            for template in stack.named(group, f"{path}.{key}", types.LAUNCH_TEMPLATE)
        ]
        templates += stack.named(group, "launchConfiguration", types.LAUNCH_CONFIGURATION)
        if not templates or _accelerated(group, *templates):
            yield _nodes(group, "vpcZoneIdentifiers", templates, stack)
    for instance in stack.of(*types.INSTANCES):
        templates = _templates(instance, stack)
        hidden = instance.props.get("launchTemplate") and not templates
        if (hidden and not instance.props.get("instanceType")) or _accelerated(instance, *templates):
            yield _nodes(instance, "subnetId", [instance, *templates], stack)


def _templates(machine: Resource, stack: Stack) -> list[Resource]:
    """The launch templates that a node group or an instance names, by id or by name."""
    found = (
        template
        for key in ("id", "name")
        for template in stack.named(machine, f"launchTemplate.{key}", types.LAUNCH_TEMPLATE)
    )
    return list({template.urn: template for template in found}.values())


def _nodes(resource: Resource, subnet_path: str, holders: list[Resource], stack: Stack) -> InferenceNodes:
    """`holders` are what names the security groups: launch templates, or the instance itself."""
    subnets = list(stack.targets(resource, subnet_path, types.SUBNET))
    groups = [
        target
        for holder in holders
        for path in GROUP_PATHS
        for target in stack.targets(holder, path, *types.SECURITY_GROUPS)
    ]
    default = stack.of(types.DEFAULT_SECURITY_GROUP) if resource.type != types.NODE_GROUP else []
    if not groups:  # EC2 gives a machine without a group the default one of its network
        groups = [Target("", None, (group,)) for group in default]
    return InferenceNodes(
        resource=resource,
        subnets=tuple({item.urn: item for target in subnets for item in target.resources}.values()),
        unseen_subnets=tuple(target.value for target in subnets if not target.resources)
        if subnets
        else (None,),
        groups=tuple(item for target in groups for item in target.resources),
        own_groups=bool(groups),
        unseen_groups=any(not target.resources for target in groups),
        machines=tuple(holders),
    )


def public_addresses(nodes: InferenceNodes, stack: Stack) -> Iterator[tuple[Resource, str]]:
    """Every place that gives public addresses to the machines: their subnets, and what describes them."""
    for subnet in nodes.subnets:
        if get(subnet.props, "mapPublicIpOnLaunch", False):
            yield subnet, "mapPublicIpOnLaunch"
    for machine in nodes.machines:
        for key in ADDRESS_PATHS:
            for path, value in each(machine.props, key):
                if str(known(value)).lower() not in {"false", "0"}:
                    yield machine, path
        for path in ("instance", "instanceId"):
            yield from ((address, path) for address in stack.pointing_at(machine, path, *_ADDRESSES))


def _accelerated(*resources: Resource) -> bool:
    """Whether a node group or instance has accelerators; an unknown type counts as one that has."""
    kinds: list[Any] = []
    for resource in resources:
        if "NVIDIA" in str(get(resource.props, "amiType", "")) or "NEURON" in str(
            get(resource.props, "amiType", "")
        ):
            return True
        kinds += get(resource.props, "instanceTypes", []) or []
        if (single := resource.props.get("instanceType")) is not None:
            kinds.append(single)
        overrides = "mixedInstancesPolicy.launchTemplate.overrides[].instanceType"
        kinds += [value for _, value in each(resource.props, overrides)]
        if get(resource.props, "instanceRequirements") is not None:
            return True  # AWS chooses the machine
    if any(isinstance(item, Unknown) for item in kinds):
        return True
    named = [text(item, "an instance type") for item in kinds]
    return any(item in catalog.instances() or _gpu_family(item) for item in named)


def _gpu_family(instance_type: str) -> bool:
    """By AWS's naming: p and g families carry GPUs, inf and trn accelerators."""
    family = instance_type.partition(".")[0]
    return family[:3] in {"inf", "trn"} or (family[:1] in {"p", "g"} and family[1:2].isdigit())


@dataclass(frozen=True, slots=True)
class Opening:
    """Egress of a security group to public addresses."""

    resource: Resource
    path: str
    cidr: str
    protocol: str
    from_port: int | None
    to_port: int | None

    @property
    def only_https(self) -> bool:
        """Whether it opens TCP 443 and nothing else."""
        return self.protocol in {"tcp", "6"} and self.from_port == self.to_port == 443

    def opens(self, port: int) -> bool:
        """Whether it opens this port."""
        if self.protocol == "-1" or self.from_port is None or self.to_port is None:
            return True
        return self.from_port <= port <= self.to_port


def openings(resource: Resource, stack: Stack) -> Iterator[Opening]:
    """Egress to public addresses that a group or rule resource declares, IPv4, IPv6 and by prefix list."""
    if resource.type == types.EGRESS_RULE:
        yield from _opening(resource, "", resource.props, stack)
    elif resource.type == types.SECURITY_GROUP_RULE:
        if get(resource.props, "type") == "egress":
            yield from _opening(resource, "", resource.props, stack)
    else:
        for path, block in each(resource.props, "egress[]"):
            yield from _opening(resource, path, known(block), stack)


def _opening(resource: Resource, path: str, block: Any, stack: Stack) -> Iterator[Opening]:
    found = [
        (place, str(cidr))
        for key in ("cidrIpv4", "cidrIpv6", "cidrBlocks[]", "ipv6CidrBlocks[]")
        for place, cidr in each(block, key)
        if public(cidr)
    ]
    for key in ("prefixListId", "prefixListIds[]"):
        for place, value in each(block, key):
            ranges = public_ranges(resource, path or place, value, stack) or []
            found += [(place, cidr) for cidr in ranges]
    for place, cidr in found:
        yield Opening(
            resource,
            ".".join(part for part in (path, place) if part),
            cidr,
            str(get(block, "ipProtocol") or get(block, "protocol", "-1")),
            number(get(block, "fromPort"), "a port"),
            number(get(block, "toPort"), "a port"),
        )


def groups_of(opening: Opening, stack: Stack) -> list[Resource]:
    """The security groups that an opening belongs to."""
    if opening.resource.type in types.SECURITY_GROUPS:
        return [opening.resource]
    return stack.named(opening.resource, "securityGroupId", *types.SECURITY_GROUPS)
