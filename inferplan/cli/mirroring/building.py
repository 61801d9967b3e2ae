"""One mirror from refusal to record: what stands against it, whether it is needed, the build, its result.

Not here: options and printing (inferplan.cli.mirror), the calls (calls), watching (following).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from inferplan.cli.aws.connection import Refused
from inferplan.cli.mirroring.calls import READ, MirrorCalls, NoBucket
from inferplan.cli.mirroring.following import Follower, reasons
from inferplan.cli.mirroring.packing import packed_worker
from inferplan.errors import InferplanError
from inferplan.exitcodes import ExitCode
from inferplan.near import listed
from inferplan.plan.mirror_order import ORDERS_PREFIX, MirrorOrder, order_digest, order_text
from inferplan.plan.supply import RECORDS_PREFIX
from inferplan.records.plan import Plan
from inferplan.report.mirror_contracts import MirrorDocument, MirroredPart
from inferplan.spec.lock import Lock

ORDER_VARIABLE, WORKER_VARIABLE = "INFERPLAN_ORDER", "INFERPLAN_WORKER"
MOST_NAMED = 12


class NotMirrored(InferplanError):  # noqa: N818 - it reads as what it says
    """Something stands against it, or it has failed; nothing half is left under a name."""

    exit_code = ExitCode.DENIED


def refuse_lock(spec: str, lock: Lock | None) -> None:
    """A lock that no registry has been asked for names nothing that could be brought."""
    fix = _fix(spec)
    if lock is None:
        raise NotMirrored(f"{spec} has no lock, so nothing says what is to be brought: {fix}")
    if lock.documentation_values:
        raise NotMirrored(
            f"the lock of {spec} holds documentation values: no registry or hub was asked for its digests "
            f"and hashes, and nothing has them. {fix}"
        )


def refuse_pending(spec: str, pending: Sequence[str]) -> None:
    """What is not pinned cannot be brought."""
    if pending:
        named = listed(pending[:MOST_NAMED], "and")
        more = len(pending) - MOST_NAMED
        rest = f" and {more} more" if more > 0 else ""
        raise NotMirrored(f"{spec}: not pinned yet: {named}{rest}. {_fix(spec)}")


def _fix(spec: str) -> str:
    return f"`inferplan lock {spec}` pins them"


class Mirroring:
    """One stack's mirror under the credentials of the environment."""

    def __init__(self, spec: str, plan: Plan, order: MirrorOrder, calls: MirrorCalls) -> None:
        self._spec, self._plan, self._order, self._calls = spec, plan, order, calls
        self.digest = order_digest(order)
        self.has_build = False  # whether one runs that goes on without this process

    def bring(self, follower: Follower, say: Callable[[str], None]) -> MirrorDocument:
        """Bring everything that is not there, in a build that runs already or a new one."""
        try:
            return self._bring(follower, say)
        except NoBucket:
            raise self._no_foundation(f"the bucket {self._plan.mirror.bucket}") from None
        except Refused as problem:
            raise NotMirrored(f"{self._spec}: {problem}") from None

    def _bring(self, follower: Follower, say: Callable[[str], None]) -> MirrorDocument:
        self._check_account()
        if not self._calls.has_project():
            raise self._no_foundation(f"the project {self._plan.mirror.project}")
        build, followed = self._running(), True
        if build is None:
            if (done := self._done()) is not None:
                return done
            build, followed = self._start(), False
        self.has_build = True
        if not followed:
            say(f"build {build['id']} is started; Ctrl-C leaves it running")
        elif _order_of(build) == self.digest:
            say(f"build {build['id']} is running already and is followed; Ctrl-C leaves it running")
        else:
            say(f"build {build['id']} still carries out another order and is waited for")
            follower.to_the_end(build)
            return self._bring(follower, say)
        return self._result(follower.to_the_end(build), follower, followed=followed)

    def _check_account(self) -> None:
        here, meant = self._calls.account(), self._plan.target.account
        if here != meant:
            raise NotMirrored(
                f"{self._spec} is for account {meant}, and these credentials are of another one; name a "
                "profile of it in AWS_PROFILE"
            )

    def _no_foundation(self, missing: str) -> NotMirrored:
        return NotMirrored(
            f"{self._spec}: {missing} does not exist in {self._plan.target.region}, so the foundation is not "
            f"deployed or is older than the mirror: `pulumi up --stack {self._plan.name}.foundation`, then "
            "mirror again"
        )

    def _running(self) -> dict[str, Any] | None:
        """A build that has not ended, this order's before another's."""
        running = [one for one in self._calls.builds() if one.get("buildStatus") == "IN_PROGRESS"]
        own = [one for one in running if _order_of(one) == self.digest]
        return next(iter((*own, *running)), None)

    def _done(self) -> MirrorDocument | None:
        """The answer where an earlier build has brought everything, and all of it is still there."""
        record = self._calls.record(self.digest)
        if record is None or not record["complete"]:
            return None
        sizes = self._calls.sizes(READ) if self._order.files else {}
        for file in self._order.files:
            if file.key not in sizes or file.size_bytes not in (None, sizes[file.key]):
                return None
        for image in self._order.images:
            if image.digest not in self._calls.digests(image.repository):
                return None
        digests = {one["name"]: one["digest"] for one in record["images"]}
        for build in self._order.builds:
            if digests.get(build.name) not in self._calls.digests(build.repository):
                return None
        return self._document("already", record, None, followed=False)

    def _start(self) -> dict[str, Any]:
        worker = packed_worker()
        held = self._calls.sizes(ORDERS_PREFIX)
        for key, content in (
            (f"{ORDERS_PREFIX}/{worker.digest}.zip", worker.content),
            (f"{ORDERS_PREFIX}/{self.digest}.json", order_text(self._order)),
        ):
            if key not in held:  # each name says what its content is
                self._calls.put(key, content)
        before = next((one["id"] for one in self._calls.builds()), "")
        token = hashlib.sha256(f"{self.digest} {worker.digest} {before}".encode()).hexdigest()
        return self._calls.start({ORDER_VARIABLE: self.digest, WORKER_VARIABLE: worker.digest}, token)

    def _result(self, build: dict[str, Any], follower: Follower, *, followed: bool) -> MirrorDocument:
        record = self._calls.record(self.digest)
        is_own = record is not None and record.get("build") in (None, build["id"])
        if build.get("buildStatus") == "SUCCEEDED" and record is not None and record["complete"]:
            return self._document("complete", record, build["id"], followed=followed)
        if record is not None and is_own and not record["complete"]:
            return self._document("incomplete", record, build["id"], followed=followed)
        told = [
            f"{self._spec}: build {build['id']} ended as {build.get('buildStatus')}; what has come is kept",
            *(f"  {reason}" for reason in reasons(build)),
            *(["  the last of its log:"] if follower.last else []),
            *(f"    {line}" for line in follower.last),
            "  the next run takes up the rest",
        ]
        raise NotMirrored("\n".join(told))

    def _document(
        self, outcome: Any, record: dict[str, Any], build: str | None, *, followed: bool
    ) -> MirrorDocument:
        already = outcome == "already"
        names = [build.name for build in self._order.builds]
        pinned = (
            f"`inferplan lock {self._spec}` pins {listed(names, 'and')}, then mirror again" if names else None
        )
        return MirrorDocument(
            schema="inferplan.mirror/v1beta1",
            stack=self._plan.name,
            order=self.digest,
            build=build,
            outcome=outcome,
            followed=followed,
            record=f"s3://{self._plan.mirror.bucket}/{RECORDS_PREFIX}/{self.digest}.json",
            parts=tuple(
                MirroredPart(
                    kind=one["kind"],
                    name=one.get("key") or one["name"],
                    state="there" if already else one["state"],
                    bytes=0 if already else one["bytes"],
                    problem=one["problem"],
                )
                for one in (*record["images"], *record["files"])
            ),
            then=None if outcome == "incomplete" else pinned,
        )


def _order_of(build: dict[str, Any]) -> str | None:
    """The order that a build carries out."""
    variables = build.get("environment", {}).get("environmentVariables", ())
    return next((one["value"] for one in variables if one["name"] == ORDER_VARIABLE), None)
