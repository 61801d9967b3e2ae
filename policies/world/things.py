"""What examples are built of: resources and documents by short names, so that an example reads as a sentence.

Not here: declarations (bases) and examples (beside each rule).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from inferplan import catalog
from inferplan.resource import Provider, Resource, Unknown
from policies import types

REGION, ACCOUNT = "eu-central-1", "111111111111"
STRANGER = "999999999999"  # an account that nobody registered
NAMED = "named:"  # a reference by the name of a resource, until the case knows its URN


def resource(
    type_: str, name: str, props: Mapping[str, Any] | None = None, *, region: str | None = REGION
) -> Resource:
    """Any resource; AWS resources go through a provider of `region`."""
    package = type_.partition(":")[0]
    config = {"region": region} if package == "aws" and region else {}
    return Resource(
        urn=f"urn:pulumi:example::inferplan::{type_}::{name}",
        type=type_,
        name=name,
        props=dict(props or {}),
        provider=Provider(
            urn=f"urn:pulumi:example::inferplan::pulumi:providers:{package}::p",
            package=package,
            config=config,
        ),
    )


def ref(name: str) -> Unknown:
    """An output of the resource of this name, as a first preview knows it."""
    return Unknown((f"{NAMED}{name}",))


# -- addresses
def arn(service: str, rest: str, *, region: str = REGION, account: str = ACCOUNT) -> str:
    """An ARN of the commercial partition: `arn("kms", "key/k")`."""
    return f"arn:{catalog.partition('aws').partition}:{service}:{region}:{account}:{rest}"


def bucket_arn(name: str) -> str:
    """The ARN of a bucket, which names neither Region nor account."""
    return arn("s3", name, region="", account="")


def key_arn(*, region: str = REGION, account: str = ACCOUNT) -> str:
    """The ARN of a KMS key."""
    return arn("kms", "key/k", region=region, account=account)


def log_group_arn(name: str = "/example", *, region: str = REGION, account: str = ACCOUNT) -> str:
    """The ARN of a log group."""
    return arn("logs", f"log-group:{name}", region=region, account=account)


def model_arn(model: str, *, region: str = REGION) -> str:
    """The ARN of a Bedrock model in a Region."""
    return arn("bedrock", f"foundation-model/{model}", region=region, account="")


def profile_arn(profile: str, *, region: str = REGION) -> str:
    """The ARN of a Bedrock inference profile of the account."""
    return arn("bedrock", f"inference-profile/{profile}", region=region)


def aws_host(name: str) -> str:
    """A host of the commercial partition: `aws_host("s3.eu-central-1")`."""
    return f"{name}.{catalog.partition('aws').dns_suffix}"


MIRRORED = f"{aws_host(f'{ACCOUNT}.dkr.ecr.{REGION}')}/inferplan/x@sha256:1"  # an image of the own registry


# -- policy documents
def allow(action: str | list[str], *resources: str, **more: Any) -> dict[str, Any]:
    """A statement that allows an action on resources; `more` are Principal, Condition and the like."""
    named = {"Resource": list(resources)} if resources else {}
    return {"Effect": "Allow", "Action": action, **named, **more}


def document(*statements: Mapping[str, Any]) -> str:
    """A policy document as AWS takes it."""
    return json.dumps({"Statement": list(statements)})


OWN_ACCOUNT_ONLY = document(
    allow("logs:*", "*", Principal="*", Condition={"StringEquals": {"aws:PrincipalAccount": ACCOUNT}})
)


# -- Pulumi itself
def aws_provider(name: str = "aws", **props: Any) -> Resource:
    """A provider of the stack, seen as the resource that it is too."""
    return resource(types.AWS_PROVIDER, name, {"region": REGION, **props})


# -- networks
def vpc(name: str = "vpc") -> Resource:
    return resource(types.VPC, name, {"cidrBlock": "10.0.0.0/16"})


def subnet(name: str, **props: Any) -> Resource:
    return resource(types.SUBNET, name, props)


def route_table(name: str, **props: Any) -> Resource:
    return resource(types.ROUTE_TABLE, name, props)


def association(subnet_name: str, table: str) -> Resource:
    """`gpu-a` uses `gpu-routes`: the association is called `gpu-a-association`."""
    return resource(
        types.ROUTE_TABLE_ASSOCIATION,
        f"{subnet_name}-association",
        {"subnetId": ref(subnet_name), "routeTableId": ref(table)},
    )


def route(name: str, table: str, to: str = "0.0.0.0/0", **hop: Any) -> Resource:
    """A route of a table to a range, through the hop that `hop` names."""
    return resource(types.ROUTE, name, {"routeTableId": ref(table), "destinationCidrBlock": to, **hop})


def security_group(name: str, **props: Any) -> Resource:
    return resource(types.SECURITY_GROUP, name, props)


def egress(name: str, *, port: int, to: str = "10.0.0.0/16", protocol: str = "tcp", **props: Any) -> Resource:
    """A rule of a security group that lets its members out to a range, at one port."""
    said = {"cidrIpv4": to, "ipProtocol": protocol, "fromPort": port, "toPort": port, **props}
    return resource(types.EGRESS_RULE, name, said)


def firewall(name: str, policy: str, **props: Any) -> Resource:
    """A network firewall that does as its policy says."""
    return resource(types.FIREWALL, name, {"firewallPolicyArn": ref(policy), **props})


def firewall_policy(name: str) -> Resource:
    """The policy of a firewall that looks at every packet and drops what no rule names."""
    said = {
        "statelessDefaultActions": ["aws:forward_to_sfe"],
        "statelessFragmentDefaultActions": ["aws:forward_to_sfe"],
        "statefulDefaultActions": ["aws:drop_established_app_layer", "aws:alert_established_app_layer"],
        "statefulEngineOptions": {"ruleOrder": "STRICT_ORDER"},
    }
    return resource(types.FIREWALL_POLICY, name, {"firewallPolicy": said})


def endpoint(
    service: str, *, name: str | None = None, policy: str | None = OWN_ACCOUNT_ONLY, **props: Any
) -> Resource:
    """A VPC endpoint of the Region, called after its service."""
    said = {"serviceName": f"com.amazonaws.{REGION}.{service}", **props}
    return resource(types.VPC_ENDPOINT, name or service, said | ({"policy": policy} if policy else {}))


def firewall_list(name: str, *hosts: str) -> Resource:
    """A rule group of the network firewall that passes TLS to exactly these hosts."""
    listed = {"generatedRulesType": "ALLOWLIST", "targetTypes": ["TLS_SNI"], "targets": list(hosts)}
    return resource(
        types.FIREWALL_RULE_GROUP, name, {"ruleGroup": {"rulesSource": {"rulesSourceList": listed}}}
    )


FIRST_TARGET = "ruleGroup.rulesSource.rulesSourceList.targets[0]"  # of a firewall list
NEXT_TARGET = "ruleGroup.rulesSource.rulesSourceList.targets[1]"


def domain_list(name: str, *domains: str) -> Resource:
    """A list of names for the DNS Firewall."""
    return resource(types.DOMAIN_LIST, name, {"domains": list(domains)})


# -- stored data, keys and logs
def bucket(name: str, **props: Any) -> Resource:
    """`bucket("logs")` is the bucket `example-logs`."""
    return resource(types.BUCKET, name, {"bucket": f"example-{name}", **props})


def replication(name: str, source: str, to: str, **destination: Any) -> Resource:
    """A replication between two buckets of the example, the target named by ARN."""
    rule = {"destination": {"bucket": bucket_arn(f"example-{to}"), **destination}}
    return resource(types.REPLICATION, name, {"bucket": ref(source), "rules": [rule]})


def key(name: str = "key", **props: Any) -> Resource:
    return resource(types.KEY, name, {"description": "own", **props})


def secret(name: str = "secret", **props: Any) -> Resource:
    return resource(types.SECRET, name, {"name": f"example-{name}", "kmsKeyId": key_arn(), **props})


def log_group(name: str, **props: Any) -> Resource:
    """`log_group("app")` is the group `/example/app`."""
    return resource(types.LOG_GROUP, name, {"name": f"/example/{name}", **props})


# -- the cluster
def closed_cluster(name: str = "cluster") -> Resource:
    """A cluster with a private API, its own way out and encrypted secrets."""
    doors = {
        "endpointPublicAccess": False,
        "endpointPrivateAccess": True,
        "controlPlaneEgressMode": "CUSTOMER_ROUTED",
    }
    return resource(
        types.CLUSTER, name, {"vpcConfig": doors, "encryptionConfig": {"provider": {"keyArn": key_arn()}}}
    )


def policies_enforced(name: str = "cni") -> Resource:
    """The VPC CNI add-on with network policies on."""
    return resource(
        types.ADDON,
        name,
        {"addonName": "vpc-cni", "configurationValues": '{"enableNetworkPolicy": "true"}'},
    )


# -- Kubernetes objects; their only container stands at CONTAINER
CONTAINER = "spec.template.spec.containers[0]"
FIRST_VARIABLE = f"{CONTAINER}.env[0].value"
SILENT = {
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "VLLM_MEDIA_URL_ALLOW_REDIRECTS": "0",
}


def container(
    name: str,
    *,
    image: str | None = None,
    env: Mapping[str, str] | None = None,
    args: list[str] | None = None,
) -> dict[str, Any]:
    """A container with what is said of it."""
    said: dict[str, Any] = {"name": name}
    if image:
        said["image"] = image
    if env:
        said["env"] = [{"name": key_, "value": value} for key_, value in env.items()]
    if args is not None:
        said["args"] = args
    return said


def vllm(name: str = "vllm") -> dict[str, Any]:
    """The container of a model server that calls nobody and fetches nothing."""
    return container(
        name,
        image=MIRRORED.replace("/x@", "/vllm@"),
        env=SILENT,
        args=["--allowed-media-domains", "none.invalid"],
    )


def workload(
    type_: str, name: str, *containers: Mapping[str, Any], namespace: str = "kube-system"
) -> Resource:
    """A workload of any kind that keeps its pod under spec.template."""
    return resource(
        type_,
        name,
        {
            "metadata": {"namespace": namespace},
            "spec": {"template": {"spec": {"containers": list(containers)}}},
        },
    )


def deployment(name: str, *containers: Mapping[str, Any], namespace: str = "kube-system") -> Resource:
    return workload(types.DEPLOYMENT, name, *containers, namespace=namespace)


def network_policy(name: str, *, kinds: list[str], namespace: str = "inference", **spec: Any) -> Resource:
    """A network policy over every pod of a namespace."""
    return resource(
        types.NETWORK_POLICY,
        name,
        {"metadata": {"namespace": namespace}, "spec": {"podSelector": {}, "policyTypes": kinds, **spec}},
    )


# -- the proxy
def group(name: str, model: str, address: str | None = None, **params: Any) -> dict[str, Any]:
    """An entry of the proxy's model list: the group that callers name, and what answers."""
    said = {"model": model, **({"api_base": address} if address else {}), **params}
    return {"model_name": name, "litellm_params": said}


def proxy_data(*groups: Mapping[str, Any], **settings: Any) -> dict[str, str]:
    """The proxy's configuration as the data of a config map."""
    config = {"model_list": list(groups), **settings}
    return {"config.yaml": "".join(f"{name}: {json.dumps(value)}\n" for name, value in config.items())}


def proxy(*groups: Mapping[str, Any], **settings: Any) -> Resource:
    """A config map called `proxy` with the proxy's configuration."""
    return resource(types.CONFIG_MAP, "proxy", {"data": proxy_data(*groups, **settings)})
