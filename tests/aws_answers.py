"""AWS as tests meet it: botocore asks and reads as ever, answers are given here and judged by its own models.

Not here: what has to come of the answers (tests/unit/test_price_refresh.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import boto3
import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.validate import validate_parameters

Asked = Mapping[str, Any]
Answer = dict[str, Any] | str  # a page, or the code of an error
Answering = Callable[[str, str, Asked], Answer]  # operation, Region and what was asked
REAL_SESSION = boto3.Session  # what `answered` stands in for
LOADER = botocore.session.Session().get_component("data_loader")  # reads each model once
SECRET = "arn:aws:iam::123456789012:user/somebody"  # in every message of a refusal


class Aws:
    """Answers every call of a session, and keeps which were made."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self.actions: set[str] = set()
        self.calls: list[tuple[str, str, Asked]] = []

    def session(self) -> boto3.Session:
        """A session with credentials that nobody has; no call leaves the process."""
        core = botocore.session.Session()
        core.register_component("data_loader", LOADER)
        core.set_credentials("AKIDEXAMPLE", "not-a-secret")
        core.register("before-parameter-build.*.*", self._asked)
        core.register("before-call.*.*", self._answered)
        return REAL_SESSION(botocore_session=core)

    def _asked(self, params: Asked, model: Any, context: Any, **_: Any) -> None:
        context["asked"] = dict(params)
        self.actions.add(f"{model.service_model.signing_name}:{model.name}")

    def _answered(self, model: Any, context: Any, **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        region = str(context["client_region"])
        self.calls.append((model.name, region, context["asked"]))
        answer = self._answering(model.name, region, context["asked"])
        if isinstance(answer, str):
            said = {"Code": answer, "Message": f"User: {SECRET} is not welcome"}
            return _response(400), {"Error": said, "ResponseMetadata": {"HTTPStatusCode": 400}}
        validate_parameters(answer, model.output_shape)
        return _response(200), {**answer, "ResponseMetadata": {"HTTPStatusCode": 200}}


def _response(status: int) -> AWSResponse:
    return AWSResponse("https://answered.example", status, {}, None)


@contextmanager
def answered(answering: Answering) -> Iterator[Aws]:
    """Every new session of boto3 is answered so."""
    aws = Aws(answering)
    with patch.object(boto3, "Session", aws.session):
        yield aws


def product(sku: str, usd: str | list[str], unit: str = "Hrs", family: str = "", **attributes: str) -> str:
    """A product as the Price List API writes it; several prices are its tiers."""
    tiers = {
        f"{sku}.JRTCKXETXF.{index}": {
            "unit": unit,
            "beginRange": str(index),
            "endRange": "Inf",
            "description": "",
            "appliesTo": [],
            "rateCode": f"{sku}.JRTCKXETXF.{index}",
            "pricePerUnit": {"USD": price},
        }
        for index, price in enumerate([usd] if isinstance(usd, str) else usd)
    }
    term = {"priceDimensions": tiers, "sku": sku, "effectiveDate": "2026-11-01T00:00:00Z"}
    return json.dumps(
        {
            "product": {"productFamily": family, "attributes": attributes, "sku": sku},
            "serviceCode": attributes.get("servicecode", ""),
            "terms": {"OnDemand": {f"{sku}.JRTCKXETXF": term}},
            "version": "20261120",
            "publicationDate": "2026-11-20T00:00:00Z",
        }
    )


def asked_for(asked: Asked) -> dict[str, str]:
    """The filters of a question to the Price List."""
    return {one["Field"]: one["Value"] for one in asked["Filters"]}


class PriceList:
    """A small AWS: GPUs at a price for every type, one part of a service, tokens, plans, spot and blocks."""

    def __init__(self, gpu_usd: float = 4.1) -> None:
        self.gpu_usd = gpu_usd
        self.refuses: dict[str, str] = {}  # operation -> code

    def __call__(self, operation: str, region: str, asked: Asked) -> Answer:
        """One page of an answer; lists come in two pages."""
        if operation in self.refuses:
            return self.refuses[operation]
        listed: dict[str, tuple[str, Callable[[Asked, str], list[Any]], str]] = {
            "GetProducts": ("PriceList", self._products, "NextToken"),
            "DescribeSpotPriceHistory": ("SpotPriceHistory", self._spot, "NextToken"),
            "DescribeCapacityBlockOfferings": ("CapacityBlockOfferings", self._blocks, "NextToken"),
            "DescribeSavingsPlansOfferingRates": ("searchResults", self._plans, "nextToken"),
        }
        name, rows, token = listed[operation]
        found = rows(asked, region)
        if token in asked:
            return {name: found[1:]}
        return {name: found[:1], token: "more"} if len(found) > 1 else {name: found}

    def _products(self, asked: Asked, _: str) -> list[str]:
        code, filters = asked["ServiceCode"], asked_for(asked)
        region = filters.get("regionCode", filters.get("fromRegionCode", ""))
        common = {"servicecode": code, "regionCode": region}
        if "capacitystatus" in filters:
            instance = {"instanceType": filters["instanceType"], "operation": "RunInstances"}
            usage, usd = f"BoxUsage:{filters['instanceType']}", f"{self.gpu_usd:.10f}"
            unused = {**instance, "usagetype": f"EUC1-Unused{usage}"}
            instance["usagetype"] = f"EUC1-{usage}"
            reserved = {**instance, "marketoption": "CapacityBlock"}
            return [
                product(f"U{filters['instanceType']}", "0.6", **common, **unused),
                product(f"B{filters['instanceType']}", "0.5", **common, **reserved),
                product(f"G{filters['instanceType']}", usd, **common, **instance),
            ]
        if filters.get("productFamily") == "NAT Gateway":
            return [
                product("N1", "0.052", **common, usagetype="EUC1-NatGateway-Hours"),
                product("N2", "0.9", **common, usagetype="EUC1-RegionalNatGateway-Hours"),
                product(
                    "N4", "0.09", **common, usagetype="EUC1-NatGateway-Hours", locationType="AWS Local Zone"
                ),
                product("N3", "0.05", "GB", **common, usagetype="EUC1-NatGateway-Bytes"),
            ]
        if code == "AmazonS3":
            tiers = ["0.0245", "0.0235", "0.0225"]
            return [product("S1", tiers, "GB-Mo", **common, usagetype="EUC1-TimedStorage-ByteHrs")]
        if code == "awskms":  # three hundred times the catalog's
            return [product("K1", "300", "Keys", **common, usagetype="eu-central-1-KMS-Keys")]
        if code == "AmazonBedrock" and not filters.keys() - {"regionCode"}:
            return self._tokens(common)
        if code == "AmazonBedrockFoundationModels":
            claude = {"servicename": "Claude Sonnet 4.6 (Amazon Bedrock Edition)"}
            usages = {"InputTokenCount": "3.3", "OutputTokenCount": "16.5", "InputTokenCount_Global": "3"}
            usages |= {"OutputTokenCount_Global": "15", "CacheReadInputTokenCount": "0.3"}
            return [
                product(
                    f"C{usage}", usd, "Units", **common, **claude, usagetype=f"EUC1-MP:EUC1_{usage}-Units"
                )
                for usage, usd in usages.items()
            ]
        return []

    def _tokens(self, common: Mapping[str, str]) -> list[str]:
        nova = {"model": "Nova Lite", "feature": "On-demand Inference"}
        kinds = (("Input tokens", "input-tokens", "0.00006"), ("Output tokens", "output-tokens", "0.00024"))
        found = [
            product(
                f"T{kind}", usd, "1K tokens", **common, **nova, inferenceType=kind, usagetype=f"EUC1-{usage}"
            )
            for kind, usage, usd in kinds
        ]
        batch = {"inferenceType": "Input tokens", "usagetype": "EUC1-NovaLite-input-tokens-batch"}
        unknown = {"model": "Nobody Knows 3", "inferenceType": "Input tokens", "usagetype": "EUC1-x"}
        guard = {"usagetype": "EUC1-Guardrail-ContentPolicyUnitsConsumed"}
        return [
            *found,
            product("TB", "0.00003", "1K tokens", **common, **nova, **batch),
            product("TU", "9", "1K tokens", **common, **unknown),
            product("TG", "0.00016", "TextUnits", **common, **guard),
        ]

    def _spot(self, asked: Asked, region: str) -> list[dict[str, Any]]:
        return [
            {
                "AvailabilityZone": f"{region}{zone}",
                "InstanceType": asked["InstanceTypes"][0],
                "ProductDescription": "Linux/UNIX",
                "SpotPrice": usd,
            }
            for zone, usd in (("a", "0.40"), ("a", "0.52"), ("b", "0.31"))
        ]

    def _blocks(self, asked: Asked, _: str) -> list[dict[str, Any]]:
        hours = asked["CapacityDurationHours"]
        return [
            {
                "InstanceType": asked["InstanceType"],
                "InstanceCount": 1,
                "CapacityBlockDurationHours": hours,
                "UpfrontFee": str(usd * hours),
                "CurrencyCode": "USD",
            }
            for usd in (31.5, 35.0)
        ]

    def _plans(self, asked: Asked, _: str) -> list[dict[str, Any]]:
        said = {one["name"]: one["values"] for one in asked["filters"]}
        instance, region = said["instanceType"][0], said["region"][0]
        properties = {"instanceType": instance, "region": region, "tenancy": "shared"}
        return [
            {
                "savingsPlanOffering": {
                    "offeringId": "00000000-0000-0000-0000-000000000000",
                    "paymentOption": "No Upfront",
                    "planType": plan,
                    "durationSeconds": years * 31_536_000,
                    "currency": "USD",
                },
                "rate": rate,
                "unit": "Hrs",
                "usageType": f"EUC1-{usage}:{instance}",
                "properties": [{"name": name, "value": value} for name, value in properties.items()],
            }
            for plan, years, rate, usage in (
                ("Compute", 1, "0.9", "BoxUsage"),
                ("EC2Instance", 3, "0.6", "BoxUsage"),
                ("EC2Instance", 3, "0.1", "UnusedBox"),
            )
        ]
