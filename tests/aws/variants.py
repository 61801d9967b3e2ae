"""The declarations whose resources are judged: the examples, and edits of them that reach every component.

Not here: recording them (tests/aws/stacks.py), and judging what they declare.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from inferplan.spec.declaration import Declaration
from inferplan.spec.model import Schedule
from tests.unit.plan_edits import (
    EXAMPLES,
    declared,
    spec_of,
    with_backend,
    with_countries,
    with_environment,
    with_route,
    with_spec,
)

RESERVATION = "cr-0123456789abcdef0"
LLAMA_70B = "hf://meta-llama/Llama-3.3-70B-Instruct"
LLAMA_405B = "hf://meta-llama/Llama-3.1-405B-Instruct"
DEEPSEEK = "hf://deepseek-ai/DeepSeek-R1"
LONGEST_NAME = "a" + "b" * 35 + "9"


def lab(region: str, weights: str | None = None, **capacity: Any) -> Declaration:
    """The minimal example without a budget in a Region, with other weights and nodes."""
    anywhere = with_spec(declared("minimal"), budget=None, target={"region": region})
    said = {"weights": weights} if weights else {}
    return with_backend(anywhere, "small", capacity=capacity, **said)


def american(declaration: Declaration) -> Declaration:
    """The same for an account in the United States."""
    return with_countries(declaration, "US")


def reserved(kind: str, instance_type: str) -> dict[str, str]:
    """Capacity that was bought before."""
    return {"kind": kind, "id": RESERVATION, "instance_type": instance_type}


def firewalled(mode: str) -> Declaration:
    """A vendor outside AWS, and so a firewall, beside own weights."""
    both, desk = declared("eu-both-ways"), spec_of(declared("eu-support-desk"))
    backends = spec_of(both).backends | {"openai": desk.backends["openai"]}
    network = {"attachments": desk.network.attachments}
    mixed = with_spec(both, mode=mode, backends=backends, gateway=desk.gateway, network=network)
    return with_route(mixed, backends=("openai", "mistral-api", "mistral-own"))


def desk(**blocks: Any) -> Declaration:
    """The support desk, on Fargate, with some blocks changed."""
    return with_spec(declared("eu-support-desk"), **blocks)


def clinic(**blocks: Any) -> Declaration:
    """The clinic, in a cluster of its own, with some blocks changed."""
    return with_spec(declared("de-clinic-notes"), **blocks)


_EDITS: dict[str, Callable[[], Declaration]] = {
    "both ways, self-hosted": lambda: with_spec(declared("eu-both-ways"), mode="self-hosted"),
    "both ways, managed": lambda: with_spec(declared("eu-both-ways"), mode="managed-api"),
    "both ways, hybrid": lambda: with_spec(declared("eu-both-ways"), mode="hybrid"),
    "firewall, managed": lambda: firewalled("managed-api"),
    "firewall, hybrid": lambda: firewalled("hybrid"),
    "spot": lambda: lab("eu-central-1", kind="spot"),
    "reservation": lambda: lab("eu-central-1", **reserved("reservation", "g4dn.xlarge")),
    "block of p5": lambda: lab("eu-north-1", LLAMA_70B, **reserved("capacity-block", "p5.48xlarge")),
    "block of p5e": lambda: lab("eu-north-1", LLAMA_70B, **reserved("capacity-block", "p5e.48xlarge")),
    "block of p6-b200": lambda: american(
        lab("us-west-2", LLAMA_70B, **reserved("capacity-block", "p6-b200.48xlarge"))
    ),
    "block of p6-b300": lambda: american(
        lab("us-west-2", DEEPSEEK, **reserved("capacity-block", "p6-b300.48xlarge"))
    ),
    "p5en": lambda: lab("eu-north-1", LLAMA_70B, instance_type="p5en.48xlarge"),
    "nodes that span, p4de": lambda: lab("eu-central-1", LLAMA_405B, instance_type="p4de.24xlarge"),
    "nodes that span, p4d": lambda: lab("eu-central-1", LLAMA_405B, instance_type="p4d.24xlarge"),
    "nodes that span, other model": lambda: lab("eu-central-1", DEEPSEEK, instance_type="p4de.24xlarge"),
    "nodes that span, reservation": lambda: lab(
        "eu-central-1", LLAMA_405B, **reserved("reservation", "p4d.24xlarge")
    ),
    "nodes that span, block": lambda: lab(
        "eu-north-1", DEEPSEEK, **reserved("capacity-block", "p5.48xlarge")
    ),
    "nodes that span, p6-b300": lambda: american(
        lab("us-west-2", DEEPSEEK, instance_type="p6-b300.48xlarge", efa=True)
    ),
    "a Region without a price": lambda: with_countries(lab("eu-central-2"), "CH"),
    "us-east-1": lambda: american(lab("us-east-1")),
    "schedule": lambda: with_spec(
        declared("minimal"), schedule=Schedule(timezone="Europe/Paris", start="08:00", stop="18:00")
    ),
    "development, managed": lambda: with_environment(desk(), "development"),
    "development, self-hosted": lambda: with_environment(clinic(), "development"),
    "nobody to mail": lambda: desk(budget={"alert_emails": ()}),
    "many percentages": lambda: desk(budget={"actual_percent": (50, 80, 90, 100)}),
    "small network": lambda: desk(network={"cidr": "10.130.0.0/19"}),
    "reached by a tunnel": lambda: clinic(cluster={"deploy_from": "tunnel"}),
    "long name, managed": lambda: desk(metadata={"name": LONGEST_NAME}),
    "long name, self-hosted": lambda: clinic(metadata={"name": LONGEST_NAME}),
}

VARIANTS: dict[str, Callable[[], Declaration]] = {
    **{name: partial(declared, name) for name in EXAMPLES},
    **_EDITS,
}
