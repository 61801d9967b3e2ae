"""DNS Firewall that fails closed and ends in block, with query logs: names are an egress path too.

Not here: the allowed names themselves (the plan lists them).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

# HTTPS records carry the keys of encrypted client hello, which hides names. The API knows the type by number.
HTTPS_RECORD = "TYPE65"


@dataclass(frozen=True, kw_only=True, slots=True)
class DnsFirewallArgs:
    vpc_id: pulumi.Input[str]
    allow: tuple[str, ...]  # domain names; `*.x` does not cover `x`
    query_log_group_arn: pulumi.Input[str]


class DnsFirewall(pulumi.ComponentResource):
    """Every name that is not on the list does not exist (NXDOMAIN), and every query is logged."""

    def __init__(self, name: str, args: DnsFirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:DnsFirewall", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        aws.route53.ResolverFirewallConfig(
            f"{name}-config", resource_id=args.vpc_id, firewall_fail_open="DISABLED", opts=child
        )
        # A list for each rule: the provider finds a rule again by its group and list alone
        # (terraform-provider-aws, route53resolver/firewall_rule.go), so two rules of one list are one to it.
        domains = {"allowed": list(args.allow), "https-records": ["*"], "everything": ["*"]}
        lists = {
            role: aws.route53.ResolverFirewallDomainList(
                f"{name}-{role}", name=f"{name}-{role}", domains=listed, opts=child
            )
            for role, listed in domains.items()
        }
        group = aws.route53.ResolverFirewallRuleGroup(f"{name}-group", name=name, opts=child)
        rules = [
            aws.route53.ResolverFirewallRule(
                f"{name}-block-https-records",
                name="block-https-records",
                priority=100,
                action="BLOCK",
                block_response="NODATA",
                q_type=HTTPS_RECORD,
                firewall_rule_group_id=group.id,
                firewall_domain_list_id=lists["https-records"].id,
                opts=child,
            ),
            aws.route53.ResolverFirewallRule(
                f"{name}-allow",
                name="allow-listed",
                priority=200,
                action="ALLOW",
                firewall_rule_group_id=group.id,
                firewall_domain_list_id=lists["allowed"].id,
                # Without it every name in a chain of aliases would have to be listed.
                firewall_domain_redirection_action="TRUST_REDIRECTION_DOMAIN",
                opts=child,
            ),
            aws.route53.ResolverFirewallRule(
                f"{name}-block-rest",
                name="block-rest",
                priority=900,
                action="BLOCK",
                block_response="NXDOMAIN",
                firewall_rule_group_id=group.id,
                firewall_domain_list_id=lists["everything"].id,
                opts=child,
            ),
        ]
        aws.route53.ResolverFirewallRuleGroupAssociation(
            f"{name}-association",
            name=name,
            vpc_id=args.vpc_id,
            firewall_rule_group_id=group.id,
            priority=101,
            mutation_protection="DISABLED",  # or destroy could not take it away (field-notes 44)
            # An association before its rules would refuse every name, that of ECR included.
            opts=pulumi.ResourceOptions(parent=self, depends_on=rules),
        )
        log = aws.route53.ResolverQueryLogConfig(
            f"{name}-log", name=name, destination_arn=args.query_log_group_arn, opts=child
        )
        aws.route53.ResolverQueryLogConfigAssociation(
            f"{name}-log-association",
            resolver_query_log_config_id=log.id,
            resource_id=args.vpc_id,
            opts=child,
        )
        self.register_outputs({"ruleGroupId": group.id})
