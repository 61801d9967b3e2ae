"""Which findings follow from another: one wrong word in a spec breaks rules on hundreds of resources.

Not here: what is found (run) and how it is shown (inferplan.report). Nothing is left out because of a cause.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain

from msgspec.structs import replace

from inferplan import catalog
from inferplan.records.verdicts import Finding
from policies.read import regions_named

_PROFILE = re.compile(r"\bprofile ([a-z-]+\.)")
_HOST = re.compile(r"\b[a-z0-9-]+(?:\.[a-z0-9-]+)+\.[a-z]{2,}\b")


def with_causes(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, those on resources naming the finding on the declaration that they follow from.

    One follows from another that is about the same thing: a Region, a Bedrock profile (and every Region that
    it may route to), a host; where a message names none of them, from one of the same rule.
    """
    found = list(findings)
    causes = [(finding, _reach(finding)) for finding in found if _may_cause(finding)]
    return [_with_cause(finding, causes) if finding.subject.urn else finding for finding in found]


def _may_cause(finding: Finding) -> bool:
    return finding.subject.urn is None and finding.path is not None and finding.blocks


def _with_cause(finding: Finding, causes: list[tuple[Finding, set[str]]]) -> Finding:
    about = _about(finding)
    same_thing = (cause for cause, reach in causes if reach & about)
    same_rule = (cause for cause, reach in causes if cause.rule == finding.rule and not (reach and about))
    cause = next(chain(same_thing, same_rule), None)
    return replace(finding, follows=f"{cause.rule} {cause.path}") if cause is not None else finding


def _about(finding: Finding) -> set[str]:
    """What a message is about: profiles, else Regions, else the first host that it names."""
    found = set(_PROFILE.findall(finding.message)) or set(regions_named(finding.message))
    host = _HOST.search(finding.message)
    return found or ({host[0]} if host else set())


def _reach(finding: Finding) -> set[str]:
    """The same with every Region that a profile may route to."""
    about = _about(finding)
    profiles = (catalog.bedrock_profiles().get(name) for name in about)
    return about | {name for profile in profiles if profile for name in profile.destinations or ()}
