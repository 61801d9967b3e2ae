"""Bedrock profiles: every Region where a model id or a guardrail may be served.

Not here: how Bedrock is called (bedrock), other vendors (vendors) and their hosts (vendor_hosts).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from functools import cache

from inferplan import catalog
from inferplan.resource import Resource
from policies.context import Context, NamedBackend
from policies.example import aws_arn, change, resource
from policies.rule import (
    Example,
    Outcome,
    Problem,
    fail,
    on_declaration,
    rule,
    undecided,
)

ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"


def profile_problem(model_id: str, context: Context, path: str | None) -> Problem | None:
    """Why a Bedrock model id may be served outside the boundary, None when it cannot be."""
    profile = catalog.bedrock_profile(model_id)
    if profile is None:
        return None
    fact = f"bedrock_profiles/{profile.prefix}"
    if profile.destinations is None:
        if context.confirmed(fact):
            return None
        return fail(
            f"no fact says where profile {profile.prefix} routes; use an in-Region model id", path=path
        )
    places = {name: context.country_of(name) for name in profile.destinations}
    outside = [
        f"{name} ({country})" for name, country in places.items() if country not in context.allowed_countries
    ]
    if outside:
        shown = ", ".join(outside[:5]) + (f" and {len(outside) - 5} more" if len(outside) > 5 else "")
        narrower = model_id.partition(".")[2].rpartition("/")[2] or "an in-Region model id"
        return fail(f"profile {profile.prefix} may route to {shown}; use {narrower} in the Region", path=path)
    doubt = context.doubt(fact, profile)
    return undecided(doubt, path=path) if doubt else None


@cache
def _prefixed() -> re.Pattern[str]:
    makers = "|".join(sorted(map(re.escape, catalog.bedrock_providers())))
    # A model id has a dash, digit or star after its maker; a host such as api.openai.com has not.
    return re.compile(
        rf"(?<![a-z0-9-])((?:[a-z]{{2,8}}(?:-[a-z]+)?)\.(?:{makers})\.(?=[a-z.]*[0-9*-])[a-z0-9.:*-]+)"
    )


_PROFILE_ARN = re.compile(r"(?:application-)?inference-profile/([^\s\"',]+)")
_GUARDRAIL = re.compile(r"(?<![a-z0-9-])([a-z]{2,8}(?:-[a-z]+)?\.guardrail\.v[0-9]+:[0-9]+)")


def profiles_in(text: str) -> list[str]:
    """Every cross-Region model id that a text names; `inference-profile/*` counts as an unknown one."""
    named = [match.group(1) for match in _prefixed().finditer(text)]
    return list(dict.fromkeys([*named, *(match.group(1) for match in _PROFILE_ARN.finditer(text))]))


def guardrail_problem(
    profile_id: str, source_region: str | None, context: Context, path: str
) -> Problem | None:
    """Why a cross-Region guardrail profile leaves the boundary."""
    profile = catalog.guardrail_profiles().get(profile_id)
    if profile is None or profile.destinations is None:
        return fail(f"no fact says where guardrail profile {profile_id} routes", path=path)
    extra = profile.extra_when_source_is.get(source_region or "", ())
    for name in (*profile.destinations, *extra):
        if wrong := context.outside(name):
            return fail(f"guardrail profile {profile_id} may route outside: {wrong}", path=path)
    doubt = context.doubt(f"guardrail_profiles/{profile_id}", profile)
    return undecided(doubt, path=path) if doubt else None


def _declared(backend: NamedBackend, context: Context) -> Iterator[Outcome]:
    model = backend.backend.model if backend.on_bedrock else None
    problem = profile_problem(model, context, "model") if model else None
    if problem:
        yield problem


_ENV = "spec.template.spec.containers[0].env[0].value"
_MODEL = "mistral.mistral-large-2402-v1:0"
_EUROPEAN = aws_arn(f"bedrock:eu-central-1:111111111111:inference-profile/eu.{_MODEL}")
_MODEL_ARN = aws_arn(f"bedrock:eu-central-1::foundation-model/{_MODEL}")


def _policy(model_arn: str) -> str:
    return json.dumps(
        {"Statement": [{"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": [model_arn]}]}
    )


@rule(
    id="SOV-006",
    title="Every Region that a Bedrock profile may route to is allowed",
    why="A profile sends prompts and answers to any of its Regions; eu. can mean London or Zurich, apac. "
    "the Emirates.",
    fix="Use the in-Region model id, or a narrower profile whose every Region is allowed.",
    source=("000:77",),
    level="mandatory",
    on=("aws:*", "kubernetes:*"),
    more=(on_declaration(_declared, "backend"),),
    passing=(
        Example(
            note="in-Region ids in spec, environment, policies and configuration",
            base="both",
            resources=(
                resource(
                    "aws:bedrock/inferenceProfile:InferenceProfile",
                    "profile",
                    {"modelSource": {"copyFrom": _MODEL_ARN}},
                ),
                resource(
                    "kubernetes:apps/v1:Deployment",
                    "app",
                    {
                        "spec": {
                            "template": {
                                "spec": {
                                    "containers": [
                                        {"name": "app", "env": [{"name": "MODEL", "value": _MODEL}]}
                                    ]
                                }
                            }
                        }
                    },
                ),
                resource("aws:iam/policy:Policy", "iam", {"policy": _policy(_MODEL_ARN)}),
                resource(
                    "kubernetes:core/v1:ConfigMap",
                    "proxy",
                    {
                        "data": {
                            "config.yaml": f"model_list:\n- model_name: desk\n  litellm_params: "
                            f"{{model: bedrock/{_MODEL}}}\n"
                        }
                    },
                ),
                resource("aws:bedrock/guardrail:Guardrail", "guardrail", {"name": "g"}),
                resource(
                    ENDPOINT,
                    "door",
                    {
                        "serviceName": "com.amazonaws.eu-central-1.bedrock-runtime",
                        "privateDnsEnabled": True,
                        "policy": _policy(_MODEL_ARN),
                    },
                ),
            ),
        ),
        Example(
            note="a Japanese profile inside a Japanese boundary",
            base="both",
            spec={
                "data.residency.countries": ["JP"],
                "target.region": "ap-northeast-1",
                "backends.mistral.model": "jp.anthropic.claude-sonnet-4-5-20250929-v1:0",
            },
            organization={"accounts.111111111111.countries": ["JP"]},
        ),
        Example(note="an in-Region id in the spec", base="both"),
        Example(
            note="an Australian profile where New Zealand is allowed too",
            base="both",
            spec={
                "data.residency.countries": ["AU", "NZ"],
                "target.region": "ap-southeast-2",
                "backends.mistral.model": "au.anthropic.claude-sonnet-4-5-20250929-v1:0",
            },
            organization={"accounts.111111111111.countries": ["AU", "NZ"]},
        ),
    ),
    failing=(
        change(
            "the spec names a European profile",
            of=2,
            spec={"backends.mistral.model": "eu.mistral.pixtral-large-2502-v1:0"},
        ),
        change(
            "the spec names an unknown prefix",
            of=2,
            spec={"backends.mistral.model": "ca.mistral.pixtral-large-2502-v1:0"},
        ),
        change(
            "a Japanese profile without Japan",
            of=1,
            spec={"data.residency.countries": ["AU"]},
            organization={"accounts.111111111111.countries": ["AU"]},
            also=("SOV-001",),
        ),
        change("an Australian profile without New Zealand", of=3, spec={"data.residency.countries": ["AU"]}),
        change(
            "an inference profile copies from a European one",
            {
                "profile:modelSource.copyFrom": aws_arn(
                    f"bedrock:eu-central-1:111111111111:inference-profile/eu.{_MODEL}"
                )
            },
        ),
        change(
            "a pod calls a global profile",
            {f"app:{_ENV}": "global.anthropic.claude-sonnet-4-5-20250929-v1:0"},
        ),
        change(
            "a policy allows a European profile",
            {"iam:policy": _policy(_EUROPEAN)},
            also=("EGR-011",),
        ),
        change(
            "a policy allows every profile",
            {"iam:policy": _policy(aws_arn("bedrock:eu-central-1:111111111111:inference-profile/*"))},
            also=("EGR-011",),
        ),
        change(
            "the proxy calls a European profile",
            {
                "proxy:data": {
                    "config.yaml": f"model_list:\n- model_name: desk\n  litellm_params: "
                    f"{{model: bedrock/eu.{_MODEL}}}\n"
                }
            },
        ),
        change(
            "the proxy calls a European profile under a harmless key",
            {
                "proxy:data": {
                    "description": "model_list: [{model_name: desk, litellm_params: "
                    f"{{model: bedrock/eu.{_MODEL}}}}}]"
                }
            },
        ),
        change(
            "the proxy's configuration is encoded",
            {"proxy:binaryData": {"c": base64.b64encode(f"model: bedrock/eu.{_MODEL}".encode()).decode()}},
        ),
        change(
            "the endpoint lets a European profile through",
            {"door:policy": _policy(_EUROPEAN)},
            also=("EGR-011",),
        ),
        change(
            "a cross-Region guardrail",
            {"guardrail:crossRegionConfig": {"guardrailProfileIdentifier": "eu.guardrail.v1:0"}},
        ),
    ),
)
def sov_006(item: Resource, context: Context) -> Iterator[Outcome]:
    seen = set()
    for text in context.texts(item):
        for model_id in profiles_in(text.value):
            problem = profile_problem(model_id, context, text.path) if model_id not in seen else None
            seen.add(model_id)
            if problem:
                yield problem
        for profile_id in _GUARDRAIL.findall(text.value):
            if problem := guardrail_problem(profile_id, item.props.get("region"), context, text.path):
                yield problem
