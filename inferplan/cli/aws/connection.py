"""The clients that ask AWS under the credentials of the environment, and what its refusals mean.

boto3 is imported here alone. Not here: which calls a verb makes (each lists its own actions).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from inferplan.errors import InferplanError

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
# 403 is all that S3 says to a HEAD, whose answers have no body.
NOT_PERMITTED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"})
NOT_ENABLED = frozenset({"AuthFailure", "OptInRequired"})  # what EC2 says in a Region that is not enabled

ACTION_OF = {
    "HeadObject": "GetObject",
    "ListObjectsV2": "ListBucket",
}  # what IAM calls otherwise than the API


class NotAsked(InferplanError):  # noqa: N818 - it reads as what it says
    """Nothing could be asked: no credentials, or none that AWS takes."""


class Refused(Exception):  # noqa: N818 - it reads as what it says
    """One question that AWS does not answer; its text names neither account nor principal."""

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.code = code


class Connection:
    """Asks AWS under the credentials of the environment, as every SDK finds them.

    `actions` are all that a verb may ask, as IAM names them; `verb` is named where credentials are missing.
    """

    def __init__(self, verb: str, actions: Iterable[str]) -> None:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        self._actions = tuple(actions)
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
                f"`inferplan {verb} --print-policy` prints the policy that they need"
            )

    def call(self, service: str, region: str, operation: str, **asked: Any) -> dict[str, Any]:
        """What one call answers; raises NotAsked where the credentials are at fault, else Refused."""
        client = self.client(service, region)
        answer: dict[str, Any] = self._asked(lambda: getattr(client, operation)(**asked))
        return answer

    def pages(self, service: str, region: str, operation: str, **asked: Any) -> Iterator[dict[str, Any]]:
        """The pages of a call that botocore can page."""
        pages = iter(self.client(service, region).get_paginator(operation).paginate(**asked))
        while (page := self._asked(lambda: next(pages, None))) is not None:
            yield page

    def client(self, service: str, region: str) -> Any:
        """The client of a service in a Region, made once."""
        if (service, region) not in self._clients:
            self._clients[service, region] = self._asked(
                lambda: self._session.client(service, region_name=region, config=self._config)
            )
        return self._clients[service, region]

    def _asked(self, call: Callable[[], Any]) -> Any:
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
                raise Refused(f"not permitted: {self._action(problem)}", code) from None
            if code in NOT_ENABLED:
                raise Refused(f"the account has not enabled the Region ({code})", code) from None
            raise Refused(f"AWS answers {code} to {problem.operation_name}", code) from None
        except exceptions.BotoCoreError as problem:
            raise Refused(f"no answer: {type(problem).__name__}") from None

    def _action(self, problem: Any) -> str:
        """The action as IAM names it."""
        wanted = ACTION_OF.get(str(problem.operation_name), str(problem.operation_name))
        return next((action for action in self._actions if action.partition(":")[2] == wanted), wanted)
