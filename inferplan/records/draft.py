"""What is decided before anything is priced: the seam between the structure of a plan and its cost.

Not here: prices (inferplan.cost) and the finished plan (plan).
"""

from __future__ import annotations

from inferplan.records.plan import (
    Cluster,
    GatewayService,
    Kind,
    Mirror,
    Network,
    Pool,
    Record,
    Route,
    Server,
    Target,
    Vendor,
    Watch,
)
from inferplan.spec.price_book import PriceBook


class Traffic(Record, frozen=True, kw_only=True):
    """The load of one route as planned: what the spec says, completed by recorded defaults."""

    route: str
    backend: str  # serves first
    peak_requests_per_second: float
    monthly_requests: int
    monthly_requests_low: int
    monthly_requests_high: int
    input_tokens: int
    output_tokens: int
    growth_percent_per_month: float
    cached_input_share: float = 0.0  # of the input tokens, at a vendor that has a prompt cache
    batch_share: float = 0.0  # of the requests, which may wait for hours


class Labor(Record, frozen=True, kw_only=True):
    """People as the spec states them; None where it says nothing."""

    fte: float | None
    hourly_usd: float | None


class Draft(Record, frozen=True, kw_only=True):
    """A plan without its price. `as_of` is an ISO date; token prices are those of that day."""

    as_of: str
    kind: Kind
    target: Target
    routes: tuple[Route, ...]
    traffic: tuple[Traffic, ...]
    pools: tuple[Pool, ...]
    servers: tuple[Server, ...]
    vendors: tuple[Vendor, ...]
    network: Network
    cluster: Cluster | None
    gateway: GatewayService
    mirror: Mirror
    labor: Labor
    log_retention_days: int
    weights_gib: float  # stored once in the weights bucket
    prices: PriceBook  # those of the organization on that day
    watch: Watch | None = None  # None: there are no model servers
