"""`inferplan size --input-tokens --output-tokens`: the speed with its range, or why there is none.

Not here: whether it fits (test_sizing_cli) and the speed itself (test_speed).
"""

from __future__ import annotations

import pytest
from size_verb import report, run

from inferplan import catalog, sizing

LLAMA = "meta-llama/Llama-3.1-8B-Instruct"
REQUEST = ("--input-tokens", "1000", "--output-tokens", "300")
CONTRACT = {
    "concurrency",
    "ttft_ms",
    "ttft_ms_high",
    "tpot_ms",
    "tpot_ms_low",
    "tpot_ms_high",
    "output_tokens_per_second",
    "output_tokens_per_second_low",
    "output_tokens_per_second_high",
    "confidence",
}


def test_the_speed_is_that_of_the_sizing_at_this_concurrency() -> None:
    """Every agreed key, the values of the throughput model, each with its derivation."""
    found = report("--model", LLAMA, "--gpu", "H100", *REQUEST, "--concurrency", "8")
    expected = sizing.throughput(sizing.shapes_of(LLAMA), catalog.gpu("H100"), 1, 8, 1000, 300)

    assert set(found["speed"]) == CONTRACT
    assert found["speed"]["concurrency"] == 8
    assert found["speed"]["confidence"] == "medium"
    assert found["speed"]["output_tokens_per_second"] == pytest.approx(
        expected.output_tokens_per_second, abs=1e-3
    )
    assert found["speed"]["tpot_ms_high"] == pytest.approx(expected.tpot_ms_high, abs=1e-3)
    assert found["speed_notes"] == []
    told = found["derivations"]["speed.output_tokens_per_second"]
    assert told["value"] == pytest.approx(expected.output_tokens_per_second)
    assert told["inputs"]["constants_of"] == "hopper, dense"
    assert told["sources"]


def test_without_concurrency_it_is_the_most_that_fits() -> None:
    """And it says so; what the cache and max_num_seqs do not hold waits."""
    most = report("--model", LLAMA, "--gpu", "L4", "--max-model-len", "8192", *REQUEST)
    more = report(
        "--model", LLAMA, "--gpu", "L4", "--max-model-len", "8192", *REQUEST, "--concurrency", "500"
    )
    few = report("--model", LLAMA, "--gpu", "H100", *REQUEST, "--max-num-seqs", "16")

    assert 1 < most["speed"]["concurrency"] < 100
    assert any("the most that cache and max_num_seqs hold" in note for note in most["speed_notes"])
    assert more["speed"] == most["speed"]
    assert any("how long the others wait" in note for note in more["speed_notes"])
    assert few["speed"]["concurrency"] == 16


def test_without_a_request_there_is_no_speed() -> None:
    """Nobody asked: null, and no word about it."""
    found = report("--model", LLAMA, "--gpu", "H100")

    assert found["speed"] is None
    assert found["speed_notes"] == []
    assert "speed" not in run("--model", LLAMA, "--gpu", "H100").output


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--model", "Qwen/Qwen3-32B", "--gpu", "L4"), "it does not fit"),
        (("--model", LLAMA, "--gpu", "unheard-of", "--total-gib", "80"), "not in the catalog"),
        (
            ("--model", "Qwen/Qwen3-1.7B", "--gpu", "RTX-PRO-4500"),
            "the arithmetic rate of RTX-PRO-4500 is not known",
        ),
    ],
)
def test_an_unknown_speed_is_null_with_the_reason(arguments: tuple[str, ...], why: str) -> None:
    """Never a guess."""
    found = report(*arguments, *REQUEST)

    assert found["speed"] is None
    assert len(found["speed_notes"]) == 1
    assert why in found["speed_notes"][0]
    assert why in run(*arguments, *REQUEST).output


def test_few_published_runs_are_told() -> None:
    """An L4 has low confidence, and the note says how many runs its constants rest on."""
    found = report("--model", LLAMA, "--gpu", "L4", "--max-model-len", "8192", *REQUEST)

    assert found["speed"]["confidence"] == "low"
    assert any("published run" in note for note in found["speed_notes"])


def test_text_prints_the_range() -> None:
    """Rates and latencies with both ends, for a person."""
    told = report("--model", LLAMA, "--gpu", "H100", *REQUEST, "--concurrency", "8")["speed"]
    output = run("--model", LLAMA, "--gpu", "H100", *REQUEST, "--concurrency", "8").output
    rate, low, high = (f"{told[f'output_tokens_per_second{end}']:,.0f}" for end in ("", "_low", "_high"))

    assert "8 requests of 1,000 + 300 tokens at once, medium confidence" in output
    assert f"tokens/s    {rate} ({low} to {high})" in output
    assert "first token" in output


def test_a_pooling_model_has_answers_and_no_tokens() -> None:
    """With 0 output tokens; its rates of tokens are null."""
    arguments = ("--model", "BAAI/bge-m3", "--gpu", "L4", "--input-tokens", "400", "--output-tokens", "0")
    found = report(*arguments)

    assert found["speed"]["output_tokens_per_second"] is None
    assert found["speed"]["tpot_ms"] is None
    assert found["speed"]["ttft_ms"] > 0
    assert "requests/s" in run(*arguments).output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--input-tokens", "1000"), "both --input-tokens and --output-tokens"),
        (("--concurrency", "8"), "both --input-tokens and --output-tokens"),
        ((*REQUEST, "--max-model-len", "1024"), "1,300 tokens is longer than max_model_len 1,024"),
        ((*REQUEST, "--concurrency", "0"), "concurrency"),
    ],
)
def test_half_a_question_is_a_usage_error(arguments: tuple[str, ...], says: str) -> None:
    """Exit code 2 with what is missing."""
    result = run("--model", LLAMA, "--gpu", "H100", *arguments)

    assert result.exit_code == 2
    assert says in result.output


def test_an_encoder_generates_nothing() -> None:
    """Output tokens of an encoder are a mistake."""
    result = run("--model", "BAAI/bge-m3", "--gpu", "L4", *REQUEST)

    assert result.exit_code == 2
    assert "generates no tokens" in result.output


def test_eager_mode_is_told() -> None:
    """Published runs used CUDA graphs."""
    found = report("--model", LLAMA, "--gpu", "H100", *REQUEST, "--concurrency", "8", "--enforce-eager")

    assert any("CUDA graphs" in note for note in found["speed_notes"])
