"""Specs that ask for too much: the examples with one to three wishes that may not go together.

Specs and organizations are plain values here, as a person writes them. Not here: tests.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import msgspec

from inferplan.spec.declaration import Declaration
from inferplan.spec.faults import SpecErrors
from inferplan.spec.organization import Organization
from inferplan.spec.position import split
from inferplan.spec.registers import organization_problems
from tests.unit.plan_edits import EXAMPLES, declared

Fields = dict[str, Any]  # path and new value; None takes the field out

SEED = 20261120
RESERVED_ID = "cr-0123456789abcdef0"
REGIONS = (
    "eu-central-1",
    "eu-west-3",
    "eu-north-1",
    "eu-south-2",
    "ap-southeast-1",
    "us-east-1",
    "sa-east-1",
)
TYPES = (
    "g4dn.xlarge",
    "g5.xlarge",
    "g6.12xlarge",
    "g6e.2xlarge",
    "p4d.24xlarge",
    "p4de.24xlarge",
    "p5.48xlarge",
)
MODELS = (
    "meta-llama/Llama-3.1-405B-Instruct",
    "deepseek-ai/DeepSeek-V3.2",
    "meta-llama/Llama-3.3-70B-Instruct",
    "Qwen/Qwen3-32B",
    "microsoft/phi-4",
    "google/gemma-3-27b-it",
    "mistralai/Mistral-7B-v0.1",
    "google-bert/bert-base-uncased",
    "stabilityai/stable-diffusion-3.5-large",
)
VENDOR_MODELS = (
    "anthropic.claude-sonnet-4-6",
    "jp.anthropic.claude-sonnet-4-6",
    "mistral.mistral-large-3-675b-instruct",
    "amazon.titan-embed-text-v2:0",
    "gpt-99",
    "text-embedding-3-large",
)


class Asked(NamedTuple):
    """A spec and an organization in plain values, under the lock of an example."""

    example: str
    wishes: tuple[tuple[str, Any], ...]
    spec: dict[str, Any]
    organization: dict[str, Any]

    def edited(self, fields: Fields) -> Asked:
        """The same with some fields written otherwise; paths of the organization begin with it."""
        spec, organization = copy.deepcopy(self.spec), copy.deepcopy(self.organization)
        for path, value in fields.items():
            parts = split(path)
            root, rest = (organization, parts[1:]) if parts[0] == "organization" else (spec, parts)
            write(root, rest, value)
        return Asked(self.example, self.wishes, spec, organization)

    def declaration(self) -> Declaration:
        """What the loader makes of it; raises SpecErrors."""
        organization = msgspec.convert(self.organization, Organization)
        assert not list(organization_problems(organization, None))
        lock = declared(self.example).lock
        text = json.dumps({"spec": self.spec, "lock": msgspec.to_builtins(lock) if lock else None})
        return Declaration.from_json(text, organization, declared(self.example).waivers)


def write(root: Any, parts: Sequence[str | int], value: Any) -> None:
    """Set a field, or take it out."""
    *above, last = parts
    for part in above:
        root = root.setdefault(part, {}) if isinstance(root, dict) else root[part]
    if value is None and isinstance(root, dict):
        root.pop(last, None)
    else:
        root[last] = value


@cache
def example(name: str) -> Asked:
    """An example as it stands."""
    said = declared(name)
    return Asked(name, (), plain(said.spec), plain(said.organization))


def plain(record: Any) -> Any:
    """A record as the mappings and lists that a file holds."""
    return json.loads(msgspec.json.encode(record))


def wishes(asked: Asked) -> dict[str, list[Fields]]:
    """What may be asked of a spec, by kind, each kind in several strengths."""
    spec = asked.spec
    account = f"organization.accounts.{spec['target']['account']}"
    own = [name for name, backend in spec["backends"].items() if "weights" in backend]
    found: dict[str, list[Fields]] = {
        "budget": [{"budget.monthly_usd": usd} for usd in (100, 900, 3000, 9000, 12000, 60000)],
        "region": [{"target.region": region, "network.cidr": None} for region in REGIONS],
        "country": [
            {f"{account}.countries": [*wide], "data.residency.countries": [narrow], "target.region": None}
            for wide, narrow in ((("PL",), "PL"), (("EU",), "PL"), (("EU", "SG"), "SG"), (("DE", "BR"), "BR"))
        ],
        "zones": [{"target.zones": 3}],
        "mode": [{"mode": mode} for mode in ("self-hosted", "managed-api", "hybrid", "auto")],
        "sovereignty": [{"data.sovereignty": "absolute"}],
        "cidr": [{"network.cidr": "10.0.0.0/28"}, {"network.cidr": "10.0.0.1/16"}],
        "clients": [{"gateway.clients": ["10.0.0.0/8"]}],
    }
    for name, backend in spec["backends"].items():
        if "vendor" in backend:
            found[f"backends.{name}.id"] = [{f"backends.{name}.model": model} for model in VENDOR_MODELS]
    for vendor, entry in asked.organization["vendors"].items():
        if "host" in entry:
            found["host"] = [{f"organization.vendors.{vendor}.host": None}]
            other = {"organization.vendors.second": entry}
            mine = [name for name, backend in spec["backends"].items() if "vendor" in backend]
            both = {
                f"backends.{name}.vendor": one for name, one in zip(mine, (vendor, "second"), strict=False)
            }
            found["contracts"] = [other | both]
    for index in range(len(spec["routes"])):
        at = f"routes[{index}]"
        load = f"{at}.load"
        found |= {
            f"{at}.peak": [{f"{load}.peak_requests_per_second": peak} for peak in (40, 400, 4000)],
            f"{at}.tokens": [{f"{load}.input_tokens": tokens} for tokens in (12000, 60000, 200000)],
            f"{at}.ttft": [{f"{at}.objectives.ttft_ms": {"p95": limit}} for limit in (20, 150, 400)],
            f"{at}.tpot": [{f"{at}.objectives.tpot_ms": {"p95": limit}} for limit in (2, 8, 15)],
            f"{at}.api": [{f"{at}.api": api} for api in ("embeddings", "classify", "images")],
            f"{at}.language": [
                {f"{at}.redaction": "presidio", f"{at}.redaction_languages": said}
                for said in (["xx"], ["ja", "en"])
            ],
            f"{at}.redacted": [{f"{at}.redaction": "presidio", f"{at}.api": "embeddings"}],
            f"{at}.guard": [{f"{at}.guardrail": "bedrock-input"}],
            f"{at}.survive": [{f"{at}.objectives.availability_percent": 99.95}],
            f"{at}.backends": [{f"{at}.backends": [name]} for name in spec["backends"]],
        }
    for name in own:
        at = f"backends.{name}"
        found |= {
            f"{at}.type": [
                {f"{at}.capacity.instance_type": one} for one in (*TYPES, "p5e.48xlarge", "inf2.xlarge")
            ],
            f"{at}.zone": [{f"{at}.capacity.zone": zone} for zone in ("euc1-az2", "use1-az1", "apne1-az2")],
            f"{at}.block": [
                {f"{at}.capacity": {"kind": kind, "id": RESERVED_ID, "instance_type": one}}
                for kind in ("capacity-block", "reservation")
                for one in ("g6e.2xlarge", "p4d.24xlarge", "p5e.48xlarge")
            ],
            f"{at}.spot": [{f"{at}.capacity.kind": "spot"}],
            f"{at}.efa": [{f"{at}.capacity.efa": True}],
            f"{at}.ami": [{f"{at}.capacity.ami": "ami-0123456789abcdef0"}],
            f"{at}.context": [{f"{at}.engine.max_model_len": n} for n in (1024, 65536, 131072, 1000000)],
            f"{at}.format": [{f"{at}.quantization": said} for said in ("auto", "fp8", "awq", "gptq", None)],
            f"{at}.cache": [{f"{at}.engine.kv_cache_dtype": "fp8"}],
            f"{at}.model": [
                {f"{at}.weights": f"hf://{model}", f"{at}.quantization": None, f"{at}.adapters": None}
                for model in MODELS
            ],
            f"{at}.adapters": [
                {f"{at}.adapters": [{"name": "a", "weights": "s3://bank-models/a", "rank": rank}]}
                for rank in (16, 512)
            ],
        }
    return found


def asked_for(count: int) -> Iterator[Asked]:
    """Every single wish of every example, then combinations; only what the loader takes, `count` at most."""
    dice = random.Random(SEED)
    left = count
    for one in _combined(dice):
        try:
            one.declaration()
        except SpecErrors:
            continue
        yield one
        left -= 1
        if not left:
            return


def _combined(dice: random.Random) -> Iterator[Asked]:
    bases = [example(name) for name in EXAMPLES]
    kinds = {base.example: wishes(base) for base in bases}
    for base in bases:
        for strengths in kinds[base.example].values():
            for fields in strengths:
                yield _wished(base, fields)
    while True:
        base = dice.choice(bases)
        chosen = dice.sample(list(kinds[base.example].values()), dice.choice((2, 2, 3)))
        yield _wished(base, {path: value for one in chosen for path, value in dice.choice(one).items()})


def _wished(base: Asked, fields: Fields) -> Asked:
    return base.edited(fields)._replace(wishes=tuple(fields.items()))
