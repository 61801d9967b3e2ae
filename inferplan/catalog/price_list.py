"""How AWS's Price List calls the parts of services that are priced here, so that they can be asked for.

Not here: the prices (prices) and asking (inferplan.cli).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from inferplan.catalog.table import Row, rows

# What the usage types of a Region start with: EUC1-, EU-, or as KMS has it eu-central-1-; some have nothing.
BILLING_CODE = r"(?:(?:[A-Z]{2,4}[0-9]|EU|[a-z]{2,4}(?:-[a-z]+)+-[0-9])-)?"


class PriceListProduct(Row, frozen=True, kw_only=True):
    """One id of the service prices in the words of the Price List; `usage_type` None: no source says it."""

    id: str
    service_code: str
    filters: dict[str, str]  # attributes that the API is asked to match
    region_field: str  # the attribute that holds the Region
    usage_type: str | None  # without the billing code of the Region
    times: float  # from the list's unit to the unit of the service price
    note: str | None = None

    def names(self, usage_type: str) -> bool:
        """Whether a usage type of the list, in any Region, is this part's."""
        if self.usage_type is None:
            return False
        return re.fullmatch(BILLING_CODE + re.escape(self.usage_type), usage_type) is not None


@cache
def price_list_products() -> Mapping[str, PriceListProduct]:
    """Every part by the id of its service price."""
    return {row.id: row for row in rows("price_list_products", PriceListProduct)}
