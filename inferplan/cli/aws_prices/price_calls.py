"""The calls about prices: which there are, and the policy that they need.

Not here: what is asked (asking), what the answers say (answers), and the connection (inferplan.cli.aws).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from inferplan.cli.aws.connection import Connection

# Every call, as IAM names it; a test compares the list with the calls that are made.
ACTIONS = (
    "ec2:DescribeCapacityBlockOfferings",
    "ec2:DescribeSpotPriceHistory",
    "pricing:GetProducts",
    "savingsplans:DescribeSavingsPlansOfferingRates",
)
# The Price List answers in three Regions about all of them: docs.aws.amazon.com/awsaccountbilling/latest/
# aboutv2/using-price-list-query-api.html. By the beginning of a Region's name the one that is nearest.
PRICE_LIST_REGIONS = {"eu": "eu-central-1", "il": "eu-central-1", "me": "eu-central-1", "af": "eu-central-1"}
PRICE_LIST_REGIONS |= {"ap": "ap-south-1"}
AT_HOME = "us-east-1"  # the Savings Plans endpoint has no other


class PriceCalls:
    """What AWS says of its prices."""

    def __init__(self) -> None:
        self._connection = Connection("prices refresh", ACTIONS)

    def products(self, region: str, service_code: str, filters: Mapping[str, str]) -> Iterator[str]:
        """Products of the Price List, each as JSON text."""
        asked = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in filters.items()]
        near = PRICE_LIST_REGIONS.get(region.partition("-")[0], AT_HOME)
        pages = self._connection.pages(
            "pricing", near, "get_products", ServiceCode=service_code, Filters=asked
        )
        for page in pages:
            yield from page.get("PriceList", ())

    def spot_prices(self, region: str, **asked: Any) -> Iterator[dict[str, Any]]:
        """Prices of spot instances over a time."""
        for page in self._connection.pages("ec2", region, "describe_spot_price_history", **asked):
            yield from page.get("SpotPriceHistory", ())

    def capacity_blocks(self, region: str, **asked: Any) -> Iterator[dict[str, Any]]:
        """Capacity Blocks on offer."""
        for page in self._connection.pages("ec2", region, "describe_capacity_block_offerings", **asked):
            yield from page.get("CapacityBlockOfferings", ())

    def savings_plan_rates(self, **asked: Any) -> Iterator[dict[str, Any]]:
        """Rates of Savings Plans; botocore has no paginator for them."""
        token = ""
        while True:
            more = {"nextToken": token} if token else {}
            operation = "describe_savings_plans_offering_rates"
            page = self._connection.call("savingsplans", AT_HOME, operation, **asked, **more)
            yield from page.get("searchResults", ())
            token = page.get("nextToken") or ""
            if not token:
                return


def policy() -> dict[str, Any]:
    """The IAM policy that a refresh needs: these calls have no resources to name."""
    statement = {"Sid": "ReadPrices", "Effect": "Allow", "Action": list(ACTIONS), "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}
