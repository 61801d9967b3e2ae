"""What each release of vLLM accepts: cache types, quantization methods, architectures, attention backends.

`main()` reads the pinned wheel and keeps what earlier releases showed; run with wheels or unpacked releases
as arguments, oldest first, the module makes the history anew.
Not here: how the source is read (vllm_source) and the options of `vllm serve` (vllm_flags).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from inferplan.catalog.refresh import rows, wheels
from inferplan.catalog.refresh.vllm_source import Release

AS_OF = "2026-11-28"  # the day on which the releases were read
Rows = list[dict[str, Any]]
Said = Mapping[str, Mapping[str, Mapping[str, Any]]]  # table -> name -> what is said of it
# table -> the column that names a row. Each row holds from `since` to `until` (null: still, in the newest).
NAMES = {
    "vllm_cache_dtypes": "dtype",
    "vllm_float16": "model_type",
    "vllm_method_limits": "method",
    "vllm_architectures": "architecture",
    "vllm_attention": "backend",
}
# What the newest release says of these counts for every release that has them.
NEWEST = ("vllm_architectures", "vllm_attention", "vllm_float16")


def found(release: Release) -> dict[str, dict[str, dict[str, Any]]]:
    """By table and name, what a release says."""
    architectures = release.architectures()
    return {
        "vllm_cache_dtypes": {name: {} for name in release.cache_dtypes()},
        "vllm_float16": {
            name: {"architectures": classes(name, architectures)} for name in release.no_float16()
        },
        "vllm_method_limits": release.methods(),
        "vllm_architectures": architectures,
        "vllm_attention": release.attention(),
    }


@cache
def _classes() -> dict[str, set[str]]:
    """By model type, the classes of Transformers: a config.json names both, a catalog row one."""
    with ZipFile(wheels.wheel("transformers")) as archive:
        text = archive.read("transformers/models/auto/modeling_auto.py").decode()
    found: dict[str, set[str]] = {}
    for kind, name in re.findall(r'\("(\w+)", "(\w+)"\)', text):
        found.setdefault(kind, set()).add(name)
    return found


def classes(model_type: str, registered: Iterable[str]) -> list[str]:
    """The architectures of a model type; where Transformers has none, those that bear its name."""
    named = [name for name in registered if name.lower().startswith(f"{model_type}for")]
    return sorted(_classes().get(model_type) or named)


def fold(tables: Mapping[str, Rows], version: str, said: Said) -> dict[str, Rows]:
    """The tables after one more release; reading the newest one again changes nothing."""
    earlier = [row["version"] for row in tables["vllm_releases"] if row["version"] != version]
    result = {
        table: _folded(tables[table], NAMES[table], said[table], version, earlier[-1:], table in NEWEST)
        for table in NAMES
    }
    releases = [{"version": one} for one in [*earlier, version]]
    return result | {"vllm_releases": [row | _from(row["version"]) for row in releases]}


def _folded(
    table: Rows, name: str, said: Mapping[str, Mapping[str, Any]], version: str, last: list[str], newest: bool
) -> Rows:
    kept: Rows = []
    left = dict(said)
    for row in table:
        if row["since"] == version:
            continue
        if row["until"] is not None and [row["until"]] != last:
            kept.append(row)
            continue
        now = left.get(row[name])
        if now is not None and (newest or all(row[key] == value for key, value in now.items())):
            kept.append(_row(name, row[name], row["since"], None, left.pop(row[name])))
        else:
            kept.append(row | {"until": last[0]} | _from(row["since"], last[0]))
    kept += [_row(name, one, version, None, facts) for one, facts in left.items()]
    return sorted(kept, key=lambda row: (row[name], [int(part) for part in row["since"].split(".")]))


def _row(name: str, value: str, since: str, until: str | None, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value, "since": since, "until": until, **facts, **_from(since)}


def _from(*versions: str) -> dict[str, Any]:
    return {"verified": True, "source": [f"vllm {one} wheel" for one in versions], "as_of": AS_OF}


def read() -> dict[str, Rows]:
    """The committed tables."""
    return {table: rows.read(table) for table in ("vllm_releases", *NAMES)}


def current(wheel: Path) -> dict[str, Rows]:
    """The tables as they should read with the pinned wheel as the newest release."""
    release = Release(wheel)
    return fold(read(), release.version, found(release))


def tables() -> dict[str, Rows]:
    """The tables as they should read."""
    return current(wheels.wheel("vllm"))


def history(releases: Iterable[Path]) -> dict[str, Rows]:
    """The tables from releases alone, oldest first."""
    tables: dict[str, Rows] = {table: [] for table in ("vllm_releases", *NAMES)}
    for path in releases:
        release = Release(path)
        tables = fold(tables, release.version, found(release))
    return tables


def main() -> None:
    """Rewrite the tables with what the pinned wheel says and say what changed."""
    rows.replace(tables())


if __name__ == "__main__":
    if sys.argv[1:]:
        rows.replace(history(Path(name) for name in sys.argv[1:]))
    else:
        main()
