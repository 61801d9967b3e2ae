"""What vendors charge for tokens: one typical request priced with its tiers, times the requests of a month.

Not here: the price table (catalog.token_rates), the organization's own prices (contracted_tokens), and how a
vendor is reached (plan.vendor_backends).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from inferplan import catalog
from inferplan.cost.lines import notes, unpriced
from inferplan.records.draft import Draft, Traffic
from inferplan.records.plan import CostLine, Vendor

REGIONAL = frozenset({"countries", "location"})
_DAY = re.compile(r"(20\d\d)-?([01]\d)-?([0-3]\d)")


class Uplift(NamedTuple):
    """The factor that a vendor's regional host puts on its list price, and why."""

    low: float
    expected: float
    high: float
    note: str


def token_line(draft: Draft, vendor: Vendor, traffic: Traffic) -> CostLine:
    """The tokens of one route at one vendor."""
    name = f"tokens {vendor.backend} for {traffic.route}"
    each, asked = each_request(traffic), asked_of(traffic)
    region = draft.target.region
    found = catalog.request_price(vendor.provider, vendor.model, asked, draft.as_of, region)
    if found is None:
        return unpriced(
            name,
            "usage",
            notes(each, f"no token price of {vendor.model} is known", _why_none(vendor, region)),
            group="tokens",
            quantity=traffic.monthly_requests,
            unit="requests",
            routes=(traffic.route,),
        )
    factor = uplift(vendor)

    def usd(requests: int, each_usd: float) -> float:
        return round(requests * each_usd, 2)

    high = usd(traffic.monthly_requests_high, found.high * factor.high)
    limit = vendor.monthly_limit_usd
    capped = f"the gateway stops at {limit:,.0f} USD a month" if limit is not None and high > limit else ""
    return CostLine(
        name=name,
        kind="usage",
        low_usd=usd(traffic.monthly_requests_low, found.low * factor.low),
        expected_usd=usd(traffic.monthly_requests, found.expected * factor.expected),
        high_usd=high,
        quantity=traffic.monthly_requests,
        unit="requests",
        unit_usd=found.expected * factor.expected,
        estimated=not found.exact or bool(found.differs) or factor.low != factor.high,
        source=found.source,
        as_of=found.as_of,
        note=notes(
            each, f"priced as {found.model}", factor.note, *_about(found, vendor, traffic, region), capped
        ),
        group="tokens",
        routes=(traffic.route,),
    )


def asked_of(traffic: Traffic) -> catalog.Asked:
    """One typical request of a route, as it is priced."""
    return catalog.Asked(
        traffic.input_tokens, traffic.output_tokens, traffic.cached_input_share, traffic.batch_share
    )


def each_request(traffic: Traffic) -> str:
    """One typical request in words."""
    cached, waiting = traffic.cached_input_share, traffic.batch_share
    read = f"{cached:.4g} of the input cached" if cached else "none cached"
    text = f"{traffic.input_tokens} tokens in and {traffic.output_tokens} out a request, {read}"
    return text + (f", {waiting:.4g} of the requests as batches" if waiting else "")


def priced_in_full(traffic: Traffic, *, cached: bool, batched: bool) -> Iterator[str]:
    """Which shares of the load cost what others do, since no rate of their own is known."""
    if traffic.cached_input_share and not cached:
        yield "no cached rate is stated: cached input is priced like other input"
    if traffic.batch_share and not batched:
        yield "no batch rate is stated: batches are priced like other requests"


def _about(found: catalog.RequestPrice, vendor: Vendor, traffic: Traffic, region: str) -> Iterator[str]:
    """What a reader should know of the price: what it has not, and what low and high cover."""
    if not found.exact:
        yield f"no source states the price of {vendor.model} in {region}, and Regions differ"
    yield from found.differs
    yield from priced_in_full(traffic, cached=found.cached, batched=found.batched)
    if found.low != found.high:
        why = ["the sources differ"] * bool(found.differs) + ["Regions differ"] * (not found.exact)
        why += ["writing to the cache is counted in high"] * found.writes
        yield f"low and high: {' and '.join(why or ['the hours of the day differ'])}"


def _why_none(vendor: Vendor, region: str) -> str | None:
    """Why the table has none, where it says so."""
    price = catalog.token_price(vendor.provider, vendor.model, region)
    return price.row.reason if price is not None else None


def uplift(vendor: Vendor) -> Uplift:
    """What the vendor facts say of a price uplift at this host for this model.

    It is taken where the host is a regional one. Where it holds for models from a day on and the model's id
    does not say its day, expected counts it and low does not. A global host has none.
    """
    facts = catalog.vendors().get(vendor.provider)
    if facts is None or not facts.price_uplift_percent:
        return Uplift(1.0, 1.0, 1.0, "")
    percent, about = facts.price_uplift_percent, f" ({facts.price_note})" if facts.price_note else ""
    factor = round(1 + percent / 100, 6)
    known = catalog.known_host(vendor.host, facts.id)
    host = known.host if known else None
    if host is not None and host.scope_kind == "global":
        return Uplift(1.0, 1.0, 1.0, f"no regional uplift: {vendor.host} is the global host")
    if host is None or host.scope_kind not in REGIONAL:
        text = f"{percent:g} % regional uplift{about}: no fact says whether {vendor.host} is regional"
        return Uplift(1.0, factor, factor, f"{text}; counted, but not in low")
    since, released = _day(facts.price_note or ""), _day(vendor.model)
    if since is None:
        return Uplift(factor, factor, factor, f"with {percent:g} % regional uplift{about} of {vendor.host}")
    if released is None:
        text = f"{percent:g} % regional uplift{about}: the id of {vendor.model} does not say its day"
        return Uplift(1.0, factor, factor, f"{text}; counted, but not in low")
    if released < since:
        return Uplift(
            1.0, 1.0, 1.0, f"no regional uplift: released {released}, it holds for {facts.price_note}"
        )
    return Uplift(factor, factor, factor, f"with {percent:g} % regional uplift{about} of {vendor.host}")


def _day(text: str) -> date | None:
    found = _DAY.search(text)
    try:
        return date(*(int(part) for part in found.groups())) if found else None
    except ValueError:
        return None
