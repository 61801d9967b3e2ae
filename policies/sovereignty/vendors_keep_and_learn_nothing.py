"""What a vendor keeps of what it is sent, and whether it learns from it.

Not here: where it processes (vendors_process_inside) and who assessed it (vendors_are_assessed).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan import catalog
from policies.context import Context, NamedBackend, Serving
from policies.levels import confidential_and_up
from policies.rule import DROP, Outcome, Rule, fail, undecided

vendors_keep_no_longer_than_allowed = Rule(
    id="SOV-014",
    title="What a vendor keeps does not outlast what the spec allows",
    why="A vendor's copy for abuse monitoring or features is a second store that nobody here controls.",
    fix="Get zero retention approved and register it (vendors.*.retention), or raise data.retention.prompts.",
    source=("004:64",),
    level=confidential_and_up,
)


@vendors_keep_no_longer_than_allowed.check("managed-api")
def _retention(serving: Serving, context: Context) -> Iterator[Outcome]:
    assert context.inference is not None
    entry, fact = serving.vendor, serving.backend.fact
    allowed = context.inference.data.retention.prompts
    limit = 0 if allowed == "none" else int(allowed.removesuffix("d"))
    registered, zero = entry.retention, fact.zero_retention if fact else None
    yield from _features(serving, context, limit)
    model = serving.backend.backend.model
    kept = catalog.model_retention(entry.provider, model) if model else None
    days = registered.days if registered else _kept_by_default(serving.backend, kept)
    least = kept.least_days if kept is not None else None
    if kept is not None:
        context.use(kept.fact_id, kept)
    if model and least is None and limit == 0 and not _vouched(entry.provider, model, context):
        why = f": {kept.basis}" if kept is not None else ""
        yield undecided(f"no source says what {entry.provider} keeps of the prompts of {model}{why}")
    if days is None:
        yield undecided("no source says how long the vendor keeps prompts; register the contract's figure")
    elif registered is None and days > 0:
        yield fail(f"keeps prompts for {days} days by default, and the organization registered nothing else")
    elif kept is not None and least is not None and least > max(days, limit):
        yield fail(f"{entry.provider} keeps of {model}, whatever is registered: {_told(kept)}")
    elif days > limit:
        how = f"; zero retention: {zero.by}" if zero and zero.available and zero.by else ""
        yield fail(f"keeps prompts for {days} days where the spec allows {limit}{how}")
    elif registered is None and fact and (doubt := context.doubt(f"vendors/{fact.id}", fact, "retention")):
        yield undecided(doubt)


def _features(serving: Serving, context: Context, limit: int) -> Iterator[Outcome]:
    """What features store that the organization registers or, of batches, the route's load asks for."""
    entry, model = serving.vendor, serving.backend.backend.model or ""
    used = {*entry.features, *(("batches",) if serving.route.load.batch_share else ())}
    for feature in sorted(used & catalog.storing_features()):
        kept = catalog.model_retention(entry.provider, model, feature)
        if kept is None:
            if limit == 0:
                yield undecided(f"no source says what {entry.provider} stores for {feature}")
            continue
        context.use(kept.fact_id, kept)
        if (kept.least_days or 0) > limit or (kept.until_deleted and limit == 0):
            yield fail(f"uses {feature}, which stores whatever is registered: {_told(kept)}")


def _told(kept: catalog.ModelRetention) -> str:
    days = kept.least_days
    span = "until it is deleted" if days is None else f"for {days} day{'s' if days > 1 else ''}"
    return f"{kept.keeps}, {span} ({kept.basis})"


def _vouched(provider: str, model: str, context: Context) -> bool:
    named = catalog.bedrock_base(model) if provider == catalog.BEDROCK else model
    return context.confirmed(f"model_retention/{provider}/{named}")


def _kept_by_default(backend: NamedBackend, kept: catalog.ModelRetention | None) -> int | None:
    fact = backend.fact
    if fact is None or fact.retention_days_default is None:
        return None
    model = kept.default_days if kept is not None else None
    return max(fact.retention_days_default, fact.retention_days_worst_case or 0, model or 0)


_OPENAI = "organization:vendors.openai-eu"
_DAYS = f"{_OPENAI}.retention.days"

vendors_keep_no_longer_than_allowed.passes(
    "thirty days are allowed", world="vendor", given={"spec:data.retention": {"prompts": "30d"}, _DAYS: 30}
)
vendors_keep_no_longer_than_allowed.fails("the vendor keeps more than allowed", {_DAYS: 31})

vendors_keep_no_longer_than_allowed.passes("zero retention is registered, prompts: none", world="vendor")
vendors_keep_no_longer_than_allowed.fails(
    "nothing registered: the vendor's default counts", {f"{_OPENAI}.retention": DROP}
)
vendors_keep_no_longer_than_allowed.fails("the vendor keeps a day", {_DAYS: 1})
vendors_keep_no_longer_than_allowed.fails(
    "a feature that needs storage is on", {f"{_OPENAI}.features": ["batches"]}
)
vendors_keep_no_longer_than_allowed.is_undecided(
    "no default is known", {"organization:vendors.bedrock.retention": DROP}
)


_MODEL = "spec:backends.mistral.model"
_NEW = {"id": "model_retention/amazon-bedrock/xai.grok-4.6", "by": "dpo@example.com", "date": "2026-10-01"}

vendors_keep_no_longer_than_allowed.passes(
    "a model of which Bedrock keeps nothing", world="both", given={_MODEL: "eu.anthropic.claude-sonnet-4-6"}
)
vendors_keep_no_longer_than_allowed.fails(
    "a model whose every prompt is kept", {_MODEL: "global.anthropic.claude-fable-5"}
)
vendors_keep_no_longer_than_allowed.fails(
    "a model whose flagged prompts are kept", {_MODEL: "global.openai.gpt-5.5"}
)
vendors_keep_no_longer_than_allowed.is_undecided("no source says what is kept", {_MODEL: "xai.grok-4.6"})

vendors_keep_no_longer_than_allowed.passes(
    "a person has read what is kept of a new model",
    world="both",
    given={_MODEL: "xai.grok-4.6", "organization:facts": {"confirmed": [_NEW]}},
)
vendors_keep_no_longer_than_allowed.is_undecided("nobody has", {"organization:facts": {"confirmed": []}})


_GPT = "spec:backends.gpt.model"
_ONE_DAY = {_GPT: "gpt-6-sol", "spec:data.retention": {"prompts": "1d"}}

vendors_keep_no_longer_than_allowed.passes("nothing is said of batches", world="vendor")
vendors_keep_no_longer_than_allowed.fails(
    "batches are stored until they are deleted", {"spec:routes[0].load": {"batch_share": 0.5}}
)
vendors_keep_no_longer_than_allowed.fails(
    "a model whose prompt cache is stored even with zero retention", {_GPT: "gpt-6-sol"}
)
vendors_keep_no_longer_than_allowed.is_undecided("a model of which no row tells", {_GPT: "gpt-99"})

vendors_keep_no_longer_than_allowed.passes("the cache may live for a day", world="vendor", given=_ONE_DAY)
vendors_keep_no_longer_than_allowed.fails("nothing may", {"spec:data.retention": {"prompts": "none"}})


vendors_learn_nothing = Rule(
    id="SOV-015",
    title="Our data does not train the vendor's models",
    why="What a model has learned cannot be taken back out of it.",
    fix="Register a tier that does not train (paid, opted out) with its contract, and keep feedback "
    "sharing off.",
    source=("000:144",),
    level="mandatory",
)


@vendors_learn_nothing.check("managed-api")
def _training(serving: Serving, context: Context) -> Iterator[Outcome]:
    entry, fact = serving.vendor, serving.backend.fact
    said, public = entry.trains_on_data, fact.trains_on_data if fact else None
    hint = f" ({fact.training_note})" if fact and fact.training_note else ""
    if said or "feedback-sharing" in entry.features:
        yield fail(f"what is sent trains the vendor's models{hint}")
    elif public == "conditional" and entry.tier in {None, "free"}:
        yield fail(f"the tier {entry.tier or '(none said)'} may train the vendor's models{hint}")
    elif said is None and public is not False:
        yield undecided(f"nothing says that the vendor does not train on what is sent{hint}")
    elif said is None and fact and (doubt := context.doubt(f"vendors/{fact.id}", fact, "train")):
        yield undecided(doubt)
    elif said is False and public is None and entry.contract is None:
        yield undecided(f"no source and no contract says that nothing trains on what is sent{hint}")


_TRAINS = f"{_OPENAI}.trains_on_data"
_FREE = {"tier": "free", "provider": "mistral", "host": "api.eu.mistral.ai"}
_UNKNOWN = {"provider": "deepseek", "host": "api.deepseek.com"}

vendors_learn_nothing.passes("the contract says that nothing trains", world="vendor")
vendors_learn_nothing.fails("the vendor trains", {_TRAINS: True})
vendors_learn_nothing.fails("a tier that trains", {f"{_OPENAI}.{key}": value for key, value in _FREE.items()})
vendors_learn_nothing.fails("feedback sharing is on", {f"{_OPENAI}.features": ["feedback-sharing"]})
vendors_learn_nothing.is_undecided(
    "a word without a contract, and no fact",
    {f"{_OPENAI}.contract": DROP, **{f"{_OPENAI}.{key}": value for key, value in _UNKNOWN.items()}},
    also=("PRIV-004", "SOV-007", "SOV-014"),
)
vendors_learn_nothing.is_undecided(
    "nothing registered and no fact",
    {_TRAINS: DROP, **{f"{_OPENAI}.{key}": value for key, value in _UNKNOWN.items()}},
    also=("SOV-007", "SOV-014"),
)
