"""Rules about single values that AWS states only in prose, each with its address and a value that it refuses.

Not here: rules about several resources (relations), and what schemas or the API's models say (judge).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import regex

from inferplan.resource import Resource, Unknown
from tests.aws.judge import Finding

API = "https://docs.aws.amazon.com/"
EC2 = f"{API}AWSEC2/latest/APIReference/"
RDS = f"{API}AmazonRDS/latest/APIReference/"
CACHE = f"{API}AmazonElastiCache/latest/APIReference/"
BALANCER = f"{API}elasticloadbalancing/latest/application/"
BALANCER_API = f"{API}elasticloadbalancing/latest/APIReference/"
RETENTION = (
    "1|3|5|7|14|30|60|90|120|150|180|365|400|545|731|1096|1827|2192|2557|2922|3288|3653"  # days, nothing else
)
GROUP_TEXT = r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{0,255}"
RULE_TEXT = r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=;{}!$*]{0,255}"
TAG_TEXT = r"[\p{L}\p{Z}\p{N}_.:/=+\-@]"
HOST = r"(?=.{1,255}$)(\*|(\*\.)?[a-zA-Z0-9_-]{1,63}(\.[a-zA-Z0-9_-]{1,63})*)\.?"


class Text(NamedTuple):
    """A property whose whole text must match."""

    type: str
    property: str
    pattern: str
    refused: Any
    address: str


TEXTS = (
    Text("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "description", RULE_TEXT,
         "the vendors' hosts", f"{EC2}API_IpRange.html"),
    Text("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "description", RULE_TEXT,
         "the vendors' hosts", f"{EC2}API_IpRange.html"),
    Text("aws:ec2/securityGroup:SecurityGroup", "description", GROUP_TEXT,
         "the vendors' hosts", f"{EC2}API_CreateSecurityGroup.html"),
    Text("aws:ec2/vpc:Vpc", "cidrBlock", r"[\d.]+/(1[6-9]|2[0-8])",
         "10.0.0.0/8", f"{API}vpc/latest/userguide/vpc-cidr-blocks.html"),
    Text("aws:ec2/subnet:Subnet", "cidrBlock", r"[\d.]+/(1[6-9]|2[0-8])",
         "10.0.0.0/29", f"{API}vpc/latest/userguide/subnet-sizing.html"),
    Text("aws:elasticache/replicationGroup:ReplicationGroup", "replicationGroupId",
         r"[a-z](?!.*--)[a-z0-9-]{0,38}[a-z0-9]", "a--b", f"{CACHE}API_CreateReplicationGroup.html"),
    Text("aws:elasticache/user:User", "userId", r"[a-z](?!.*--)[a-z0-9-]{0,38}[a-z0-9]",
         "9b", f"{CACHE}API_CreateUser.html"),
    Text("aws:elasticache/userGroup:UserGroup", "userGroupId", r"[a-z](?!.*--)[a-z0-9-]{0,38}[a-z0-9]",
         "ends-", f"{CACHE}API_CreateUserGroup.html"),
    Text("aws:rds/instance:Instance", "identifier", r"[a-z](?!.*--)[a-z0-9-]{0,61}[a-z0-9]",
         "a" * 64, f"{RDS}API_CreateDBInstance.html"),
    Text("aws:rds/instance:Instance", "finalSnapshotIdentifier",
         r"[a-zA-Z](?!.*--)[a-zA-Z0-9-]{0,253}[a-zA-Z0-9]",
         "ends-", f"{RDS}API_DeleteDBInstance.html"),
    Text("aws:rds/instance:Instance", "username", r"(?!pg_)(?!(rdsadmin|admin|postgres)$)[a-zA-Z]\w{0,62}",
         "admin", f"{RDS}API_CreateDBInstance.html"),
    Text("aws:rds/instance:Instance", "dbName", r"[a-zA-Z_]\w{0,62}",
         "1st", f"{RDS}API_CreateDBInstance.html"),
    Text("aws:route53/resolverFirewallRule:ResolverFirewallRule", "qType",
         "A|AAAA|CAA|CNAME|DS|MX|NAPTR|NS|PTR|SOA|SPF|SRV|TXT|TYPE[1-9][0-9]{0,4}",
         "HTTPS", f"{API}Route53/latest/APIReference/API_route53resolver_CreateFirewallRule.html"),
    Text("aws:route53/resolverFirewallRuleGroupAssociation:ResolverFirewallRuleGroupAssociation", "priority",
         r"(?!(9901|99[1-9]\d|990[2-9]|9900)$)(10[1-9]|1[1-9]\d|[2-9]\d\d|\d{4})",
         100, f"{API}Route53/latest/APIReference/API_route53resolver_AssociateFirewallRuleGroup.html"),
    Text("aws:route53/resolverFirewallDomainList:ResolverFirewallDomainList", "domains", HOST,
         ["a.*.example"],
         f"{API}Route53/latest/DeveloperGuide/resolver-dns-firewall-user-managed-domain-lists.html"),
    Text("aws:lb/loadBalancer:LoadBalancer", "name", r"(?!internal-)(?!-)[a-zA-Z0-9-]{1,32}(?<!-)",
         "internal-desk", f"{BALANCER_API}API_CreateLoadBalancer.html"),
    Text("aws:lb/loadBalancer:LoadBalancer", "idleTimeout", r"[1-9]\d{0,2}|[1-3]\d{3}|4000",
         4001, f"{BALANCER}edit-load-balancer-attributes.html"),
    Text("aws:lb/loadBalancer:LoadBalancer", "desyncMitigationMode", "monitor|defensive|strictest",
         "strict", f"{BALANCER}edit-load-balancer-attributes.html"),
    Text("aws:lb/targetGroup:TargetGroup", "name", r"(?!-)[a-zA-Z0-9-]{1,32}(?<!-)",
         "n" * 33, f"{BALANCER_API}API_CreateTargetGroup.html"),
    Text("aws:lb/targetGroup:TargetGroup", "deregistrationDelay", r"\d{1,3}|[1-2]\d{3}|3[0-5]\d\d|3600",
         3601, f"{BALANCER}edit-target-group-attributes.html"),
    Text("aws:s3/bucket:Bucket", "bucket",
         r"(?!xn--|sthree-|amzn-s3-demo-)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?<!-s3alias|--ol-s3|--x-s3)",
         "Desk", f"{API}AmazonS3/latest/userguide/bucketnamingrules.html"),
    Text("aws:secretsmanager/secret:Secret", "name", r"[A-Za-z0-9/_+=.@!-]{1,512}",
         "a key", f"{API}secretsmanager/latest/apireference/API_CreateSecret.html"),
    Text("aws:secretsmanager/secret:Secret", "recoveryWindowInDays", r"0|[7-9]|[12]\d|30",
         6, f"{API}secretsmanager/latest/apireference/API_DeleteSecret.html"),
    Text("aws:ecr/repository:Repository", "name",
         r"(?=.{2,256}$)[a-z0-9]+(?:[._-][a-z0-9]+)*(?:/[a-z0-9]+(?:[._-][a-z0-9]+)*)*",
         "Proxy", f"{API}AmazonECR/latest/APIReference/API_CreateRepository.html"),
    Text("aws:ecs/taskDefinition:TaskDefinition", "family", r"[a-zA-Z0-9_-]{1,255}",
         "a.b", f"{API}AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html"),
    Text("aws:ecs/cluster:Cluster", "name", r"[a-zA-Z0-9_-]{1,255}",
         "a.b", f"{API}AmazonECS/latest/APIReference/API_CreateCluster.html"),
    Text("aws:sns/topic:Topic", "name", r"[A-Za-z0-9_-]{1,256}",
         "a.b", f"{API}sns/latest/api/API_CreateTopic.html"),
    Text("aws:eks/nodeGroup:NodeGroup", "nodeGroupName", r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}",
         "n" * 64, f"{API}eks/latest/APIReference/API_CreateNodegroup.html"),
    Text("aws:eks/cluster:Cluster", "name", r"[0-9A-Za-z][A-Za-z0-9_-]{0,99}",
         "-desk", f"{API}eks/latest/APIReference/API_CreateCluster.html"),
    Text("aws:budgets/budget:Budget", "name", r"[^:\\]{1,100}",
         "a:b", f"{API}aws-cost-management/latest/APIReference/API_budgets_Budget.html"),
    Text("aws:kms/alias:Alias", "name", r"alias/(?!aws/)[a-zA-Z0-9/_-]{1,250}",
         "alias/aws/ebs", f"{API}kms/latest/APIReference/API_CreateAlias.html"),
    Text("aws:cloudwatch/logGroup:LogGroup", "name", r"[.\-_/#A-Za-z0-9]{1,512}",
         "a b", f"{API}AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html"),
    Text("aws:cloudwatch/logGroup:LogGroup", "retentionInDays", RETENTION,
         100, f"{API}AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"),
    Text("aws:iam/role:Role", "name", r"[\w+=,.@-]{1,64}",
         "r" * 65, f"{API}IAM/latest/UserGuide/reference_iam-quotas.html"),
)  # fmt: skip


def judged(resource: Resource) -> Iterator[Finding]:
    """What prose refuses in one resource."""
    for row in TEXTS:
        if row.type == resource.type:
            for value in _values(resource.props.get(row.property)):
                if not regex.fullmatch(row.pattern, str(value)):
                    text = f"{value!r} against {row.address}"
                    yield Finding("prose", row.type, row.property, text)
    yield from _tags(resource)


TAGS = f"{API}tag-editor/latest/userguide/best-practices-and-strats.html"


def _tags(resource: Resource) -> Iterator[Finding]:
    from_provider = (
        resource.provider.config.get("defaultTags", {}).get("tags", {}) if resource.provider else {}
    )
    tags = {**from_provider, **(resource.props.get("tags") or {})}
    if len(tags) > 50:
        yield Finding("prose", resource.type, "tags", f"{len(tags)} tags against {TAGS}")
    for key, value in tags.items():
        well_said = regex.fullmatch(f"(?!aws:){TAG_TEXT}{{1,128}}", key)
        if not well_said or any(not regex.fullmatch(f"{TAG_TEXT}{{0,256}}", str(v)) for v in _values(value)):
            yield Finding("prose", resource.type, "tags", f"{key}={value!r} against {TAGS}")


def _values(value: Any) -> list[Any]:
    values = value if isinstance(value, list | tuple) else [value]
    return [item for item in values if item is not None and not isinstance(item, Unknown)]
