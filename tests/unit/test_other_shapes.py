"""Shapes of stack that no example has: allowed as they are locked, with nothing undecided."""

from __future__ import annotations

import pytest

from policies.evaluate import evaluate
from tests.unit.plan_edits import AS_OF, OTHERS, declared, planned, recorded


@pytest.mark.parametrize("name", OTHERS)
def test_it_is_allowed_and_is_of_its_shape(name: str) -> None:
    """Both layers, locked; and what the name says is really there."""
    report = evaluate(declared(name), recorded(name), AS_OF, locked=True)
    assert report.decision == "allow", report.findings
    assert report.summary.undecided == 0

    plan = planned(name)
    (server,) = plan.servers
    shape = {
        "adapter": bool(server.adapters),
        "embedding": server.api == "embeddings",
        "given-cluster": plan.cluster is not None and plan.cluster.existing is not None,
        "images": server.engine == "diffusion",
        "many-nodes": server.pipeline_parallel > 1,
    }
    assert shape[name]
