"""The gateway on Fargate: task definitions and service, after images and secret values are there.

Not here: roles, log group and cluster (ecs_cluster), secrets, database, file (service).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.gateway import process, redaction
from components.gateway.logins import ADDRESSES_KEY, BOOTSTRAP_KEY
from components.names import Names
from inferplan.records.plan import GatewayService as PlannedGateway
from inferplan.records.plan import Image, Sidecar

CONTAINER = "gateway"
PROXY_FOLDER = "/app"  # of the proxy's image
STABLE_WITHIN = "20m"


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayEcsArgs:
    """`target_group_arn` is the balancer's, None without one."""

    names: Names
    gateway: PlannedGateway
    config_bucket: str
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    security_group_id: pulumi.Input[str]
    target_group_arn: pulumi.Input[str] | None


class GatewayEcs(pulumi.ComponentResource):
    """`bootstrap_family` is the task to run once before the first start (it creates the database login)."""

    service_name: str
    bootstrap_family: str

    def __init__(self, name: str, args: GatewayEcsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:GatewayEcs", name, None, opts)
        self._args, self._child = args, pulumi.ResourceOptions(parent=self)
        cluster = args.names.fixed("gateway")
        self.service_name, self.bootstrap_family = CONTAINER, f"{cluster}-init"
        self._task(f"{name}-bootstrap", "gateway-init", self.bootstrap_family, [_bootstrap(args)])
        task = self._task(f"{name}-task", "gateway", cluster, containers(args))
        aws.ecs.Service(
            f"{name}-service",
            name=self.service_name,
            cluster=args.names.arn("ecs", f"cluster/{cluster}"),
            task_definition=task.arn,
            desired_count=args.gateway.replicas,
            launch_type="FARGATE",
            platform_version="LATEST",
            network_configuration=aws.ecs.ServiceNetworkConfigurationArgs(
                subnets=args.subnet_ids,
                security_groups=[args.security_group_id],
                assign_public_ip=False,
            ),
            load_balancers=[
                aws.ecs.ServiceLoadBalancerArgs(
                    target_group_arn=args.target_group_arn,
                    container_name=CONTAINER,
                    container_port=args.gateway.port,
                )
            ]
            if args.target_group_arn is not None
            else None,
            health_check_grace_period_seconds=180 if args.target_group_arn is not None else None,
            deployment_circuit_breaker=aws.ecs.ServiceDeploymentCircuitBreakerArgs(
                enable=True, rollback=True
            ),
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            availability_zone_rebalancing="ENABLED",
            enable_execute_command=False,
            propagate_tags="SERVICE",
            # Otherwise `up` is green while tasks crash for want of a secret value (field-notes 4).
            wait_for_steady_state=True,
            opts=pulumi.ResourceOptions(
                parent=self, custom_timeouts=pulumi.CustomTimeouts(create=STABLE_WITHIN, update=STABLE_WITHIN)
            ),
        )
        self.register_outputs({"service": self.service_name, "bootstrapFamily": self.bootstrap_family})

    def _task(
        self, name: str, runs_as: str, family: str, definitions: list[dict[str, Any]]
    ) -> aws.ecs.TaskDefinition:
        args = self._args
        return aws.ecs.TaskDefinition(
            name,
            family=family,
            requires_compatibilities=["FARGATE"],
            network_mode="awsvpc",
            runtime_platform=aws.ecs.TaskDefinitionRuntimePlatformArgs(
                operating_system_family="LINUX", cpu_architecture="X86_64"
            ),
            cpu=str(args.gateway.cpu),
            memory=str(args.gateway.memory_mib),
            execution_role_arn=args.names.role_arn("gateway-start"),
            task_role_arn=args.names.role_arn(runs_as),
            container_definitions=json.dumps(definitions, sort_keys=True),
            opts=self._child,
        )


def containers(args: GatewayEcsArgs) -> list[dict[str, Any]]:
    """Migration first, then helpers and proxy; every value is plain, so that rules can read it beforehand."""
    gateway = args.gateway
    shared = {"essential": False, **_runs(process.migrate_command()), "workingDirectory": PROXY_FOLDER}
    environment = process.environment(gateway)
    digest = hashlib.sha256(process.configuration_text(gateway).encode()).hexdigest()
    migrate = {
        **_container(args, "migrate", gateway.image, environment | {"DISABLE_SCHEMA_UPDATE": "false"}),
        **shared,
    }
    proxy = {
        # A changed file alone would not restart the tasks that have read the old one.
        **_container(args, CONTAINER, gateway.image, environment | {"GATEWAY_CONFIGURATION": digest}),
        **_runs(process.proxy_command(gateway)),
        "workingDirectory": PROXY_FOLDER,
        "portMappings": [{"containerPort": gateway.port, "protocol": "tcp"}],
        "dependsOn": [
            {"containerName": "migrate", "condition": "SUCCESS"},
            *({"containerName": sidecar.name, "condition": "HEALTHY"} for sidecar in gateway.sidecars),
        ],
        "healthCheck": _health_check(process.alive_command(gateway)),
        "stopTimeout": 120,  # Fargate's most: long answers may finish
    }
    return [migrate, *(_sidecar(args, sidecar) for sidecar in gateway.sidecars), proxy]


def _bootstrap(args: GatewayEcsArgs) -> dict[str, Any]:
    return {
        **_container(args, "bootstrap", args.gateway.image, process.environment(args.gateway)),
        **_runs(process.bootstrap_command()),
        "workingDirectory": PROXY_FOLDER,
        "environmentFiles": _environment_file(args, BOOTSTRAP_KEY),
    }


def _runs(command: list[str]) -> dict[str, Any]:
    """A whole command line. `command` alone would only be arguments of the image's entry point, the proxy."""
    return {"entryPoint": command[:1], "command": command[1:]}


def _sidecar(args: GatewayEcsArgs, sidecar: Sidecar) -> dict[str, Any]:
    environment = redaction.environment(sidecar, process.TEMPORARY)
    definition = _container(args, sidecar.name, sidecar.image, environment)
    del definition["environmentFiles"]  # a helper has no business with database and cache
    return {
        **definition,
        **_runs(redaction.command(sidecar)),
        "healthCheck": _health_check(redaction.alive_command()),
        "memoryReservation": sidecar.memory_mib,
    }


def _health_check(command: list[str]) -> dict[str, Any]:
    return {
        "command": ["CMD", *command],
        "interval": 15,
        "timeout": 10,
        "retries": 3,
        "startPeriod": 180,
    }


def _container(args: GatewayEcsArgs, name: str, image: Image, environment: dict[str, str]) -> dict[str, Any]:
    return {
        "name": name,
        "image": image.reference(args.names.registry()),
        "essential": True,
        "user": str(process.USER_ID),
        "readonlyRootFilesystem": True,
        "linuxParameters": {
            "initProcessEnabled": True,
            "capabilities": {"drop": ["ALL"]},
            "tmpfs": [
                {
                    "containerPath": process.TEMPORARY,
                    "size": process.TEMPORARY_MIB,
                    "mountOptions": ["nosuid", "nodev"],
                }
            ],
        },
        "environment": [{"name": key, "value": value} for key, value in sorted(environment.items())],
        "environmentFiles": _environment_file(args, ADDRESSES_KEY),
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": args.names.log_group("gateway"),
                "awslogs-region": args.names.target.region,
                "awslogs-stream-prefix": name,
                "mode": "non-blocking",
            },
        },
    }


def _environment_file(args: GatewayEcsArgs, key: str) -> list[dict[str, str]]:
    return [{"type": "s3", "value": f"{args.names.bucket_arn(args.config_bucket)}/{key}"}]
