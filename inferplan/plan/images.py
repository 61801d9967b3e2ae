"""The container images of a stack: which publisher, which version, and the digest that the lock pins.

Not here: asking a registry (cli, verb `lock`) and copying images (cli, verb `mirror`).
"""

from __future__ import annotations

from inferplan.plan.given import given_cluster
from inferplan.records.plan import Image, Pool, Runner, Server
from inferplan.spec.declaration import Declaration

VLLM_VERSION = "0.33.0"
VLLM_OMNI_VERSION = "0.30.0"
LITELLM_VERSION = "1.109.1"
KEDA_VERSION = "2.21.0"
PROMETHEUS_VERSION = "3.16.0"
COLLECTOR_VERSION = "0.165.1"
PULUMI_VERSION = "3.259.0"
RUNNER = "runner"

# name in the lock -> (repository at its publisher, tag). The lock wins; these are what `lock` starts from.
UPSTREAM: dict[str, tuple[str, str]] = {
    "vllm": ("docker.io/vllm/vllm-openai", f"v{VLLM_VERSION}"),
    "diffusion": ("docker.io/vllm/vllm-omni", f"v{VLLM_OMNI_VERSION}"),
    "litellm": ("ghcr.io/berriai/litellm-database", f"v{LITELLM_VERSION}"),
    "presidio-analyzer": ("mcr.microsoft.com/presidio-analyzer", "2.2.362"),
    "presidio-anonymizer": ("mcr.microsoft.com/presidio-anonymizer", "2.2.362"),
    "cluster-autoscaler": ("registry.k8s.io/autoscaling/cluster-autoscaler", "v1.36.0"),
    "nvidia-device-plugin": ("nvcr.io/nvidia/k8s-device-plugin", "v0.17.4"),
    "prometheus": ("quay.io/prometheus/prometheus", f"v{PROMETHEUS_VERSION}"),
    "metrics-collector": ("docker.io/otel/opentelemetry-collector-contrib", COLLECTOR_VERSION),
    "keda": ("ghcr.io/kedacore/keda", KEDA_VERSION),
    "keda-metrics-apiserver": ("ghcr.io/kedacore/keda-metrics-apiserver", KEDA_VERSION),
    RUNNER: ("docker.io/pulumi/pulumi", PULUMI_VERSION),  # of which an own image is made
}
WATCH_IMAGES = ("prometheus", "metrics-collector")
SCALER_IMAGES = ("keda", "keda-metrics-apiserver")


def image(declaration: Declaration, name: str) -> Image:
    """One image as the stack pulls it: from the account's own registry, by digest once the lock has one."""
    repository, tag = UPSTREAM[name]
    locked = declaration.lock.images.get(name) if declaration.lock else None
    if locked is not None:
        repository, tag = locked.repository, locked.tag
    return Image(
        name=name,
        upstream=repository,
        repository=f"inferplan/{declaration.spec.metadata.name}/{name}",
        tag=tag,
        digest=locked.digest if locked else None,
    )


def cluster_images(
    declaration: Declaration,
    pools: tuple[Pool, ...],
    servers: tuple[Server, ...],
    runner: Runner | None,
) -> tuple[Image, ...]:
    """What is run besides servers and gateway; the device plugin only where an AMI lacks it, the scaler only
    where a server scales.
    """
    if not pools:
        return ()
    names = ["cluster-autoscaler", *WATCH_IMAGES]
    if not all(pool.ami_has_device_plugin for pool in pools):
        names.append("nvidia-device-plugin")
    if any(server.scaling is not None for server in servers):
        names += SCALER_IMAGES
    if runner is not None:
        names.append(RUNNER)
    given = given_cluster(declaration)
    there = set(given.provides if given is not None else ()) - set(WATCH_IMAGES)  # whose rules are the plan's
    return tuple(image(declaration, name) for name in names if name not in there)
