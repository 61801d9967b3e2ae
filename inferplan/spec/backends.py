"""What serves and what is called: backends and routes of a spec.

Not here: where they run and what surrounds them (model).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from inferplan.spec.vocabulary import (
    END,
    Api,
    Count,
    DataClass,
    Language,
    Name,
    Percent,
    Purpose,
    Record,
    Share,
    Text,
    Tokens,
    WeightsUri,
)


class Engine(Record):
    """The inference engine of own weights.

    name: the engine
    max_model_len: longest context in tokens
    kv_cache_dtype: type of the KV cache, such as fp8
    args: further flags of the pinned engine, without dashes in front
    """

    name: Literal["vllm"] = "vllm"
    max_model_len: Tokens | None = None
    kv_cache_dtype: Text | None = None
    args: dict[str, bool | int | float | str] = field(default_factory=dict)


class Capacity(Record):
    """How GPUs are bought.

    kind: on-demand, spot, reservation or capacity-block
    id: the reservation or capacity block
    instance_type: an instance type instead of the planner's choice
    zone: a zone id such as euc1-az1
    efa: whether nodes use the Elastic Fabric Adapter
    ami: an AMI id instead of the EKS image
    """

    kind: Literal["on-demand", "spot", "reservation", "capacity-block"] | None = None
    id: (
        Annotated[
            str,
            Meta(
                pattern=rf"^cr-[0-9a-f]{{8,17}}{END}",
                title="a reservation id such as cr-0123456789abcdef0",
            ),
        ]
        | None
    ) = None
    instance_type: Text | None = None
    zone: Text | None = None
    efa: bool = False
    ami: Annotated[str, Meta(pattern=rf"^ami-[0-9a-f]{{8,17}}{END}", title="an AMI id")] | None = None


class Adapter(Record):
    """A LoRA adapter on own weights.

    name: the name it is served under
    weights: where its files are
    class: class of the data it was trained on
    rank: its LoRA rank; above 16 the server must be told
    """

    name: Name
    weights: WeightsUri
    class_: DataClass | None = field(name="class", default=None)
    rank: Annotated[int, Meta(ge=1, le=512)] | None = None


class Openness(Record):
    """What of a model is open.

    weights: weights are published
    training_code: training code is published
    papers: a description is published
    data: training data is published
    commercial: commercial use is permitted
    """

    weights: bool | None = None
    training_code: bool | None = None
    papers: bool | None = None
    data: bool | None = None
    commercial: bool | None = None


class Backend(Record):
    """A place that can serve: own weights (`weights`) or a vendor's model (`vendor` and `model`).

    weights: hf://, s3:// or oci:// URI of own weights; pinned to a revision in the lock
    vendor: a vendor registered in organization.yaml
    model: the vendor's model id; beside s3:// or oci:// weights, the catalog model they are
    quantization: how weights are quantized; left out, they are served as published
    engine: the inference engine
    capacity: how GPUs are bought
    adapters: LoRA adapters served on the same weights
    shapes: config.json-like description of a model that the catalog does not know
    notices: license notices that are shown
    base_lineage: models that these weights were made from
    openness: what of the model is open, as the author claims
    """

    weights: WeightsUri | None = None
    vendor: Text | None = None
    model: Text | None = None
    quantization: Text | None = None
    engine: Engine = Engine()
    capacity: Capacity = Capacity()
    adapters: tuple[Adapter, ...] = ()
    shapes: dict[str, Any] | None = None
    notices: tuple[Text, ...] = ()
    base_lineage: tuple[Text, ...] = ()
    openness: Openness | None = None


class Use(Record):
    """What a route is for.

    purposes: from a closed list
    public_facing: whether people outside the organization talk to it
    commercial: whether use is commercial
    """

    purposes: Annotated[tuple[Purpose, ...], Meta(min_length=1)] = ("general",)
    public_facing: bool = False
    commercial: bool = True


class Scenarios(Record):
    """Monthly requests in three cases.

    low: requests a month when little is used
    expected: requests a month as planned
    high: requests a month when much is used
    """

    low: Count | None = None
    expected: Count | None = None
    high: Count | None = None


class Load(Record):
    """How much is asked of a route.

    peak_requests_per_second: requests a second at the peak
    monthly_requests: requests a month
    input_tokens: tokens of a typical prompt
    output_tokens: tokens of a typical answer
    cached_input_share: share of the input tokens that a vendor reads from its prompt cache, 0 to 1
    batch_share: share of the requests that may wait for hours, as batches of a vendor, 0 to 1
    growth_percent_per_month: growth of the number of requests
    scenarios: a low, an expected and a high case
    """

    peak_requests_per_second: Annotated[float, Meta(gt=0, le=1e6)] | None = None
    monthly_requests: Count | None = None
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    cached_input_share: Share = 0
    batch_share: Share = 0
    growth_percent_per_month: Annotated[float, Meta(ge=-100, le=1000)] = 0
    scenarios: Scenarios | None = None


Milliseconds = Annotated[float, Meta(gt=0, le=1e8, title="milliseconds")]


class Percentiles(Record):
    """Milliseconds that a share of requests must stay under.

    p50: half of the requests
    p95: 95 of 100 requests
    p99: 99 of 100 requests
    """

    p50: Milliseconds | None = None
    p95: Milliseconds | None = None
    p99: Milliseconds | None = None


class Objectives(Record):
    """How fast and how available a route must be.

    ttft_ms: time to first token
    tpot_ms: time per output token
    availability_percent: share of the month
    """

    ttft_ms: Percentiles | None = None
    tpot_ms: Percentiles | None = None
    availability_percent: Percent | None = None


class Route(Record):
    """What applications call by name.

    name: the model name that applications call
    api: kind of API
    classes: classes of data it admits
    backends: in order of preference; the first serves, the rest is fallback
    callers: applications registered in organization.yaml
    use: what it is for
    load: how much is asked of it
    objectives: how fast and how available it must be
    redaction: masks personal data in the gateway before the call
    redaction_languages: languages instead of those of the subjects
    guardrail: checks input and output (bedrock), or input alone, so that answers stream (bedrock-input)
    max_output_tokens: tokens of all answers to one request that a caller can ask for
    customize: how the model must be adaptable
    audit_required: whether the model must be auditable
    use_outputs_for_training: whether outputs train other models
    """

    name: Name
    api: Api
    classes: Annotated[tuple[DataClass, ...], Meta(min_length=1)]
    backends: Annotated[tuple[str, ...], Meta(min_length=1)]
    callers: tuple[str, ...] = ()
    use: Use = Use()
    load: Load = Load()
    objectives: Objectives = Objectives()
    redaction: Literal["presidio"] | None = None
    redaction_languages: tuple[Language, ...] = ()
    guardrail: Literal["bedrock", "bedrock-input"] | None = None
    max_output_tokens: Tokens | None = None
    customize: Literal["prompt", "adapter", "full"] | None = None
    audit_required: bool = False
    use_outputs_for_training: bool = False
