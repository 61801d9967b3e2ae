"""The build inside the VPC that deploys the workload layer: its image, its machine, its time and its state.

Not here: its network and who may reach its bucket (ways_in), and the project in AWS (components).
"""

from __future__ import annotations

import math

from inferplan import catalog
from inferplan.plan.case import Case
from inferplan.plan.images import RUNNER, UPSTREAM, image
from inferplan.records.notes import Notes
from inferplan.records.plan import Network, Runner, Server, Source, Target, fitting

COMPUTE_TYPE = "BUILD_GENERAL1_MEDIUM"  # engine, providers, program and two packs: five processes at a time
PROJECT_NAME_LIMIT = 150  # botocore's model of CodeBuild
LONGEST_MINUTES = 2160  # TimeoutInMinutes of CodeBuild's API reference
OVERHEAD_MINUTES = 10  # until the build runs, then preview, packs and everything that is no model server
HOW = "docs/how-to/deploy-from-inside-the-vpc.md"


def plan_runner(
    case: Case, target: Target, servers: tuple[Server, ...], network: Network, notes: Notes
) -> Runner | None:
    """The runner of a stack that is deployed from inside; None, with a warning, where it cannot work."""
    account = case.declaration.account
    if network.state_bucket is None or account.state_backend is None:
        return None  # deployed from elsewhere, or said already
    if account.state_key is None:
        notes.warn(
            "cluster.deploy_from vpc-runner: no runner is planned, because the organization registers no "
            f"state_key for account {target.account}: it could not decrypt the state"
        )
        return None
    expected = max((server.startup.seconds_expected for server in servers), default=0)
    longest = max((_minutes(server.startup.pulumi_timeout) for server in servers), default=0)
    runner = Runner(
        project=fitting(f"inferplan-{case.name}-runner", PROJECT_NAME_LIMIT),
        image=image(case.declaration, RUNNER),
        compute_type=COMPUTE_TYPE,
        minutes=OVERHEAD_MINUTES + math.ceil(expected / 60),
        timeout_minutes=min(LONGEST_MINUTES, 2 * OVERHEAD_MINUTES + longest),
        state_url=account.state_backend,
        state_key=account.state_key,
        secrets_provider=f"awskms://{account.state_key}?region={target.region}",
        source_key=f"inferplan/{case.name}/source.zip",
    )
    if runner.image.upstream == UPSTREAM[RUNNER][0]:
        notes.warn(
            f"images.{RUNNER}: {runner.image.upstream} has neither the provider plugins nor the Python "
            f"environment, and nothing can be fetched inside the VPC: build an image as {HOW} says, and pin "
            "it in the lock"
        )
    _derive(runner, expected, longest, notes)
    return runner


def _minutes(timeout: str) -> int:
    return int(timeout.removesuffix("m"))


def _derive(runner: Runner, expected: int, longest: int, notes: Notes) -> None:
    machine = catalog.build_machines()[runner.compute_type]
    notes.derive(
        "cluster.runner.minutes",
        runner.minutes,
        "minutes",
        f"{OVERHEAD_MINUTES} minutes for the build, the packs and the small objects, and the expected start "
        "of the slowest model server, which is waited for",
        {"startup_seconds": expected, "machine": runner.compute_type, "vcpus": machine.vcpus},
        sources=tuple(Source(source=text, as_of=machine.as_of) for text in machine.source),
        confidence="low",
    )
    notes.derive(
        "cluster.runner.timeout_minutes",
        runner.timeout_minutes,
        "minutes",
        f"the longest time that Pulumi waits for a model server, and twice {OVERHEAD_MINUTES} minutes; at "
        f"most the {LONGEST_MINUTES} that CodeBuild allows",
        {"pulumi_timeout_minutes": longest},
    )
