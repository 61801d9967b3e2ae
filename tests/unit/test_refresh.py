"""Area of concern: every table has a known origin, and the generated ones are what inputs give."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from inferplan.catalog import table
from inferplan.catalog.refresh import rows, second_opinions, sources, wheels
from inferplan.catalog.table import stated_date

ROOT = Path(__file__).parents[2]
GENERATED = [name for name, origin in sources.ORIGINS.items() if origin.generator]
SLOW = {"second_opinions": "takes minutes and an environment of its own: make refresh"}
FETCHED = re.findall(r"^([\w-]+)==", wheels.PINS.read_text("utf-8"), re.M)
INSTALLED = re.findall(
    r"^([\w-]+)==",
    (ROOT / "requirements-dev.txt").read_text("utf-8") + (ROOT / "requirements.txt").read_text("utf-8"),
    re.M,
)


@cache
def made(generator: str) -> dict[str, list[dict[str, Any]]]:
    """What a generator gives now."""
    found: dict[str, list[dict[str, Any]]] = import_module(f"inferplan.catalog.refresh.{generator}").tables()
    return found


def test_every_table_has_an_origin() -> None:
    """A new table says who makes it anew."""
    assert set(sources.ORIGINS) == set(table.table_names())
    for name, origin in sources.ORIGINS.items():
        assert origin.generator or not origin.reads, name
        assert origin.reads or origin.person, name


def test_every_generator_is_named() -> None:
    """A module that writes tables and is in no origin would never run."""
    folder = Path(rows.__file__).parent
    writing = {path.stem for path in folder.glob("*.py") if "def tables(" in path.read_text("utf-8")}
    assert writing == set(sources.generators())


def test_every_input_is_pinned() -> None:
    """Packages and wheels stand with their hashes in one of the two lists."""
    for name in GENERATED:
        assert set(sources.ORIGINS[name].reads) <= {*FETCHED, *INSTALLED}, name


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_table_is_what_its_inputs_give(name: str) -> None:
    """The committed bytes are those that the pinned inputs give: regenerate when they are raised."""
    origin = sources.ORIGINS[name]
    if name in SLOW:
        pytest.skip(SLOW[name])
    for package in origin.reads:
        if package in FETCHED and wheels.fetched(package) is None:
            pytest.skip(f"the wheel of {package} is not fetched: make wheels")
    assert rows.render(made(origin.generator)[name]) == table.raw(name).decode(), "make refresh"


def test_issue_9_9_the_second_opinions_are_those_that_are_asked_for() -> None:
    """One row for each load of the sample, in its order; the figures are not made anew."""
    made = rows.read("second_opinions")
    asked = [row for row, _ in second_opinions.loads()]
    assert [{name: row[name] for name in asked[0]} for row in made] == asked
    assert all(row["output_tokens_per_second"] > 0 for row in made)
    assert {row["source"][0].split(",")[0] for row in made} == {
        f"aiconfigurator {wheels.version('aiconfigurator')}"
    }


@pytest.mark.parametrize("path", sorted(rows.HAND_READ.glob("*.json")), ids=lambda path: path.stem)
def test_what_people_read_is_laid_out_and_dated(path: Path) -> None:
    """The parts that generators join have the form of tables, and a day where they state one."""
    read = rows.hand_read(path.stem)
    assert path.read_text("utf-8") == rows.render(read), "make format"
    for row in read:
        assert "as_of" not in row or row["as_of"] == "unknown" or stated_date(row["as_of"]) is not None


def test_what_people_read_is_used() -> None:
    """A file that no generator joins would be read by nobody."""
    code = "".join(path.read_text("utf-8") for path in Path(rows.__file__).parent.glob("*.py"))
    joined = set(re.findall(r'hand_read\("(\w+)"\)', code))
    assert joined == {path.stem for path in rows.HAND_READ.glob("*.json")}


def test_a_refresh_names_each_table_and_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """New, gone and changed rows of every table, told by the columns that tell its rows apart."""
    told: list[str] = []
    monkeypatch.setattr(rows, "DATA", tmp_path)
    monkeypatch.setattr(rows, "tell", told.append)
    before = [{"place": "a", "kind": "x", "usd": 1}, {"place": "a", "kind": "y", "usd": 2}]
    rows.replace({"prices": before})
    rows.replace({"prices": [{"place": "a", "kind": "x", "usd": 3}, {"place": "b", "kind": "y", "usd": 2}]})
    assert told[-3:] == ["prices: changed (usd): a x", "prices: gone: a y", "prices: new: b y"]


@pytest.mark.parametrize(
    ("setting", "memory_gib", "found"),
    [
        ("max_num_batched_tokens", 24, 2048),
        ("max_num_batched_tokens", 80, 8192),
        ("max_num_batched_tokens", 180, 16384),
    ],
)
def test_what_people_read_of_the_engine_is_in_its_source(setting: str, memory_gib: int, found: int) -> None:
    """The defaults of the pinned vLLM's API server by the memory of a GPU, as its source has them."""
    wheel = wheels.fetched("vllm")
    if wheel is None:
        pytest.skip("the wheel of vllm is not fetched: make wheels")
    with ZipFile(wheel) as archive:
        source = archive.read("vllm/engine/arg_utils.py").decode()
        cache = archive.read("vllm/config/cache.py").decode()
    body = source[source.index("def get_batch_defaults") :]
    served = [int(text) for text in re.findall(r"UsageContext\.OPENAI_API_SERVER: (\d+)", body)]
    listed = [row for row in rows.read("engine_defaults") if row["setting"] == setting]
    rule = max(
        (row for row in listed if row["since"] == "0.8.0" and row.get("min_gib", 0) <= memory_gib),
        key=lambda row: row.get("min_gib", 0),
    )
    assert rule["value"] == found
    assert found in served[:6]
    (utilization,) = re.findall(r"gpu_memory_utilization: float = Field\(default=([\d.]+)", cache)
    assert float(utilization) == rows.read("engine_defaults")[1]["value"]
