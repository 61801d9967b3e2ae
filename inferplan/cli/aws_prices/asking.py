"""Every question of a refresh, Region by Region, and what could not be asked or was not answered.

Not here: the calls (price_calls), reading answers (answers), and what becomes of the rows (price_changes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from inferplan import catalog
from inferplan.cli.aws.connection import Refused
from inferplan.cli.aws_prices import answers
from inferplan.cli.aws_prices.price_calls import PriceCalls
from inferplan.spec.price_file import PriceRow

SPOT_DAYS = 7
BLOCK_HOURS = 24  # the shortest block
BATCH = 20  # instance types in one question about Savings Plans
NOT_SOLD = ("InvalidParameter", "Unsupported", "InstanceTypeNotSupported")  # beginnings of EC2's codes
BEDROCK_CODES = ("AmazonBedrock", "AmazonBedrockService", "AmazonBedrockFoundationModels")
SHARED_LINUX = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
}
Told = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Answered:
    """One section of one Region: its rows, or why there are none; `lacking` is what has no row and why."""

    section: str
    region: str
    rows: tuple[PriceRow, ...] = ()
    problem: str | None = None
    lacking: Mapping[str, str] = field(default_factory=dict)


Section = tuple[Sequence[PriceRow], Mapping[str, str]]


class Asking:
    """One refresh as of a day; answers of the Price List are kept for questions that share them."""

    def __init__(self, calls: PriceCalls, day: date) -> None:
        self._calls = calls
        self._day = day
        self._listed: dict[tuple[str, ...], list[answers.Product]] = {}

    def everything(self, regions: Sequence[str], tell: Told) -> Iterator[Answered]:
        """Every section of every Region, in order; a section that is refused does not stop the others."""
        sections: dict[str, Callable[[str], Section]] = {
            "on_demand": self._on_demand,
            "services": self._services,
            "tokens": self._tokens,
            "savings_plans": self._savings_plans,
            "spot": self._spot,
            "capacity_blocks": self._capacity_blocks,
        }
        for region in regions:
            for section, ask in sections.items():
                tell(f"{region}: {section.replace('_', ' ')}")
                try:
                    rows, lacking = ask(region)
                except Refused as refused:
                    yield Answered(section=section, region=region, problem=str(refused))
                else:
                    yield Answered(section=section, region=region, rows=tuple(rows), lacking=lacking)

    @property
    def _as_of(self) -> str:
        return self._day.isoformat()

    def _on_demand(self, region: str) -> Section:
        rows, lacking = [], {}
        for instance in (*gpu_types(region), *system_types()):
            filters = {"regionCode": region, "instanceType": instance, **SHARED_LINUX}
            row = answers.on_demand(
                self._products(region, "AmazonEC2", filters), instance, region, self._as_of
            )
            if row is None:
                lacking[instance] = "not one price in the list"
            else:
                rows.append(row)
        return rows, lacking

    def _services(self, region: str) -> Section:
        rows, lacking = [], {}
        for wanted in catalog.price_list_products().values():
            if wanted.usage_type is None:
                lacking[wanted.id] = wanted.note or "no source names its usage type"
                continue
            filters = {wanted.region_field: region, **wanted.filters}
            found = answers.part(
                self._products(region, wanted.service_code, filters), wanted, region, self._as_of
            )
            if isinstance(found, str):
                lacking[wanted.id] = found
            else:
                rows.append(found)
        return rows, lacking

    def _tokens(self, region: str) -> Section:
        found = [
            product
            for code in BEDROCK_CODES
            for product in self._products(region, code, {"regionCode": region})
        ]
        return [*answers.tokens(found, region, self._as_of)], {}

    def _savings_plans(self, region: str) -> Section:
        types = (*gpu_types(region), *system_types())
        entries = [
            entry
            for start in range(0, len(types), BATCH)
            for entry in self._calls.savings_plan_rates(
                savingsPlanPaymentOptions=["No Upfront"],
                savingsPlanTypes=[*answers.PLANS],
                products=["EC2"],
                serviceCodes=["AmazonEC2"],
                filters=[
                    {"name": "region", "values": [region]},
                    {"name": "tenancy", "values": ["shared"]},
                    {"name": "productDescription", "values": ["Linux/UNIX"]},
                    {"name": "instanceType", "values": [*types[start : start + BATCH]]},
                ],
            )
        ]
        return [*answers.savings_plans(entries, region, self._as_of)], {}

    def _spot(self, region: str) -> Section:
        entries = self._calls.spot_prices(
            region,
            InstanceTypes=[*gpu_types(region)],
            ProductDescriptions=[*answers.LINUX],
            StartTime=_midnight(self._day - timedelta(days=SPOT_DAYS)),
            EndTime=_midnight(self._day + timedelta(days=1)),
        )
        return [*answers.spot(entries, region, self._as_of, SPOT_DAYS)], {}

    def _capacity_blocks(self, region: str) -> Section:
        rows = []
        for instance in gpu_types(region):
            if not catalog.instance(instance).is_sold_in_blocks:
                continue
            try:
                offers = self._calls.capacity_blocks(
                    region, InstanceType=instance, InstanceCount=1, CapacityDurationHours=BLOCK_HOURS
                )
                row = answers.capacity_block(offers, instance, region, self._as_of)
            except Refused as refused:
                if not refused.code.startswith(NOT_SOLD):
                    raise
                row = None
            if row is not None:
                rows.append(row)
        return rows, {}

    def _products(self, region: str, code: str, filters: Mapping[str, str]) -> list[answers.Product]:
        key = (region, code, *(f"{name}={value}" for name, value in sorted(filters.items())))
        if key not in self._listed:
            self._listed[key] = [*answers.products(self._calls.products(region, code, filters))]
        return self._listed[key]


def gpu_types(region: str) -> tuple[str, ...]:
    """Accelerator types that the Region offers."""
    return tuple(name for name, row in sorted(catalog.instances().items()) if row.offers(region))


def system_types() -> tuple[str, ...]:
    """Types without an accelerator that stacks use: those that the catalog has a price of."""
    return tuple(sorted({name for name, _ in catalog.region_prices()} - catalog.instances().keys()))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
