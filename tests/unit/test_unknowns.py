"""Area of concern: what is unknown or does not apply is None with its reason, in plan, JSON and text."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from plan_edits import AS_OF, declared, spec_of, with_backend, with_countries, with_route, with_spec

from inferplan import catalog
from inferplan.plan.make import make_plan
from inferplan.records.plan import Memory, Plan, Pool, Server, Startup, Throughput
from inferplan.report import plan_text
from inferplan.spec.declaration import Declaration
from policies.gates import gates

MISSING = {
    "images": {"throughput", "max_model_len", "max_num_batched_tokens", "kv_cache_gib", "kv_cache_tokens",
               "max_concurrency", "non_torch_gib", "cuda_graphs_gib"},
    "embeddings": {"output_tokens_per_second", "output_tokens_per_second_low", "tpot_ms", "tpot_ms_low",
                   "output_tokens_per_second_high", "tpot_ms_high", "kv_cache_tokens", "max_concurrency"},
}  # fmt: skip


def serving(api: str, model: str) -> Declaration:
    """The smallest example with another model behind another API."""
    said = with_backend(declared("minimal"), "small", weights=f"hf://{model}", quantization=None)
    return with_route(said, api=api, load={"output_tokens": None})


@cache
def planned(name: str) -> Plan:
    """A plan in which something is not known or does not apply."""
    said = {
        "images": lambda: serving("images", "stabilityai/stable-diffusion-xl-base-1.0"),
        "embeddings": lambda: serving("embeddings", "google-bert/bert-base-uncased"),
    }[name]()
    return make_plan(said, AS_OF, gates)


def figures(record: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every figure of a record, by path: fields that hold numbers, and throughput as a whole."""
    for name, hint in get_type_hints(type(record)).items():
        value = getattr(record, name)
        if isinstance(value, Memory | Throughput | Startup):
            yield from figures(value, f"{path}.{name}")
        elif {int, float, Throughput} & {hint, *get_args(hint)}:
            yield f"{path}.{name}", value


def every_figure(plan: Plan) -> dict[str, Any]:
    records: list[tuple[str, Server | Pool]] = [
        *((f"servers[{index}]", server) for index, server in enumerate(plan.servers)),
        *((f"pools[{index}]", pool) for index, pool in enumerate(plan.pools)),
    ]
    return dict(figure for path, record in records for figure in figures(record, path))


@pytest.mark.parametrize("name", MISSING)
def test_what_is_missing_is_none_and_its_derivation_says_why(name: str) -> None:
    """Each figure that is not there is None at its own path, beside a reason; no other figure is None."""
    plan = planned(name)
    missing = {path for path, value in every_figure(plan).items() if value is None}

    assert {path.rpartition(".")[2] for path in missing} == MISSING[name]
    for path in missing:
        assert plan.derivations[path].value is None
        assert plan.derivations[path].formula


@pytest.mark.parametrize("name", MISSING)
def test_no_figure_of_servers_and_pools_is_zero(name: str) -> None:
    """0 is a figure like any other: only EFA interfaces may be none, and the first network card is card 0."""
    zeros = {path for path, value in every_figure(planned(name)).items() if value == 0}

    assert {path.rpartition(".")[2] for path in zeros} <= {"efa_interfaces", "efa_first_card"}


@pytest.mark.parametrize("name", MISSING)
def test_json_says_null(name: str) -> None:
    """What is None in the plan is null in its JSON."""
    plan = planned(name)
    text = msgspec.json.encode(plan).decode()

    for field in MISSING[name]:
        assert f'"{field}":null' in text


def test_text_says_plainly_what_is_not_sized() -> None:
    """Images have no speed to print, embeddings no tokens a second; neither is printed as 0."""
    images, embeddings = plan_text.plan(planned("images")), plan_text.plan(planned("embeddings"))

    assert "    not sized: no source says how many images a second\n" in images
    assert "KV" not in next(line for line in images.splitlines() if "memory per GPU" in line)
    assert " ms, no tokens are generated, confidence low\n" in embeddings
    assert "0 tokens/s" not in images + embeddings
    assert "TPOT" not in images + embeddings


# -- prices


def in_switzerland_too() -> Declaration:
    """A reserved type that has no list price in Zurich, for an account that allows CH and DE."""
    reserved = {"kind": "reservation", "instance_type": "g6.xlarge"}
    said = with_backend(declared("minimal"), "small", capacity=reserved)
    return with_spec(with_countries(said, "CH", "DE"), budget=None)


def test_a_region_without_a_list_price_is_not_the_cheapest() -> None:
    """Nodes without any price are not free: a Region where their list price is known comes first."""
    assert catalog.instance("g6.xlarge").offers("eu-central-2")
    assert catalog.instance_price("g6.xlarge", "eu-central-2").usd_hour is None

    plan = make_plan(in_switzerland_too(), AS_OF, gates)
    alone = make_plan(with_countries(in_switzerland_too(), "CH"), AS_OF, gates)

    assert "GPU nodes gpu-small" in alone.cost.unpriced
    assert plan.target.region == "eu-central-1"


def test_an_alternative_without_a_price_is_not_said_to_cost_nothing() -> None:
    """Where a type has no list price, its nodes have no known price, not 0 USD."""
    plan = make_plan(with_countries(in_switzerland_too(), "CH"), AS_OF, gates)
    (taken,) = [one for one in plan.cost.alternatives if one.name == "small on 1 x g6.xlarge"]

    assert plan.target.region == "eu-central-2"
    assert "on demand, no known price" in taken.reason
    assert not any(" 0 USD" in one.reason for one in plan.cost.alternatives)


def test_no_token_price_is_advised_against_nodes_without_a_price() -> None:
    """What a vendor may ask at most cannot be said where the nodes that it would replace have no price."""
    assert spec_of(declared("minimal")).mode == "self-hosted"
    on_demand = make_plan(declared("minimal"), AS_OF, gates)
    capacity = {"kind": "spot", "instance_type": "g7e.2xlarge"}  # no source states its spot price in Germany
    said = with_backend(with_countries(declared("minimal"), "DE"), "small", capacity=capacity)
    spot = make_plan(said, AS_OF, gates)

    assert any("USD per million tokens would cost less" in text for text in on_demand.warnings)
    assert not any("USD per million tokens" in text for text in spot.warnings)
