"""What the platform team has negotiated: a percentage off the price of a service, a family or a vendor.

Not here: whether what it names exists (registers), and how it changes a price (price_book).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from inferplan.spec.vocabulary import Date, Name, Record, Text

EVERY_SERVICE = "AWS"
TOKENS = "Bedrock"
INSTANCES = "EC2"
NOT_DISCOUNTED = frozenset({"Savings Plans", "EC2 Spot"})  # prices of their own, named by `purchase`
Purchase = Literal["on-demand", "spot", "savings-plan", "capacity-block"]


class Discount(Record):
    """A percentage off prices, as a contract has it; of several that fit a price the largest counts, alone.

    name: what it is called in plans
    percent: off the price
    reason: contract or program that gives it
    approved_by: who answers for it
    valid_until: last day
    valid_from: first day; left out, it holds already
    service: a service of the price table, Bedrock for its tokens, or AWS for every service
    family: instance family, such as p5
    vendor: a vendor under contract
    regions: Regions in which it holds; left out, all
    purchase: ways of buying instances for which it holds; left out, on demand alone
    """

    name: Name
    percent: Annotated[float, Meta(gt=0, lt=100, title="a percentage")]
    reason: Text
    approved_by: Text
    valid_until: Date
    valid_from: Date | None = None
    service: Text | None = None
    family: Text | None = None
    vendor: Name | None = None
    regions: tuple[Text, ...] = ()
    purchase: tuple[Purchase, ...] = ("on-demand",)

    def holds(self, day: str) -> bool:
        """Whether it holds on a day (ISO date)."""
        return (self.valid_from or day) <= day <= self.valid_until
