"""The mirror's project beside what it fills: the registry of every stack, and the bucket of weights.

Not here: starting a build (the verb mirror).
"""

from __future__ import annotations

import pulumi

from components.deployment import Deployment
from components.mirror_build import MirrorBuild, MirrorBuildArgs
from inferplan.records.plan import Plan
from stacks.shared import MIRROR_LOGS, Base


def mirror(deployment: Deployment, plan: Plan, base: Base) -> None:
    """What `inferplan mirror` starts between the layers."""
    MirrorBuild(
        f"{plan.name}-mirror",
        MirrorBuildArgs(
            names=deployment.names,
            mirror=plan.mirror,
            images=plan.pulled_images,
            log_group=base.logs.groups[MIRROR_LOGS],
            log_group_name=deployment.names.log_group(MIRROR_LOGS),
            data_key_arn=base.keys.arns["data"],
        ),
        deployment.options(),
    )
    pulumi.export("mirrorProject", plan.mirror.project)
