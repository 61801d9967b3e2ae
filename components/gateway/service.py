"""What the gateway needs in AWS wherever it runs: role, secrets, database, cache, configuration, addresses.

Not here: the process itself (ecs, kubernetes) and its right to call Bedrock (bedrock_access).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import iam
from components.gateway import cache, database
from components.gateway.cache import Cache, CacheArgs
from components.gateway.config_bucket import ConfigBucket, ConfigBucketArgs
from components.gateway.database import Database, DatabaseArgs
from components.gateway.guardrail import Guardrail, GuardrailArgs
from components.gateway.logins import ADDRESSES_KEY, BOOTSTRAP_KEY, config_key, logins
from components.gateway.process import configuration_text
from components.gateway.vendor_secret import VendorSecret, VendorSecretArgs
from components.group_rules import allow_between
from components.names import Names
from inferplan.records.plan import GatewayService as PlannedGateway

RECOVERY_DAYS = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayServiceArgs:
    """`caller_security_group_ids` are the groups the process runs in; keys come from the stack's Keys."""

    names: Names
    gateway: PlannedGateway
    config_bucket: str | None  # of a gateway on Fargate, which has no ConfigMap (field-notes 25)
    production: bool
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
        gateway, sign_in = args.gateway, logins(args.gateway)
        for secret in gateway.secrets:
            leaf = secret.rpartition("/")[2]
            VendorSecret(
                f"{name}-{leaf}",
                VendorSecretArgs(
                    secret_name=secret,
                    description=f"{leaf} of the gateway of {args.names.stack}: set its value out of band",
                    kms_key_arn=args.secrets_key_arn,
                    recovery_days=RECOVERY_DAYS if args.production else 0,
                ),
                self._child,
            )
        self.role = self._role(name, args)
        store = Database(
            f"{name}-database",
            DatabaseArgs(
                identifier=_database(args.names),
                database_name=sign_in.database_name,
                instance_class=gateway.database_instance_class,
                storage_gib=gateway.database_storage_gib,
                vpc_id=args.vpc_id,
                subnet_ids=args.database_subnet_ids,
                kms_key_arn=args.data_key_arn,
                secrets_key_arn=args.secrets_key_arn,
                multi_az=gateway.database_multi_az,
                production=args.production,
            ),
            self._child,
        )
        limits = Cache(
            f"{name}-cache",
            CacheArgs(
                cache_name=sign_in.cache,
                user=sign_in.cache_user,
                node_type=gateway.cache_node_type,
                nodes=gateway.cache_nodes,
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
        if gateway.guardrail is not None:
            guardrail = Guardrail(
                f"{name}-guardrail",
                GuardrailArgs(guardrail_name=gateway.guardrail, kms_key_arn=args.data_key_arn),
                self._child,
            )
            self.addresses["BEDROCK_GUARDRAIL_ID"] = guardrail.guardrail_id
            self.addresses["BEDROCK_GUARDRAIL_VERSION"] = guardrail.version
        if args.config_bucket is not None:
            self._write_configuration(name, args, args.config_bucket)
        self.register_outputs({"addresses": self.addresses})

    def _role(self, name: str, args: GatewayServiceArgs) -> aws.iam.Role:
        trust = (
            iam.trust(args.names, "ecs-tasks")
            if args.gateway.host_kind == "ecs"
            else iam.pod_identity_trust(args.names)
        )
        role = aws.iam.Role(
            f"{name}-role",
            name=args.names.fixed("gateway"),
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
            policy=process_policy(args),
            opts=self._child,
        )
        return role

    def _write_configuration(self, name: str, args: GatewayServiceArgs, bucket_name: str) -> None:
        """Proxy and ECS read from the bucket."""
        bucket = ConfigBucket(
            f"{name}-config",
            ConfigBucketArgs(names=args.names, bucket=bucket_name, kms_key_arn=args.data_key_arn),
            self._child,
        )
        objects: dict[str, tuple[str, pulumi.Input[str]]] = {
            "configuration": (config_key(args.gateway), configuration_text(args.gateway)),
            "addresses": (ADDRESSES_KEY, env_file(self.addresses)),
            "bootstrap": (BOOTSTRAP_KEY, env_file(self.bootstrap_addresses)),
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


def env_file(variables: dict[str, pulumi.Output[str]]) -> pulumi.Output[str]:
    """Lines of NAME=value, as ECS reads environment files."""
    return pulumi.Output.all(**variables).apply(
        lambda known: "".join(f"{variable}={known[variable]}\n" for variable in sorted(known))
    )


def process_policy(args: GatewayServiceArgs) -> str:
    """What the process may do besides Bedrock, over plain ARNs: its secrets, database, cache and file."""
    names, sign_in = args.names, logins(args.gateway)
    statements: list[iam.Statement] = [
        {
            "Sid": "Secrets",
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": [names.secret_arn(secret) for secret in sorted(args.gateway.secrets)],
        },
        iam.key_use(names, "secrets"),
        {
            "Sid": "Database",
            "Effect": "Allow",
            "Action": "rds-db:connect",
            # The full ARN needs the instance's generated id, which nobody knows before it exists.
            "Resource": names.arn("rds-db", f"dbuser:*/{sign_in.database_user}"),
        },
        {
            "Sid": "Cache",
            "Effect": "Allow",
            "Action": "elasticache:Connect",
            "Resource": [
                names.arn("elasticache", f"replicationgroup:{sign_in.cache}"),
                names.arn("elasticache", f"user:{sign_in.cache_user}"),
            ],
        },
    ]
    if args.config_bucket is not None:
        configuration = f"{names.bucket_arn(args.config_bucket)}/{config_key(args.gateway)}"
        statements += [
            {"Sid": "Configuration", "Effect": "Allow", "Action": "s3:GetObject", "Resource": configuration},
            iam.key_use(names, "data"),
        ]
    return iam.policy(statements)


def bootstrap_policy(names: Names) -> str:
    """The master secret of this one database: RDS chooses its name, and tags it with the instance's ARN."""
    instance = names.arn("rds", f"db:{_database(names)}")
    return iam.policy(
        [
            {
                "Sid": "MasterSecret",
                "Effect": "Allow",
                "Action": "secretsmanager:GetSecretValue",
                "Resource": names.arn("secretsmanager", "secret:rds!db-*"),
                "Condition": {"StringEquals": {"aws:ResourceTag/aws:rds:primaryDBInstanceArn": instance}},
            },
            iam.key_use(names, "secrets"),
        ]
    )


def _database(names: Names) -> str:
    return names.fixed("gateway", limit=63)  # RDS takes no more
