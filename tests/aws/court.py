"""All judges over one stack.

Not here: what each of them knows (judge, prose, relations, documents).
"""

from __future__ import annotations

from collections.abc import Sequence

from inferplan.resource import Resource
from tests.aws import documents, judge, prose, relations
from tests.aws.judge import Finding


def findings(resources: Sequence[Resource]) -> set[Finding]:
    """What any judge finds in a stack, and where the first two have nothing to say."""
    found = {*relations.judged(resources), *documents.inline_together(resources)}
    for resource in resources:
        found |= {*judge.judged(resource), *prose.judged(resource), *documents.judged(resource)}
    return found
