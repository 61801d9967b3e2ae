"""The only way out of a stack: gateway subnet, firewall, NAT, internet gateway, symmetric in each zone.

Not here: stacks without vendors outside AWS, which have no internet gateway at all; and names that resolve
(dns_firewall). A TCP handshake to any address on 443 still completes: what is judged is the ClientHello.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.group_rules import ANYWHERE
from components.names import Names
from inferplan.records.plan import Network as PlannedNetwork

LOG_TYPES = ("ALERT", "FLOW")  # the third, TLS, is written by TLS inspection only
FORWARD = "aws:forward_to_sfe"
# drop_established cuts a ClientHello that spans segments, as post-quantum keys make it (field-notes 15).
DEFAULT_ACTIONS = ("aws:drop_established_app_layer", "aws:alert_established_app_layer")
RULE_CAPACITY = 100  # cannot change later without a new group; one rule costs one
TCP_IDLE_SECONDS = 3600
# Without them the first segment of a ClientHello that spans several is rejected before its server name has
# come (aws/amazon-vpc-cni-k8s#3311), and that is every vendor call with post-quantum keys.
COMPLETE_HELLO = (("ssl_state", ["client_hello"]), ("flow", ["to_server"]))

Zoned = Mapping[tuple[str, str], pulumi.Output[str]]  # by tier and zone id


@dataclass(frozen=True, kw_only=True, slots=True)
class EgressFirewallArgs:
    """`subnets` and `route_table_ids` are the network's, by tier and zone id."""

    names: Names
    network: PlannedNetwork
    log_retention_days: int
    vpc_id: pulumi.Input[str]
    subnets: Zoned
    route_table_ids: Zoned
    logs_key_arn: pulumi.Input[str]
    production: bool


class EgressFirewall(pulumi.ComponentResource):
    """`firewall_arn` of the one firewall; it has an endpoint in each zone of the firewall tier."""

    firewall_arn: pulumi.Output[str]

    def __init__(
        self, name: str, args: EgressFirewallArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("inferplan:index:EgressFirewall", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        firewall = self._firewall(name, args)
        self._log(name, args, firewall)
        self._route(name, args, firewall)
        self.firewall_arn = firewall.arn
        self.register_outputs({"firewallArn": self.firewall_arn})

    def _firewall(self, name: str, args: EgressFirewallArgs) -> aws.networkfirewall.Firewall:
        fixed = args.names.fixed("egress")
        group = aws.networkfirewall.RuleGroup(
            f"{name}-rules",
            name=fixed,
            type="STATEFUL",
            capacity=RULE_CAPACITY,
            description="exact vendor hosts over TLS on 443, nothing else",
            rule_group=aws.networkfirewall.RuleGroupRuleGroupArgs(
                rule_variables=aws.networkfirewall.RuleGroupRuleGroupRuleVariablesArgs(
                    ip_sets=[
                        aws.networkfirewall.RuleGroupRuleGroupRuleVariablesIpSetArgs(
                            key="HOME_NET",
                            ip_set=aws.networkfirewall.RuleGroupRuleGroupRuleVariablesIpSetIpSetArgs(
                                definitions=[s.cidr for s in args.network.subnets if s.tier == "gateway"]
                            ),
                        )
                    ]
                ),
                rules_source=aws.networkfirewall.RuleGroupRuleGroupRulesSourceArgs(
                    stateful_rules=stateful_rules(args.network.allowed_hosts)
                ),
                stateful_rule_options=aws.networkfirewall.RuleGroupRuleGroupStatefulRuleOptionsArgs(
                    rule_order="STRICT_ORDER"
                ),
            ),
            opts=self._child,
        )
        policy = aws.networkfirewall.FirewallPolicy(
            f"{name}-policy",
            name=fixed,
            firewall_policy=aws.networkfirewall.FirewallPolicyFirewallPolicyArgs(
                stateless_default_actions=[FORWARD],
                stateless_fragment_default_actions=[FORWARD],
                stateful_default_actions=list(DEFAULT_ACTIONS),
                stateful_engine_options=aws.networkfirewall.FirewallPolicyFirewallPolicyStatefulEngineOptionsArgs(
                    rule_order="STRICT_ORDER",
                    stream_exception_policy="REJECT",
                    flow_timeouts=aws.networkfirewall.FirewallPolicyFirewallPolicyStatefulEngineOptionsFlowTimeoutsArgs(
                        tcp_idle_timeout_seconds=TCP_IDLE_SECONDS
                    ),
                ),
                stateful_rule_group_references=[
                    aws.networkfirewall.FirewallPolicyFirewallPolicyStatefulRuleGroupReferenceArgs(
                        resource_arn=group.arn, priority=1
                    )
                ],
            ),
            opts=self._child,
        )
        return aws.networkfirewall.Firewall(
            f"{name}-firewall",
            name=fixed,
            vpc_id=args.vpc_id,
            firewall_policy_arn=policy.arn,
            subnet_mappings=[
                aws.networkfirewall.FirewallSubnetMappingArgs(subnet_id=subnet)
                for (tier, _), subnet in args.subnets.items()
                if tier == "firewall"
            ],
            delete_protection=args.production,
            subnet_change_protection=args.production,
            opts=self._child,
        )

    def _log(self, name: str, args: EgressFirewallArgs, firewall: aws.networkfirewall.Firewall) -> None:
        groups = {
            kind: aws.cloudwatch.LogGroup(
                f"{name}-{kind.lower()}-log",
                name=args.names.delivered_log_group(f"firewall-{kind.lower()}"),
                retention_in_days=args.log_retention_days,
                kms_key_id=args.logs_key_arn,
                opts=pulumi.ResourceOptions(parent=self, retain_on_delete=args.production),
            )
            for kind in LOG_TYPES
        }
        aws.networkfirewall.LoggingConfiguration(
            f"{name}-logging",
            firewall_arn=firewall.arn,
            logging_configuration=aws.networkfirewall.LoggingConfigurationLoggingConfigurationArgs(
                log_destination_configs=[
                    aws.networkfirewall.LoggingConfigurationLoggingConfigurationLogDestinationConfigArgs(
                        log_type=kind,
                        log_destination_type="CloudWatchLogs",
                        log_destination={"logGroup": group.name},
                    )
                    for kind, group in groups.items()
                ]
            ),
            opts=self._child,
        )

    def _route(self, name: str, args: EgressFirewallArgs, firewall: aws.networkfirewall.Firewall) -> None:
        internet = aws.ec2.InternetGateway(
            f"{name}-internet", vpc_id=args.vpc_id, tags={"Name": name}, opts=self._child
        )
        gateway_cidrs = {s.zone: s.cidr for s in args.network.subnets if s.tier == "gateway"}
        for zone, gateway_cidr in gateway_cidrs.items():
            endpoint = _endpoint(firewall, args.subnets["firewall", zone])
            address = aws.ec2.Eip(
                f"{name}-{zone}-address", domain="vpc", tags={"Name": f"{name}-{zone}"}, opts=self._child
            )
            nat = aws.ec2.NatGateway(
                f"{name}-{zone}-nat",
                allocation_id=address.allocation_id,
                subnet_id=args.subnets["nat", zone],
                connectivity_type="public",
                tags={"Name": f"{name}-{zone}"},
                opts=pulumi.ResourceOptions(parent=self, depends_on=[internet]),
            )
            tables = {tier: args.route_table_ids[tier, zone] for tier in ("gateway", "firewall", "nat")}
            hops: tuple[tuple[str, str, dict[str, Any]], ...] = (
                ("gateway", ANYWHERE, {"vpc_endpoint_id": endpoint}),
                ("firewall", ANYWHERE, {"nat_gateway_id": nat.id}),
                ("nat", ANYWHERE, {"gateway_id": internet.id}),
                # Answers take the same endpoint, or the firewall sees half a connection (field-notes 30).
                ("nat", gateway_cidr, {"vpc_endpoint_id": endpoint}),
            )
            for tier, destination, hop in hops:
                role = "out" if destination == ANYWHERE else "back"
                aws.ec2.Route(
                    f"{name}-{zone}-{tier}-{role}",
                    route_table_id=tables[tier],
                    destination_cidr_block=destination,
                    opts=self._child,
                    **hop,
                )


def _endpoint(firewall: aws.networkfirewall.Firewall, subnet_id: pulumi.Input[str]) -> pulumi.Output[str]:
    """The endpoint once both are known; `Output.all` would turn the statuses into plain dictionaries."""
    return pulumi.Output.from_input(subnet_id).apply(
        lambda subnet: firewall.firewall_statuses.apply(lambda statuses: endpoint_in(statuses, subnet))
    )


def endpoint_in(statuses: Sequence[Any], subnet_id: str) -> str:
    """The firewall endpoint that lies in `subnet_id`, and so in its zone.

    Plans know zones by id and statuses by the account's own zone names: the subnet is what both mean. The
    order of the states says nothing.
    """
    for status in statuses:
        for state in status.sync_states:
            for attachment in state.attachments:
                if attachment.subnet_id == subnet_id:
                    return str(attachment.endpoint_id)
    raise ValueError(f"the firewall has no endpoint in subnet {subnet_id}")


def stateful_rules(
    hosts: Sequence[str],
) -> list[aws.networkfirewall.RuleGroupRuleGroupRulesSourceStatefulRuleArgs]:
    """In strict order: no UDP, no ICMP, TCP on 443 only, TLS to exactly `hosts`, other TLS is told so."""
    rules = [
        ("DROP", "UDP", "ANY", "no UDP leaves", ()),
        ("DROP", "ICMP", "ANY", "no ICMP leaves", ()),
        ("DROP", "TCP", "1:442", "TCP on 443 only", ()),
        ("DROP", "TCP", "444:65535", "TCP on 443 only", ()),
        *(("PASS", "TLS", "443", f"vendor {host}", _exact_server_name(host)) for host in hosts),
        ("REJECT", "TLS", "ANY", "TLS to a host that is not allowed", COMPLETE_HELLO),
    ]
    option = aws.networkfirewall.RuleGroupRuleGroupRulesSourceStatefulRuleRuleOptionArgs
    return [
        aws.networkfirewall.RuleGroupRuleGroupRulesSourceStatefulRuleArgs(
            action=action,
            header=aws.networkfirewall.RuleGroupRuleGroupRulesSourceStatefulRuleHeaderArgs(
                protocol=protocol,
                source="$HOME_NET",
                source_port="ANY",
                direction="FORWARD",
                destination="ANY",
                destination_port=port,
            ),
            rule_options=[
                *(option(keyword=keyword, settings=settings) for keyword, settings in match),
                option(keyword="msg", settings=[f'"{message}"']),
                option(keyword="sid", settings=[str(number)]),
            ],
        )
        for number, (action, protocol, port, message, match) in enumerate(rules, start=1)
    ]


def _exact_server_name(host: str) -> tuple[tuple[str, list[str] | None], ...]:
    """Suricata options: the server name begins and ends with `host`, so it is `host`."""
    return (
        ("tls.sni", None),
        ("content", [f'"{host}"']),
        ("startswith", None),
        ("endswith", None),
        ("nocase", None),
        ("flow", ["to_server, established"]),
    )
