"""The clients that ask AWS, the calls that they make, and what its refusals mean.

boto3 is imported here alone. Not here: what is asked (asking) and what the answers say (answers).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from inferplan.errors import InferplanError

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
ATTEMPTS, CONNECT_S, READ_S = 6, 10, 60
BAD_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
NOT_PERMITTED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
NOT_ENABLED = frozenset({"AuthFailure", "OptInRequired"})  # what EC2 says in a Region that is not enabled


class NotAsked(InferplanError):  # noqa: N818 - it reads as what it says
    """Nothing could be asked: no credentials, or none that AWS takes."""


class Refused(Exception):  # noqa: N818 - it reads as what it says
    """One question that AWS does not answer; its text names neither account nor principal."""

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.code = code


class Connection:
    """Asks AWS under the credentials of the environment, as every SDK finds them."""

    def __init__(self) -> None:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        self._config = Config(
            connect_timeout=CONNECT_S,
            read_timeout=READ_S,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            user_agent_extra="inferplan",
        )
        self._clients: dict[tuple[str, str], Any] = {}
        try:
            self._session = boto3.Session()
            credentials = self._session.get_credentials()
        except BotoCoreError as problem:
            raise NotAsked(f"the AWS credentials cannot be used: {problem}") from None
        if credentials is None:
            raise NotAsked(
                "no AWS credentials: name a profile in AWS_PROFILE or sign in; "
                "`inferplan prices refresh --print-policy` prints the policy that they need"
            )

    def products(self, region: str, service_code: str, filters: Mapping[str, str]) -> Iterator[str]:
        """Products of the Price List, each as JSON text."""
        asked = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in filters.items()]
        near = PRICE_LIST_REGIONS.get(region.partition("-")[0], AT_HOME)
        pages = self._pages("pricing", near, "get_products", ServiceCode=service_code, Filters=asked)
        for page in pages:
            yield from page.get("PriceList", ())

    def spot_prices(self, region: str, **asked: Any) -> Iterator[dict[str, Any]]:
        """Prices of spot instances over a time."""
        for page in self._pages("ec2", region, "describe_spot_price_history", **asked):
            yield from page.get("SpotPriceHistory", ())

    def capacity_blocks(self, region: str, **asked: Any) -> Iterator[dict[str, Any]]:
        """Capacity Blocks on offer."""
        for page in self._pages("ec2", region, "describe_capacity_block_offerings", **asked):
            yield from page.get("CapacityBlockOfferings", ())

    def savings_plan_rates(self, **asked: Any) -> Iterator[dict[str, Any]]:
        """Rates of Savings Plans; botocore has no paginator for them."""
        client, token = self._client("savingsplans", AT_HOME), ""
        while True:
            more = {"nextToken": token} if token else {}
            page = _asked(lambda more=more: client.describe_savings_plans_offering_rates(**asked, **more))
            yield from page.get("searchResults", ())
            token = page.get("nextToken") or ""
            if not token:
                return

    def _pages(self, service: str, region: str, operation: str, **asked: Any) -> Iterator[dict[str, Any]]:
        pages = iter(self._client(service, region).get_paginator(operation).paginate(**asked))
        while (page := _asked(lambda: next(pages, None))) is not None:
            yield page

    def _client(self, service: str, region: str) -> Any:
        if (service, region) not in self._clients:
            self._clients[service, region] = _asked(
                lambda: self._session.client(service, region_name=region, config=self._config)
            )
        return self._clients[service, region]


def _asked(call: Any) -> Any:
    """What a call answers; raises NotAsked where the credentials are at fault, else Refused."""
    from botocore import exceptions

    without_credentials = (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.CredentialRetrievalError,
        exceptions.TokenRetrievalError,
        exceptions.SSOError,
    )
    try:
        return call()
    except without_credentials as problem:
        raise NotAsked(f"the AWS credentials cannot be used: {problem}") from None
    except exceptions.ClientError as problem:
        code = str(problem.response.get("Error", {}).get("Code", "unknown"))
        if code in BAD_CREDENTIALS:
            raise NotAsked(
                f"AWS does not take the credentials ({code}): sign in again, or name another profile in "
                "AWS_PROFILE"
            ) from None
        if code in NOT_PERMITTED:
            raise Refused(f"not permitted: {_action(problem)}", code) from None
        if code in NOT_ENABLED:
            raise Refused(f"the account has not enabled the Region ({code})", code) from None
        raise Refused(f"AWS answers {code} to {problem.operation_name}", code) from None
    except exceptions.BotoCoreError as problem:
        raise Refused(f"no answer: {type(problem).__name__}") from None


def _action(problem: Any) -> str:
    """The action as IAM names it."""
    wanted = str(problem.operation_name)
    return next((action for action in ACTIONS if action.partition(":")[2] == wanted), wanted)


def policy() -> dict[str, Any]:
    """The IAM policy that a refresh needs: these calls have no resources to name."""
    statement = {"Sid": "ReadPrices", "Effect": "Allow", "Action": list(ACTIONS), "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}
