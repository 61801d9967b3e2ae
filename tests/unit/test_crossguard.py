"""The adapter to CrossGuard, driven through the SDK's own argument classes and proxies.

Not here: the engine itself (tests/engine) and the real rules (test_rules); those below are for these tests.
"""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pulumi
import pulumi_policy
import pytest
import yaml
from pulumi_policy import (
    EnforcementLevel,
    PolicyResource,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.policy import PolicyCustomTimeouts, PolicyProviderResource, PolicyResourceOptions
from pulumi_policy.proxy import UNKNOWN_BOOLEAN_VALUE, UNKNOWN_STRING_VALUE, unknown_checking_proxy

from inferplan.resource import Resource, Unknown
from inferplan.spec.loading import load
from policies import types
from policies.context import Context
from policies.crossguard import ANCHOR, BLOCKING, NOTICES, digest_of, plain, policies, resource_of
from policies.packs import pack_names, rules_of
from policies.read import get
from policies.rule import CheckFunction, Outcome, Rule, fail

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "specs" / "minimal.yaml"
PREFIX = "urn:pulumi:minimal.foundation::inferplan::"
DEPLOYMENT = f"{PREFIX}inferplan:index:Deployment::minimal"
BUCKET = f"{DEPLOYMENT.replace('::minimal', '$aws:s3/bucket:Bucket')}::b"


def rule(
    id_: str,
    *checks: CheckFunction,
    of: str = types.BUCKET,
    whole: CheckFunction | None = None,
    level: Any = "mandatory",
) -> Rule:
    """A rule with checks of buckets (or of what `of` says), and one of all buckets together."""
    found = Rule(
        id=id_, title=f"Title of {id_}", why="why", fix=f"mend {id_}", source=("001:1",), level=level
    )
    for check in checks:
        found.check(of)(check)
    if whole is not None:
        found.check_stack(of)(whole)
    return found


def declared(_subject: Any, context: Context) -> Iterator[Outcome]:
    """Fails for a spec with a name."""
    yield fail(f"spec {context.spec.metadata.name}")


def bucket_is_named(resource: Resource, _context: Context) -> Iterator[Outcome]:
    """Fails for a bucket named `bad`, needs the name."""
    if get(resource.props, "bucket") == "bad":
        yield fail("the name is bad", path="bucket")


def broken(_subject: Any, _context: Context) -> Iterator[Outcome]:
    """A rule with a bug."""
    raise KeyError("canary-secret")


def two_buckets(found: tuple[Resource, ...], _context: Context) -> Iterator[Outcome]:
    """Fails on the second bucket."""
    if len(found) > 1:
        yield fail("one is enough", subject=found[1])


class Pack:
    """The policies of a pack, called as the SDK's server calls them."""

    def __init__(self, *rules: Rule, root: Path = ROOT, config: Mapping[str, str] | None = None) -> None:
        self.policies = policies(rules, root)
        self.config = dict(config or {})

    def resource(self, args: ResourceValidationArgs) -> dict[str, list[str]]:
        """Messages of the resource policies by policy name."""
        said: dict[str, list[str]] = {}
        for policy in self.policies:
            if isinstance(policy, ResourceValidationPolicy):
                policy.validate(
                    args, lambda message, _urn, name=policy.name: said.setdefault(name, []).append(message)
                )
        return said

    def see(self, type_: str, urn: str, props: dict[str, Any], **more: Any) -> dict[str, list[str]]:
        """Analyze one resource."""
        return self.resource(arguments(type_, urn, props, config=self.config, **more))

    def see_root(self, text: str | None = None, **inputs: Any) -> dict[str, list[str]]:
        """Analyze the root component with the declaration of the minimal spec."""
        text = declaration() if text is None else text
        props = {
            "declaration": text,
            "digest": digest_of(text),
            "layer": "foundation",
            "name": "minimal",
        } | inputs
        return self.see("inferplan:index:Deployment", DEPLOYMENT, props)

    def stack(self, *resources: PolicyResource) -> dict[str, list[tuple[str, str | None]]]:
        """Messages and URNs of the stack policies by policy name."""
        said: dict[str, list[tuple[str, str | None]]] = {}
        args = StackValidationArgs(list(resources))
        for policy in self.policies:
            if isinstance(policy, StackValidationPolicy):
                policy.validate(
                    args,
                    lambda message, urn, name=policy.name: said.setdefault(name, []).append((message, urn)),
                )
        return said


def options(parent: Any = None) -> PolicyResourceOptions:
    """Resource options of which only the parent matters."""
    return PolicyResourceOptions(False, [], None, [], PolicyCustomTimeouts(0, 0, 0), [], parent)


def provider(**props: Any) -> PolicyProviderResource:
    """An AWS provider as the engine shows it: every value as text."""
    return PolicyProviderResource(
        "pulumi:providers:aws", unknown_checking_proxy(props), f"{PREFIX}p::aws", "aws"
    )


def arguments(
    type_: str, urn: str, props: dict[str, Any], *, parent: str | None = DEPLOYMENT, config: Any = None
) -> ResourceValidationArgs:
    """What a resource policy is called with."""
    name = urn.rpartition("::")[2]
    by = None if type_.startswith("inferplan:") else provider(region="eu-central-1")
    return ResourceValidationArgs(
        type_, unknown_checking_proxy(props), urn, name, options(parent), by, config
    )


def item(type_: str, urn: str, **dependencies: list[str]) -> PolicyResource:
    """What a stack policy gets: outputs that nobody should read, and dependencies."""
    name = urn.rpartition("::")[2]
    sources = {
        key: [PolicyResource("t", {}, of, "n", options(), None, None, [], {}) for of in urns]
        for key, urns in dependencies.items()
    }
    found = [of for urns in sources.values() for of in urns]
    return PolicyResource(type_, {}, urn, name, options(), None, None, found, sources)


def declaration() -> str:
    """The canonical declaration of the minimal spec."""
    return load(SPEC, ROOT / "organization").to_json()


@pytest.fixture(autouse=True)
def _no_stack_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("PULUMI_STACK", "PULUMI_CONFIG"):
        monkeypatch.delenv(key, raising=False)


def test_values_of_the_engine_become_plain() -> None:
    """Proxies, unknowns of every kind, doubles and assets."""
    props = {
        "a": UNKNOWN_STRING_VALUE,
        "b": [1.0, 2.5, UNKNOWN_BOOLEAN_VALUE, {"c": None, "d": True}],
        "e": pulumi.StringAsset("text"),
        "f": pulumi.AssetArchive(
            {"x": pulumi.FileAsset("file"), "y": pulumi.RemoteAsset("https://example.org")}
        ),
        "g": pulumi.FileArchive("folder"),
    }

    assert plain(unknown_checking_proxy(props)) == {
        "a": Unknown(),
        "b": [1, 2.5, Unknown(), {"c": None, "d": True}],
        "e": {"text": "text"},
        "f": {"assets": {"x": {"path": "file"}, "y": {"uri": "https://example.org"}}},
        "g": {"path": "folder"},
    }


def test_provider_configuration_is_decoded() -> None:
    """JSON text becomes values, and what the engine adds is dropped."""
    args = arguments("aws:s3/bucket:Bucket", BUCKET, {})
    args.provider = provider(
        region="eu-west-1", version="7.0.0", defaultTags='{"tags":{"a":"b"}}', insecure="true"
    )

    found = resource_of(args).provider

    assert found is not None
    assert found.package == "aws"
    assert found.config == {"region": "eu-west-1", "defaultTags": {"tags": {"a": "b"}}, "insecure": True}


def test_declaration_rules_run_on_the_root_component() -> None:
    """They stop an update before anything else exists, under the rule's id, and say so once."""
    pack = Pack(rule("T-1", declared, of="spec"))

    said = pack.see_root()

    assert list(said) == ["T-1"]
    assert said["T-1"][0].startswith("T-1 fail: spec minimal: spec minimal")
    assert "fix: mend T-1" in said["T-1"][0]
    assert pack.see("aws:s3/bucket:Bucket", BUCKET, {}) == {}


def test_resource_rules_run_on_each_resource() -> None:
    """A violation is reported on the resource, with the property's path and not its value."""
    pack = Pack(rule("T-1", bucket_is_named))
    pack.see_root()

    said = pack.see("aws:s3/bucket:Bucket", BUCKET, {"bucket": "bad"})

    assert list(said) == ["T-1"]
    assert "resource b at bucket: the name is bad" in said["T-1"][0]
    assert pack.see("aws:s3/bucket:Bucket", BUCKET + "2", {"bucket": "good"}) == {}


def test_an_unknown_value_is_left_to_the_stack_rule_and_blocks_there() -> None:
    """The resource policy is silent; the stack policy of the same rule is undecided and names the origin."""
    pack = Pack(rule("T-1", bucket_is_named))
    pack.see_root()

    assert pack.see("aws:s3/bucket:Bucket", BUCKET, {"bucket": UNKNOWN_STRING_VALUE}) == {}
    said = pack.stack(item("aws:s3/bucket:Bucket", BUCKET, bucket=[f"{PREFIX}aws:x:Y::origin"]))

    ((message, urn),) = said["T-1-stack"]
    assert urn == BUCKET
    assert message.startswith("T-1 undecided")
    assert "origin" in message


def test_stack_rules_judge_the_inputs_that_were_analyzed() -> None:
    """AnalyzeStack shows outputs, here none; the inputs seen before count, and nothing is said twice."""
    pack = Pack(rule("T-1", bucket_is_named, whole=two_buckets))
    pack.see_root()
    pack.see("aws:s3/bucket:Bucket", BUCKET, {"bucket": "bad"})
    pack.see("aws:s3/bucket:Bucket", BUCKET + "2", {"bucket": "good"})

    said = pack.stack(item("aws:s3/bucket:Bucket", BUCKET), item("aws:s3/bucket:Bucket", BUCKET + "2"))

    assert [urn for _, urn in said["T-1-stack"]] == [BUCKET + "2"]


def test_an_error_in_a_rule_is_undecided_with_its_id_and_without_values() -> None:
    """It blocks at the rule's own level and stops no other rule."""
    pack = Pack(
        rule("T-1", broken),
        rule("T-2", bucket_is_named),
    )
    pack.see_root()

    said = pack.see("aws:s3/bucket:Bucket", BUCKET, {"bucket": "bad"})

    assert list(said) == ["T-1", "T-2"]
    assert said["T-1"][0].startswith("T-1 undecided")
    assert "canary-secret" not in said["T-1"][0]


def test_levels_that_the_declaration_decides_go_to_the_general_policies() -> None:
    """A rule that turned advisory does not block; its own policy has one level for good."""
    pack = Pack(rule("T-1", declared, of="spec", level=lambda _context, _serving: "advisory"))

    assert list(pack.see_root()) == [NOTICES]

    levels = {policy.name: policy.enforcement_level for policy in pack.policies}
    assert levels["T-1"] is levels[BLOCKING] is levels[ANCHOR] is EnforcementLevel.MANDATORY
    assert levels[NOTICES] is levels[f"{NOTICES}-stack"] is EnforcementLevel.ADVISORY


def test_the_anchor_comes_first_and_names_are_unique() -> None:
    """The others report what it collected, so the server must call it before them."""
    names = [policy.name for policy in Pack(rule("T-1"), rule("T-2")).policies]

    assert names[0] == ANCHOR
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"digest": "0"}, "the digest of the root component is not that of its declaration"),
        ({"declaration": UNKNOWN_STRING_VALUE}, "carries no declaration in plain text"),
        ({"digest": None}, "carries no declaration in plain text"),
    ],
    ids=["digest", "unknown", "none"],
)
def test_a_root_without_honest_declaration_blocks(inputs: dict[str, Any], message: str) -> None:
    """And its declaration is not taken."""
    pack = Pack(rule("T-1", declared, of="spec"))

    said = pack.see_root(**inputs)

    assert list(said) == [ANCHOR]
    assert message in said[ANCHOR][0]


def test_an_invalid_declaration_blocks() -> None:
    """The declaration is validated again, with the loader that the command line uses."""
    text = declaration().replace("InferenceStack", "InferenceStock")

    said = Pack().see_root(text)

    assert "the declaration cannot be used" in said[ANCHOR][0]


ABROAD = "us-east-1 lies in US; allowed: SE"


def abroad(_subject: Any, _context: Context) -> Iterator[Outcome]:
    """Fails for everything, because of a Region."""
    yield fail(ABROAD, path="region")


def test_what_follows_from_the_declaration_is_told_once_a_rule_and_counted() -> None:
    """The cause by itself, the first resource of each rule, then how many more; another rule says no too."""
    cause, key = rule("SOV-001", abroad, of="account"), rule("SOV-011", abroad)
    cause.check(types.BUCKET)(abroad)
    pack = Pack(cause, key)
    buckets = [f"{BUCKET}{number}" for number in range(5)]

    said = [pack.see_root(), *(pack.see(types.BUCKET, urn, {}, parent=DEPLOYMENT) for urn in buckets)]
    whole = pack.stack(*(item(types.BUCKET, urn) for urn in buckets))

    assert [sorted(one) for one in said] == [["SOV-001"], ["SOV-001", "SOV-011"], [], [], [], []]
    rules = {name: told for name, told in whole.items() if name.startswith("SOV-")}
    counts = {name: [message for message, _ in told] for name, told in rules.items()}
    assert sorted(counts) == ["SOV-001-stack", "SOV-011-stack"]
    for told in counts.values():
        assert "4 more findings follow from SOV-001 target.region: b1, b2, b3 and 1 more" in told[0]


def test_nothing_is_kept_back_where_no_root_has_stopped_the_update() -> None:
    """A program that is judged by a configured spec hears of every resource."""
    pack = Pack(rule("SOV-001", abroad), config={"spec": str(SPEC)})

    said = [pack.see(types.BUCKET, f"{BUCKET}{number}", {}) for number in range(3)]

    assert all("SOV-001" in one for one in said)


def test_a_second_root_with_another_declaration_blocks() -> None:
    """One program deploys one declaration."""
    pack = Pack()
    pack.see_root()
    spec = json.loads(declaration())
    spec["spec"]["metadata"]["owner"] = "somebody-else"

    said = pack.see_root(json.dumps(spec))

    assert said == {ANCHOR: ["a second root component carries another declaration"]}


@pytest.mark.parametrize("type_", ["aws:s3/bucket:Bucket", "kubernetes:core/v1:Pod", "pulumi:providers:aws"])
def test_a_cloud_resource_outside_the_root_blocks(type_: str) -> None:
    """It could exist before any rule knows the declaration."""
    pack = Pack()
    pack.see_root()

    said = pack.see(type_, f"{PREFIX}{type_}::stray", {}, parent=None)

    assert said == {ANCHOR: [f"{type_} stray descends from no inferplan:index:Deployment"]}


def test_the_spec_file_is_compared_where_it_can_be_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The host tells stack and configuration; a program that deploys something else is stopped."""
    monkeypatch.setenv("PULUMI_STACK", "minimal.foundation")
    monkeypatch.setenv("PULUMI_CONFIG", "{}")
    assert Pack().see_root() == {}

    other = tmp_path / "other.yaml"
    other.write_text(
        SPEC.read_text(encoding="utf-8").replace("name: minimal", "name: other"), encoding="utf-8"
    )
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps({"inferplan:spec": str(other)}))
    said = Pack().see_root()

    assert said == {ANCHOR: [f"the program deploys something else than {other} says"]}


def test_findings_know_the_lines_of_a_spec_file_that_can_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the engine as on the command line."""
    monkeypatch.setenv("PULUMI_STACK", "minimal.foundation")

    assert "specs/minimal.yaml" in str(Pack(rule("T-1", declared, of="spec")).see_root())


def test_a_program_without_root_is_judged_by_the_configured_spec() -> None:
    """Its declaration rules run on the first resource, and its resources need no root."""
    pack = Pack(rule("T-1", declared, of="spec"), config={"spec": "specs/minimal.yaml"})

    assert list(pack.see("aws:s3/bucket:Bucket", BUCKET, {}, parent=None)) == ["T-1"]
    assert pack.see("aws:s3/bucket:Bucket", BUCKET + "2", {}, parent=None) == {}


def test_a_program_without_any_declaration_blocks() -> None:
    """Declaration rules are undecided at the end."""
    pack = Pack(rule("T-1", declared, of="spec"))
    pack.see("random:index:Id", f"{PREFIX}random:index:Id::r", {}, parent=None)

    said = pack.stack(item("random:index:Id", f"{PREFIX}random:index:Id::r"))

    assert said["T-1-stack"][0][0].startswith("T-1 undecided")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"organization": "nowhere"}, "the pack's organization setting"),
        ({"as-of": "soon"}, "the pack's configuration cannot be used"),
        ({"spec": "nowhere.yaml"}, "the pack's configuration cannot be used"),
    ],
    ids=["organization", "as-of", "spec"],
)
def test_a_wrong_configuration_blocks(config: dict[str, str], message: str) -> None:
    """Already on the stack itself, which is analyzed first."""
    said = Pack(config=config).see("pulumi:pulumi:Stack", f"{PREFIX}pulumi:pulumi:Stack::s", {}, parent=None)

    assert message in said[ANCHOR][0]


@pytest.mark.parametrize(
    ("config", "is_default"),
    [({"organization": "organization"}, False), ({}, True)],
    ids=["given", "built-in"],
)
def test_the_organization_comes_from_the_side_of_the_pack(
    config: dict[str, str], is_default: bool, tmp_path: Path
) -> None:
    """Its configuration or the folder beside it; without a folder the built-in strict bar."""
    seen: list[bool] = []

    def note(_subject: Any, context: Context) -> Iterator[Outcome]:
        seen.append(context.declaration.organization_is_default)
        return iter(())

    Pack(rule("T-1", note, of="spec"), root=ROOT if config else tmp_path, config=config).see_root()

    assert seen == [is_default]


def test_the_day_can_be_configured() -> None:
    """Without configuration it is today."""
    seen: list[date] = []

    def note(_subject: Any, context: Context) -> Iterator[Outcome]:
        seen.append(context.as_of)
        return iter(())

    for config in ({"as-of": "2027-03-31"}, {}):
        Pack(rule("T-1", note, of="spec"), config=config).see_root()

    assert seen == [date(2027, 3, 31), date.today()]


@pytest.mark.parametrize("pack", pack_names())
def test_every_rule_of_a_pack_becomes_policies(monkeypatch: pytest.MonkeyPatch, pack: str) -> None:
    """The pack's `__main__` is the only place that makes a PolicyPack, from all rules of its folder."""
    made: list[dict[str, Any]] = []
    monkeypatch.setattr(pulumi_policy, "PolicyPack", lambda **arguments: made.append(arguments))
    runpy.run_path(str(ROOT / "policies" / pack), run_name="__main__")
    names = {policy.name for policy in made[0]["policies"]}

    assert made[0]["name"] == f"inferplan-{pack}"
    assert {rule.id for rule in rules_of(pack)} < names


@pytest.mark.parametrize("pack", pack_names())
def test_every_pack_can_be_started(pack: str) -> None:
    """Its file is YAML, and names the virtual environment that the program runs in."""
    read = yaml.safe_load((ROOT / "policies" / pack / "PulumiPolicy.yaml").read_text(encoding="utf-8"))
    folder = read["runtime"]["options"]["virtualenv"]

    assert (ROOT / "policies" / pack / folder).resolve() == ROOT / ".venv"
