"""Area of concern: what releases of vLLM accept, as rows: they are what the wheel's source says, and no more.

Not here: what follows for a layout (test_refusals) and the flags of `vllm serve` (test_catalog_serving).
"""

from __future__ import annotations

import pytest

from inferplan.catalog.refresh import rows, vllm_limits, wheels
from inferplan.catalog.refresh.vllm_source import Release
from inferplan.sizing import engine_limits
from inferplan.sizing.constants import removed_architectures, version_key
from inferplan.sizing.formats import kv_formats, weight_formats

NEWEST = engine_limits.releases()[-1]


@pytest.fixture(scope="module")
def said() -> vllm_limits.Said:
    """What the pinned wheel says, where it is fetched; read once, it takes seconds."""
    found = wheels.fetched("vllm")
    if found is None or wheels.fetched("transformers") is None:
        pytest.skip("the pinned wheels are not fetched: make wheels")
    return vllm_limits.found(Release(found))


def test_the_tables_are_what_the_pinned_wheel_says(said: vllm_limits.Said) -> None:
    """A row that is changed, missing or made up is seen."""
    committed = vllm_limits.read()
    fresh = vllm_limits.fold(committed, wheels.version("vllm"), said)

    for table, after in fresh.items():
        assert rows.render(committed[table]) == rows.render(after), table


@pytest.mark.parametrize("table", ["vllm_cache_dtypes", "vllm_method_limits", "vllm_architectures"])
def test_a_row_that_drifts_is_told(said: vllm_limits.Said, table: str) -> None:
    """The generator ends what the wheel does not have and adds what it has."""
    drifted, name = vllm_limits.read(), vllm_limits.NAMES[table]
    held = [row for row in drifted[table] if row["until"] is None and row["since"] != NEWEST]
    made_up, lost = held[0] | {name: "made-up"}, held[-1]
    drifted[table] = [*(row for row in drifted[table] if row != lost), made_up]

    told = vllm_limits.fold(drifted, wheels.version("vllm"), said)[table]
    now = {row[name] for row in told if row["until"] is None}

    assert lost[name] in now
    assert "made-up" not in now


def test_a_release_ends_what_it_lacks_and_begins_what_it_has() -> None:
    """Read twice, the newest changes nothing."""

    def says(least: str, *dtypes: str) -> vllm_limits.Said:
        return {name: {} for name in vllm_limits.NAMES} | {
            "vllm_cache_dtypes": {dtype: {} for dtype in dtypes},
            "vllm_method_limits": {"fp8": {"min_cc": least}},
            "vllm_architectures": {"A": {"pipeline": least == "7.5"}},
        }

    tables: dict[str, vllm_limits.Rows] = {name: [] for name in ("vllm_releases", *vllm_limits.NAMES)}
    tables = vllm_limits.fold(tables, "0.1.0", says("8.0", "auto", "old"))
    for _ in range(2):
        tables = vllm_limits.fold(tables, "0.2.0", says("7.5", "auto", "new"))
    spans = {row["dtype"]: (row["since"], row["until"]) for row in tables["vllm_cache_dtypes"]}

    assert spans == {"auto": ("0.1.0", None), "new": ("0.2.0", None), "old": ("0.1.0", "0.1.0")}
    least = [(row["min_cc"], row["until"]) for row in tables["vllm_method_limits"]]
    assert least == [("8.0", "0.1.0"), ("7.5", None)]
    assert [(row["since"], row["pipeline"]) for row in tables["vllm_architectures"]] == [("0.1.0", True)]
    assert [row["version"] for row in tables["vllm_releases"]] == ["0.1.0", "0.2.0"]


def test_what_left_agrees_with_what_vllm_says_of_it() -> None:
    """Its registry names the last version of what it dropped; reading them gives that or the next."""
    order = [version_key(one) for one in engine_limits.releases()]
    for name, row in removed_architectures().items():
        spans = engine_limits.architectures().get(name)
        if spans is None:
            continue
        read = spans[-1].until
        assert read is not None, name
        stated = engine_limits.release(row.last)
        assert 0 <= order.index(version_key(read)) - order.index(version_key(stated)) <= 2, name


@pytest.mark.parametrize(
    ("version", "release"),
    [("0.33.0", "0.33.0"), ("0.21.0", "0.20.2"), ("0.9.x", "0.9.2"), ("0.99", NEWEST), ("0.1.0", "0.5.4")],
)
def test_a_version_that_was_not_read_is_the_nearest_before(version: str, release: str) -> None:
    """Newer than all counts as the newest, older as the oldest, and both say so."""
    assert engine_limits.release(version) == release
    assert engine_limits.is_unread(version) is (version in {"0.99", "0.1.0"})


def test_every_type_of_cache_of_the_newest_release_is_known_by_its_own_name() -> None:
    """No name of the engine stands for another one that is not the same."""
    names = engine_limits.cache_dtypes(NEWEST)

    assert names <= {*kv_formats(), "fp8_e4m3"}
    assert {"fp8_e5m2", "fp8_inc", "fp8_ds_mla", "nvfp4"} <= set(kv_formats())
    assert kv_formats()["fp8"].methods == ("fp8_e4m3",)


def test_formats_end_where_their_methods_do() -> None:
    """The last version of a format that is gone is the last with its method."""
    for form in weight_formats().values():
        if form.until is not None:
            assert form.until == engine_limits.last_with_method(form.id)
            assert form.id not in engine_limits.methods(NEWEST)
