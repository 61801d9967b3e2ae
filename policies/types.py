"""The type tokens that more than one module speaks of, each spelled once.

Not here: tokens that a single rule names in a table of its own.
"""

from __future__ import annotations

AWS, KUBERNETES = "aws:*", "kubernetes:*"

# -- Pulumi itself
ROOT = "inferplan:index:Deployment"
STACK_REFERENCE = "pulumi:pulumi:StackReference"
# What the engine adds of its own: the stack itself, and the provider behind stack references.
ENGINE_TYPES = frozenset({"pulumi:pulumi:Stack", "pulumi:providers:pulumi"})
PROVIDERS = "pulumi:providers:"  # what the types of providers begin with
AWS_PROVIDER, KUBERNETES_PROVIDER = "pulumi:providers:aws", "pulumi:providers:kubernetes"

# -- networks
VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
ROUTE_TABLE, MAIN_ROUTE_TABLE = "aws:ec2/routeTable:RouteTable", "aws:ec2/defaultRouteTable:DefaultRouteTable"
ROUTE_TABLES = (ROUTE_TABLE, MAIN_ROUTE_TABLE)
ROUTE = "aws:ec2/route:Route"
ROUTE_TABLE_ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
NAT_GATEWAY = "aws:ec2/natGateway:NatGateway"
INTERNET_GATEWAY = "aws:ec2/internetGateway:InternetGateway"
EGRESS_ONLY_GATEWAY = "aws:ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway"
INTERNET_GATEWAYS = (INTERNET_GATEWAY, EGRESS_ONLY_GATEWAY)
PREFIX_LIST = "aws:ec2/managedPrefixList:ManagedPrefixList"
PREFIX_LIST_ENTRY = "aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry"
SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup"
DEFAULT_SECURITY_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
SECURITY_GROUPS = (SECURITY_GROUP, DEFAULT_SECURITY_GROUP)
EGRESS_RULE = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
SECURITY_GROUP_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"  # the older kind, both directions
EGRESS_RULES = (EGRESS_RULE, SECURITY_GROUP_RULE)
VPC_ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
VPC_ENDPOINT_POLICY = "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"

# -- firewalls of packets and of names
FIREWALL = "aws:networkfirewall/firewall:Firewall"
FIREWALL_POLICY = "aws:networkfirewall/firewallPolicy:FirewallPolicy"
FIREWALL_RULE_GROUP = "aws:networkfirewall/ruleGroup:RuleGroup"
FIREWALL_LOG = "aws:networkfirewall/loggingConfiguration:LoggingConfiguration"
DOMAIN_LIST = "aws:route53/resolverFirewallDomainList:ResolverFirewallDomainList"
DNS_RULE = "aws:route53/resolverFirewallRule:ResolverFirewallRule"
DNS_RULE_GROUP = "aws:route53/resolverFirewallRuleGroup:ResolverFirewallRuleGroup"
DNS_ASSOCIATION = "aws:route53/resolverFirewallRuleGroupAssociation:ResolverFirewallRuleGroupAssociation"
RECORD = "aws:route53/record:Record"
DNS_CONFIG = "aws:route53/resolverFirewallConfig:ResolverFirewallConfig"
QUERY_LOG = "aws:route53/resolverQueryLogConfig:ResolverQueryLogConfig"
QUERY_LOG_ASSOCIATION = "aws:route53/resolverQueryLogConfigAssociation:ResolverQueryLogConfigAssociation"
ALLOWLISTS = (FIREWALL_RULE_GROUP, DOMAIN_LIST)

# -- machines and clusters
INSTANCE = "aws:ec2/instance:Instance"
INSTANCES = (INSTANCE, "aws:ec2/spotInstanceRequest:SpotInstanceRequest")
LAUNCH_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
LAUNCH_CONFIGURATION = "aws:ec2/launchConfiguration:LaunchConfiguration"  # what templates replaced
ADDRESS = "aws:ec2/eip:Eip"
SCALING_GROUP = "aws:autoscaling/group:Group"
CLUSTER, ADDON = "aws:eks/cluster:Cluster", "aws:eks/addon:Addon"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
ECS_CLUSTER, ECS_SERVICE = "aws:ecs/cluster:Cluster", "aws:ecs/service:Service"
TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
BUILD_PROJECT = "aws:codebuild/project:Project"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
BALANCERS = (BALANCER, "aws:alb/loadBalancer:LoadBalancer", "aws:elb/loadBalancer:LoadBalancer")

# -- data, keys and logs
BUCKET, OLDER_BUCKET = "aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2"
BUCKETS = (BUCKET, OLDER_BUCKET)
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
BUCKET_OBJECT, BUCKET_OBJECT_V2 = "aws:s3/bucketObject:BucketObject", "aws:s3/bucketObjectv2:BucketObjectv2"
REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
IMAGE_REPLICATION = "aws:ecr/replicationConfiguration:ReplicationConfiguration"
REPOSITORY = "aws:ecr/repository:Repository"
BACKUP_PLAN, BACKUP_VAULT = "aws:backup/plan:Plan", "aws:backup/vault:Vault"
GLOBAL_TABLE = "aws:dynamodb/globalTable:GlobalTable"
MULTI_REGION_ACCESS_POINT = "aws:s3control/multiRegionAccessPoint:MultiRegionAccessPoint"
DATABASE, DATABASE_CLUSTER = "aws:rds/instance:Instance", "aws:rds/cluster:Cluster"
LUSTRE = "aws:fsx/lustreFileSystem:LustreFileSystem"
CACHE_GROUP = "aws:elasticache/replicationGroup:ReplicationGroup"
KEY, EXTERNAL_KEY = "aws:kms/key:Key", "aws:kms/externalKey:ExternalKey"
REPLICA_KEY, EXTERNAL_REPLICA_KEY = (
    "aws:kms/replicaKey:ReplicaKey",
    "aws:kms/replicaExternalKey:ReplicaExternalKey",
)
SECRET = "aws:secretsmanager/secret:Secret"
PARAMETER = "aws:ssm/parameter:Parameter"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
TRAIL = "aws:cloudtrail/trail:Trail"
TOPIC_SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"

# -- identity and the account
IAM_POLICY, ROLE = "aws:iam/policy:Policy", "aws:iam/role:Role"
ROLE_POLICY, USER_POLICY = "aws:iam/rolePolicy:RolePolicy", "aws:iam/userPolicy:UserPolicy"
GROUP_POLICY = "aws:iam/groupPolicy:GroupPolicy"
IAM_POLICIES = (IAM_POLICY, ROLE_POLICY, USER_POLICY, GROUP_POLICY)
ROLE_POLICY_ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
CONTROL_POLICY = "aws:organizations/policy:Policy"
ACCOUNT_REGION = "aws:account/region:Region"
GUARDRAIL = "aws:bedrock/guardrail:Guardrail"
PROFILE = "aws:bedrock/inferenceProfile:InferenceProfile"
INVOCATION_LOG = "aws:bedrockmodel/invocationLoggingConfiguration:InvocationLoggingConfiguration"

# -- Kubernetes
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
STATEFUL_SET = "kubernetes:apps/v1:StatefulSet"
LEADER_WORKER_SET = "kubernetes:leaderworkerset.x-k8s.io/v1:LeaderWorkerSet"
POD = "kubernetes:core/v1:Pod"
NAMESPACE = "kubernetes:core/v1:Namespace"
JOB, CRON_JOB = "kubernetes:batch/v1:Job", "kubernetes:batch/v1:CronJob"
SERVICE, SERVICE_PATCH = "kubernetes:core/v1:Service", "kubernetes:core/v1:ServicePatch"
INGRESS = "kubernetes:networking.k8s.io/v1:Ingress"
CONFIG_MAP, KUBERNETES_SECRET = "kubernetes:core/v1:ConfigMap", "kubernetes:core/v1:Secret"
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
HELM_RELEASE = "kubernetes:helm.sh/v3:Release"
API_SERVICE = "kubernetes:apiregistration.k8s.io/v1:APIService"
SCALED_OBJECT = "kubernetes:keda.sh/v1alpha1:ScaledObject"
# What runs containers or is told commands, and where a proxy's configuration may stand.
MACHINES = (*INSTANCES, LAUNCH_TEMPLATE, LAUNCH_CONFIGURATION)
WORKLOADS = (KUBERNETES, TASK_DEFINITION, *MACHINES)
CONFIGURATION_CARRIERS = (*WORKLOADS, BUCKET_OBJECT, BUCKET_OBJECT_V2, PARAMETER)
