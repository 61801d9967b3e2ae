"""The tokens of every route at its vendor: at the organization's own prices where it has any, less discounts.

Not here: the price list of the catalog (tokens).
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from inferplan.catalog import BEDROCK
from inferplan.cost.lines import notes
from inferplan.cost.tokens import token_line
from inferplan.cost.usage import Usage
from inferplan.records.draft import Draft, Traffic
from inferplan.records.plan import CostLine, Vendor
from inferplan.spec.price_book import TokenRates

MILLION = 1_000_000


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
    row = rates.row
    each = (traffic.input_tokens * row.input_usd + traffic.output_tokens * row.output_usd) / MILLION
    asked = (
        f"{traffic.input_tokens} tokens in and {traffic.output_tokens} out a request, all at the full price"
    )
    borrowed = f"the {row.reach} price, since no other is known" if rates.is_borrowed else ""
    return CostLine(
        name=f"tokens {vendor.backend} for {traffic.route}",
        kind="usage",
        low_usd=round(traffic.monthly_requests_low * each, 2),
        expected_usd=round(traffic.monthly_requests * each, 2),
        high_usd=round(traffic.monthly_requests_high * each, 2),
        quantity=traffic.monthly_requests,
        unit="requests",
        unit_usd=each,
        estimated=rates.is_borrowed,
        source=row.source,
        as_of=row.as_of,
        note=notes(asked, f"priced as {row.model} in {row.region}, the organization's own price", borrowed),
        group="tokens",
        routes=(traffic.route,),
        origin="organization",
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
