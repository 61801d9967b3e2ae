"""What the judges find today and what is being mended: one row per finding, removed with its mend.

Not here: why each is a fault in detail (the comments of the mends say it).
"""

from __future__ import annotations

from typing import NamedTuple

from tests.aws.judge import Finding


class Known(NamedTuple):
    """A fault with its number, where it shows, and the beginning of what a judge says of it."""

    number: str
    reason: str
    variant: str
    begins: str


KNOWN = (
    Known("1", "two DNS Firewall rules share one domain list", "de-clinic-notes",
          "prose: one_list_per_dns_rule"),
    Known("2", "the API knows no query type HTTPS, only TYPE65", "de-clinic-notes",
          "prose: aws:route53/resolverFirewallRule:ResolverFirewallRule qType: 'HTTPS'"),
    Known("3", "an apostrophe in the description of a security group rule", "eu-support-desk",
          "prose: aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule description"),
    Known("4", "an own AMI is no image of the template, and a version stands beside it", "own AMI",
          "prose: templates_of_node_groups"),
    Known("5, no addresses", "a budget's action without subscriber, by CloudFormation", "nobody to mail",
          "cloudformation: aws:budgets/budgetAction:BudgetAction subscribers: 0 items"),
    Known("5, no addresses, API", "a budget's action without subscriber, by the API", "nobody to mail",
          "api: aws:budgets/budgetAction:BudgetAction subscribers: 0 items"),
    Known("5, many percentages", "more notifications than a budget has, said in prose", "many percentages",
          "prose: few_budget_notifications"),
    Known("5, many percentages, API", "more notifications than a budget has, said by the API",
          "many percentages", "api: aws:budgets/budget:Budget notifications: 12 items"),
    Known("6", "TLS is cut on the first segment of a client hello", "eu-support-desk",
          "prose: hello_is_complete"),
    Known("8, reservation", "a placement group beside a reservation", "nodes that span, reservation",
          "prose: reservations_have_their_place"),
    Known("8, block", "a placement group beside a capacity block", "nodes that span, block",
          "prose: reservations_have_their_place"),
    Known("9", "EFA on the first network card of p6-b300", "nodes that span, p6-b300",
          "prose: network_cards"),
    Known("11", "declared clients outside the VPC have no way back", "de-clinic-notes",
          "prose: clients_have_a_way_back"),
)  # fmt: skip


def is_known(finding: Finding) -> bool:
    """Whether a finding belongs to a row."""
    return any(str(finding).startswith(row.begins) for row in KNOWN)
