"""The small world that rule examples live in: base declarations, resources, and the edits that change them.

Not here: the examples themselves (beside each rule) and the runner (tests, `inferplan rules`).
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec

from inferplan import catalog
from inferplan.resource import Provider, Resource, Unknown
from inferplan.spec.organization import Organization
from policies.rule import DROP, Change, Example, Rule

if TYPE_CHECKING:
    from inferplan.spec.declaration import Declaration

REGION, ACCOUNT = "eu-central-1", "111111111111"

_ORGANIZATION: dict[str, Any] = {
    "apiVersion": "inferplan/v1beta1",
    "kind": "Organization",
    "metadata": {"name": "examples", "owner": "platform@example.com"},
    "entities": {
        "clinic": {
            "domicile": "DE",
            "sector": "healthcare",
            "monthly_active_users": 1000,
            "annual_revenue_usd": 1e6,
        },
        "desk": {"domicile": "IE", "sector": "none", "monthly_active_users": 1000, "annual_revenue_usd": 1e6},
    },
    "accounts": {
        ACCOUNT: {
            "entity": "clinic",
            "environment": "production",
            "criticality": "supporting",
            "max_class": "restricted",
            "countries": ["DE"],
        },
        "222222222222": {
            "entity": "desk",
            "environment": "production",
            "criticality": "supporting",
            "max_class": "internal",
            "countries": ["EEA", "CH"],
        },
    },
    "classes": {
        "public": {"backends": ["self-hosted", "managed-api"]},
        "internal": {"backends": ["self-hosted", "managed-api"]},
        "confidential": {"backends": ["self-hosted"]},
        "restricted": {"backends": ["self-hosted"]},
    },
    "applications": {
        "ward": {"class": "restricted", "owner": "it@example.com"},
        "office": {"class": "internal", "owner": "it@example.com"},
    },
    "vendors": {
        "openai-eu": {
            "provider": "openai",
            "host": "eu.api.openai.com",
            "max_class": "internal",
            "tier": "enterprise",
            "retention": {"days": 0, "reference": "ZDR-1", "date": "2026-05-20"},
            "trains_on_data": False,
            "contract": "DPA-1",
            "subprocessors": [{"name": "hosting", "country": "IE"}],
            "assessment": {
                "reference": "PIA-1",
                "date": "2026-07-01",
                "approver": "dpo@example.com",
                "classes": ["public", "internal"],
            },
            "review_by": "2027-06-30",
        },
        "bedrock": {
            "provider": "amazon-bedrock",
            "max_class": "internal",
            "retention": {"days": 0, "reference": "DPA-2", "date": "2026-05-20"},
            "trains_on_data": False,
            "contract": "DPA-2",
            "subprocessors": [],
            "assessment": {
                "reference": "PIA-2",
                "date": "2026-07-01",
                "approver": "dpo@example.com",
                "classes": ["public", "internal"],
            },
            "review_by": "2027-06-30",
        },
    },
}
_OWN: dict[str, Any] = {
    "apiVersion": "inferplan/v1beta1",
    "kind": "InferenceStack",
    "metadata": {"name": "example", "owner": "ml@example.com"},
    "mode": "self-hosted",
    "target": {"platform": "aws", "account": ACCOUNT, "region": REGION},
    "data": {"subjects": ["DE"], "personal": True, "residency": {"countries": ["DE"]}},
    "backends": {"qwen": {"weights": "hf://Qwen/Qwen3-4B"}},
    "routes": [
        {"name": "notes", "api": "chat", "classes": ["restricted"], "callers": ["ward"], "backends": ["qwen"]}
    ],
}
_VENDOR: dict[str, Any] = {
    **_OWN,
    "mode": "managed-api",
    "target": {"platform": "aws", "account": "222222222222", "region": REGION},
    "data": {"subjects": ["DE"], "personal": True, "residency": {"countries": ["EEA", "CH"]}},
    "backends": {
        "gpt": {"vendor": "openai-eu", "model": "gpt-4.1-2025-04-14"},
        "mistral": {"vendor": "bedrock", "model": "mistral.mistral-large-2402-v1:0"},
    },
    "routes": [
        {
            "name": "desk",
            "api": "chat",
            "classes": ["public", "internal"],
            "callers": ["office"],
            "backends": ["gpt", "mistral"],
        }
    ],
}
_BOTH: dict[str, Any] = {
    **_OWN,
    "mode": "hybrid",
    "backends": {
        "qwen": {"weights": "hf://Qwen/Qwen3-4B"},
        "mistral": {"vendor": "bedrock", "model": "mistral.mistral-large-2402-v1:0"},
    },
    "routes": [
        {
            "name": "notes",
            "api": "chat",
            "classes": ["restricted"],
            "callers": ["ward"],
            "backends": ["qwen"],
        },
        {
            "name": "desk",
            "api": "chat",
            "classes": ["internal"],
            "callers": ["office"],
            "backends": ["mistral"],
        },
    ],
}
_BASES = {"own": _OWN, "vendor": _VENDOR, "both": _BOTH}


def resource(
    type_: str,
    name: str,
    props: Mapping[str, Any] | None = None,
    *,
    region: str | None = REGION,
    parent: str | None = None,
) -> Resource:
    """A resource of an example; AWS resources go through a provider of `region`."""
    package = type_.partition(":")[0]
    config = {"region": region} if package == "aws" and region else {}
    return Resource(
        urn=f"urn:pulumi:example::inferplan::{type_}::{name}",
        type=type_,
        name=name,
        props=dict(props or {}),
        parent=parent,
        provider=Provider(
            urn=f"urn:pulumi:example::inferplan::pulumi:providers:{package}::p",
            package=package,
            config=config,
        ),
    )


def aws_arn(rest: str) -> str:
    """An ARN of the commercial partition: `aws_arn("kms:eu-central-1:111111111111:key/k")`."""
    return f"arn:{catalog.partition('aws').partition}:{rest}"


def aws_host(name: str) -> str:
    """A host of the commercial partition: `aws_host("s3.eu-central-1")`."""
    return f"{name}.{catalog.partition('aws').dns_suffix}"


def ref(target: Resource) -> Unknown:
    """An output of a resource, as a first preview knows it."""
    return Unknown((target.urn,))


def change(
    note: str,
    edits: Mapping[str, Any] | None = None,
    **more: Any,
) -> Change:
    """A change; `edits` are property edits by `resource name:path`."""
    return Change(note=note, props=dict(edits or {}), **more)


@dataclass(frozen=True, slots=True)
class Case:
    """An example ready to be judged."""

    note: str
    declaration: Declaration
    resources: tuple[Resource, ...]


def passing_case(example: Example) -> Case:
    """A passing example as declaration and resources."""
    return Case(example.note, _declare(example.base, example.spec, example.organization), example.resources)


def failing_case(rule: Rule, change_: Change) -> Case:
    """A passing example of the rule with one change."""
    example = rule.passing[change_.of]
    kept = [item for item in example.resources if item.name not in change_.remove]
    resources = [_edited(item, change_.props) for item in kept]
    declaration = _declare(
        example.base,
        {**example.spec, **change_.spec},
        {**example.organization, **change_.organization},
    )
    return Case(change_.note, declaration, (*resources, *change_.add))


def _edited(item: Resource, edits: Mapping[str, Any]) -> Resource:
    mine = {
        key.partition(":")[2]: value for key, value in edits.items() if key.partition(":")[0] == item.name
    }
    if not mine:
        return item
    props = _copied(item.props)
    for path, value in mine.items():
        _set(props, path, value)
    return replace(item, props=props)


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _set(target: Any, path: str, value: Any) -> None:
    """Set or drop the value at `a.b[0].c`; a list may be extended by one."""
    parts = re.findall(r"\[(\d+)\]|([^.\[\]]+)", path)
    keys = [int(index) if index else name for index, name in parts]
    for key, following in pairwise(keys):
        if isinstance(key, str):
            target = target.setdefault(key, [] if isinstance(following, int) else {})
        else:
            target = target[key]
    last: Any = keys[-1]
    if value is DROP:
        del target[last]
    elif isinstance(target, list) and last == len(target):
        target.append(value)
    else:
        target[last] = value


def _image(name: str) -> dict[str, str]:
    return {"repository": f"registry.example/{name}", "tag": "v1", "digest": "sha256:" + "0" * 64}


_LOCK = {
    "apiVersion": "inferplan/v1beta1",
    "kind": "Lock",
    "images": {
        name: _image(name) for name in ("vllm", "litellm", "presidio-analyzer", "presidio-anonymizer")
    },
    "models": {"Qwen/Qwen3-4B": {"revision": "0" * 40}},
}


def _declare(base: str, spec: Mapping[str, Any], organization: Mapping[str, Any]) -> Declaration:
    return _declared(base, _key(spec), _key(organization))


def _key(edits: Mapping[str, Any]) -> str:
    return json.dumps({key: "DROP" if value is DROP else value for key, value in edits.items()})


@cache
def _declared(base: str, spec_edits: str, organization_edits: str) -> Declaration:
    from inferplan.spec.declaration import Declaration

    spec = copy.deepcopy(_BASES[base])
    organization = copy.deepcopy(_ORGANIZATION)
    for document, edits in ((spec, spec_edits), (organization, organization_edits)):
        for path, value in json.loads(edits).items():
            _set(document, path, DROP if value == "DROP" else value)
    return Declaration.from_json(
        json.dumps({"spec": spec, "lock": _LOCK}), msgspec.convert(organization, Organization), ()
    )
