"""What holds in every stack: one root above everything, explicit providers, whole documents, empty secrets.

Not here: what only one kind of stack declares (test_components_self_hosted, test_components_managed).
"""

from __future__ import annotations

import hashlib
import json

import pytest

from inferplan.resource import Unknown
from stacks import LAYERS
from tests.unit.recorded import STACKS, declaration_of, planned, recorded

# The AWS SDK warns about its own modules when one of its packages is first imported.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:pulumi_aws.*"),
    pytest.mark.parametrize("name", STACKS),
]

DOCUMENTS = {"policy", "assumeRolePolicy", "containerDefinitions"}
ROOT_TYPE = "inferplan:index:Deployment"


def test_everything_descends_from_the_root_component(name: str) -> None:
    """Declaration rules run on the root, so nothing may exist beside it (pulumi-facts 6)."""
    stack = recorded(name)
    roots = stack.of(ROOT_TYPE)

    assert len(roots) == len(LAYERS)
    assert len(stack.resources) > 150
    for resource in stack.resources:
        if resource not in roots:
            assert stack.ancestors(resource)[-1] in roots, resource.urn


def test_root_carries_declaration_digest_and_claims(name: str) -> None:
    """The pack takes the declaration from the root's inputs and compares the digest."""
    text = declaration_of(name).to_json()

    for root in recorded(name).of(ROOT_TYPE):
        assert root.props["name"] == planned(name).name
        assert root.props["declaration"] == text
        assert root.props["digest"] == hashlib.sha256(text.encode()).hexdigest()
        claims = json.loads(root.props["claims"])
        assert [server["model"] for server in claims["servers"]] == [s.model for s in planned(name).servers]
        assert {"cost", "flows", "decision", "lead_time", "pools"} <= claims.keys()


def test_every_resource_uses_an_explicit_provider(name: str) -> None:
    """Default providers are disabled: an AWS provider knows Region, account and tags."""
    plan = planned(name)
    for resource in recorded(name).resources:
        if resource.package in {"aws", "kubernetes"}:
            assert resource.provider is not None
            assert "default" not in resource.provider.urn, resource.urn
            if resource.package == "aws":
                assert resource.provider.config["region"] == plan.target.region
                assert resource.provider.config["allowedAccountIds"] == [plan.target.account]
                tags = resource.provider.config["defaultTags"]["tags"]
                assert tags["inferplan:data-class"] == plan.data_class


def test_no_resource_overrides_the_region(name: str) -> None:
    """A per-resource `region` would bypass every check of the provider (pitfalls 3.4)."""
    resources = recorded(name).resources

    assert [r.urn for r in resources if r.package == "aws" and "region" in r.props] == []


def test_policy_documents_are_whole_at_first_preview(name: str) -> None:
    """One unknown ARN makes a document unknown, and a mandatory rule undecided for ever (pulumi-facts 5)."""
    documents = [
        (resource.name, key, resource.props[key])
        for resource in recorded(name).resources
        for key in DOCUMENTS & resource.props.keys()
        if resource.custom
    ]

    assert len(documents) > 15
    for where, key, text in documents:
        assert isinstance(text, str), (where, key)
        assert json.loads(text)


def test_secrets_have_no_value_and_no_replica(name: str) -> None:
    """Values are set out of band: there is no SecretVersion, and every secret uses the stack's key."""
    stack = recorded(name)
    secrets = stack.of("aws:secretsmanager/secret:Secret")

    assert {secret.props["name"] for secret in secrets} == set(planned(name).gateway.secrets)
    assert not stack.of("aws:secretsmanager/secretVersion:SecretVersion")
    for secret in secrets:
        assert "replicas" not in secret.props
        assert isinstance(secret.props["kmsKeyId"], Unknown)
