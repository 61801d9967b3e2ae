"""What a sector demands of whoever serves a route: health-data contracts, no shared service in defense.

Not here: regimes that hold for everybody (data_is_described) and licenses in general (the governance pack).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan import catalog
from policies.context import Context, Serving
from policies.rule import DROP, Outcome, Rule, fail, undecided
from policies.views.licenses import license_of

health_data_is_under_contract = Rule(
    id="SECT-002",
    title="Health data goes to a vendor only under a contract for it",
    why="Health data is special by law nearly everywhere, and some places keep it at home.",
    fix="Serve from own weights, or register the vendor's health-data contract and have a named person "
    "confirm the rules of the place.",
    source=("001:100",),
    level="mandatory",
    sectors=("healthcare",),
    when=lambda context: context.declaration.entity.sector == "healthcare",
)


@health_data_is_under_contract.check("managed-api")
def _contract(serving: Serving, context: Context) -> Iterator[Outcome]:
    assert context.inference is not None
    if serving.vendor.contract is None:
        yield fail(f"no health-data contract with {serving.backend.backend.vendor} is registered")
    subjects = set(context.inference.data.subjects or ())
    for extra in catalog.sector_extras():
        holds = extra.sector == "healthcare" and subjects & catalog.expand_places(extra.places)
        if holds and (doubt := context.doubt(extra.fact_id, extra)):
            yield undecided(f"healthcare in {', '.join(extra.places)}: {extra.fact} ({doubt})")


_SECTOR, _CONTRACT = "organization:entities.desk.sector", "organization:vendors.openai-eu.contract"

health_data_is_under_contract.passes(
    "a contract, and the rules of the place confirmed", world="vendor", given={_SECTOR: "healthcare"}
)
health_data_is_under_contract.fails("no contract", {_CONTRACT: DROP}, also=("PRIV-004",))
health_data_is_under_contract.is_undecided("nobody confirmed the rules", {"organization:facts": {}})


defense_shares_nothing = Rule(
    id="SECT-004",
    title="Defense uses no shared service, and no model whose license bars military use",
    why="A commercial service is shared with everybody, and many licenses end where the military begins.",
    fix="Serve from own weights under a license without a ban of military use.",
    source=("004:73",),
    level="mandatory",
    sectors=("defense",),
    when=lambda context: context.declaration.entity.sector == "defense",
)


@defense_shares_nothing.check("managed-api")
def _shared(_serving: Serving, _context: Context) -> Iterator[Outcome]:
    yield fail("defense: no shared commercial API")


@defense_shares_nothing.check("self-hosted")
def _military_use(serving: Serving, _context: Context) -> Iterator[Outcome]:
    standing = license_of(serving.backend.backend)
    if standing is not None and standing.license.military_ban is not False:
        make, bars = (fail, "bars") if standing.license.military_ban is True else (undecided, "may bar")
        yield make(f"defense, and {standing.license.name} {bars} military use")


_DEFENSE = {"organization:entities.clinic.sector": "defense"}
_WEIGHTS = "spec:backends.qwen.weights"

defense_shares_nothing.passes("own weights under Apache 2.0", given=_DEFENSE)
defense_shares_nothing.fails("a license that bars it", {_WEIGHTS: "hf://meta-llama/Llama-3.1-8B-Instruct"})
defense_shares_nothing.is_undecided("a license that may", {_WEIGHTS: "hf://google/gemma-3-4b-it"})

defense_shares_nothing.passes(
    "a vendor that the mode leaves out",
    world="both",
    given={**_DEFENSE, "spec:mode": "self-hosted", "spec:routes[1].backends": ["qwen", "mistral"]},
)
defense_shares_nothing.fails("a mode that lets it serve", {"spec:mode": "hybrid"})
