"""Which findings follow from another: one wrong word in a spec breaks rules on hundreds of resources.

Not here: what is found (run) and how it is shown (inferplan.report). Nothing is left out because of a cause.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from msgspec.structs import replace

from inferplan import catalog
from inferplan.records.verdicts import Finding
from policies.read import regions_named

FIRST = 3  # resources that a count names
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


class Folding:
    """What a pack tells one by one, and what it counts: under Pulumi each finding takes four lines.

    The findings on the root component have stopped the update before anything is made, and each rule still
    says no by itself, once; what it would say of further resources is counted. Without a root nothing is.
    """

    def __init__(self, causes: Iterable[Finding] = ()) -> None:
        self._causes = list(causes)
        self._following: dict[tuple[str, str], list[Finding]] = {}

    def keep(self, found: Iterable[Finding]) -> list[Finding]:
        """The findings to tell: all but those of a rule that has said the same of another resource."""
        kept = []
        for finding in with_causes([*self._causes, *found])[len(self._causes) :]:
            following = None
            if finding.follows is not None and finding.blocks:
                following = self._following.setdefault((finding.rule, finding.follows), [])
                following.append(finding)
            if following is None or len(following) == 1:
                kept.append(finding)
        return kept

    def counted(self) -> Iterator[Finding]:
        """One finding per rule about what was kept back, with the first resources."""
        for (_, follows), (first, *others) in self._following.items():
            if others:
                names = list(dict.fromkeys(finding.subject.name for finding in others))
                more = f" and {len(names) - FIRST} more" if len(names) > FIRST else ""
                told = f"{len(others)} more findings follow from {follows}: {', '.join(names[:FIRST])}{more}"
                yield replace(first, message=told, path=None)
