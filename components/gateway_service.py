"""What the gateway needs in AWS wherever it runs: role, secrets, database, cache, configuration, addresses.

Not here: the process itself (gateway_ecs, gateway_kubernetes) and its right to call Bedrock (bedrock_access).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import cache, database, naming
from components.cache import Cache, CacheArgs
from components.config_bucket import ConfigBucket, ConfigBucketArgs
from components.database import Database, DatabaseArgs
from components.gateway_names import GatewayNames, gateway_names, secret_arn
from components.group_rules import allow_between
from components.guardrail import Guardrail, GuardrailArgs
from components.vendor_secret import VendorSecret, VendorSecretArgs
from inferplan.records.plan import Plan

RECOVERY_DAYS = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayServiceArgs:
    """`caller_security_group_ids` are the groups the process runs in; keys come from the stack's Keys."""

    plan: Plan
    vpc_id: pulumi.Input[str]
    database_subnet_ids: list[pulumi.Output[str]]
    caller_security_group_ids: dict[str, pulumi.Output[str]]  # by a short name for the rules
    data_key_arn: pulumi.Input[str]
    secrets_key_arn: pulumi.Input[str]


class GatewayService(pulumi.ComponentResource):
    """`addresses` are the environment variables that only exist after deployment."""

    role: aws.iam.Role
    addresses: dict[str, pulumi.Output[str]]
    bootstrap_addresses: dict[str, pulumi.Output[str]]

    def __init__(
        self, name: str, args: GatewayServiceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("inferplan:index:GatewayService", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        plan, names = args.plan, gateway_names(args.plan)
        production = naming.is_production(plan)
        for secret in plan.gateway.secrets:
            leaf = secret.rpartition("/")[2]
            VendorSecret(
                f"{name}-{leaf}",
                VendorSecretArgs(
                    secret_name=secret,
                    description=f"{leaf} of the gateway of {plan.name}: set its value out of band",
                    kms_key_arn=args.secrets_key_arn,
                    recovery_days=RECOVERY_DAYS if production else 0,
                ),
                self._child,
            )
        self.role = self._role(name, plan, names)
        store = Database(
            f"{name}-database",
            DatabaseArgs(
                identifier=names.database,
                database_name=names.database_name,
                instance_class=plan.gateway.database_instance_class,
                storage_gib=plan.gateway.database_storage_gib,
                vpc_id=args.vpc_id,
                subnet_ids=args.database_subnet_ids,
                kms_key_arn=args.data_key_arn,
                secrets_key_arn=args.secrets_key_arn,
                multi_az=plan.gateway.database_multi_az,
                production=production,
            ),
            self._child,
        )
        limits = Cache(
            f"{name}-cache",
            CacheArgs(
                cache_name=names.cache,
                user=names.cache_user,
                node_type=plan.gateway.cache_node_type,
                nodes=plan.gateway.cache_nodes,
                vpc_id=args.vpc_id,
                subnet_ids=args.database_subnet_ids,
                kms_key_arn=args.data_key_arn,
            ),
            self._child,
        )
        for caller, group in args.caller_security_group_ids.items():
            for service, port, destination in (
                ("database", database.PORT, store.security_group_id),
                ("cache", cache.PORT, limits.security_group_id),
            ):
                allow_between(
                    f"{name}-{caller}-{service}",
                    source=group,
                    destination=destination,
                    port=port,
                    why=f"gateway to its {service}",
                    opts=self._child,
                )
        self.addresses = {"DATABASE_HOST": store.address, "REDIS_HOST": limits.address}
        self.bootstrap_addresses = {
            "DATABASE_HOST": store.address,
            "DATABASE_MASTER_SECRET_ARN": store.master_secret_arn,
        }
        if plan.gateway.guardrail is not None:
            guardrail = Guardrail(
                f"{name}-guardrail",
                GuardrailArgs(guardrail_name=plan.gateway.guardrail, kms_key_arn=args.data_key_arn),
                self._child,
            )
            self.addresses["BEDROCK_GUARDRAIL_ID"] = guardrail.guardrail_id
            self.addresses["BEDROCK_GUARDRAIL_VERSION"] = guardrail.version
        if plan.gateway.host_kind == "ecs":
            self._write_configuration(name, args, names)
        self.register_outputs({"addresses": self.addresses})

    def _role(self, name: str, plan: Plan, names: GatewayNames) -> aws.iam.Role:
        trust = (
            naming.trust(plan.target, "ecs-tasks")
            if plan.gateway.host_kind == "ecs"
            else naming.pod_identity_trust(plan.target)
        )
        role = aws.iam.Role(
            f"{name}-role",
            name=naming.role_name(plan, "gateway"),
            description="the gateway's process",
            assume_role_policy=trust,
            # The budget's action attaches a policy that this program does not know; destroy has to detach it.
            force_detach_policies=True,
            opts=self._child,
        )
        aws.iam.RolePolicy(
            f"{name}-policy",
            name="gateway",
            role=role.name,
            policy=process_policy(plan, names),
            opts=self._child,
        )
        return role

    def _write_configuration(self, name: str, args: GatewayServiceArgs, names: GatewayNames) -> None:
        """Fargate has no ConfigMap: proxy and ECS read from the bucket (field-notes 25)."""
        plan = args.plan
        if plan.config_bucket is None:
            raise ValueError("a gateway on Fargate needs a configuration bucket in the plan")
        bucket = ConfigBucket(
            f"{name}-config",
            ConfigBucketArgs(target=plan.target, bucket=plan.config_bucket, kms_key_arn=args.data_key_arn),
            self._child,
        )
        objects: dict[str, tuple[str, pulumi.Input[str]]] = {
            "configuration": (names.config_key, configuration_text(plan)),
            "addresses": (names.addresses_key, env_file(self.addresses)),
            "bootstrap": (names.bootstrap_key, env_file(self.bootstrap_addresses)),
        }
        for role, (key, content) in objects.items():
            aws.s3.BucketObjectv2(
                f"{name}-{role}",
                bucket=bucket.bucket,
                key=key,
                content=content,
                content_type="text/plain",
                server_side_encryption="aws:kms",
                kms_key_id=args.data_key_arn,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[bucket.ready]),
            )


def configuration_text(plan: Plan) -> str:
    """The proxy's configuration file; JSON is YAML, and always the same bytes."""
    return json.dumps(plan.gateway.config, indent=2, sort_keys=True)


def env_file(variables: dict[str, pulumi.Output[str]]) -> pulumi.Output[str]:
    """Lines of NAME=value, as ECS reads environment files."""
    return pulumi.Output.all(**variables).apply(
        lambda known: "".join(f"{variable}={known[variable]}\n" for variable in sorted(known))
    )


def process_policy(plan: Plan, names: GatewayNames) -> str:
    """What the process may do besides Bedrock, over plain ARNs: its secrets, database, cache and file."""
    target = plan.target
    statements: list[naming.Statement] = [
        {
            "Sid": "Secrets",
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": [secret_arn(target, secret) for secret in sorted(plan.gateway.secret_env.values())],
        },
        naming.key_use(plan, "secrets"),
        {
            "Sid": "Database",
            "Effect": "Allow",
            "Action": "rds-db:connect",
            "Resource": names.database_user_arn,
        },
        {
            "Sid": "Cache",
            "Effect": "Allow",
            "Action": "elasticache:Connect",
            "Resource": list(names.cache_arns),
        },
    ]
    if plan.gateway.host_kind == "ecs" and plan.config_bucket is not None:
        configuration = f"{naming.bucket_arn(target, plan.config_bucket)}/{names.config_key}"
        statements += [
            {"Sid": "Configuration", "Effect": "Allow", "Action": "s3:GetObject", "Resource": configuration},
            naming.key_use(plan, "data"),
        ]
    return naming.policy(statements)
