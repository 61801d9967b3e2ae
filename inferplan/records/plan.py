"""The plan as frozen records: plain values that stacks wire into resources without further arithmetic.

Not here: how the values are chosen (sizing, cost, decision, inferplan.plan).
"""

from __future__ import annotations

from typing import Literal

from inferplan.records.base import Derivation, Kind, Record, Source, fitting
from inferplan.records.gateway import Caller, GatewayService, Image, Sidecar
from inferplan.records.outcome import (
    Alternative,
    Candidate,
    Cost,
    CostLine,
    Decision,
    Default,
    Flow,
    LeadTime,
    PoolGrowth,
    Premium,
    Range,
    Scenario,
)
from inferplan.records.surroundings import (
    ClientRoute,
    Cluster,
    Endpoint,
    GivenCluster,
    Mirror,
    Network,
    Runner,
    Subnet,
    Tier,
)
from inferplan.records.watch import OBJECTS_JOB, SERVERS_JOB, Scaling, Watch
from inferplan.spec.laws import Law
from inferplan.spec.model import Api, DataClass


class Target(Record, frozen=True, kw_only=True):
    platform: Literal["aws", "kubernetes"]
    account: str
    region: str
    country: str
    partition: str
    dns_suffix: str
    dual_stack_suffix: str  # `api.aws` in the commercial partition
    zones: tuple[str, ...]  # zone ids, such as euc1-az1
    environment: str


class Route(Record, frozen=True, kw_only=True):
    name: str
    api: Api
    backend: str  # serves first
    fallback: tuple[str, ...]
    reason: str
    classes: tuple[DataClass, ...]
    callers: tuple[str, ...]
    redaction: str | None = None
    redaction_languages: tuple[str, ...] = ()
    guardrail: str | None = None
    max_output_tokens: int | None = None  # of all answers to one request; None: the API writes no text
    timeout_seconds: int = 600


class Memory(Record, frozen=True, kw_only=True):
    """GiB per GPU as vLLM budgets it; `margin_gib` is what is left after one request of full length.

    None: a part that a model which makes images does not have, or that no source splits off its activation.
    """

    total_gib: float
    requested_gib: float
    weights_gib: float
    activation_gib: float
    non_torch_gib: float | None
    cuda_graphs_gib: float | None
    kv_cache_gib: float | None
    kv_cache_tokens: int | None
    max_concurrency: float | None
    margin_gib: float
    fits: bool


class Throughput(Record, frozen=True, kw_only=True):
    """Output tokens per second of one replica at the planned concurrency, and latency ranges.

    A pooling model generates no tokens: its rates of tokens are None, and `ttft_ms` is its whole answer.
    """

    concurrency: int
    output_tokens_per_second: float | None
    output_tokens_per_second_low: float | None
    output_tokens_per_second_high: float | None
    ttft_ms: float
    ttft_ms_high: float
    tpot_ms: float | None
    tpot_ms_low: float | None
    tpot_ms_high: float | None
    confidence: Literal["medium", "low"]


class Startup(Record, frozen=True, kw_only=True):
    """Predicted seconds from scheduled pod to first token, and what is derived from them."""

    seconds_low: int
    seconds_expected: int
    seconds_high: int
    probe_period_seconds: int
    probe_failure_threshold: int
    progress_deadline_seconds: int
    pulumi_timeout: str  # such as 45m


class Shutdown(Record, frozen=True, kw_only=True):
    """How a pod of a server ends: the requests in it are answered first."""

    request_seconds: int  # the longest request that it may still be answering, which the engine waits for
    before_stop_seconds: int  # until gateways and kube-proxies have seen that the pod is going
    grace_seconds: int  # until it is killed
    scale_up_delay_seconds: int  # for so long a pending pod orders no node: one that ends still holds its GPU


class Adapter(Record, frozen=True, kw_only=True):
    name: str
    source: str  # the URI of the spec
    path: str  # where the server mounts it
    data_class: DataClass | None


class Server(Record, frozen=True, kw_only=True):
    """One vLLM server: a Deployment of `replicas` pods (pods of `pipeline_parallel` nodes when above 1)."""

    name: str  # Kubernetes object name, never `vllm`
    backend: str
    routes: tuple[str, ...]
    model: str  # org/name
    served_name: str
    weights_source: str  # the URI of the spec
    weights_key: str  # prefix in the weights bucket: models/<org>/<name>/<revision>
    revision: str | None
    quantization: str | None
    api: Api
    image: Image
    pool: str
    tensor_parallel: int
    pipeline_parallel: int
    replicas: int
    pods_per_node: int  # that share a node, and go together when it is replaced
    replicas_per_zone: int  # the most that stand in one zone, so that the rest outlive its loss
    sized_at: Literal["expected", "slow end"] | None  # speed the peak is carried at; None: not known
    min_replicas: int
    max_replicas: int
    max_model_len: int | None  # None: it makes images, which have no tokens
    max_num_seqs: int
    max_num_batched_tokens: int | None
    gpu_memory_utilization: float
    flags: tuple[str, ...]  # the whole command line after `vllm serve <path>`
    env: dict[str, str]
    gpus_per_pod: int
    cpu_per_pod: int
    memory_gib_per_pod: int
    shm_gib: int
    ephemeral_gib: int
    port: int
    memory: Memory
    throughput: Throughput | None  # None: no source says how fast it is
    startup: Startup
    shutdown: Shutdown
    zones: tuple[str, ...] = ()  # zone ids, each with its share of the replicas; empty: any zone of the pool
    adapters: tuple[Adapter, ...] = ()
    engine: Literal["vllm", "diffusion"] = "vllm"
    scaling: Scaling | None = None  # None: the number of its replicas stays the planned one


class RunningHours(Record, frozen=True, kw_only=True):
    """When the nodes of a pool may run; outside these hours there are none."""

    timezone: str
    start: str  # cron: from then on nodes may be brought
    stop: str  # cron: all nodes go
    hours_per_month: float


class Pool(Record, frozen=True, kw_only=True):
    """GPU nodes of one instance type; one EKS node group per zone."""

    name: str
    instance_type: str
    gpu: str
    gpus: int  # per node
    nodes: int  # planned for the load
    max_nodes: int  # ceiling of autoscaling
    zones: tuple[str, ...]
    capacity: Literal["on-demand", "spot", "reservation", "capacity-block"]
    capacity_id: str | None
    ami_type: str
    ami_has_device_plugin: bool
    architecture: Literal["x86_64", "arm64"]
    root_volume_gib: int
    data_volume_gib: int | None  # None: the image keeps everything on its root volume
    volume_mib_s: int  # throughput of the volume that images are pulled to
    quota_code: str | None
    quota_vcpus: int
    efa: bool = False
    efa_interfaces: int = 0  # that each node gets: one for each network card that carries EFA
    efa_first_card: int = 0  # the first of these cards; p6-b300 has one before it that carries IP only
    placement_group: bool = False
    running: RunningHours | None = None  # None: around the clock


class Vendor(Record, frozen=True, kw_only=True):
    """A backend served by a vendor; `path` says how the gateway reaches it."""

    backend: str
    vendor: str  # the organization's entry
    provider: str  # the id of the vendor facts
    model: str
    host: str
    path: Literal["privatelink", "firewall"]
    secret: str | None  # Secrets Manager name, None where an IAM role is used
    monthly_limit_usd: float | None
    routes: tuple[str, ...]
    model_arns: tuple[str, ...] = ()  # Bedrock only: what IAM and the endpoint policy may name


class Budget(Record, frozen=True, kw_only=True):
    monthly_usd: float
    alert_emails: tuple[str, ...]
    actual_percent: tuple[float, ...]
    forecast_percent: float
    max_overspend_usd: float | None


class Plan(Record, frozen=True, kw_only=True):
    schema: Literal["inferplan.plan/v1beta1"]
    name: str
    owner: str
    group: str | None
    mode: Kind
    target: Target
    data_class: DataClass
    log_retention_days: int
    prompt_retention_days: int
    routes: tuple[Route, ...]
    pools: tuple[Pool, ...]
    servers: tuple[Server, ...]
    vendors: tuple[Vendor, ...]
    network: Network
    cluster: Cluster | None
    gateway: GatewayService
    budget: Budget | None
    cost: Cost
    flows: tuple[Flow, ...]
    decision: Decision
    lead_time: LeadTime
    derivations: dict[str, Derivation]
    defaults: tuple[Default, ...]
    warnings: tuple[str, ...]
    mirror: Mirror  # between the layers
    deploy_role: str | None
    weights_bucket: str | None
    config_bucket: str | None
    images: tuple[Image, ...] = ()  # besides servers' and gateway's: of the cluster, its watch and the runner
    watch: Watch | None = None  # None: there are no model servers to watch
    candidates: tuple[Candidate, ...] = ()
    laws: tuple[Law, ...] = ()  # that the declaration stands under

    @property
    def pulled_images(self) -> tuple[Image, ...]:
        """Every image that the stack pulls, once per repository."""
        gateway = (self.gateway.image, *(sidecar.image for sidecar in self.gateway.sidecars))
        every = (*(server.image for server in self.servers), *gateway, *self.images)
        return tuple({image.repository: image for image in every}.values())


__all__ = [
    "OBJECTS_JOB",
    "SERVERS_JOB",
    "Adapter",
    "Alternative",
    "Budget",
    "Caller",
    "Candidate",
    "ClientRoute",
    "Cluster",
    "Cost",
    "CostLine",
    "Decision",
    "Default",
    "Derivation",
    "Endpoint",
    "Flow",
    "GatewayService",
    "GivenCluster",
    "Image",
    "Kind",
    "LeadTime",
    "Memory",
    "Mirror",
    "Network",
    "Plan",
    "Pool",
    "PoolGrowth",
    "Premium",
    "Range",
    "Record",
    "Route",
    "Runner",
    "RunningHours",
    "Scaling",
    "Scenario",
    "Server",
    "Shutdown",
    "Sidecar",
    "Source",
    "Startup",
    "Subnet",
    "Target",
    "Throughput",
    "Tier",
    "Vendor",
    "Watch",
    "fitting",
]
