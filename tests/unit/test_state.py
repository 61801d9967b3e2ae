"""State files of the real engine read as resources; the fixtures are what tests/engine exported.

Not here: judging them, and that the fixtures are still what the engine writes (tests/engine).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from inferplan.resource import Resource, Unknown
from policies.state import SIGNATURE, StateError, parse_state, read_state

FOLDER = Path(__file__).parents[1] / "fixtures" / "state"


def named(file: str) -> dict[tuple[str, str], Resource]:
    """Resources of a fixture by short type and name."""
    return {
        (resource.type.rpartition(":")[2], resource.name): resource for resource in read_state(FOLDER / file)
    }


def test_an_export_of_a_foreign_program_is_read_whole() -> None:
    """Every resource but the stack itself, with its provider's configuration, also of default providers."""
    found = named("rogue.export.json")

    assert len(found) == 18
    assert ("Stack", "inferplan-dev") not in found
    provider = found["LogGroup", "prompts"].provider
    assert provider is not None
    assert (provider.package, provider.config) == ("aws", {"region": "us-east-1"})
    assert found["LogGroup", "prompts"].props == {"name": "/chat/prompts", "region": "us-west-2"}
    assert found["Service", "vllm"].props["spec"]["ports"] == [{"port": 80, "targetPort": 8000}]


def test_a_preview_shows_unknowns_and_the_stack_s_configuration() -> None:
    """What comes from another resource is unknown and named; default providers take the configuration."""
    found = named("rogue.preview.json")
    vpc, subnet = found["Vpc", "vpc"].urn, found["Subnet", "public"].urn

    assert found["Subnet", "public"].props["vpcId"] == Unknown((vpc,))
    assert found["Cluster", "chat"].props["vpcConfig"]["subnetIds"] == [Unknown((subnet,))]
    provider = found["Bucket", "prompts"].provider
    assert provider is not None
    assert provider.config == {"region": "us-east-1"}


@pytest.mark.parametrize("file", ["rogue.export.json", "rogue.preview.json"])
def test_secrets_are_unknown_and_named(file: str) -> None:
    """Neither ciphertext nor `[secret]` passes as a value."""
    found = named(file)

    assert found["Instance", "gateway"].props["password"] == Unknown()
    assert found["Instance", "gateway"].secret_paths == frozenset({"password"})
    assert found["Deployment", "vllm"].secret_paths == {"spec.template.spec.containers[0].env[0].value"}
    assert "ciphertext" not in repr(found)
    assert "[secret]" not in repr(found)


def test_explicit_providers_are_resolved_and_decoded() -> None:
    """Configuration that the SDK sends as JSON text is decoded, without what the engine adds."""
    found = named("tiny.export.json")
    provider = found["Vpc", "vpc"].provider

    assert provider is not None
    assert provider.urn == found["aws", "aws"].urn
    assert provider.config["allowedAccountIds"] == ["111122223333"]
    assert "version" not in provider.config
    assert found["Root", "root"].props == {"some_key": 1}
    assert found["Root", "root"].custom is False
    assert found["Vpc", "vpc"].parent == found["Root", "root"].urn


def export(**state: Any) -> bytes:
    """An export with one resource."""
    resource = {
        "urn": "urn:pulumi:s::p::aws:s3/bucket:Bucket::b",
        "type": "aws:s3/bucket:Bucket",
        "custom": True,
    }
    return json.dumps({"version": 3, "deployment": {"resources": [resource | state]}}).encode()


@pytest.mark.parametrize(
    ("inputs", "props"),
    [
        ({"__defaults": ["bucket"], "a": {"__defaults": [], "b": 1}}, {"a": {"b": 1}}),
        ({"a": 3.0, "b": 2.5}, {"a": 3, "b": 2.5}),
        ({"a": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"}, {"a": Unknown()}),
        ({"a": ["[secret]"]}, {"a": [Unknown()]}),
        ({"a": {SIGNATURE: "c44067f5952c0a294b673a41bacd8c17", "text": "t"}}, {"a": {"text": "t"}}),
    ],
    ids=["defaults", "numbers", "unknown", "secret", "asset"],
)  # fmt: skip
def test_values(inputs: dict[str, Any], props: dict[str, Any]) -> None:
    """Bookkeeping of providers goes, encodings become plain values."""
    (resource,) = parse_state(export(inputs=inputs))

    assert resource.props == props


def test_what_is_going_away_or_only_read_is_left_out() -> None:
    """A replaced resource that waits for its deletion, a deletion in a preview, a stack reference."""
    steps = [{"op": "delete", "urn": "u", "oldState": {"urn": "urn:pulumi:s::p::a:b:C::d", "type": "a:b:C"}}]

    assert parse_state(export(delete=True)) == ()
    assert parse_state(export(external=True)) == ()
    assert parse_state(json.dumps({"steps": steps}).encode()) == ()
    assert parse_state(b'{"version": 3, "deployment": {}}') == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "truncated"),
        (b"\xff\xfe", "state"),
        (b"[]", "Expected `object`"),
        (b"{}", "neither `pulumi stack export` nor `pulumi preview --json`"),
        (b'{"version": 2, "deployment": {}}', "version 2; known: 3 and 4"),
        (b'{"version": 3, "deployment": {"resources": [{"urn": 1}]}}', r"resources\[0\]\.urn"),
        (b'{"version": 3, "deployment": {"resources": [{"urn": "u"}]}}', "missing required field `type`"),
        (export(inputs=[]), "inputs"),
        (b"[" * 100_000, "state"),
        (export(inputs={"a": json.loads("[" * 900 + "]" * 900)}), "not a state file"),
    ],
    ids=["empty", "bytes", "list", "other", "version", "urn", "type", "inputs", "deep", "deep-value"],
)  # fmt: skip
def test_anything_else_is_refused(text: bytes, message: str) -> None:
    """One error that says what is wrong, whatever the bytes."""
    with pytest.raises(StateError, match=message):
        parse_state(text)
