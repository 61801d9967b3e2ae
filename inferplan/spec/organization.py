"""The platform team's files as frozen records: organization.yaml and waivers/*.yaml.

Not here: the spec (model), the lock (lock) and reading files (loading).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from inferplan.spec.discounts import Discount
from inferplan.spec.lock import Lock, LockedAdapter, LockedImage, LockedModel
from inferplan.spec.model import Metadata
from inferplan.spec.registered import RegisteredCluster, RegisteredNetwork, RegisteredSubnet, VpcId
from inferplan.spec.vocabulary import (
    END,
    Account,
    Arn,
    Count,
    Country,
    DataClass,
    Date,
    DayCount,
    KeyAlias,
    Name,
    Place,
    Record,
    RuleId,
    Sector,
    Text,
    Usd,
)

__all__ = [
    "AccountBaseline",
    "AccountEntry",
    "Application",
    "Assessment",
    "ClassCeiling",
    "ConfirmedFact",
    "Discount",
    "Entity",
    "Environment",
    "Evidence",
    "EvidenceKind",
    "Facts",
    "KeyPolicy",
    "Level",
    "Lock",
    "LockedAdapter",
    "LockedImage",
    "LockedModel",
    "Organization",
    "RegisteredCluster",
    "RegisteredNetwork",
    "RegisteredSubnet",
    "RuleSetting",
    "Sovereignty",
    "Store",
    "Subject",
    "Subprocessor",
    "VendorEntry",
    "VendorRetention",
    "Waiver",
    "WaiverScope",
]

Sovereignty = Literal["standard", "absolute"]
EvidenceKind = Literal[
    "safety_design", "security_review", "evaluation", "load_test", "human_review", "weight_scan", "exit_test",
    "transfer_basis", "refusal_tests", "audit_rights", "data_location", "region_guard", "vendor_limit",
    "key_rotation",
]  # fmt: skip
Level = Literal["mandatory", "advisory", "disabled"]
Environment = Literal["production", "staging", "development"]
Subject = Annotated[
    str,
    Meta(
        pattern=rf"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?{END}",
        title="a subject: a spec, vendor or account, spec/route, spec/backend, or a model id",
    ),
]


class Entity(Record):
    """A legal entity; what is left out is unknown, and rules that need it do not pass.

    domicile: country of its seat
    sector: what it does
    monthly_active_users: users a month of everything it offers
    annual_revenue_usd: revenue a year
    """

    domicile: Country | None = None
    sector: Sector | None = None
    monthly_active_users: Count | None = None
    annual_revenue_usd: Annotated[float, Meta(ge=0, le=1e15, title="US dollars")] | None = None


class AccountBaseline(Record):
    """References to the account singletons that exist outside the stack.

    trail: audit trail
    anomaly_monitor: cost anomaly monitor
    invocation_logging: Bedrock invocation logging
    """

    trail: Text | None = None
    anomaly_monitor: Text | None = None
    invocation_logging: Text | None = None


class AccountEntry(Record):
    """What may run in one account: its ceilings are not the spec author's to choose.

    entity: legal entity that owns it
    environment: what it is for
    criticality: how much depends on it
    max_class: strictest class of data it may hold
    countries: where its data may be
    state_backend: where Pulumi keeps its state
    state_key: alias of the key in KMS with which Pulumi encrypts what is secret in it
    deploy_role: role that deploys
    baseline: account singletons that exist already
    authorization: authorizations it holds
    """

    entity: Text
    environment: Environment
    criticality: Literal["core", "supporting", "experimental"]
    max_class: DataClass
    countries: Annotated[tuple[Place, ...], Meta(min_length=1)]
    state_backend: Text | None = None
    state_key: KeyAlias | None = None
    deploy_role: Arn | None = None
    baseline: AccountBaseline = AccountBaseline()
    authorization: tuple[Text, ...] = ()


class ClassCeiling(Record):
    """What a class of data may use.

    backends: kinds of backend that may serve it
    sovereignty: absolute excludes operators under foreign law
    """

    backends: tuple[Literal["self-hosted", "managed-api"], ...]
    sovereignty: Sovereignty = "standard"


class Application(Record):
    """Who calls.

    class: strictest class of data it sends
    owner: who answers for it
    """

    class_: DataClass = field(name="class")
    owner: Text


class VendorRetention(Record):
    """How long a vendor keeps prompts and answers.

    days: number of days
    reference: contract or setting that says so
    date: when that was read
    """

    days: Annotated[int, Meta(ge=0, le=36500)]
    reference: Text
    date: Date


class Subprocessor(Record):
    """Whom a vendor passes data to.

    name: who
    country: where
    """

    name: Text
    country: Country


class Assessment(Record):
    """A privacy assessment of a vendor.

    reference: where it is filed
    date: when it was approved
    approver: who approved it
    classes: classes of data it covers
    """

    reference: Text
    date: Date
    approver: Text
    classes: tuple[DataClass, ...]


class KeyPolicy(Record):
    """How a vendor's key is kept.

    rotation_days: days after which it is replaced
    """

    rotation_days: DayCount


class VendorEntry(Record):
    """A vendor the platform team has contracted; `provider` is an id of the vendor facts.

    provider: id of the vendor facts
    max_class: strictest class of data it may see
    host: exact host that is called
    tier: tier of the contract
    retention: how long it keeps data
    trains_on_data: whether it trains on our data
    contract: the contract
    subprocessors: whom it passes data to
    assessment: privacy assessment
    sla: promised availability
    support: support tier
    monthly_limit_usd: most that the gateway spends there in a month
    key: how its key is kept
    review_by: date by which terms and models are reviewed
    features: vendor-only features in use, in the words of docs/retention.md where they store something
    """

    provider: Text
    max_class: DataClass
    host: Text | None = None
    tier: Text | None = None
    retention: VendorRetention | None = None
    trains_on_data: bool | None = None
    contract: Text | None = None
    subprocessors: tuple[Subprocessor, ...] | None = None
    assessment: Assessment | None = None
    sla: Text | None = None
    support: Text | None = None
    monthly_limit_usd: Usd | None = None
    key: KeyPolicy | None = None
    review_by: Date | None = None
    features: tuple[Text, ...] = ()


class Store(Record):
    """A bucket that specs may name as `s3://<store>/...`.

    account: AWS account that owns it
    region: AWS Region it lies in
    """

    account: Account
    region: Text


class Evidence(Record):
    """One entry of the register of reviews.

    kind: kind of review
    subject: what was reviewed
    reference: where it is filed
    date: when it was approved
    approver: who approved it
    metric: what was measured
    score: result
    minimum: result that was needed
    revision: model revision; left out, the locked one
    """

    kind: EvidenceKind
    subject: Subject
    reference: Text
    date: Date
    approver: Text
    metric: Text | None = None
    score: float | None = None
    minimum: float | None = None
    revision: Text | None = None


class ConfirmedFact(Record):
    """A fact that a named person vouches for.

    id: fact id, `<table>/<key>`, or one host of a vendor, `vendors/<vendor>/<host>`
    by: who vouches
    date: since when
    countries: where a vendor's host processes, countries or groups, where no source says it
    """

    id: Text
    by: Text
    date: Date
    countries: tuple[Text, ...] = ()


class Facts(Record):
    """Facts of the catalog that the organization vouches for.

    confirmed: unverified or partial facts that count as verified
    """

    confirmed: tuple[ConfirmedFact, ...] = ()


class RuleSetting(Record):
    """A level raised or announced; before `from` the rule stays as it is.

    level: level from then on
    from: when it counts
    existing_stacks_from: when it counts for stacks that exist already
    """

    level: Level
    from_: Date | None = field(name="from", default=None)
    existing_stacks_from: Date | None = None


class Organization(Record, kw_only=True):
    """The bar that the platform team sets; a spec can only tighten it.

    apiVersion: version of this language
    kind: kind of this file
    metadata: who this is
    entities: legal entities of one group, by name; some licenses count all of them together
    accounts: what may run where, by AWS account id
    classes: ceilings per class of data
    applications: who calls, by name
    vendors: vendors under contract, by name
    stores: buckets that specs may name
    networks: VPCs that exist and that specs may build into, by id
    clusters: EKS clusters that exist and that specs may build into, by name
    publishers: hub organizations whose weights are approved
    evidence: register of reviews
    facts: facts the organization vouches for
    discounts: what was negotiated off prices
    rules: levels by rule id
    not_waivable: rules that no waiver lifts
    warn_only: environments in which the program only warns of what its own judgment denies; the packs refuse
    """

    api_version: Literal["inferplan/v1beta1"] = field(name="apiVersion")
    kind: Literal["Organization"]
    metadata: Metadata
    entities: dict[str, Entity]
    accounts: dict[Account, AccountEntry]
    classes: dict[DataClass, ClassCeiling]
    applications: dict[str, Application] = field(default_factory=dict)
    vendors: dict[Name, VendorEntry] = field(default_factory=dict)
    stores: dict[str, Store] = field(default_factory=dict)
    networks: dict[VpcId, RegisteredNetwork] = field(default_factory=dict)
    clusters: dict[str, RegisteredCluster] = field(default_factory=dict)
    publishers: tuple[Text, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    facts: Facts = Facts()
    discounts: tuple[Discount, ...] = ()
    rules: dict[RuleId, RuleSetting] = field(default_factory=dict)
    not_waivable: tuple[RuleId, ...] = ()
    warn_only: tuple[Environment, ...] = ()


class WaiverScope(Record):
    """What a waiver covers; what is left out is not limited.

    spec: name of the spec
    subject: name of the subject
    """

    spec: Text | None = None
    subject: Text | None = None


class Waiver(Record):
    """A rule lifted for a time.

    apiVersion: version of this language
    kind: kind of this file
    rule: the rule
    scope: what it covers
    reason: why
    ticket: where it was discussed
    owner: who asked
    approver: who granted it
    created: first day
    expires: last day
    """

    api_version: Literal["inferplan/v1beta1"] = field(name="apiVersion")
    kind: Literal["Waiver"]
    rule: RuleId
    scope: WaiverScope
    reason: Text
    ticket: Text
    owner: Text
    approver: Text
    created: Date
    expires: Date
