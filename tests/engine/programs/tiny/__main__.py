"""A few resources under one root component, to try the engine, the host and the stand-ins by themselves."""

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

root = pulumi.ComponentResource("tests:index:Root", "root", {"some_key": 1})
provider = aws.Provider(
    "aws",
    region="eu-central-1",
    allowed_account_ids=["111122223333"],
    opts=pulumi.ResourceOptions(parent=root),
)
child = pulumi.ResourceOptions(parent=root, provider=provider)
vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", opts=child)
subnet = aws.ec2.Subnet("subnet", vpc_id=vpc.id, cidr_block="10.0.0.0/24", opts=child)
cluster = aws.eks.Cluster(
    "cluster",
    role_arn="role",
    vpc_config={"subnet_ids": [subnet.id], "endpoint_public_access": False},
    opts=child,
)
api = k8s.Provider(
    "api", kubeconfig=cluster.endpoint, cluster_identifier="tiny", opts=pulumi.ResourceOptions(parent=root)
)
namespace = k8s.core.v1.Namespace(
    "namespace", metadata={"name": "tiny"}, opts=pulumi.ResourceOptions(parent=root, provider=api)
)
k8s.core.v1.ConfigMap(
    "settings",
    metadata={"namespace": namespace.metadata.name, "name": "settings"},
    data={"canary": pulumi.Output.secret("canary-3141592653"), "replicas": "2"},
    opts=pulumi.ResourceOptions(parent=root, provider=api),
)
pulumi.export("cluster", cluster.name)
pulumi.export("canary", pulumi.Output.secret("canary-3141592653"))
