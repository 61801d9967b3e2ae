"""Area of concern: a name that a loading error offers, or a field that it says, mends that error.

Not here: the words of the errors (test_loading) and which names come close (test_near).
"""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from inferplan import catalog
from inferplan.spec.faults import SpecError, SpecErrors
from inferplan.spec.loading import load
from inferplan.spec.model import PRIORITIES
from inferplan.spec.position import split
from policies.families import rule_ids
from tests.unit.no_plan_specs import plain, write
from tests.unit.plan_edits import declared

SEED = 20261120
EACH = 12  # names tried of each kind
OFFERED = re.compile(r"did you mean ([^?]+)\?")

SPEC: dict[str, Any] = {
    "apiVersion": "inferplan/v1beta1",
    "kind": "InferenceStack",
    "metadata": {"name": "demo", "owner": "me@lab.example"},
    "mode": "auto",
    "target": {"platform": "aws", "account": "222222222222", "region": "eu-west-3", "zones": 2},
    "data": {
        "subjects": ["FR"],
        "personal": False,
        "residency": {"countries": ["EU"]},
        "retention": {"prompts": "none", "logs": "180d"},
        "regimes": ["EU-GDPR"],
        "transfers": [{"regime": "EU-GDPR", "from": "FR", "to": "CH", "basis": "adequacy", "reference": "A"}],
    },
    "backends": {
        "small": {
            "weights": "hf://Qwen/Qwen3-4B",
            "quantization": "fp8",
            "engine": {"kv_cache_dtype": "fp8", "args": {"enable-prefix-caching": True}},
            "capacity": {"instance_type": "g6.xlarge", "zone": "euw3-az1", "kind": "on-demand"},
            "adapters": [{"name": "a", "weights": "s3://bank-models/a"}],
        },
        "spare": {"vendor": "openai-eu", "model": "gpt-4.1"},
    },
    "routes": [
        {
            "name": "chat",
            "api": "chat",
            "classes": ["public"],
            "callers": ["help-center"],
            "backends": ["small", "spare"],
            "use": {"purposes": ["drafting"], "public_facing": False},
            "load": {"monthly_requests": 1000, "input_tokens": 100},
            "objectives": {"ttft_ms": {"p95": 900}},
        }
    ],
    "network": {"cidr": "10.0.0.0/16"},
    "budget": {"monthly_usd": 4000, "alert_emails": ["me@lab.example"], "actual_percent": [50]},
    "exit": {"trigger": "price", "fallback": "small", "owner": "me@lab.example", "days": 30},
    "priorities": {"cost": 3},
}


class Slip(NamedTuple):
    """One name written wrongly: as a value of the field at `path`, or as a key below it."""

    kind: str
    path: str
    name: str
    known: str


def slips() -> Iterator[Slip]:
    """Names of every table that a spec is looked up in, miswritten, where the name stands."""
    dice = random.Random(SEED)
    organization = declared("minimal").organization
    flags = catalog.vllm_flags(catalog.vllm_versions()[-1])
    tables: dict[str, Iterable[str]] = {
        "target.region": catalog.regions(),
        "target.account": organization.accounts,
        "data.regimes[0]": catalog.regimes(),
        "data.transfers[0].regime": catalog.regimes(),
        "backends.small.weights": (f"hf://{name}" for name in catalog.models()),
        "backends.small.quantization": ("fp8", "awq", "gptq", "bitsandbytes"),
        "backends.small.engine.kv_cache_dtype": ("fp8", "fp8_e4m3", "fp8_e5m2"),
        "backends.small.capacity.instance_type": catalog.instances(),
        "backends.small.capacity.zone": (z for region in catalog.regions().values() for z in region.zones),
        "backends.small.capacity.kind": ("on-demand", "spot", "reservation", "capacity-block"),
        "backends.small.adapters[0].weights": (f"s3://{store}" for store in organization.stores),
        "backends.spare.vendor": organization.vendors,
        "routes[0].callers[0]": organization.applications,
        "routes[0].backends[0]": ("small",),
        "routes[0].api": ("chat", "completions", "embeddings", "images"),
        "routes[0].classes[0]": ("public", "internal", "confidential", "restricted"),
        "routes[0].use.purposes[0]": catalog.purposes(),
        "exit.fallback": ("small", "spare"),
        "mode": ("self-hosted", "managed-api", "hybrid", "auto"),
        "organization.vendors.openai-eu.provider": catalog.vendors(),
        'organization.accounts["222222222222"].entity': organization.entities,
        "organization.facts.confirmed[0].id": catalog.facts(),
        "organization.not_waivable[0]": rule_ids().built,
        "backends.small.engine.args.#": sorted(flag.removeprefix("--") for flag in flags if flag[:2] == "--"),
        "priorities.#": PRIORITIES,
        "backends.small.#": ("weights", "quantization", "engine", "capacity", "adapters"),
        "routes[0].#": ("name", "api", "classes", "callers", "backends", "use", "load", "objectives"),
        "routes[0].load.#": ("monthly_requests", "input_tokens"),
        "data.#": ("subjects", "personal", "residency", "retention", "regimes"),
        "#": ("mode", "target", "data", "backends", "routes", "network", "budget", "exit", "priorities"),
    }
    for path, names in tables.items():
        known = sorted(names)
        for name in dice.sample(known, min(EACH, len(known))):
            kind = "key" if path.endswith("#") else "value"
            yield Slip(kind, path.rstrip("#").rstrip("."), miswritten(name, dice), name)


def miswritten(name: str, dice: random.Random) -> str:
    """One letter left out, doubled, exchanged with the next, or another case or dash."""
    place = dice.randrange(1, len(name) - 1) if len(name) > 2 else 0
    return dice.choice(
        (
            name[:place] + name[place + 1 :],
            name[:place] + name[place] + name[place:],
            name[:place] + name[place : place + 2][::-1] + name[place + 2 :],
            name.replace("-", "_") if "-" in name else name + "s",
            name.upper() if name.islower() else name.lower(),
        )
    )


class Files:
    """A spec and an organization in a folder, and what the loader says of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spec = copy.deepcopy(SPEC)
        self.organization = plain(declared("minimal").organization)
        self.organization["facts"] = {
            "confirmed": [{"id": "licenses/apache-2.0", "by": "me@lab.example", "date": "2026-01-01"}]
        }

    def errors(self) -> tuple[SpecError, ...]:
        spec, organization = self.folder / "demo.yaml", self.folder / "organization" / "organization.yaml"
        organization.parent.mkdir(exist_ok=True)
        organization.write_text(json.dumps(self.organization), encoding="utf-8")
        spec.write_text(json.dumps(self.spec), encoding="utf-8")
        try:
            load(spec, organization.parent, rules=rule_ids())
        except SpecErrors as problems:
            return problems.errors
        return ()

    def at(self, slip: Slip, name: str) -> list[SpecError]:
        """What is wrong where the name stands, written in this way; the files are then as before."""
        before = copy.deepcopy((self.spec, self.organization))
        *above, last = split(slip.path) if slip.path else [""]
        root: Any = self.spec
        if above and above[0] == "organization":
            root, above = self.organization, above[1:]
        if slip.kind == "value":
            write(root, [*above, last], name)
            place = slip.path
        else:
            for part in [*above, last] if slip.path else []:
                root = root[part]
            known = slip.known if slip.known in root else next(iter(root))
            root[name] = root.pop(known)
            place = f"{slip.path}.{name}".lstrip(".")
        found = [error for error in self.errors() if place in {error.path, f"organization.{error.path}"}]
        self.spec, self.organization = before
        return found


def offered(error: SpecError) -> list[str]:
    """The names that a hint offers."""
    found = OFFERED.search(error.hint)
    return re.split(r", | or ", found[1]) if found else []


def test_the_spec_of_these_tests_is_good(tmp_path: Path) -> None:
    """Every error below comes from the one name that is written wrongly."""
    assert Files(tmp_path).errors() == ()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("routes[0].callers", "help-center"),
        ("data.personal", "no"),
        ("network.cidr", "10.0.1.0/16"),
        ("target.zones", "2"),
        ("data.retention.logs", 180),
        ("data.retention.logs", "181d"),
        ("target.account", 222222222222),
        ("metadata.name", "Demo_One"),
        ("backends.small.model", "Qwen/Qwen3-4B"),
        ("target.nodes", [{"gpu": "L4", "count": 1}]),
        ("backends.spare.quantization", "fp8"),
        ("backends.small.weights", "hf://midjourney/v6"),
        ("backends.spare.vendor", "midjourney"),
    ],
)
def test_tried_9_a_repair_that_an_error_names_mends_it(path: str, value: object, tmp_path: Path) -> None:
    """What is to be written, quoted or taken out, done literally, leaves nothing wrong at that place."""
    files = Files(tmp_path)
    write(files.spec, split(path), value)
    (error,) = [error for error in files.errors() if error.path == path]
    repairs = repaired(error, value)
    assert repairs
    for field, mended in repairs:
        write(files.spec, split(path), None)
        write(files.spec, split(field), mended)
        assert [told for told in files.errors() if told.path in {path, field}] == []
        write(files.spec, split(field), None)


def repaired(error: SpecError, value: object) -> list[tuple[str, object]]:
    """The fields and values that a hint leaves to write; None takes the field out."""
    names = offered(error) or re.findall(r"[0-9]+d", error.hint if "nearest" in error.hint else "")
    if names:
        return [(error.path, name) for name in names]
    if said := re.match(r"(?:write|put it in quotes:) (.+)", error.hint):
        return [(error.path, yaml.safe_load(said[1]))]
    if said := re.findall(r"(weights|vendor): (\S+)", error.hint):
        backend = error.path.rpartition(".")[0]
        return [(f"{backend}.{field}", name.rstrip(",")) for field, name in said]
    if error.hint == "remove the quotes":
        return [(error.path, json.loads(str(value)))]
    assert re.search("remove|decides this himself", error.hint), error
    return [(error.path, None)]


def test_tried_9_every_name_that_an_error_offers_mends_it(tmp_path: Path) -> None:
    """Names of all tables, each miswritten in one of several ways: with what is offered the error is gone."""
    files = Files(tmp_path)
    tried = helped = 0
    bad = []
    for slip in slips():
        for error in files.at(slip, slip.name):
            tried += 1
            names = offered(error)
            helped += bool(names)
            bad += [(slip, name, told) for name in names if (told := files.at(slip, name))]

    assert bad == []
    assert tried > 200
    assert helped > 0.7 * tried
