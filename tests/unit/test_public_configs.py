"""Area of concern: config.json files that others published, against counts and bytes that others published.

The counts were made by the model classes of transformers, without weights; the table says how, for each row.
Not here: made-up configs (test_sizing_cli) and the catalog's own rows (test_sizing).
"""

from __future__ import annotations

import copy
from random import Random
from typing import Any

import pytest

from inferplan.sizing import ShapesError, fit, shapes_from_config
from tests.public_configs import PublicConfig, archive, content, names, on_a_node, predict, shapes, table

GIB = 2**30
ROWS = [pytest.param(row, id=row.file) for row in table()]

pytestmark = pytest.mark.skipif(
    archive() is None, reason="the wheel of aiconfigurator-core is not fetched: make wheels"
)


def test_check_1_every_file_of_the_wheel_is_in_the_table() -> None:
    """None is left out because it would not pass."""
    assert [row.file for row in table()] == names()
    assert len(names()) == 89


@pytest.mark.parametrize("row", ROWS)
def test_check_1_parameters_are_those_of_the_model_class(row: PublicConfig) -> None:
    """Norms and biases are left out, which is below half a percent everywhere."""
    assert row.parameters is not None
    assert predict(row.file).parameters == pytest.approx(row.parameters, rel=0.005)


@pytest.mark.parametrize("row", [one for one in ROWS if one.values[0].repository_bytes])
def test_check_1_the_repository_has_the_bytes_that_its_index_states(row: PublicConfig) -> None:
    """Within 3 %, unless the verdict is that it cannot be known."""
    assert row.repository_bytes is not None
    said = predict(row.file)
    close = said.repository_gib * GIB == pytest.approx(row.repository_bytes, rel=row.tolerance)

    assert close or said.unread


@pytest.mark.parametrize("row", [one for one in ROWS if one.values[0].weights_gib])
def test_check_1_each_tensor_is_stored_as_the_lists_of_exceptions_say(row: PublicConfig) -> None:
    """A second count, tensor by tensor, with shell patterns instead of our reading of them."""
    assert predict(row.file).gpu_gib == pytest.approx(row.weights_gib, rel=0.003)


@pytest.mark.parametrize("row", [one for one in ROWS if one.values[0].kv_elements])
def test_check_1_the_cache_of_a_token_is_what_the_projections_give(row: PublicConfig) -> None:
    """Outputs of the key, value and latent projections over all layers; recurrent layers have none."""
    assert predict(row.file).kv_elements == row.kv_elements


@pytest.mark.parametrize("row", ROWS)
def test_check_1_each_is_decided_or_the_reason_is_named(row: PublicConfig) -> None:
    """Undecided only where the table says why; a guess is never of high confidence."""
    found = on_a_node(shapes(row.file))

    if row.undecided is None:
        assert found.fits is not None, found.reasons
    elif found.fits is None:
        assert any(row.undecided in reason for reason in found.reasons)
    else:
        assert found.fits is False  # too large before any cache
    if found.shapes.guessed:
        assert found.confidence == "low"
        assert set(found.shapes.guessed) <= set(found.cautions)


@pytest.mark.parametrize("row", ROWS)
def test_the_table_holds_what_is_predicted_today(row: PublicConfig) -> None:
    """The page is made from it: `python -m tests.public_configs` writes it again."""
    assert row.predicted == predict(row.file)


ODD: list[Any] = [None, True, 0, -1, 3, 10**9, 1.5, "x", "", [], [1], ["a"], {}, {"a": 1}, [None], [[1]]]


@pytest.mark.parametrize("seed", range(8))
def test_check_1_a_damaged_file_is_read_or_refused_in_words(seed: int) -> None:
    """One to three fields with values that nobody meant: shapes that can be judged, or ShapesError."""
    random = Random(seed)
    for _ in range(25):
        config = copy.deepcopy(content(random.choice(names())))
        for _ in range(random.randint(1, 3)):
            part = config.get("text_config") if random.random() < 0.5 else config
            part = part if isinstance(part, dict) and part else config
            inner = part.get("quantization_config")
            if isinstance(inner, dict) and inner and random.random() < 0.4:
                part = inner
            part[random.choice(sorted(part))] = random.choice(ODD)
        try:
            found = shapes_from_config(config)
        except ShapesError:
            continue
        assert fit(found, 178.35, 8).fits in {True, False, None}
