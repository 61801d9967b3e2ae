"""Area of concern: the open-weight models of the catalog: what they are made of, and what judges them.

Not here: that references resolve (test_catalog_facts) and how shapes become memory (test_sizing).
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from inferplan import catalog
from inferplan.catalog import table
from inferplan.catalog.refresh import model_sources, models, wheels
from inferplan.catalog.refresh import rows as refresh_rows

READ = models.read()
MISSING = [package for package in model_sources.PACKAGES if wheels.fetched(package) is None]
needs_wheels = pytest.mark.skipif(bool(MISSING), reason=f"not fetched: {', '.join(MISSING)}: make wheels")


# -- the generated tables --------------------------------------------------------------------------
@needs_wheels
def test_the_tables_are_what_the_wheels_and_the_readers_state() -> None:
    """The committed bytes are those that the pinned sources give: regenerate when they are raised."""
    for name, content in models.tables().items():
        assert refresh_rows.render(content) == table.raw(name).decode(), f"{name}: make refresh"


def test_what_a_person_has_read_is_in_canonical_form() -> None:
    """A hand and a program write the same bytes."""
    text = models.READ.read_text("utf-8")

    assert text == refresh_rows.render(json.loads(text))


@pytest.mark.parametrize("row", READ, ids=lambda row: row["id"])
def test_a_row_says_where_it_comes_from(row: dict[str, Any]) -> None:
    """A model has a source for its shapes or for what a person read, and a day."""
    assert row.get("shapes") or row["source"]
    assert row["as_of"] == "unknown" or table.stated_date(row["as_of"]) is not None
    assert catalog.models()[row["id"]].source


# -- judged by vLLM's registry ---------------------------------------------------------------------
SERVED = [one for one in catalog.models().values() if one.vllm in {"generate", "pooling"} and one.arch]


@needs_wheels
@pytest.mark.parametrize("model", SERVED, ids=lambda model: model.id)
def test_the_architecture_is_one_that_vllm_serves(model: catalog.Model) -> None:
    """Every model that the catalog says vLLM serves is in the registry of the pinned version.

    A head that scores pairs is put on the architecture that generates.
    """
    served = model_sources.served()
    stem = str(model.arch).removesuffix("ForSequenceClassification")
    bodies = {f"{stem}For{task}" for task in ("CausalLM", "ConditionalGeneration")}

    assert model.arch in served or (stem != model.arch and bodies & set(served))
