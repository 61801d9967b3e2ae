"""A stack as another team might write it, without inferplan, on default providers: much that rules forbid."""

import json

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

token = pulumi.Output.secret("canary-3141592653")

prompts = aws.s3.Bucket("prompts", bucket="chat-prompts", force_destroy=True)
aws.s3.BucketPublicAccessBlock(
    "prompts", bucket=prompts.bucket, block_public_acls=False, block_public_policy=False
)
aws.s3.BucketReplicationConfig(
    "prompts",
    bucket=prompts.bucket,
    role="replication",
    rules=[{"status": "Enabled", "destination": {"bucket": "arn:aws:s3:::chat-prompts-us"}}],
)
vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16")
gateway = aws.ec2.InternetGateway("internet", vpc_id=vpc.id)
subnet = aws.ec2.Subnet("public", vpc_id=vpc.id, cidr_block="10.0.0.0/24", map_public_ip_on_launch=True)
everyone = {"protocol": "tcp", "from_port": 0, "to_port": 65535, "cidr_blocks": ["0.0.0.0/0"]}
open_group = aws.ec2.SecurityGroup("open", vpc_id=vpc.id, ingress=[everyone], egress=[everyone])
cluster = aws.eks.Cluster(
    "chat",
    name="chat",
    role_arn="role",
    vpc_config={
        "subnet_ids": [subnet.id],
        "endpoint_public_access": True,
        "public_access_cidrs": ["0.0.0.0/0"],
    },
)
aws.eks.NodeGroup(
    "gpu",
    cluster_name=cluster.name,
    node_role_arn="role",
    subnet_ids=[subnet.id],
    instance_types=["g6.xlarge"],
    scaling_config={"desired_size": 4, "min_size": 4, "max_size": 40},
)
aws.rds.Instance(
    "gateway",
    engine="postgres",
    instance_class="db.t4g.micro",
    allocated_storage=20,
    username="chat",
    password=token,
    publicly_accessible=True,
    storage_encrypted=False,
    skip_final_snapshot=True,
)
aws.iam.RolePolicy(
    "anything",
    role="chat",
    policy=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    ),
)
aws.secretsmanager.Secret("vendor", name="chat/vendor", replicas=[{"region": "us-east-1"}])
aws.secretsmanager.SecretVersion("vendor", secret_id="chat/vendor", secret_string=token)
aws.cloudwatch.LogGroup("prompts", name="/chat/prompts", region="us-west-2")

api = k8s.Provider("api", kubeconfig=cluster.endpoint)
labels = {"app": "vllm"}
container = {
    "name": "vllm",
    "image": "vllm/vllm-openai:latest",
    "args": ["--model", "some/model", "--trust-remote-code"],
    "env": [{"name": "HF_TOKEN", "value": token}],
    "securityContext": {"privileged": True},
}
k8s.apps.v1.Deployment(
    "vllm",
    metadata={"name": "vllm"},
    spec={
        "replicas": 1,
        "selector": {"match_labels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [container], "host_network": True},
        },
    },
    opts=pulumi.ResourceOptions(provider=api),
)
k8s.core.v1.Service(
    "vllm",
    metadata={"name": "vllm"},
    spec={"type": "LoadBalancer", "selector": labels, "ports": [{"port": 80, "target_port": 8000}]},
    opts=pulumi.ResourceOptions(provider=api),
)
pulumi.export("endpoint", cluster.endpoint)
