"""Area of concern: list prices of instances by Region, spot and capacity blocks, against independent figures.

Not here: the bill (test_cost) and the other parts of the price tables (test_catalog_facts).
"""

from __future__ import annotations

import pytest

from inferplan import catalog
from inferplan.catalog import prices
from inferplan.catalog.prices import ALIKE, BASE_REGION


@pytest.mark.parametrize(
    ("instance", "region", "usd_hour"),
    [
        ("g7e.2xlarge", "ap-northeast-1", 4.87752),
        ("g7e.12xlarge", "ap-northeast-1", 12.01727),
        ("g7e.24xlarge", "ap-northeast-1", 24.03454),
        ("g7e.2xlarge", "eu-south-2", 3.54384),
        ("g6f.2xlarge", "ap-northeast-1", 0.68888),
        ("g6f.4xlarge", "ap-northeast-1", 1.37776),
        ("g6f.2xlarge", "eu-south-2", 0.53438),
        ("g6f.4xlarge", "eu-south-2", 1.06875),
        ("g7e.48xlarge", "us-west-2", 33.14432),
        ("p6-b300.48xlarge", "us-west-2", 142.416),
    ],
)
def test_what_was_estimated_is_a_list_price(instance: str, region: str, usd_hour: float) -> None:
    """The pairs whose estimate was more than 5 % off have rows."""
    price = catalog.instance_price(instance, region)
    assert (price.usd_hour, price.estimated, price.rough) == (usd_hour, False, False)


def test_families_that_are_alike_have_one_factor_in_every_region() -> None:
    """Over all priced pairs of sizes: what stands for another is within half a percent of it."""
    factors: dict[str, dict[str, list[float]]] = {}
    for (instance, region), row in catalog.region_prices().items():
        family, base = instance.partition(".")[0], catalog.region_prices().get((instance, BASE_REGION))
        if family in ALIKE and base is not None and base.od_usd_h and row.od_usd_h:
            factors.setdefault(region, {}).setdefault(family, []).append(row.od_usd_h / base.od_usd_h)
    compared = {name: found for name, found in factors.items() if len(found) > 1 and name != BASE_REGION}
    assert len(compared) > 10
    assert {family for found in compared.values() for family in found} == set(ALIKE) - {"g7"}
    for region, found in compared.items():
        seen = [factor for each in found.values() for factor in each]
        assert max(seen) / min(seen) < 1.005, region


@pytest.mark.parametrize("region", ["ap-northeast-1", "ap-northeast-2", "eu-south-2", "us-west-2"])
def test_g7e_would_be_estimated_right_without_its_rows(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its price is known, without its rows there the estimate is within half a percent."""
    known = dict(catalog.region_prices())
    rest = {key: row for key, row in known.items() if key[1] != region or not key[0].startswith("g7e.")}
    monkeypatch.setattr(prices, "region_prices", lambda: rest)
    prices._anchors.cache_clear()
    try:
        estimate = prices.instance_price.__wrapped__("g7e.12xlarge", region)
    finally:
        prices._anchors.cache_clear()
    assert estimate.estimated
    assert not estimate.rough
    assert estimate.usd_hour == pytest.approx(known["g7e.12xlarge", region].od_usd_h, rel=0.005)


@pytest.mark.parametrize(
    "region", ["eu-central-1", "eu-north-1", "eu-west-2", "ap-south-1", "ap-southeast-3"]
)
def test_g7e_is_not_rough_where_no_row_states_it(region: str) -> None:
    """It is marked estimated, and says by whose factor."""
    price = catalog.instance_price("g7e.2xlarge", region)
    assert (price.estimated, price.rough) == (True, False)
    assert "the ratio of g" in price.basis


@pytest.mark.parametrize(
    ("instance", "region", "low", "high"),
    [
        ("g7e.2xlarge", "us-east-1", 0.67, 0.79),
        ("g6e.xlarge", "us-west-2", 0.50, 0.59),
        ("p4de.24xlarge", "us-east-1", 0.27, 0.48),
        ("p5.48xlarge", "eu-west-2", 0.74, 0.83),
        ("p5.48xlarge", "us-west-2", 0.65, 0.83),
        ("p5.48xlarge", "eu-north-1", 0.82, 0.82),
        ("p5.48xlarge", "us-east-2", 0.72, 0.76),
        ("p5.48xlarge", "ap-northeast-1", 0.66, 0.86),
        ("p5.48xlarge", "ap-south-1", 0.0, 0.64),
        ("p5.48xlarge", "us-east-1", 0.0, 0.69),
        ("p5.4xlarge", "us-east-1", 0.0, 0.21),
        ("p5.4xlarge", "eu-west-2", 0.76, 0.76),
    ],
)
def test_spot_rows_are_the_extremes_of_zones(instance: str, region: str, low: float, high: float) -> None:
    """A small size has rows of its own where it has nothing to do with its family."""
    row = catalog.spot_price(instance, region)
    assert row is not None
    assert (row.low, row.high) == (pytest.approx(low, abs=0.011), pytest.approx(high, abs=0.011))


def test_a_size_with_rows_of_its_own_takes_no_other() -> None:
    """p5.4xlarge in Sydney has no spot price, although p5.48xlarge has one there."""
    assert catalog.spot_price("p5.48xlarge", "ap-southeast-2") is not None
    assert catalog.spot_price("p5.4xlarge", "ap-southeast-2") is None


def test_every_gpu_family_of_the_planner_has_a_spot_row() -> None:
    """Except what is newer than the source, what is sold in blocks alone, and what vLLM cannot use."""
    missing = {
        instance.type.partition(".")[0]
        for instance in catalog.instances().values()
        if instance.vllm in {"ok", "partition"}
        and not any(catalog.spot_price(instance.type, region) for region in instance.offered)
    }
    assert missing == {"g7", "p5e", "p6e-gb200"}


@pytest.mark.parametrize(
    ("instance", "region", "usd_hour", "as_of"),
    [
        ("p5.48xlarge", "eu-north-1", 47.76, "2026-10-07"),
        ("p5e.48xlarge", "us-east-2", 54.928, "2026-10-07"),
        ("p5en.48xlarge", "us-east-1", 63.16, "2026-10-07"),
        ("p6-b200.48xlarge", "us-east-1", 113.664, "2026-10-07"),
        ("p6-b200.48xlarge", "us-gov-west-1", 118.408, "2026-10-07"),
        ("p4d.24xlarge", "us-east-2", 13.568, "2026-10-07"),
        ("p6e-gb200.36xlarge", "us-east-1", 42.328, "2026-09-19"),
        ("trn2.48xlarge", "us-east-2", 35.7608, "2026-01-31"),
    ],
)
def test_block_rates_are_the_published_ones(instance: str, region: str, usd_hour: float, as_of: str) -> None:
    """The accelerators of an instance at the rate of each, with the day from which it holds."""
    rate = catalog.block_price(instance, region)
    assert rate is not None
    assert (rate.usd_hour, rate.as_of) == (usd_hour, as_of)


def test_the_rates_of_october_are_those_of_july_raised_alike() -> None:
    """Two readings of one page agree: each rate per accelerator is that of July times 1.15."""
    july = {
        "p4d.24xlarge": 1.475, "p4de.24xlarge": 2.214, "p5.48xlarge": 5.191, "p5e.48xlarge": 5.97,
        "p5en.48xlarge": 6.865, "p6-b200.48xlarge": 12.355, "p6-b300.48xlarge": 14.04,
    }  # fmt: skip
    for instance, usd in july.items():
        rate = catalog.block_price(instance, "us-east-1")
        assert rate is not None
        assert rate.usd_hour == pytest.approx(8 * usd * 1.15, rel=1e-3)


def test_blocks_are_of_types_that_are_sold_so() -> None:
    """Every rate is of a type sold in blocks, and no other partition takes a commercial rate."""
    for instance, region in catalog.block_prices():
        assert catalog.instance(instance).is_sold_in_blocks
        assert region == "all" or catalog.region(region)
    assert catalog.block_price("g6.xlarge", "us-east-1") is None
    assert catalog.block_price("p5.48xlarge", "us-gov-west-1") is None
