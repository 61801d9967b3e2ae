"""The adapter between CrossGuard and the evaluator: the only file that knows `pulumi_policy`.

Not here: any rule (sovereignty) and how rules are judged (evaluate). `PolicyPack` starts a server and never
returns, so only a pack's `__main__` makes one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pulumi
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.policy import PolicyProviderResource, PolicyResource
from pulumi_policy.proxy import UnknownValueError as UnreadableError

from inferplan.properties import plain_number, provider_config
from inferplan.records.verdicts import Finding, Report
from inferplan.resource import Provider, Resource, Unknown
from inferplan.spec.declaration import Declaration
from inferplan.spec.loading import load, load_organization
from policies.causes import Folding
from policies.evaluate import evaluate
from policies.families import rule_ids
from policies.rule import SCOPES, Rule, Scope
from policies.types import ENGINE_TYPES, PROVIDERS, ROOT

ANCHOR = "inferplan-declaration"
BLOCKING, NOTICES = "inferplan-blocking", "inferplan-notices"
CLOUD_PACKAGES = frozenset({"aws", "kubernetes"})
UNPLACED = "declaration"  # the file of findings about a declaration that came without its file
Filed = dict[str, list[Finding]]  # by policy name
LEVELS = {"mandatory": EnforcementLevel.MANDATORY, "advisory": EnforcementLevel.ADVISORY}


def policies(rules: Sequence[Rule], root: Path) -> list[Policy]:
    """The policies of a pack: per rule one for resources and one for the whole stack.

    `root` is the folder that relative paths of the pack's configuration start from and that holds the default
    `organization`. The anchor comes first: it collects what the others report.
    """
    judge = Judge(tuple(rules), root)
    found: list[Policy] = [
        ResourceValidationPolicy(
            name=ANCHOR,
            description="Every resource belongs to the declaration that was reviewed",
            validate=judge.see,
            enforcement_level=EnforcementLevel.MANDATORY,
            config_schema=CONFIG_SCHEMA,
            remediation_steps="Deploy from this repository's program, with the spec that was checked.",
        )
    ]
    for rule in rules:
        found += _both(judge, rule.id, rule.title, LEVELS[_static_level(rule)], rule)
    blocking = "Findings of rules that the organization made mandatory"
    found += _both(judge, BLOCKING, blocking, EnforcementLevel.MANDATORY)
    notices = (
        "Findings that do not block: waived, announced, or of a rule that the organization made advisory"
    )
    found += _both(judge, NOTICES, notices, EnforcementLevel.ADVISORY)
    return found


CONFIG_SCHEMA = PolicyConfigSchema(
    properties={
        "organization": {"type": "string", "description": "folder of the organization's files"},
        "spec": {"type": "string", "description": "spec of a program that carries no declaration"},
        "as-of": {"type": "string", "format": "date", "description": "the day to judge on; default today"},
    }
)


def _static_level(rule: Rule) -> str:
    return "advisory" if rule.level == "advisory" else "mandatory"


def _both(
    judge: Judge, name: str, title: str, level: EnforcementLevel, rule: Rule | None = None
) -> Iterator[Policy]:
    """A resource policy and a stack policy under one name, which report what the judge filed there."""

    def on_resource(args: ResourceValidationArgs, report: ReportViolation) -> None:
        for finding in judge.of_resource(args.urn, name):
            report(_text(finding), None)

    def on_stack(args: StackValidationArgs, report: ReportViolation) -> None:
        for finding in judge.of_stack(args, name):
            report(_text(finding), finding.subject.urn)

    common: dict[str, Any] = {"description": title, "enforcement_level": level}
    if rule is not None:
        common |= {
            "display_name": f"{rule.id} {title}",
            "remediation_steps": rule.fix,
            "tags": [*rule.regimes],
        }
    yield ResourceValidationPolicy(name=name, validate=on_resource, **common)
    yield StackValidationPolicy(name=f"{name}-stack", validate=on_stack, **common)


def _text(finding: Finding) -> str:
    """One finding as people read it; messages of rules never hold property values."""
    subject = f"{finding.subject.kind} {finding.subject.name}"
    place = f" at {finding.path}" if finding.path else ""
    line = f" ({finding.file}:{finding.line}:{finding.column})" if finding.file != UNPLACED else ""
    waived = f" (waived: {finding.waiver.ticket} until {finding.waiver.expires})" if finding.waiver else ""
    said = f"{finding.rule} {finding.verdict}: {subject}{place}: {finding.message}{waived}"
    return f"{said}{line if finding.file else ''}\n  fix: {finding.fix}"


class Judge:
    """What the engine showed so far, and the findings about it filed by URN and policy name.

    Stack policies get outputs, and in a first preview Kubernetes objects have none: so what Analyze saw is
    kept and judged again as a whole, with the dependencies that only AnalyzeStack knows.
    """

    def __init__(self, rules: tuple[Rule, ...], root: Path) -> None:
        self._rules = rules
        self._levels = {rule.id: _static_level(rule) for rule in rules}
        self._reviewed = Reviewed(root)
        self._seen: dict[str, Resource] = {}
        self._filed: dict[str, Filed] = {}
        self._reported: set[tuple[str | None, ...]] = set()
        self._whole: tuple[frozenset[str], Filed] | None = None
        self._spec_is_judged = False
        self._folding = Folding()

    # -- one resource ---
    def see(self, args: ResourceValidationArgs, report: ReportViolation) -> None:
        """The anchor: keep a resource, take the declaration where it carries one, and judge it."""
        self._whole = None
        problems = self._reviewed.configure(args.get_config())
        if args.resource_type not in ENGINE_TYPES:
            resource = resource_of(args)
            self._seen[resource.urn] = resource
            if resource.type == ROOT:
                problems += self._reviewed.declare(resource)
            elif stray := self._stray(resource):
                problems.append(stray)
            self._filed[resource.urn] = self._file(self._judge_one(resource))
        for problem in problems:
            report(problem, None)

    def of_resource(self, urn: str, policy: str) -> list[Finding]:
        """What the anchor filed about a resource under a policy's name."""
        return self._filed.get(urn, {}).get(policy, [])

    def _judge_one(self, resource: Resource) -> list[Finding]:
        scopes: tuple[Scope, ...] = ("resource",)
        if self._reviewed.declaration is not None and not self._spec_is_judged:
            self._spec_is_judged = True
            scopes = ("declaration", "resource")
        found = list(self._evaluate((resource,), scopes).findings)
        if resource.type == ROOT:
            self._folding = Folding(found)
        self._reported |= {_key(finding) for finding in found}
        return self._folding.keep(found)

    def _stray(self, resource: Resource) -> str | None:
        """A cloud resource outside the root could be created before any rule knows the declaration."""
        package = resource.type.removeprefix(PROVIDERS).partition(":")[0]
        if package not in CLOUD_PACKAGES or self._reviewed.by_configuration:
            return None
        above: Resource | None = resource
        while above is not None:
            if above.type == ROOT:
                return None
            above = self._seen.get(above.parent or "")
        return f"{resource.type} {resource.name} descends from no {ROOT}"

    # -- the whole stack ---
    def of_stack(self, args: StackValidationArgs, policy: str) -> list[Finding]:
        """What judging the whole stack adds to what its resources showed by themselves."""
        urns = frozenset(item.urn for item in args.resources)
        if self._whole is None or self._whole[0] != urns:
            found = self._evaluate(self.stack(args), SCOPES).findings
            new = self._folding.keep([finding for finding in found if _key(finding) not in self._reported])
            self._whole = urns, self._file([*new, *self._folding.counted()])
        return self._whole[1].get(policy, [])

    def stack(self, args: StackValidationArgs) -> tuple[Resource, ...]:
        """The whole stack as its resource policies saw it, sorted by URN, without the engine's own."""
        items = [item for item in args.resources if item.resource_type not in ENGINE_TYPES]
        found = {item.urn: self._completed(item) for item in items}
        return tuple(_with_provider(found[urn], found) for urn in sorted(found))

    def _completed(self, item: PolicyResource) -> Resource:
        """The inputs that Analyze saw, with the dependencies that only AnalyzeStack knows."""
        origins = {
            key: tuple(sorted(of.urn for of in found))
            for key, found in item.property_dependencies.items()
            if found
        }
        seen = self._seen.get(item.urn) or resource_of(item)
        return replace(
            seen,
            props={key: with_origin(value, origins.get(key, ())) for key, value in seen.props.items()},
            dependencies=tuple(sorted(of.urn for of in item.dependencies)),
            property_dependencies=origins,
        )

    def _evaluate(self, resources: Sequence[Resource], scopes: tuple[Scope, ...]) -> Report:
        reviewed = self._reviewed
        return evaluate(
            reviewed.declaration, resources, reviewed.as_of, rules=self._rules, locked=True, scopes=scopes
        )

    def _file(self, findings: list[Finding]) -> Filed:
        """Findings under the policy whose level is theirs: the rule's own, or a general one."""
        filed: Filed = {}
        for finding in findings:
            level = "mandatory" if finding.blocks else "advisory"
            general = BLOCKING if finding.blocks else NOTICES
            name = finding.rule if self._levels.get(finding.rule) == level else general
            filed.setdefault(name, []).append(finding)
        return filed


class Reviewed:
    """The declaration that the stack claims, validated again, with the organization of the pack's own side.

    The organization never comes from the program. The declaration comes from the root component; for a
    program without one from the pack's configuration.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._organization = root / "organization"
        self._config: Mapping[str, Any] | None = None
        self._text: str | None = None
        self.declaration: Declaration | None = None
        self.as_of = date.today()
        self.by_configuration = False

    def configure(self, config: Mapping[str, Any]) -> list[str]:
        """Read the pack's configuration, once; what is wrong with it."""
        if self._config is not None:
            return []
        self._config = dict(config)
        try:
            if "organization" in config:
                self._organization = self._root / config["organization"]
                if not self._organization.is_dir():
                    return ["the folder named by the pack's organization setting does not exist"]
            if "as-of" in config:
                self.as_of = date.fromisoformat(config["as-of"])
            if "spec" in config:
                self.by_configuration = True
                self.declaration = load(
                    self._root / config["spec"], self._organization_folder, rules=rule_ids()
                )
        except Exception as error:  # whatever is wrong with the configuration must block, with a name
            return [f"the pack's configuration cannot be used: {error}"]
        return []

    def declare(self, root: Resource) -> list[str]:
        """Take the declaration from the root component; what is wrong with it."""
        text, digest = root.props.get("declaration"), root.props.get("digest")
        if not isinstance(text, str) or not isinstance(digest, str):
            return ["the root component carries no declaration in plain text"]
        if self._text is not None and self._text != text:
            return ["a second root component carries another declaration"]
        if digest_of(text) != digest:
            return ["the digest of the root component is not that of its declaration"]
        self._text = text
        try:
            files = load_organization(self._organization_folder, rule_ids())
            self.declaration = Declaration.from_json(text, *files)
            file = self._spec_file()
            if file is None:
                return []
            reviewed = load(file, self._organization_folder, rules=rule_ids())
        except Exception as error:  # whatever is wrong with the declaration must block, with a name
            return [f"the declaration cannot be used: {error}"]
        if reviewed.to_json() != text:
            return [f"the program deploys something else than {file} says"]
        self.declaration = reviewed  # the same, and it knows the lines of the file
        return []

    @property
    def _organization_folder(self) -> Path | None:
        return self._organization if self._organization.is_dir() else None

    def _spec_file(self) -> Path | None:
        """The spec that the program was told to deploy, where this process can find it.

        The language host passes the stack's name and configuration; without them (`pulumi policy analyze`),
        or where the path leads nowhere from here, there is nothing to compare with.
        """
        if self.by_configuration:
            return self._root / self._config["spec"] if self._config else None
        stack = os.environ.get("PULUMI_STACK", "")
        config = json.loads(os.environ.get("PULUMI_CONFIG") or "{}")
        default = f"specs/{stack.rpartition('.')[0] or stack}.yaml"
        path = self._root / config.get("inferplan:spec", default)
        return path if stack and path.is_file() else None


def digest_of(text: str) -> str:
    """SHA-256 of a canonical declaration, as the root component carries it."""
    return hashlib.sha256(text.encode()).hexdigest()


def _key(finding: Finding) -> tuple[str | None, ...]:
    return finding.rule, finding.subject.urn, finding.subject.name, finding.path, finding.message


# -- from the engine's values to ours ---
def resource_of(item: ResourceValidationArgs | PolicyResource) -> Resource:
    """A resource as rules read it; what is not known before deployment becomes `Unknown`."""
    parent = item.opts.parent
    props = plain(item.props)
    if item.resource_type.startswith(PROVIDERS):
        props = provider_config(props)
    return Resource(
        urn=item.urn,
        type=item.resource_type,
        name=item.name,
        props=props,
        parent=parent if isinstance(parent, str) else None,
        provider=_provider_of(item.provider),
        custom=item.provider is not None or item.resource_type.startswith("pulumi:"),
    )


def _provider_of(provider: PolicyProviderResource | None) -> Provider | None:
    if provider is None:
        return None
    package = provider.resource_type.removeprefix(PROVIDERS)
    return Provider(urn=provider.urn, package=package, config=provider_config(plain(provider.props)))


def _with_provider(resource: Resource, stack: Mapping[str, Resource]) -> Resource:
    """The resource with its provider's configuration as the stack's own provider resource has it."""
    provider = resource.provider
    if provider is None or provider.urn not in stack:
        return resource
    return replace(resource, provider=replace(provider, config=stack[provider.urn].props))


def plain(value: Any) -> Any:
    """Plain JSON without the SDK's proxies, which raise as soon as an unknown value is read."""
    if isinstance(value, Mapping):
        return {key: _read(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_read(value, index) for index in range(len(value))]
    if isinstance(value, float):
        return plain_number(value)
    if isinstance(value, pulumi.AssetArchive):
        return {"assets": plain(value.assets)}
    if isinstance(value, pulumi.StringAsset):
        return {"text": value.text}
    if isinstance(value, pulumi.FileAsset | pulumi.FileArchive):
        return {"path": value.path}
    if isinstance(value, pulumi.RemoteAsset | pulumi.RemoteArchive):
        return {"uri": value.uri}
    return value


def _read(container: Any, key: Any) -> Any:
    try:
        value = container[key]
    except UnreadableError:
        return Unknown()
    return plain(value)


def with_origin(value: Any, urns: tuple[str, ...]) -> Any:
    """The same value, every unknown in it naming the resources it comes from."""
    if isinstance(value, Unknown):
        return Unknown(urns)
    if isinstance(value, Mapping):
        return {key: with_origin(item, urns) for key, item in value.items()}
    if isinstance(value, list):
        return [with_origin(item, urns) for item in value]
    return value
