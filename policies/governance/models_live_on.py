"""Whether the vendor still has the model: what rests on it lapses with it.

Not here: what follows it (the plan warns of that) and models that nobody offers (there is no plan for them).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from inferplan import catalog
from policies.context import Context, Serving
from policies.rule import Lapse, Outcome, Rule, fail, undecided

models_live_on = Rule(
    id="LOCK-005",
    title="The vendor's model has not ended, and a verdict that rests on it ends with it",
    why="A model that its vendor has switched off answers nobody, and the one after it answers differently.",
    fix="Take the model that the vendor names as its successor, and evaluate it before the old one ends.",
    source=("003:27",),
    level="mandatory",
)


@models_live_on.check("managed-api")
def _ends(serving: Serving, context: Context) -> Iterator[Outcome]:
    model = serving.backend.backend.model
    end = catalog.model_end(serving.vendor.provider, model) if model else None
    if end is None or end.doubt:  # of two sources the one that has seen it alive since is right
        return
    context.use(end.fact, end.row)
    if end.day <= context.as_of:
        after = f"; its successor is {end.successor}" if end.successor else ""
        if end.page is None:
            yield undecided(f"{model} ended on {end.day} by a list that names no page of the vendor{after}")
        else:
            yield fail(f"{model} ended on {end.day}{after}")
    else:
        yield Lapse(end.day - timedelta(days=1), f"{model} ends on {end.day}")


_MODEL = "spec:backends.gpt.model"
_MISTRAL = {
    "organization:vendors.openai-eu.provider": "mistral",
    "organization:vendors.openai-eu.host": "api.eu.mistral.ai",
}

models_live_on.passes("a model without an end", world="vendor", given={_MODEL: "gpt-5.6"})
models_live_on.passes("a model that ends later", world="vendor", given={_MODEL: "gpt-4.1-2025-04-14"})
models_live_on.fails("a model that has ended", {_MODEL: "gpt-4-turbo-2024-04-09"})

models_live_on.passes(
    "a model of another vendor", world="vendor", given={_MODEL: "mistral-large-2512", **_MISTRAL}
)
models_live_on.is_undecided(
    "a date without a page of the vendor", {_MODEL: "labs-leanstral-1-5"}, also=("SOV-014",)
)
