"""GPU nodes: image, disks, zones, capacity, the ceiling of autoscaling and the quota it needs.

Not here: which instance type is taken (instance_choice) and the servers on it (servers).
"""

from __future__ import annotations

import math
from typing import Literal, cast

import msgspec

from inferplan import sizing
from inferplan.cost import HOURS_PER_MONTH
from inferplan.plan.case import DEVELOPMENT, Case
from inferplan.plan.own_weights.endings import shutdown
from inferplan.plan.own_weights.instance_choice import Choice
from inferplan.plan.own_weights.weight_loading import loading
from inferplan.records.no_plan import Conflict, NotBuilt
from inferplan.records.notes import Notes
from inferplan.records.plan import Pool, RunningHours, Source
from inferplan.sizing.startup import startup_constants
from inferplan.spec.model import Backend

WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")  # as cron counts them
GROWTH_MONTHS = 12
GROWTH_CEILING = 4  # autoscaling may reach this many times the planned replicas, whatever the stated growth
# The vLLM image as it is pulled and as it lies unpacked: 12 and 28.6 GB (vllm#27154, vllm PR#22377), working
# figures, as the lock does not record sizes.
IMAGE_GIB = 11.2
UNPACKED_GIB = 26.6
IMAGES_ON_DISK = 2  # in an update the old one is still there, and both the layers and what they unpack to
VOLUME_HEADROOM = 1.2
VOLUME_STEP_GIB = 10
VOLUME_MIB_S = (
    500  # of gp3 without more than its 3,000 IOPS; its own 125 take five minutes for the image alone
)
# A reservation matches only instances outside any placement group but the one it was made in, and a capacity
# block none in a group at all (terraform-aws-modules/terraform-aws-eks#3730, eksctl#7949).
RESERVED = ("reservation", "capacity-block")
CACHE_GIB = 10  # compile cache and logs of one pod


def plan_pool(case: Case, index: int, choice: Choice, zones: tuple[str, ...], notes: Notes) -> Pool:
    """The nodes of one backend, in those of the stack's `zones` that offer its type."""
    backend = case.spec.backends[choice.backend]
    instance, path = choice.instance, f"pools[{index}]"
    kind = backend.capacity.kind or notes.default(
        f"backends.{choice.backend}.capacity.kind", "on-demand", "nothing else is stated"
    )
    ami = next((ami for ami in instance.ami if ami.startswith("BOTTLEROCKET")), instance.ami[0])
    _refuse_own_image(choice.backend, backend)
    bottlerocket = ami.startswith("BOTTLEROCKET")
    notes.derive(
        f"{path}.ami_type",
        ami,
        "EKS AMI type",
        "Bottlerocket where the instance row lists it: no shell, read-only root, device plugin inside",
        {"listed": list(instance.ami), "instance_type": instance.type},
        sources=tuple(
            Source(source=text, as_of=instance.as_of) for text in instance.source if "ami" in text.lower()
        ),
    )
    ceiling = _ceiling(case, choice)
    groups = choice.zones if choice.replicas_per_zone is not None else 1
    max_nodes = math.ceil(ceiling / groups / choice.pods_per_node) * groups * choice.layout.pipeline_parallel
    estimate = startup(case, choice, bottlerocket=bottlerocket)
    notes.derivations[f"{path}.scaling_lead_seconds"] = estimate.derivations["scaling_lead_seconds"]
    root, data = _volumes(path, choice, ami, notes)
    efa = backend.capacity.efa or choice.layout.pipeline_parallel > 1
    facts = tuple(Source(source=text, as_of=instance.as_of) for text in instance.source)
    for field, value, unit in (
        ("gpus", instance.count, "GPUs"),
        ("efa_interfaces", instance.efa, "network cards"),
        ("efa_first_card", instance.ena_only_cards, "number of a network card"),
    ):
        formula = f"as the catalog says of {instance.type}; EFA only where asked for or a replica spans nodes"
        notes.derive(f"{path}.{field}", value if field == "gpus" or efa else 0, unit, formula, sources=facts)
    return Pool(
        name=f"gpu-{choice.backend}",
        instance_type=instance.type,
        gpu=instance.gpu,
        gpus=instance.count,
        nodes=choice.nodes,
        max_nodes=notes.derive(
            f"{path}.max_nodes",
            max(max_nodes, choice.nodes),
            "nodes",
            f"nodes for the replicas that {GROWTH_MONTHS} months of growth need, at least one more replica "
            "and at most "
            f"{GROWTH_CEILING} times the plan",
            {"max_replicas": ceiling},
        ),
        zones=_pool_zones(choice, zones, choice.offered),
        capacity=cast(Literal["on-demand", "spot", "reservation", "capacity-block"], kind),
        capacity_id=backend.capacity.id,
        ami_type=ami,
        ami_has_device_plugin=bottlerocket,
        architecture=instance.arch,
        root_volume_gib=root,
        data_volume_gib=data,
        volume_mib_s=notes.derive(
            f"{path}.volume_mib_s",
            VOLUME_MIB_S,
            "MiB/s",
            "what gp3 gives on its 3,000 IOPS, below 750; the instance type may allow less",
        ),
        quota_code=instance.quota_spot if kind == "spot" else instance.quota_od,
        quota_vcpus=notes.derive(
            f"{path}.quota_vcpus",
            max(max_nodes, choice.nodes) * instance.vcpu,
            "vCPUs",
            "the quota counts vCPUs: the ceiling of nodes times the vCPUs of one",
            {"max_nodes": max(max_nodes, choice.nodes), "vcpu": instance.vcpu},
        ),
        efa=efa,
        efa_interfaces=instance.efa if efa else 0,
        efa_first_card=instance.ena_only_cards if efa else 0,
        placement_group=choice.layout.pipeline_parallel > 1 and kind not in RESERVED,
        running=_running(case, path, kind, notes),
    )


def _refuse_own_image(name: str, backend: Backend) -> None:
    """EKS does not bootstrap an image that a launch template names; how it is done depends on the image."""
    if backend.capacity.ami is not None:
        raise NotBuilt(
            f"backend {name} asks for an image of its own, which this version does not start",
            (
                Conflict(
                    path=f"backends.{name}.capacity.ami",
                    value=backend.capacity.ami,
                    reason="nodes of an own image join the cluster by user data that depends on its family "
                    "(nodeadm, Bottlerocket), and none is written yet",
                ),
            ),
        )


def _volumes(path: str, choice: Choice, ami: str, notes: Notes) -> tuple[int, int | None]:
    """GiB of the root volume and of the second one of Bottlerocket, which holds images and pods."""
    system = int(startup_constants()["system_volume_gib"].expected)
    stored = IMAGES_ON_DISK * (IMAGE_GIB + UNPACKED_GIB) + CACHE_GIB * choice.pods_per_node
    volume = math.ceil(stored * VOLUME_HEADROOM / VOLUME_STEP_GIB) * VOLUME_STEP_GIB
    inputs = {
        "image_gib": IMAGE_GIB,
        "unpacked_gib": UNPACKED_GIB,
        "images": IMAGES_ON_DISK,
        "cache_gib_per_pod": CACHE_GIB,
        "pods_per_node": choice.pods_per_node,
    }
    formula = (
        f"(images, each as pulled and unpacked, + cache of every pod) x {VOLUME_HEADROOM}, rounded up to "
        f"{VOLUME_STEP_GIB}; two images lie side by side in an update"
    )
    if ami.startswith("BOTTLEROCKET"):
        notes.derive(f"{path}.root_volume_gib", system, "GiB", "operating system, kubelet and logs", inputs)
        notes.derive(f"{path}.data_volume_gib", volume, "GiB", formula, inputs, confidence="low")
        return system, volume
    root = math.ceil((volume + system) / VOLUME_STEP_GIB) * VOLUME_STEP_GIB
    formula += f"; and {system} for the operating system"
    notes.derive(f"{path}.root_volume_gib", root, "GiB", formula, inputs, confidence="low")
    no_second = f"an image of type {ami} has no second volume: its root volume holds everything"
    notes.derive(f"{path}.data_volume_gib", None, "GiB", no_second)
    return root, None


def _running(case: Case, path: str, kind: str | None, notes: Notes) -> RunningHours | None:
    """The spec's schedule, for nodes of a development account that cost nothing while they are gone."""
    said = case.spec.schedule
    if said is None:
        return None
    if case.environment != DEVELOPMENT or kind not in {"on-demand", "spot"}:
        why = f"the account is for {case.environment}"
        if case.environment == DEVELOPMENT:
            why = f"a {kind} is paid whether it is used or not"
        notes.warn(f"schedule is not applied, nodes run around the clock: {why}")
        return None
    start, stop = ([int(part) for part in text.split(":")] for text in (said.start, said.stop))
    minutes = (stop[0] - start[0]) * 60 + stop[1] - start[1]
    overnight = int(minutes < 0)
    days = [WEEKDAYS.index(day) for day in said.days]

    def cron(at: list[int], later: int) -> str:
        listed = ",".join(str(day) for day in sorted((day + later) % len(WEEKDAYS) for day in days))
        return f"{at[1]} {at[0]} * * {listed}"

    hours_per_day = (minutes + overnight * 24 * 60) / 60
    hours = notes.derive(
        f"{path}.running.hours_per_month",
        round(len(days) * hours_per_day / (len(WEEKDAYS) * 24) * HOURS_PER_MONTH, 2),
        "hours a month",
        f"days a week x hours a day / 168 x {HOURS_PER_MONTH}",
        {"days_per_week": len(days), "hours_per_day": hours_per_day},
    )
    return RunningHours(
        timezone=said.timezone, start=cron(start, 0), stop=cron(stop, overnight), hours_per_month=hours
    )


def _pool_zones(choice: Choice, zones: tuple[str, ...], offered: tuple[str, ...]) -> tuple[str, ...]:
    """The stack's zones that offer the type; one where the nodes of a replica must stand together."""
    found = tuple(zone for zone in zones if zone in offered)
    return found[:1] if choice.layout.pipeline_parallel > 1 and choice.zones == 1 else found


def zones_of(choice: Choice, pool: Pool) -> tuple[str, ...]:
    """Zones that each hold their share of the replicas; none where the loss of one need not be survived."""
    return pool.zones[: choice.zones] if choice.replicas_per_zone is not None else ()


def startup(case: Case, choice: Choice, *, bottlerocket: bool) -> sizing.StartupEstimate:
    """The predicted start of a replica; a node that has to come first is ordered after a delay.

    Weights take no disk: they are read from a mounted bucket. The rate is that of the loader: a start that
    gets too little time is killed in a loop.
    """
    estimate = sizing.startup(
        IMAGE_GIB,
        choice.layout.stored_gib,
        tensor_parallel=choice.layout.tensor_parallel,
        nodes=choice.layout.pipeline_parallel,
        unpacked_gib=UNPACKED_GIB,
        weights_from=loading(case, choice).reads,
        parallel_pull=True,
        weights_on_disk=False,
        cache_gib=float(CACHE_GIB * choice.pods_per_node),
        disk_mb_s=VOLUME_MIB_S * 2**20 / 10**6,
        bottlerocket=bottlerocket,
    )
    return _ordered_later(estimate, shutdown(case, choice.backend).scale_up_delay_seconds)


def _ordered_later(estimate: sizing.StartupEstimate, delay: int) -> sizing.StartupEstimate:
    """The deadlines of a start for which a node is ordered only after `delay` seconds."""
    deadline = estimate.startup.progress_deadline_seconds + delay
    timeout = f"{math.ceil((deadline / 60 + 5) / 5) * 5}m"
    known, derivations = estimate.derivations, dict(estimate.derivations)
    lead = known["scaling_lead_seconds"]
    for field, value in (
        ("progress_deadline_seconds", deadline),
        ("pulumi_timeout", timeout),
        ("scaling_lead_seconds", lead.value + delay),
    ):
        derivations[field] = msgspec.structs.replace(
            known[field],
            value=value,
            formula=f"{known[field].formula}; a node is ordered after scale_up_delay_seconds",
            inputs={**known[field].inputs, "scale_up_delay_seconds": delay},
        )
    return msgspec.structs.replace(
        estimate,
        startup=msgspec.structs.replace(
            estimate.startup, progress_deadline_seconds=deadline, pulumi_timeout=timeout
        ),
        derivations=derivations,
    )


def _ceiling(case: Case, choice: Choice) -> int:
    """Replicas autoscaling may reach: a year of growth, at least one more, at most four times."""
    rates = [load.growth_percent_per_month for load in case.traffic if load.backend == choice.backend]
    grown = choice.replicas * (1 + max(rates, default=0.0) / 100) ** GROWTH_MONTHS
    return min(max(choice.replicas + 1, math.ceil(grown)), GROWTH_CEILING * choice.replicas)


def most_replicas(pool: Pool, choice: Choice) -> int:
    """Replicas that the pool's ceiling of nodes can hold."""
    return max(choice.replicas, pool.max_nodes // choice.layout.pipeline_parallel * choice.pods_per_node)


def warn_capacity(case: Case, pools: list[Pool], notes: Notes) -> None:
    """Say what is seldom to be had, or not fully said."""
    for pool in pools:
        if pool.instance_type.startswith("p") and pool.capacity == "on-demand":
            core = ", and the account is core" if case.declaration.account.criticality == "core" else ""
            notes.warn(
                f"{pool.name}: {pool.instance_type} on demand is seldom to be had{core}: take a reservation "
                "or a "
                "capacity block"
            )
        if pool.capacity == "capacity-block":
            zone = "" if len(pool.zones) == 1 else f", not in {len(pool.zones)}: name it with capacity.zone"
            notes.warn(
                f"{pool.name}: a capacity block is sold in some Regions only, lies in one zone{zone}, and "
                "ends on its date: nodes are taken away half an hour before"
            )
        if pool.capacity in RESERVED and pool.capacity_id is None:
            notes.warn(f"{pool.name}: {pool.capacity} without capacity.id: no node starts before it is said")
