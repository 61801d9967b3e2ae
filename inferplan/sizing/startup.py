"""How long a replica takes from scheduled to serving, and the probes, deadlines and disks that follow.

Not here: choosing the image, the instance and the volume type (inferplan.plan).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Literal

from inferplan.catalog.table import Row, rows
from inferplan.records.plan import Derivation, Record, Source, Startup
from inferplan.sizing.constants import GB, GIB

_MB = 10**6
WeightsFrom = Literal["mount-streamed", "mount-mapped", "s3-stream", "disk"]
_RATES: dict[WeightsFrom, str] = {
    "mount-streamed": "weights_mount_streamed_mb_s",
    "mount-mapped": "weights_mount_mapped_mb_s",
    "s3-stream": "weights_stream_mb_s",
    "disk": "weights_disk_mb_s",
}
_ROUND_SECONDS = 60
_ROUND_MINUTES = 5
_ROUND_GIB = 10


class StartupConstant(Row, frozen=True):
    """One duration or rate with its spread; `fast` and `slow` are the ends, rates are high when fast."""

    id: str
    unit: str
    fast: float
    expected: float
    slow: float
    note: str | None = None


class Spread(Record, frozen=True):
    """Seconds of one phase."""

    fast: float
    expected: float
    slow: float

    def __add__(self, other: Spread) -> Spread:
        return Spread(
            fast=self.fast + other.fast, expected=self.expected + other.expected, slow=self.slow + other.slow
        )


class StartupEstimate(Record, frozen=True):
    """Predicted start of one replica with everything derived from it. Sizes in GiB, times in seconds."""

    startup: Startup
    phases: dict[str, Spread]  # node_boot is not part of `startup`, all others are
    root_volume_gib: int
    data_volume_gib: int | None  # None: the root volume holds images and weights
    ephemeral_gib: int  # what the pod requests
    scaling_lead_seconds: Spread  # from the wish for one more replica to serving, on a new node
    derivations: dict[str, Derivation]


@cache
def startup_constants() -> Mapping[str, StartupConstant]:
    """Durations and rates by id."""
    return {row.id: row for row in rows("startup", StartupConstant)}


def startup(
    image_gib: float,
    weights_gib: float,
    *,
    tensor_parallel: int = 1,
    nodes: int = 1,
    network_gbps: float | None = None,
    disk_mb_s: float | None = None,
    unpacked_gib: float | None = None,
    weights_from: WeightsFrom = "s3-stream",
    parallel_pull: bool = False,
    compile_cache: bool = False,
    enforce_eager: bool = False,
    weights_on_disk: bool = True,
    cache_gib: float = 10,
    bottlerocket: bool = False,
) -> StartupEstimate:
    """The start of one replica whose image has `image_gib` compressed and whose repository has `weights_gib`.

    `network_gbps` (Gbit/s, baseline) and `disk_mb_s` (MB/s) of the instance cap the published rates; None: no
    cap. `unpacked_gib` is the image as it lies unpacked, None: twice its size. Raises ValueError for sizes
    below 0.
    """
    unpacked = 2 * image_gib if unpacked_gib is None else unpacked_gib
    if min(image_gib, unpacked, weights_gib, cache_gib) < 0 or min(tensor_parallel, nodes) < 1:
        raise ValueError("sizes start at 0 GiB, parallel sizes at 1")
    network = None if network_gbps is None else network_gbps * GB / 8
    disk = None if disk_mb_s is None else disk_mb_s * _MB
    pull_id = "image_pull_parallel_mb_s" if parallel_pull else "image_pull_mb_s"
    # every byte of the image is written as it is pulled and again unpacked
    written = 1.0 if not image_gib else (image_gib + unpacked) / image_gib
    phases = {
        "node_boot": _duration("node_boot_s"),
        "image_pull": _transfer(image_gib, pull_id, (network, None if disk is None else disk / written)),
        "process_start": _duration("process_start_s") + _duration("rank_start_s", tensor_parallel - 1),
        "weights": _transfer(
            weights_gib, _RATES[weights_from], (disk if weights_from == "disk" else network,)
        ),
        "profile": _duration("profile_s"),
    }
    if nodes > 1:
        phases["other_nodes"] = _duration("node_join_s", nodes - 1)
    if not enforce_eager:
        phases["compile"] = _duration("compile_cached_s" if compile_cache else "compile_s")
        phases["graphs"] = _duration("graphs_s")
    container = _total(phases, without=("node_boot", "image_pull"))
    pod = _total(phases, without=("node_boot",))
    whole = _total(phases)
    period = int(startup_constants()["probe_period_s"].expected)
    threshold = max(30, math.ceil(container.slow * 1.25 / period))
    deadline = _up(whole.slow * 1.2, _ROUND_SECONDS)
    minutes = _up(deadline / 60 + _ROUND_MINUTES, _ROUND_MINUTES)
    stored = weights_gib if weights_on_disk or weights_from == "disk" else 0.0
    volume = _up((unpacked + stored + cache_gib) * 1.2, _ROUND_GIB)
    system = int(startup_constants()["system_volume_gib"].expected)
    found = Startup(
        seconds_low=round(pod.fast),
        seconds_expected=round(pod.expected),
        seconds_high=round(pod.slow),
        probe_period_seconds=period,
        probe_failure_threshold=threshold,
        progress_deadline_seconds=deadline,
        pulumi_timeout=f"{minutes}m",
    )
    inputs = {
        "image_gib": image_gib,
        "weights_gib": weights_gib,
        "network_gbps": network_gbps,
        "disk_mb_s": disk_mb_s,
        "weights_from": weights_from,
        "parallel_pull": parallel_pull,
        "tensor_parallel": tensor_parallel,
        "nodes": nodes,
    }
    return StartupEstimate(
        startup=found,
        phases=phases,
        root_volume_gib=system if bottlerocket else _up(volume + system, _ROUND_GIB),
        data_volume_gib=volume if bottlerocket else None,
        ephemeral_gib=math.ceil(stored + cache_gib),
        scaling_lead_seconds=whole,
        derivations=_derivations(found, phases, volume, whole, inputs, stored, cache_gib),
    )


def _duration(name: str, times: int = 1) -> Spread:
    row = startup_constants()[name]
    return Spread(fast=row.fast * times, expected=row.expected * times, slow=row.slow * times)


def _transfer(size_gib: float, name: str, caps: tuple[float | None, ...]) -> Spread:
    """Seconds to move bytes at a published rate, no faster than the caps (bytes per second) allow."""
    row = startup_constants()[name]

    def seconds(mb_s: float) -> float:
        return size_gib * GIB / min([mb_s * _MB, *(cap for cap in caps if cap is not None)])

    return Spread(fast=seconds(row.fast), expected=seconds(row.expected), slow=seconds(row.slow))


def _total(phases: Mapping[str, Spread], without: tuple[str, ...] = ()) -> Spread:
    total = Spread(fast=0, expected=0, slow=0)
    for name, spread in phases.items():
        if name not in without:
            total += spread
    return total


def _up(value: float, step: int) -> int:
    return math.ceil(value / step) * step


def _derivations(
    found: Startup,
    phases: Mapping[str, Spread],
    volume: int,
    lead: Spread,
    inputs: Mapping[str, object],
    stored_gib: float,
    cache_gib: float,
) -> dict[str, Derivation]:
    sources = tuple(
        dict.fromkeys(
            Source(source=text, as_of=row.as_of)
            for row in startup_constants().values()
            for text in row.source
        )
    )

    def one(value: object, unit: str, formula: str, **more: object) -> Derivation:
        return Derivation(
            value=value,
            unit=unit,
            formula=formula,
            inputs={**inputs, **more},
            sources=sources,
            confidence="low",
        )

    seconds = {name: [round(s.fast), round(s.expected), round(s.slow)] for name, s in phases.items()}
    return {
        "seconds_expected": one(
            found.seconds_expected,
            "seconds from scheduled pod to first token",
            "image pull + process start + weights + profiling + compilation + CUDA graphs",
            phases_fast_expected_slow=seconds,
        ),
        "probe_failure_threshold": one(
            found.probe_failure_threshold,
            "probes",
            "slow start of the container x 1.25 / probe period, at least 30 (the image pull is over by then)",
        ),
        "progress_deadline_seconds": one(
            found.progress_deadline_seconds,
            "seconds",
            "slow node boot + image pull + container start, x 1.2, rounded up to a minute",
        ),
        "pulumi_timeout": one(
            found.pulumi_timeout, "minutes", "progress deadline + 5 minutes, rounded up to 5"
        ),
        "volume_gib": one(
            volume,
            "GiB",
            "(unpacked image + weights on disk + cache) x 1.2, rounded up to 10",
            weights_on_disk_gib=stored_gib,
            cache_gib=cache_gib,
        ),
        "scaling_lead_seconds": one(
            round(lead.expected),
            "seconds",
            "node boot + start of the pod",
            fast=round(lead.fast),
            slow=round(lead.slow),
        ),
    }
