"""The JSON documents that verbs print, as records: what tools may rely on; fields may be added, not renamed.

Not here: filling them in (json_format, diff_text, resource_list, inferplan.cli) and their JSON Schemas
(contract_schemas).
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from inferplan.records.base import Derivation, Record, Source
from inferplan.records.measured import Measurement
from inferplan.records.no_plan import Conflict
from inferplan.records.outcome import Flow
from inferplan.records.plan import Endpoint, Plan, Route, Throughput
from inferplan.records.verdicts import CitedLine, Finding, Level, Report, RuleResult, StateFile
from inferplan.report.leftovers import Leftover
from inferplan.sizing.remedies import Remedy
from inferplan.spec.declaration import Bar
from inferplan.spec.faults import SpecError


class SpecPath(Struct, frozen=True):
    """Which file an error is about.

    path: as it was named, `-` for standard input; null where the command line itself is wrong
    """

    path: str | None


class Failure(Struct, frozen=True):
    """Why there is no result for a spec.

    spec: the file that it is about
    exit_code: 2 not understandable, 3 no plan exists, 4 a bug
    message: what standard error says too
    problems: what cannot be understood in files, each with its place
    conflicts: the requirements that leave no plan
    """

    spec: SpecPath
    exit_code: Literal[2, 3, 4]
    message: str
    problems: tuple[SpecError, ...]
    conflicts: tuple[Conflict, ...]


class ErrorsDocument(Struct, frozen=True):
    """What a verb prints with `--format json` in place of its result when there is none.

    schema: name and version of this contract
    errors: at least one
    """

    schema: Literal["inferplan.errors/v1beta1"]
    errors: tuple[Failure, ...]


class JudgedStack(Report, frozen=True, kw_only=True):
    """One spec that was judged: verdicts of every rule, findings, and the decision."""

    state: StateFile | None  # what the file of --state held; null where the planned resources were judged


class CheckDocument(Struct, frozen=True):
    """What `inferplan check --format json` prints.

    schema: name and version of this contract
    stacks: one for each spec that was judged, in the order in which they were named
    errors: one for each spec that could not be judged
    """

    schema: Literal["inferplan.check/v1beta1"]
    stacks: tuple[JudgedStack, ...]
    errors: tuple[Failure, ...]


class PlanDocument(Plan, frozen=True, kw_only=True):
    """What `inferplan plan SPEC --format json` prints: the whole plan, and how it came about."""

    organization: Bar  # the folder that judges, and the digest of its contents


class RuleEntry(Struct, frozen=True):
    """What one rule says of itself.

    id: never used for another rule
    title: what is so where the rule is kept
    level: `mandatory/advisory` where the declaration decides
    pack: the policy pack that holds it
    source: document and line (`000:116`), or law and clause
    cited: what the cited lines say
    regimes: that it serves
    applies_to: declared kinds, such as route, and type tokens of resources
    why: the reason for it
    fix: what to do where it fails
    aliases: former ids, which still work
    """

    id: str
    title: str
    level: Level | Literal["mandatory/advisory"]
    pack: str
    source: tuple[str, ...]
    cited: tuple[CitedLine, ...]
    regimes: tuple[str, ...]
    applies_to: tuple[str, ...]
    why: str
    fix: str
    aliases: tuple[str, ...]


class NoticeEntry(Struct, frozen=True):
    """A kind of finding that belongs to no rule.

    id: such as PIN-MISSING
    title: what is wrong where it is found
    fix: what to do then
    source: document and line
    cited: what the cited lines say
    """

    id: str
    title: str
    fix: str
    source: tuple[str, ...]
    cited: tuple[CitedLine, ...]


class RulesDocument(Struct, frozen=True):
    """What `inferplan rules [ID] --format json` prints.

    schema: name and version of this contract
    rules: by id
    notices: findings that belong to no rule
    """

    schema: Literal["inferplan.rules/v1beta1"]
    rules: tuple[RuleEntry, ...]
    notices: tuple[NoticeEntry, ...]


class ValidatedSpec(Struct, frozen=True):
    """Whether one spec can be understood.

    spec: path as it was named, `-` for standard input
    valid: no error was found
    organization: the folder that judges; null where the spec is not valid
    errors: everything that is wrong, each with its place
    """

    spec: str
    valid: bool
    organization: Bar | None
    errors: tuple[SpecError, ...]


class ValidatedOrganization(Struct, frozen=True):
    """Whether the platform team's folder can be understood.

    valid: no error was found
    organization: the folder, and the digest of its contents
    errors: everything that is wrong, each with its place
    """

    valid: bool
    organization: Bar
    errors: tuple[SpecError, ...]


class ValidateDocument(Struct, frozen=True):
    """What `inferplan validate --format json` prints.

    schema: name and version of this contract
    specs: one for each, in the order in which they were named
    organizations: the folder that was validated by itself, without any spec
    """

    schema: Literal["inferplan.validate/v1beta1"]
    specs: tuple[ValidatedSpec, ...]
    organizations: tuple[ValidatedOrganization, ...]


class SizeSettings(Struct, frozen=True):
    """What was computed with, by vLLM's names.

    tensor_parallel: GPUs that share each layer
    pipeline_parallel: groups of GPUs that share the layers
    quantization: format of the weights; null: as the model is published, and nothing says how
    kv_cache_dtype: type of the KV cache; `auto` follows the model
    max_model_len: longest request, in tokens
    max_num_seqs: sequences at once
    max_num_batched_tokens: tokens in one step
    gpu_memory_utilization: share of the usable memory that vLLM asks for, from 0 to 1
    vllm_version: whose arithmetic was followed
    enforce_eager: without CUDA graphs
    expert_parallel: whether every GPU holds whole experts
    max_loras: LoRA adapters at once
    max_lora_rank: the largest rank of one; null: no adapters
    """

    tensor_parallel: int
    pipeline_parallel: int
    quantization: str | None
    kv_cache_dtype: str
    max_model_len: int | None
    max_num_seqs: int | None
    max_num_batched_tokens: int | None
    gpu_memory_utilization: float
    vllm_version: str
    enforce_eager: bool
    expert_parallel: bool
    max_loras: int
    max_lora_rank: int | None


class SizeDocument(Struct, frozen=True):
    """What `inferplan size --format json` prints: memory in GiB per GPU; null where no source settles it.

    schema: name and version of this contract
    model: its id in the catalog, or the file that describes it
    fits: null: cannot be decided, and `reasons` say why
    confidence: how sure the verdict is
    total_gib: usable memory, in GiB per GPU
    requested_gib: that vLLM asks for, in GiB per GPU
    weights_gib: in GiB per GPU
    activation_gib: the most that one step needs, in GiB per GPU
    non_torch_gib: outside of torch, in GiB per GPU
    cuda_graphs_gib: in GiB per GPU
    kv_cache_gib: left for the KV cache, in GiB per GPU
    kv_cache_tokens: that the KV cache holds
    kv_cache_is_linear: whether a request's cache grows with its tokens only
    max_concurrency: requests of full length at once
    request_gib: KV cache of one request of full length, in GiB per GPU
    margin_gib: left after one such request, in GiB per GPU; below 0 it does not fit
    longest_max_model_len: longest request that fits, in tokens
    repository_gib: size of the published weights, in GiB
    settings: what was computed with
    reasons: why it does not fit, or cannot be decided
    cautions: what to know beside the answer
    remedies: single changes with which it would fit
    speed: of one replica; null: not asked for, or `speed_notes` say why there is none
    speed_notes: what to know beside the speed, or why there is none
    derivations: how each number came about, by the names of the fields
    """

    schema: Literal["inferplan.size/v1beta1"]
    model: str
    fits: bool | None
    confidence: str
    total_gib: float | None
    requested_gib: float | None
    weights_gib: float | None
    activation_gib: float | None
    non_torch_gib: float | None
    cuda_graphs_gib: float | None
    kv_cache_gib: float | None
    kv_cache_tokens: int | None
    kv_cache_is_linear: bool
    max_concurrency: float | None
    request_gib: float | None
    margin_gib: float | None
    longest_max_model_len: int | None
    repository_gib: float | None
    settings: SizeSettings
    reasons: tuple[str, ...]
    cautions: tuple[str, ...]
    remedies: tuple[Remedy, ...]
    speed: Throughput | None
    speed_notes: tuple[str, ...]
    derivations: dict[str, Derivation]


class Explained(Record, frozen=True, kw_only=True):
    """What every answer of `inferplan explain` begins with."""

    schema: Literal["inferplan.explain/v1beta1"]  # name and version of this contract
    spec: str  # path of the file, `-` for standard input
    organization: Bar  # the folder that judges, and the digest of its contents
    subject: str | None  # what was asked for: a path of the plan, a rule or a topic; null: every path


class ExplainedIndex(Explained, frozen=True, kw_only=True):
    """Without a subject: every derived value of the plan."""

    derivations: dict[str, Derivation]  # by path in the plan


class ExplainedValue(Explained, frozen=True, kw_only=True):
    """With a path: how the value there came about."""

    value: Any  # as the plan holds it; null where it is unknown or does not apply
    unit: str  # of the value
    formula: str  # in words
    inputs: dict[str, Any]  # what the formula was fed with, by name
    sources: tuple[Source, ...]  # of the figures in it
    confidence: Literal["high", "medium", "low", "documentation"]  # in the value


class ExplainedRule(Explained, frozen=True, kw_only=True):
    """With a rule: what it says of this spec."""

    rule: RuleEntry  # what it says of itself
    here: RuleResult | None  # its verdict; null where it did not run
    findings: tuple[Finding, ...]  # its own


class ExplainedResidency(Explained, frozen=True, kw_only=True):
    """With `residency`: where data goes."""

    flows: tuple[Flow, ...]  # as the planner claims them


class ExplainedFallback(Explained, frozen=True, kw_only=True):
    """With `fallback`: what serves each route, and what after it."""

    routes: tuple[Route, ...]  # in the order of the spec


class ExplainedDestroy(Explained, frozen=True, kw_only=True):
    """With `destroy`: what is not simply gone after it."""

    leftovers: tuple[Leftover, ...]  # what stops it, then what stays, then what goes later


class ExplainedEgress(Explained, frozen=True, kw_only=True):
    """With `egress`: every way out of the network."""

    hosts: tuple[str, ...]  # outside AWS, exact; none: no internet path at all
    endpoints: tuple[Endpoint, ...]  # private ways to AWS services
    dns_allow: tuple[str, ...]  # names that DNS answers


class ExplainedMeasured(Explained, frozen=True, kw_only=True):
    """With `measured`: what a file of metrics says beside the plan."""

    measured: tuple[Measurement, ...]  # route by route


class ResourceChange(Struct, frozen=True):
    """A resource that not every side has.

    layer: foundation or workload
    component: class of the component that it belongs to
    type: Pulumi's type token
    name: without the stack's own name at its front
    sides: whether each side has it
    """

    layer: str
    component: str
    type: str
    name: str
    sides: tuple[bool, ...]


class DiffDocument(Struct, frozen=True):
    """What `inferplan diff --format json` prints.

    schema: name and version of this contract
    organization: the folder that judges, and the digest of its contents
    sides: what is compared, in the order of every list of values below
    differences: facts by section and name, each with its value on every side; null where a side lacks it
    resources: those that not every side has
    """

    schema: Literal["inferplan.diff/v1beta1"]
    organization: Bar
    sides: tuple[str, ...]
    differences: dict[str, dict[str, tuple[str | None, ...]]]
    resources: tuple[ResourceChange, ...]
