"""`inferplan prices refresh`: which questions go to AWS, what becomes of its answers, and of its refusals.

Area of concern: a price that was misread, an account that is told to anybody, a file that is half written.
Requests and answers are judged by botocore's models, spot prices come from moto too, actions from
policy_sentry.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import msgspec
import pytest
from botocore.stub import Stubber
from moto import mock_aws
from policy_sentry.querying.actions import get_action_data

from inferplan import catalog
from inferplan.cli.aws_prices import answers
from inferplan.cli.aws_prices.asking import gpu_types
from inferplan.cli.aws_prices.price_calls import ACTIONS, PriceCalls
from inferplan.cli.replacing import write
from inferplan.spec.price_reading import read_prices
from tests.aws_answers import SECRET, PriceList, answered, asked_for, product
from tests.command_line import ROOT, Answer, inferplan

DAY = "2026-11-20"
REGION = "eu-central-1"
REFRESH = ("prices", "refresh", "--region", REGION, "--as-of", DAY)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with the example specs and organization, to be written into."""
    for name in ("specs", "organization"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def refresh(folder: Path, *arguments: str) -> Answer:
    return inferplan(*REFRESH, *arguments, cwd=folder)


def held(folder: Path) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads((folder / "organization/prices.json").read_text())
    return found


# -- what is asked, and what becomes of it


def test_a_refresh_writes_every_section(here: Path) -> None:
    """Each price once, with its source and day, in order; what the list does not have is no row."""
    with answered(PriceList()):
        done = refresh(here)
    found = held(here)

    assert done.code == 0, done.err
    assert len(found["on_demand"]) == len(gpu_types(REGION)) + 2
    assert {row["usd_hour"] for row in found["on_demand"]} == {4.1}
    assert found["on_demand"][0]["source"].startswith("AWS Price List, AmazonEC2, SKU G")
    assert {row["as_of"] for section in found.values() for row in section if isinstance(row, dict)} == {DAY}
    assert [(row["id"], row["usd"]) for row in found["services"]] == [
        ("bedrock-guardrail-content-thousand", 0.16),
        ("nat-gateway-gb", 0.05),
        ("nat-gateway-hour", 0.052),
        ("s3-standard-gb-month", 0.0245),
    ]
    assert [(row["model"], row["reach"], row["input_usd"], row["output_usd"]) for row in found["tokens"]] == [
        ("amazon.nova-lite-v1:0", "regional", 0.06, 0.24),
        ("anthropic.claude-sonnet-4-6", "global", 3.0, 15.0),
        ("anthropic.claude-sonnet-4-6", "regional", 3.3, 16.5),
    ]
    plans = {(row["plan"], row["years"], row["usd_hour"]) for row in found["savings_plans"]}
    assert plans == {("compute", 1, 0.9), ("ec2-instance", 3, 0.6)}
    (spot,) = found["spot"]
    assert (spot["low_usd_hour"], spot["high_usd_hour"], spot["zones"], spot["days"]) == (0.31, 0.52, 2, 7)
    assert {(row["low_usd_hour"], row["high_usd_hour"]) for row in found["capacity_blocks"]} == {(31.5, 35.0)}
    assert read_prices(here / "organization/prices.json").kind == "Prices"


def test_what_is_not_plain_is_told_and_not_taken(here: Path) -> None:
    """A price in another unit by the look of it, and parts that the list does not have or nobody can name."""
    with answered(PriceList()):
        told = json.loads(refresh(here, "--format", "json").out)
    lacking = next(one for one in told["answers"] if one["section"] == "services")["lacking"]

    assert lacking["kms-key-month"] == "300 USD is too far from the catalog's 1"
    assert lacking["nlb-hour"] == "not in the list"
    assert "no source names" in lacking["dns-firewall-query-million"]


def test_plans_rest_on_what_was_read(here: Path) -> None:
    """The road from one verb to the others."""
    before = json.loads(inferplan("plan", "specs/de-clinic-notes.yaml", "--format", "json", cwd=here).out)
    with answered(PriceList()):
        refresh(here)
    after = json.loads(
        inferplan("plan", "specs/de-clinic-notes.yaml", "--as-of", DAY, "--format", "json", cwd=here).out
    )

    assert "organization" not in {line["origin"] for line in before["cost"]["lines"]}
    gpus = after["cost"]["lines"][0]
    assert (gpus["origin"], gpus["unit_usd"], gpus["as_of"]) == ("organization", 4.1, DAY)
    assert after["organization"]["digest"] != before["organization"]["digest"]


def test_the_price_list_is_asked_in_one_of_its_own_regions(here: Path) -> None:
    """And near the Region that is asked about; the others in the Region itself, Savings Plans at home."""
    for region, near in (
        ("eu-west-3", "eu-central-1"),
        ("ap-northeast-1", "ap-south-1"),
        ("us-west-2", None),
    ):
        with answered(PriceList()) as aws:
            inferplan("prices", "refresh", "--region", region, "--as-of", DAY, cwd=here)
        places = {(operation, where) for operation, where, _ in aws.calls}
        assert {where for operation, where in places if operation == "GetProducts"} == {near or "us-east-1"}
        assert {where for operation, where in places if operation == "DescribeSpotPriceHistory"} == {region}
        assert {where for name, where in places if "SavingsPlans" in name} == {"aws-global"}
    offered = botocore.session.get_session().get_available_regions("pricing")
    assert set(offered) == {"eu-central-1", "ap-south-1", "us-east-1"}


def test_spot_is_asked_for_the_days_before_the_day(here: Path) -> None:
    """The day of the run, not the clock, says which days these are."""
    with answered(PriceList()) as aws:
        refresh(here)
    (asked, *_) = [one for name, _, one in aws.calls if name == "DescribeSpotPriceHistory"]

    assert [asked[name].date().isoformat() for name in ("StartTime", "EndTime")] == [
        "2026-11-13",
        "2026-11-21",
    ]
    assert set(asked["InstanceTypes"]) == set(gpu_types(REGION))


def test_regions_come_from_specs_too(here: Path) -> None:
    """The Region that a spec names, or every one that its data may be in."""
    for spec, regions in (
        ("specs/in-bank-assistant.yaml", {"ap-south-1"}),
        ("specs/minimal.yaml", {row.region for row in catalog.regions().values() if in_the_union(row)}),
    ):
        with answered(PriceList()):
            arguments = ("--spec", spec, "--as-of", DAY, "--format", "json")
            told = json.loads(inferplan("prices", "refresh", *arguments, cwd=here).out)
        asked = {one["region"] for one in told["answers"]}
        assert asked == regions


def in_the_union(region: catalog.Region) -> bool:
    return region.country in catalog.expand_places(("EU",)) and region.partition == "aws"


# -- again


def test_a_second_refresh_changes_nothing(here: Path) -> None:
    """Not one byte on the same day; the next day the days alone."""
    with answered(PriceList()):
        refresh(here)
        first = (here / "organization/prices.json").read_bytes()
        again = refresh(here)
        second = (here / "organization/prices.json").read_bytes()
        later = inferplan("prices", "refresh", "--region", REGION, "--as-of", "2026-11-21", cwd=here)
    third = (here / "organization/prices.json").read_text()

    assert first == second
    assert "nothing changed" in again.out
    assert "nothing changed but the day, 2026-11-21" in later.out
    assert third.replace("2026-11-21", DAY) == first.decode()


def test_what_changed_is_told(here: Path) -> None:
    """Against the former file, and against the catalog."""
    with answered(PriceList()):
        refresh(here)
    with answered(PriceList(gpu_usd=4.5)):
        told = refresh(here)
        document = json.loads(refresh(here, "--format", "json").out)

    assert re.search(r"eu-central-1\s+on_demand\s+g5.xlarge\s+4.1 -> 4.5", told.out)
    assert "other than the catalog says" in told.out
    assert document["changes"] == []
    difference = next(one for one in document["differences"] if one["name"] == "g5.xlarge")
    listed = catalog.instance_price("g5.xlarge", REGION).usd_hour
    assert listed is not None
    assert difference["percent"] == pytest.approx(100 * (4.5 / listed - 1), abs=0.01)


def test_a_row_that_aws_no_longer_has_is_gone(here: Path) -> None:
    """Where the section was answered: another Region and another section keep what they had."""
    with answered(PriceList()):
        refresh(here)
        inferplan("prices", "refresh", "--region", "eu-west-1", "--as-of", DAY, cwd=here)
    elsewhere = [row for row in held(here)["on_demand"] if row["region"] == "eu-west-1"]
    prices = PriceList()
    prices._blocks = lambda asked, region: []  # type: ignore[method-assign]
    with answered(prices):
        told = json.loads(refresh(here, "--format", "json").out)

    gone = {(one["section"], one["region"]) for one in told["changes"] if one["change"] == "gone"}
    assert gone == {("capacity_blocks", REGION)}
    assert [row for row in held(here)["on_demand"] if row["region"] == "eu-west-1"] == elsewhere


# -- refusals


@pytest.mark.parametrize(
    ("operation", "code", "section", "told"),
    [
        ("GetProducts", "AccessDeniedException", "on_demand", "not permitted: pricing:GetProducts"),
        (
            "DescribeSpotPriceHistory",
            "UnauthorizedOperation",
            "spot",
            "not permitted: ec2:DescribeSpotPriceHi",
        ),
        ("DescribeSpotPriceHistory", "AuthFailure", "spot", "the account has not enabled the Region"),
        (
            "DescribeSavingsPlansOfferingRates",
            "AccessDeniedException",
            "savings_plans",
            "not permitted: savingsplans:DescribeSavingsPlansOfferingRates",
        ),
        ("GetProducts", "ThrottlingException", "services", "AWS answers ThrottlingException to GetProducts"),
    ],
)
def test_what_is_refused_is_told_and_keeps_its_rows(
    here: Path, operation: str, code: str, section: str, told: str
) -> None:
    """The rest is read all the same."""
    with answered(PriceList()):
        refresh(here)
    former = held(here)
    prices = PriceList(gpu_usd=5.0)
    prices.refuses = {operation: code}
    with answered(prices), patched_sleep():
        done = refresh(here)
    after = held(here)

    assert done.code == 0
    assert f"{section}: {told}" in done.err
    assert after[section] == former[section]
    assert (after["on_demand"] != former["on_demand"]) == (operation != "GetProducts")


def patched_sleep() -> Any:
    """botocore waits between its own tries."""
    from unittest.mock import patch

    return patch("time.sleep", lambda _: None)


@pytest.mark.parametrize(
    "code", ["UnrecognizedClientException", "ExpiredTokenException", "InvalidClientTokenId"]
)
def test_bad_credentials_are_one_error(here: Path, code: str) -> None:
    """At the first call, with nothing written and nothing tried again and again."""
    prices = PriceList()
    prices.refuses = {"GetProducts": code}
    with answered(prices) as aws:
        done = refresh(here)

    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert f"AWS does not take the credentials ({code})" in done.err
    assert len(aws.calls) == 1
    assert not (here / "organization/prices.json").exists()


def test_where_everything_is_refused_nothing_is_written(here: Path) -> None:
    """An empty file would be worse than an old one."""
    prices = PriceList()
    prices.refuses = dict.fromkeys((action.partition(":")[2] for action in ACTIONS), "AccessDeniedException")
    with answered(prices):
        done = refresh(here)

    assert done.code == 2
    assert "no price could be read" in done.err
    assert not (here / "organization/prices.json").exists()


def test_no_account_is_told_to_anybody(here: Path) -> None:
    """Neither in the file nor on a screen, whatever AWS puts into its messages."""
    prices = PriceList()
    prices.refuses = {"DescribeSpotPriceHistory": "UnauthorizedOperation"}
    with answered(prices):
        done = refresh(here, "-v")
        document = refresh(here, "--format", "json")
    said = "".join((done.out, done.err, document.out, (here / "organization/prices.json").read_text()))

    assert SECRET not in said
    assert not re.search(r"\b\d{12}\b|arn:|AKID", said)


def test_no_credentials_are_one_error(here: Path) -> None:
    """Of a process that finds none, and of a profile that does not exist."""
    environment = {"PATH": "/usr/bin", "HOME": str(here), "AWS_EC2_METADATA_DISABLED": "true"}
    for more, told in (({}, "no AWS credentials"), ({"AWS_PROFILE": "nobody"}, "cannot be used")):
        done = subprocess.run(
            [Path(sys.executable).parent / "inferplan", *REFRESH],
            cwd=here,
            env=environment | more,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert told in done.stderr
        assert "Traceback" not in done.stderr


def test_an_interrupted_refresh_leaves_the_former_file(here: Path) -> None:
    """Ctrl-C in the middle, and a disk that is full at the end."""
    with answered(PriceList()):
        refresh(here)
    path = here / "organization/prices.json"
    former = path.read_bytes()

    def interrupted(operation: str, region: str, asked: Any) -> Any:
        if operation == "DescribeSpotPriceHistory":
            raise KeyboardInterrupt
        return PriceList(gpu_usd=9.0)(operation, region, asked)

    with answered(interrupted):
        assert refresh(here).code == 130
    with pytest.raises(OSError, match="full"):
        write(FullDisk(path), "new")

    assert path.read_bytes() == former
    assert sorted(one.name for one in path.parent.iterdir() if "prices" in one.name) == ["prices.json"]


class FullDisk(type(Path())):  # type: ignore[misc]
    """A path that cannot be replaced."""

    def stat(self, **_: Any) -> Any:
        raise OSError(28, "full")

    def exists(self, **_: Any) -> bool:
        return True


WRONG = [
    (("--region", "eu-wst-1"), "unknown Region 'eu-wst-1'; did you mean eu-west-1"),
    (("--region", "us-gov-west-1"), "us-gov-west-1 lies in aws-us-gov"),
    (("--spec", "specs/none.yaml"), "no such file"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_a_wrong_place_is_an_error_before_anything_is_asked(
    here: Path, arguments: tuple[str, str], message: str
) -> None:
    """No call is made for it."""
    with answered(PriceList()) as aws:
        done = inferplan("prices", "refresh", *arguments, cwd=here)

    assert done.code == 2
    assert message in done.err
    assert aws.calls == []


def test_there_has_to_be_a_folder_to_write_to(tmp_path: Path) -> None:
    """The built-in organization has no files."""
    with answered(PriceList()) as aws:
        done = inferplan(*REFRESH, cwd=tmp_path)

    assert done.code == 2
    assert "no organization folder" in done.err
    assert aws.calls == []


# -- the policy


def test_the_policy_permits_the_calls_that_are_made_and_no_other(here: Path) -> None:
    """The recorded calls, the list, and what is printed; each action only reads."""
    with answered(PriceList()) as aws:
        refresh(here)
    told = json.loads(inferplan("prices", "refresh", "--print-policy", cwd=here).out)
    (statement,) = told["Statement"]

    assert aws.actions == set(ACTIONS) == set(statement["Action"])
    for action in ACTIONS:
        service, _, name = action.partition(":")
        (data,) = get_action_data(service, name)[service]
        assert data["access_level"] in {"Read", "List"}
        assert data["resource_arn_format"] == statement["Resource"] == "*"


# -- answers by others


def test_the_example_of_botocore_is_read() -> None:
    """A product as AWS itself shows it in its own documentation of the API."""
    loader = botocore.session.get_session().get_component("data_loader")
    examples = loader.load_service_model("pricing", "examples-1")["examples"]["GetProducts"]
    (found,) = answers.products(examples[0]["output"]["PriceList"])

    assert (found.sku, found.usd, found.unit) == ("WQGC34PB2AWS8R4U", 0.138, "GB-Mo")
    assert found.attributes["usagetype"] == "CAN1-EBS:VolumeUsage.piops"
    assert found.source == "AWS Price List, AmazonEC2, SKU WQGC34PB2AWS8R4U, effective 2017-08-01"


def test_spot_prices_of_moto_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request reaches another server than ours, and its answer is understood."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    with mock_aws():
        entries = [
            *PriceCalls().spot_prices(
                REGION, InstanceTypes=["g5.xlarge", "g6.xlarge"], ProductDescriptions=[*answers.LINUX]
            )
        ]
    found = [*answers.spot(entries, REGION, DAY, 7)]

    assert [row.instance for row in found] == ["g5.xlarge", "g6.xlarge"]
    assert {row.low_usd_hour for row in found} == {0.00001}
    assert all(row.zones >= 2 for row in found)


def test_every_page_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before botocore's stubber, which takes the expected requests in their order and no other."""
    pages = {
        "pricing": ("get_products", "PriceList", "NextToken", [product("A", "1"), product("B", "2")]),
        "savingsplans": (
            "describe_savings_plans_offering_rates",
            "searchResults",
            "nextToken",
            [{"rate": "1"}, {"rate": "2"}],
        ),
    }
    session = boto3.Session(aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="not-a-secret")
    monkeypatch.setattr(boto3, "Session", lambda: session)
    for service, (operation, name, token, rows) in pages.items():
        client = session.client(service, region_name="us-east-1")
        monkeypatch.setattr(session, "client", partial(_the, client))
        asked = {"ServiceCode": "AmazonVPC", "Filters": []} if service == "pricing" else {}
        with Stubber(client) as stub:
            stub.add_response(operation, {name: rows[:1], token: "more"}, asked)
            stub.add_response(operation, {name: rows[1:]}, {**asked, token: "more"})
            connection = PriceCalls()
            found = (
                connection.products("us-east-1", "AmazonVPC", {})
                if service == "pricing"
                else connection.savings_plan_rates()
            )
            assert [*found] == rows
            stub.assert_no_pending_responses()
        monkeypatch.undo()
        monkeypatch.setattr(boto3, "Session", lambda: session)


def _the(client: Any, *_: Any, **__: Any) -> Any:
    return client


# -- the list of parts


def parts_of_the_bill() -> Iterator[str]:
    """Every id of a service price that the code of the bill names."""
    for path in (ROOT / "inferplan/cost").glob("*.py"):
        for word in re.findall(r'"([a-z0-9-]+)"', path.read_text()):
            if any(name == word for name, _ in catalog.service_prices()):
                yield word


def test_every_part_of_a_bill_is_asked_for_or_says_why_not() -> None:
    """A part that is priced here has a row in the table of products."""
    named = set(parts_of_the_bill()) - {"network-firewall-nat-waiver", "sp-ec2-instance-max"}
    composed = {
        name for name, _ in catalog.service_prices() if re.match(r"rds-(pg|gp3)|elasticache-valkey-t4g", name)
    }
    composed -= {"rds-gp3-iops-month"}
    guards = {"bedrock-guardrail-content-thousand", "bedrock-guardrail-pii-thousand"}
    products = catalog.price_list_products()

    assert len(named) > 15
    assert (named | composed | guards) - products.keys() == set()
    assert products.keys() - {name for name, _ in catalog.service_prices()} == set()
    assert all(row.usage_type or row.note for row in products.values())


USAGE = [
    ("nat-gateway-hour", "NatGateway-Hours", True),
    ("nat-gateway-hour", "EUC1-NatGateway-Hours", True),
    ("nat-gateway-hour", "EU-NatGateway-Hours", True),
    ("nat-gateway-hour", "EUC1-RegionalNatGateway-Hours", False),
    ("nat-gateway-hour", "EUC1-NatGateway-Hours-Free", False),
    ("kms-key-month", "eu-central-1-KMS-Keys", True),
    ("nlb-hour", "TS-LoadBalancerUsage", False),
    ("fargate-vcpu-hour", "EUC1-Fargate-ARM-vCPU-Hours:perCPU", False),
    ("elasticache-valkey-t4g-micro-hour", "APN1-ExtendedSupportYr3-NodeUsage:cache.t4g.micro", False),
    ("vended-logs-cloudwatch-gb", "EUC1-VendedLog-Bytes-WAFLogs", False),
    ("ebs-gp3-gb-month", "EUC1-EBS:VolumeUsage_gp3", False),
]


@pytest.mark.parametrize(("part", "usage", "is_it"), USAGE)
def test_a_usage_type_is_one_part_in_any_region(part: str, usage: str, is_it: bool) -> None:
    """The billing code of the Region is taken off, and nothing else."""
    assert catalog.price_list_products()[part].names(usage) is is_it


def test_two_prices_for_one_thing_are_none() -> None:
    """Which of them counts is not said, so neither does; the same price twice is one."""
    vpc = {"regionCode": REGION, "usagetype": "EUC1-VpcEndpoint-Hours"}
    wanted = catalog.price_list_products()["vpc-interface-endpoint-az-hour"]
    twice = [*answers.products([product("A", "0.012", **vpc), product("B", "0.012", **vpc)])]
    two = [*answers.products([product("A", "0.012", **vpc), product("B", "0.013", **vpc)])]

    found = answers.part(twice, wanted, REGION, DAY)
    assert not isinstance(found, str)
    assert found.usd == 0.012
    assert answers.part(two, wanted, REGION, DAY) == "several prices in the list"


def test_the_filters_of_a_question_are_attributes_of_the_list(here: Path) -> None:
    """Every one is matched exactly, and names the Region."""
    with answered(PriceList()) as aws:
        refresh(here)
    asked = [one for name, _, one in aws.calls if name == "GetProducts"]

    assert all(one["Type"] == "TERM_MATCH" for question in asked for one in question["Filters"])
    assert all({"regionCode", "fromRegionCode"} & asked_for(question).keys() for question in asked)
    assert {asked_for(question).get("regionCode", REGION) for question in asked} == {REGION}


NOVA = {"model": "Nova Lite", "feature": "On-demand Inference", "regionCode": REGION}
IN = {"inferenceType": "Input tokens", "usagetype": "EUC1-NovaLite-input-tokens"}
OUT = {"inferenceType": "Output tokens", "usagetype": "EUC1-NovaLite-output-tokens"}
NOT_PLAIN: list[dict[str, str]] = [
    {"inferenceType": "Input tokens flex"},
    {"usagetype": "EUC1-NovaLite-input-tokens-batch"},
    {"usagetype": "EUC1-NovaLite-cache-read-input-token-count"},
    {"inferenceType": "Prompt cache read input tokens flex"},
    {"usagetype": "EUC1-NovaLite-input-tokens-cross-region"},
    {"feature": "Model Customization"},
    {"model": "Nova Lite 9"},
    {"unit": "Images"},
]


def token_rows(*said: dict[str, str]) -> list[tuple[str, str, float, float]]:
    """What is read of products that are described so."""
    texts = [
        product(f"T{index}", **({"usd": "0.001", "unit": "1K tokens"} | one))
        for index, one in enumerate(said)
    ]
    rows = answers.tokens(answers.products(texts), REGION, DAY)
    return [(row.model, row.reach, row.input_usd, row.output_usd) for row in rows]


def test_tokens_are_read_from_plain_products_alone() -> None:
    """Both ways of one model, at one price each; a special kind of request, or another unit, is none."""
    nova = ("amazon.nova-lite-v1:0", "regional", 1.0, 1.0)
    assert token_rows(NOVA | IN, NOVA | OUT) == [nova]
    assert token_rows(NOVA | IN) == []
    for change in NOT_PLAIN:
        assert token_rows(NOVA | IN | change, NOVA | OUT) == [], change
    assert token_rows(NOVA | IN, NOVA | IN | {"usd": "0.002"}, NOVA | OUT) == []
    worldwide = {"usagetype": "EUC1-NovaLite-tokens-cross-region-global"}
    assert token_rows(NOVA | IN | worldwide, NOVA | OUT | worldwide) == [
        ("amazon.nova-lite-v1:0", "global", 1.0, 1.0)
    ]


CACHED = {
    "inferenceType": "Prompt cache read input tokens",
    "usagetype": "EUC1-NovaLite-cache-read-input-token-count",
}
BATCHED = {"feature": "Batch Inference", "usagetype": "EUC1-NovaLite-input-tokens-batch"}
MARKET = {"servicename": "Claude Sonnet 4.6 (Amazon Bedrock Edition)", "unit": "Units", "regionCode": REGION}


def rates(*said: dict[str, str]) -> list[dict[str, float]]:
    """The rates beside those of plain input and output."""
    texts = [product(f"T{index}", **({"unit": "1K tokens"} | one)) for index, one in enumerate(said)]
    known = {"input_usd", "output_usd"}
    return [
        {name: usd for name, usd in msgspec.to_builtins(row).items() if name.endswith("_usd")}
        for row in answers.tokens(answers.products(texts), REGION, DAY)
        if known <= msgspec.to_builtins(row).keys()
    ]


def test_rates_of_the_cache_and_of_batches_are_read() -> None:
    """Of both price lists; two that differ are none, and an hour in the cache is another thing."""
    plain = [NOVA | IN | {"usd": "0.002"}, NOVA | OUT | {"usd": "0.006"}]
    cached, batched = NOVA | CACHED | {"usd": "0.0002"}, NOVA | IN | BATCHED | {"usd": "0.001"}
    said = {"input_usd": 2.0, "output_usd": 6.0}
    assert rates(*plain) == [said]
    assert rates(*plain, cached, batched) == [said | {"cached_usd": 0.2, "batch_input_usd": 1.0}]
    assert rates(*plain, cached, cached | {"usd": "0.0003"}) == [said]

    sold = {
        "InputTokenCount": "3", "OutputTokenCount": "15", "CacheReadInputTokenCount": "0.3",
        "CacheWriteInputTokenCount": "3.75", "CacheWrite1hInputTokenCount": "6",
        "InputTokenCount_Batch": "1.5", "output_tokens_batch": "7.5",
    }  # fmt: skip
    listed = [MARKET | {"usagetype": f"EUC1-MP:EUC1_{name}-Units", "usd": usd} for name, usd in sold.items()]
    assert rates(*listed) == [
        {
            "input_usd": 3.0,
            "output_usd": 15.0,
            "cached_usd": 0.3,
            "cache_write_usd": 3.75,
            "batch_input_usd": 1.5,
            "batch_output_usd": 7.5,
        }
    ]


NAMES = [
    ("Claude Sonnet 4.6", "anthropic.claude-sonnet-4-6"),
    ("Llama 3.3 70B Instruct", "meta.llama3-3-70b-instruct-v1:0"),
    ("gpt-oss-120b", "openai.gpt-oss-120b"),  # the other spelling, -1:0, is another id
    ("Nova 2 Lite", "amazon.nova-2-lite-v1:0"),
    ("Mistral Large", None),
    ("Claude", None),
]


@pytest.mark.parametrize(("name", "model"), NAMES)
def test_a_name_is_one_model_or_none(name: str, model: str | None) -> None:
    """The words of the name are those of the id, without provider, day and first version."""
    rows = token_rows(NOVA | IN | {"model": name}, NOVA | OUT | {"model": name})

    assert [row[0] for row in rows] == ([] if model is None else [model])


def test_two_rates_of_one_plan_are_none() -> None:
    """As with prices: which of them counts is not said."""
    asked = {
        "filters": [{"name": "instanceType", "values": ["g5.xlarge"]}, {"name": "region", "values": [REGION]}]
    }
    (first, *_) = PriceList()._plans(asked, REGION)

    assert [row.usd_hour for row in answers.savings_plans([first, first], REGION, DAY)] == [0.9]
    assert [*answers.savings_plans([first, first | {"rate": "0.8"}], REGION, DAY)] == []
    upfront = first["savingsPlanOffering"] | {"paymentOption": "All Upfront"}
    assert [*answers.savings_plans([first | {"savingsPlanOffering": upfront}], REGION, DAY)] == []
