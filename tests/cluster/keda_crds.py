"""KEDA's kinds as the stack declares them, from its Go module: `python -m tests.cluster.keda_crds`.

Descriptions are left out. A ScaledJob, which nothing here makes, may hold any pod: the operator only has to
find the kind. Not here: the operator's other objects (components/watch/scaler).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from inferplan.plan.images import KEDA_VERSION

ROOT = Path(__file__).parents[2]
FILE = ROOT / "components/watch/keda_crds.json"


def module() -> Path | None:
    """The folder of the module, where `go mod download` has fetched it."""
    try:
        said = subprocess.run(["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    folder = Path(said.stdout.strip()) / f"github.com/kedacore/keda/v2@v{KEDA_VERSION}"
    return folder if folder.is_dir() else None


def generated(folder: Path) -> str:
    """One kind a line."""
    found = [_kind(path) for path in sorted((folder / "config/crd/bases").glob("*.yaml"))]
    return "[\n" + ",\n".join(json.dumps(one, separators=(",", ":")) for one in found) + "\n]\n"


def _kind(path: Path) -> dict[str, Any]:
    made: dict[str, Any] = _bare(yaml.safe_load(path.read_text()))
    body = {"name": made["metadata"]["name"], "spec": made["spec"]}
    if made["spec"]["names"]["kind"] == "ScaledJob":
        for version in made["spec"]["versions"]:
            fields = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
            fields["jobTargetRef"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return body


def _bare(value: Any, *, names: bool = False) -> Any:
    """Without descriptions; under `properties` a description is the name of a field."""
    if isinstance(value, dict):
        return {
            key: _bare(item, names=key == "properties" and not names)
            for key, item in value.items()
            if names or key != "description"
        }
    return [_bare(item) for item in value] if isinstance(value, list) else value


if __name__ == "__main__":
    source = module()
    if source is None:
        raise SystemExit(f"fetch github.com/kedacore/keda/v2@v{KEDA_VERSION} with go mod download first")
    before = FILE.read_text() if FILE.exists() else ""
    FILE.write_text(generated(source))
    sys.stderr.write(f"{FILE.name}: {'unchanged' if FILE.read_text() == before else 'changed'}\n")
