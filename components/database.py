"""The gateway's PostgreSQL: private, encrypted, TLS only, with IAM login and no password of ours anywhere.

Not here: the login's creation and grant (gateway_process), and what the gateway stores in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

PORT = 5432
ENGINE_MAJOR = "17"


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseArgs:
    """`subnet_ids` are the database tier's, in at least two zones because RDS asks for them."""

    identifier: str
    database_name: str
    instance_class: str
    storage_gib: int
    vpc_id: pulumi.Input[str]
    subnet_ids: list[pulumi.Output[str]]
    kms_key_arn: pulumi.Input[str]
    secrets_key_arn: pulumi.Input[str]
    multi_az: bool
    production: bool


class Database(pulumi.ComponentResource):
    """`security_group_id` has no rules yet: callers add one for themselves."""

    address: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    master_secret_arn: pulumi.Output[str]

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:Database", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            f"{name}-group",
            vpc_id=args.vpc_id,
            description="PostgreSQL of the gateway: in from the gateway, nothing out",
            tags={"Name": f"{name}-group"},
            opts=child,
        )
        subnets = aws.rds.SubnetGroup(f"{name}-subnets", subnet_ids=args.subnet_ids, opts=child)
        parameters = aws.rds.ParameterGroup(
            f"{name}-parameters",
            family=f"postgres{ENGINE_MAJOR}",
            parameters=[
                aws.rds.ParameterGroupParameterArgs(name="rds.force_ssl", value="1"),
                aws.rds.ParameterGroupParameterArgs(name="log_connections", value="1"),
            ],
            opts=child,
        )
        instance = aws.rds.Instance(
            f"{name}-instance",
            identifier=args.identifier,
            engine="postgres",
            engine_version=ENGINE_MAJOR,
            auto_minor_version_upgrade=True,
            engine_lifecycle_support="open-source-rds-extended-support-disabled",
            instance_class=args.instance_class,
            allocated_storage=args.storage_gib,
            storage_type="gp3",
            storage_encrypted=True,
            kms_key_id=args.kms_key_arn,
            db_name=args.database_name,
            username="postgres_admin",
            manage_master_user_password=True,
            master_user_secret_kms_key_id=args.secrets_key_arn,
            iam_database_authentication_enabled=True,
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[group.id],
            parameter_group_name=parameters.name,
            publicly_accessible=False,
            port=PORT,
            multi_az=args.multi_az,
            backup_retention_period=35 if args.production else 1,
            copy_tags_to_snapshot=True,
            deletion_protection=args.production,
            # the ledger of keys, budgets and spend outlives a production stack in a last snapshot
            skip_final_snapshot=not args.production,
            final_snapshot_identifier=f"{args.identifier}-final" if args.production else None,
            performance_insights_enabled=False,  # it keeps query texts, and nobody asked for them
            opts=child,
        )
        self.address = instance.address
        self.security_group_id = group.id
        self.master_secret_arn = instance.master_user_secrets.apply(lambda secrets: secrets[0].secret_arn)
        self.register_outputs({"address": self.address})
