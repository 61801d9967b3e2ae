"""What keeping the data in its place costs: surcharge of the Region, closed network, mirrors, vendor uplift.

Not here: what it is worth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from inferplan.cost.fixed import fixed_lines
from inferplan.cost.lines import total
from inferplan.cost.tokens import uplift
from inferplan.cost.usage import usage_lines
from inferplan.records.draft import Draft
from inferplan.records.plan import CostLine, Premium

BASE_REGION = "us-east-1"
# Lines that a stack with an open network would not have, in the words of the premium.
CLOSED_NETWORK = {
    "private endpoints": ("interface endpoints", "endpoint traffic"),
    "egress firewall": ("Network Firewall", "Network Firewall traffic"),
    "DNS Firewall": ("DNS Firewall list", "DNS Firewall queries"),
    "mirrors inside the account": ("image registry", "weights bucket"),
}
_ITEMIZED = frozenset(name for names in CLOSED_NETWORK.values() for name in names)


def premiums(draft: Draft, lines: Sequence[CostLine]) -> tuple[Premium, ...]:
    """Every part, in USD a month; what has no price here or in us-east-1 is None with the reason."""
    found = [*_surcharges(draft, lines)]
    for name, parts in CLOSED_NETWORK.items():
        present = [line for line in lines if line.name in parts]
        if present:
            found.append(_whole(name, present))
    found += _uplifts(draft, lines)
    return tuple(found)


def _whole(name: str, present: list[CostLine]) -> Premium:
    missing = [line.name for line in present if line.expected_usd is None]
    if missing:
        return Premium(name=name, usd=None, note=f"{', '.join(missing)} has no price")
    return Premium(name=name, usd=round(total(present), 2), note=" and ".join(line.name for line in present))


def _surcharges(draft: Draft, lines: Sequence[CostLine]) -> Iterable[Premium]:
    """The same lines at us-east-1 prices, GPU nodes and the rest apart."""
    there = replace(draft, target=replace(draft.target, region=BASE_REGION))
    base = {line.name: line for line in (*fixed_lines(there), *(line for line, _ in usage_lines(there)))}
    for group, name in (("gpus", "Region surcharge of GPU nodes"), ("", "Region surcharge of the rest")):
        here = [
            line
            for line in lines
            if line.name in base
            and (line.group == "gpus") == (group == "gpus")
            and line.name not in _ITEMIZED
        ]
        if not here:
            continue
        known = [line for line in here if _comparable(line, base[line.name], draft.target.region)]
        unknown = [line.name for line in here if line not in known]
        left_out = f"{', '.join(unknown)}: no price of {draft.target.region} to compare" if unknown else ""
        if not known:
            yield Premium(name=name, usd=None, note=left_out)
            continue
        usd = sum(total([line]) - total([base[line.name]]) for line in known)
        note = f"{len(known)} of {len(here)} lines against {BASE_REGION}"
        yield Premium(name=name, usd=round(usd, 2), note=f"{note}; {left_out}" if left_out else note)


def _comparable(here: CostLine, there: CostLine, region: str) -> bool:
    """Whether both have a price and the one here is not borrowed from there."""
    borrowed = region != BASE_REGION and f"{BASE_REGION} value" in here.note
    return here.expected_usd is not None and there.expected_usd is not None and not borrowed


def _uplifts(draft: Draft, lines: Sequence[CostLine]) -> Iterable[Premium]:
    served = {one.backend for one in draft.traffic}
    for vendor in draft.vendors:
        factor = uplift(vendor)
        if vendor.backend not in served or not factor.note:
            continue
        mine = [line for line in lines if line.name.startswith(f"tokens {vendor.backend} for ")]
        name = f"regional uplift of {vendor.vendor}"
        if any(line.expected_usd is None for line in mine):
            yield Premium(name=name, usd=None, note="its tokens have no price")
        else:
            usd = round(total(mine) * (1 - 1 / factor.expected), 2)
            yield Premium(name=name, usd=usd, note=factor.note)
