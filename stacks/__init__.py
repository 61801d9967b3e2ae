"""From a plan to resources: `build` makes the root component and lets the stack of the plan's mode fill it.

Not here: choosing values (inferplan.plan) and the resources themselves (components).
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Literal, get_args

import msgspec

from inferplan.records.no_plan import NotBuilt

if TYPE_CHECKING:
    from components.deployment import Deployment
    from inferplan.records.plan import Plan
    from inferplan.spec.declaration import Declaration

Layer = Literal["foundation", "workload"]
LAYERS: tuple[Layer, ...] = get_args(Layer)  # in the order of deployment
DEVICE_PLUGIN = "nvidia-device-plugin"  # name of its image in the plan


def build(plan: Plan, layer: Layer, declaration: Declaration) -> Deployment:
    """Declare every resource of one layer under a new root component and return it; NotBuilt if it cannot."""
    from components.deployment import Deployment, DeploymentArgs
    from components.names import Names
    from stacks import hybrid, managed_api, self_hosted
    from stacks.shared import export_plan

    _refuse_what_is_not_built(plan)
    text = declaration.to_json()
    digest = hashlib.sha256(text.encode()).hexdigest()
    deployment = Deployment(
        plan.name,
        DeploymentArgs(
            declaration=text,
            digest=digest,
            layer=layer,
            claims=claims(plan),
            names=Names(plan.name, plan.target),
            tags=tags(plan),
        ),
    )
    export_plan(plan, layer, declaration_digest=digest, plan_digest=plan_digest(plan))
    stack = {"self-hosted": self_hosted, "managed-api": managed_api, "hybrid": hybrid}[plan.mode]
    if layer == "foundation":
        stack.foundation(deployment, plan)
    else:
        stack.workload(deployment, plan)
    return deployment


def tags(plan: Plan) -> dict[str, str]:
    """What every AWS resource is tagged with, once, through the provider."""
    return {
        "inferplan:stack": plan.name,
        "inferplan:owner": re.sub(r"[^\w .:/=+@-]", "-", plan.owner)[:256],  # what tags may hold
        "inferplan:environment": plan.target.environment,
        "inferplan:data-class": plan.data_class,
    }


def claims(plan: Plan) -> str:
    """What rules can only learn from the planner: claims that they compare with the resources."""
    return _canonical(
        {
            "mode": plan.mode,
            "cost": plan.cost,
            "flows": plan.flows,
            "decision": plan.decision,
            "lead_time": plan.lead_time,
            "pools": plan.pools,
            "servers": [
                {
                    "name": server.name,
                    "model": server.model,
                    "routes": server.routes,
                    "quantization": server.quantization,
                    "tensor_parallel": server.tensor_parallel,
                    "pipeline_parallel": server.pipeline_parallel,
                    "replicas": server.replicas,
                    "max_replicas": server.max_replicas,
                }
                for server in plan.servers
            ],
        }
    )


def plan_digest(plan: Plan) -> str:
    """The SHA-256 of the plan's canonical bytes: the same plan, the same digest."""
    return hashlib.sha256(_canonical(plan).encode()).hexdigest()


def _canonical(value: object) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()


def _refuse_what_is_not_built(plan: Plan) -> None:
    names = {image.name for image in plan.images}
    bare_nodes = any(not pool.ami_has_device_plugin for pool in plan.pools)
    missing = {
        "target.platform: kubernetes": plan.target.platform != "aws",
        "gateway.existing": plan.gateway.existing_url is not None,
        "an AMI without device plugin, and no image of one": bare_nodes and DEVICE_PLUGIN not in names,
    }
    asked = [field for field, is_asked in missing.items() if is_asked]
    if asked:
        raise NotBuilt(f"planned, but no stack can build it yet: {', '.join(asked)}")
