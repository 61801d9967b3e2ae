"""What `inferplan prices refresh --format json` prints, as records; fields may be added, not renamed.

Not here: filling them in (inferplan.cli) and the rows themselves (inferplan.spec.price_file).
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class PriceAnswer(Struct, frozen=True, kw_only=True):
    """One section of one Region that was asked.

    section: of prices.json
    region: AWS Region
    rows: prices that were read
    problem: why nothing was read, so that former rows stay; null where it was
    lacking: what has no price, with the reason
    """

    section: str
    region: str
    rows: int
    problem: str | None
    lacking: dict[str, str]


class PriceChange(Struct, frozen=True, kw_only=True):
    """One row that is new, gone, or says another price than in the former file.

    section: of prices.json
    region: AWS Region
    name: what it is the price of
    change: what became of it
    before_usd: its prices before, by field; null where it is new
    after_usd: its prices now, by field; null where it is gone
    """

    section: str
    region: str
    name: str
    change: Literal["new", "gone", "changed"]
    before_usd: dict[str, float] | None
    after_usd: dict[str, float] | None


class PriceDifference(Struct, frozen=True, kw_only=True):
    """One price beside that of the catalog.

    section: of prices.json
    region: AWS Region
    name: what it is the price of
    usd: what was read; of a range the high end
    catalog_usd: what the catalog says; null where it knows none
    percent: how far above the catalog it is; null where there is nothing to compare
    is_estimated: whether the catalog's is an estimate
    """

    section: str
    region: str
    name: str
    usd: float
    catalog_usd: float | None
    percent: float | None
    is_estimated: bool


class PricesDocument(Struct, frozen=True, kw_only=True):
    """What `inferplan prices refresh --format json` prints.

    schema: name and version of this contract
    file: the file of prices
    as_of: the day of the new rows
    written: whether the file is another one than before
    rows: prices in the file, those of other Regions among them
    answers: what was asked, section by section
    changes: what is new, gone or another price
    differences: every price of the asked Regions beside that of the catalog
    """

    schema: Literal["inferplan.prices/v1beta1"]
    file: str
    as_of: str
    written: bool
    rows: int
    answers: tuple[PriceAnswer, ...]
    changes: tuple[PriceChange, ...]
    differences: tuple[PriceDifference, ...]
