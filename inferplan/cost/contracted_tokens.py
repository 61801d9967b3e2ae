"""The tokens of every route at its vendor: at the organization's own prices where it has any, less discounts.

Not here: the price list of the catalog (tokens).
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from inferplan import catalog
from inferplan.catalog import BEDROCK
from inferplan.cost.lines import notes
from inferplan.cost.tokens import asked_of, each_request, priced_in_full, token_line
from inferplan.cost.usage import Usage
from inferplan.records.draft import Draft, Traffic
from inferplan.records.plan import CostLine, Vendor
from inferplan.spec.price_book import TokenRates
from inferplan.spec.price_file import TokenPrice


def token_lines(draft: Draft) -> Iterator[Usage]:
    """One line for every route that a vendor serves first."""
    vendors = {vendor.backend: vendor for vendor in draft.vendors}
    for traffic in draft.traffic:
        if traffic.backend in vendors:
            line = contracted_line(draft, vendors[traffic.backend], traffic)
            yield Usage(line, {traffic.route: 1.0})


def contracted_line(draft: Draft, vendor: Vendor, traffic: Traffic) -> CostLine:
    """The tokens of one route at one vendor, as the organization pays for them."""
    own = draft.prices.tokens(vendor.model, draft.target.region) if vendor.provider == BEDROCK else None
    line = token_line(draft, vendor, traffic) if own is None else _own_line(vendor, traffic, own)
    return _less(draft, vendor, line)


def _own_line(vendor: Vendor, traffic: Traffic, rates: TokenRates) -> CostLine:
    row, asked = rates.row, asked_of(traffic)
    rate = _rate(row)
    each, dearest = (catalog.request_usd(rate, asked, writes=writes) or 0.0 for writes in (False, True))
    borrowed = f"the {row.reach} price, since no other is known" if rates.is_borrowed else ""
    about = priced_in_full(traffic, cached=row.cached_usd is not None, batched=rate.batch is not None)
    writes = "low and high: writing to the cache is counted in high" if dearest > each else ""
    return CostLine(
        name=f"tokens {vendor.backend} for {traffic.route}",
        kind="usage",
        low_usd=round(traffic.monthly_requests_low * each, 2),
        expected_usd=round(traffic.monthly_requests * each, 2),
        high_usd=round(traffic.monthly_requests_high * max(each, dearest), 2),
        quantity=traffic.monthly_requests,
        unit="requests",
        unit_usd=each,
        estimated=rates.is_borrowed,
        source=row.source,
        as_of=row.as_of,
        note=notes(
            each_request(traffic),
            f"priced as {row.model} in {row.region}, the organization's own price",
            borrowed,
            *about,
            writes,
        ),
        group="tokens",
        routes=(traffic.route,),
        origin="organization",
    )


def _rate(row: TokenPrice) -> catalog.TokenRate:
    """The row as a rate; requests that may wait have one of their own where the row states it."""
    waiting = (row.batch_input_usd, row.batch_output_usd)
    batch = None
    if waiting != (None, None):
        sides = zip(waiting, (row.input_usd, row.output_usd), strict=True)
        input_usd, output_usd = (usual if usd is None else usd for usd, usual in sides)
        batch = catalog.Rates(input_usd=input_usd, output_usd=output_usd)
    return catalog.TokenRate(
        input_usd=row.input_usd,
        cached_usd=row.cached_usd,
        cache_write_usd=row.cache_write_usd,
        output_usd=row.output_usd,
        batch=batch,
    )


def _less(draft: Draft, vendor: Vendor, line: CostLine) -> CostLine:
    """The line less what was negotiated with the vendor."""
    if not line.unit_usd or line.low_usd is None or line.expected_usd is None or line.high_usd is None:
        return line
    taken = draft.prices.token_reduction(
        line.unit_usd, vendor=vendor.vendor, provider=vendor.provider, region=draft.target.region
    )
    if taken is None:
        return line
    return replace(
        line,
        low_usd=round(line.low_usd * taken.left, 2),
        expected_usd=round(line.expected_usd * taken.left, 2),
        high_usd=round(line.high_usd * taken.left, 2),
        unit_usd=line.unit_usd * taken.left,
        note=notes(line.note, str(taken)),
        reduction=taken,
    )
