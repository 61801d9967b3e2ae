"""Area of concern: the outputs of a stack are few: what the next step needs, and digests (tried-as-user)."""

from __future__ import annotations

from functools import partial
from typing import Any

import pulumi
import pytest

from stacks import LAYERS, Layer, build
from stacks.record import record
from tests.unit.recorded import HYBRID, MANAGED, OUTSIDE, SELF_HOSTED, declaration_of, planned

# The AWS SDK warns about its own modules when one of its packages is first imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pulumi_aws.*")

ALWAYS = {"layer", "declarationDigest", "planDigest", "decision"}
BASE = {"vpcId", "subnetIds", "logGroups", "registry", "gatewaySecrets", "gatewayBalancer", "mirrorProject"}
CLUSTER = {
    "clusterName",
    "clusterEndpoint",
    "clusterCertificateAuthority",
    "weightsBucket",
    "gatewayAddresses",
    "gatewayBootstrapAddresses",
}
RUNNER = {"runnerSecurityGroup", "runnerProject"}
FARGATE = {"configBucket", "gatewaySecurityGroup", "gatewayTargetGroup"}
LONGEST = 120  # characters of a value that is known before the update


def exported(monkeypatch: pytest.MonkeyPatch, stack: str, layer: Layer) -> dict[str, Any]:
    """What one layer exports, by name."""
    found: dict[str, Any] = {}
    monkeypatch.setattr(pulumi, "export", found.__setitem__)
    plan, declaration = planned(stack), declaration_of(stack)
    record(partial(build, plan, layer, declaration), stack=f"{plan.name}.{layer}")
    return found


@pytest.mark.parametrize(
    ("stack", "foundation", "workload"),
    [
        (SELF_HOSTED, BASE | CLUSTER | RUNNER, set()),
        (HYBRID, BASE | CLUSTER, set()),
        (OUTSIDE, BASE | CLUSTER | RUNNER, set()),
        (MANAGED, BASE | FARGATE, {"gatewayBootstrapTask"}),
    ],
)
def test_outputs_are_what_the_next_step_needs(
    monkeypatch: pytest.MonkeyPatch, stack: str, foundation: set[str], workload: set[str]
) -> None:
    """Nothing else, and each value that is known is one short line or a list of such."""
    wanted = {"foundation": foundation, "workload": workload}
    for layer in LAYERS:
        found = exported(monkeypatch, stack, layer)

        assert found.keys() == ALWAYS | wanted[layer]
        known = [value for value in found.values() if isinstance(value, str | list)]
        lines = [line for value in known for line in (value if isinstance(value, list) else [value])]
        assert [line for line in lines if len(line) > LONGEST or "\n" in line] == []


@pytest.mark.parametrize("layer", LAYERS)
def test_the_decision_is_one_short_line(monkeypatch: pytest.MonkeyPatch, layer: Layer) -> None:
    """The record of all criteria is with the root component, and `inferplan explain` tells it."""
    found = exported(monkeypatch, "eu-both-ways", layer)

    assert found["decision"] == "asked for auto, planned managed-api"
    assert found["layer"] == layer
    assert len(found["declarationDigest"]) == len(found["planDigest"]) == 64
