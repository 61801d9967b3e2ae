"""Area of concern: kubectl, its kustomize and a real API server take what `inferplan render` writes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from inferplan.report.manifests import KUSTOMIZATION, Manifest, files
from inferplan.spec import yaml12
from tests.cluster.control_plane import TOKEN, ApiServer, binaries
from tests.command_line import AS_OF, inferplan
from tests.unit.test_render import WITH_CLUSTER, objects, odd_texts, outputs

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
]


def kubectl(*arguments: str, at: str = "https://127.0.0.1:1") -> subprocess.CompletedProcess[str]:
    """One run, of which nothing on this machine knows."""
    return subprocess.run(
        [binaries() / "kubectl", "--server", at, "--token", TOKEN, "--insecure-skip-tls-verify", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": "/nowhere", "KUBECONFIG": "/dev/null"},
    )


@pytest.fixture(params=WITH_CLUSTER)
def rendered(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """An example and the folder that it was rendered to, without its foundation."""
    folder = tmp_path / "out"
    assert inferplan("render", f"specs/{request.param}.yaml", "-o", str(folder), *AS_OF).code == 0
    return request.param, folder


def complete(name: str, folder: Path) -> None:
    """Render again with the foundation's outputs."""
    (folder.parent / "f.json").write_text(json.dumps(outputs(name)))
    with_values = ("--foundation", str(folder.parent / "f.json"))
    assert inferplan("render", f"specs/{name}.yaml", "-o", str(folder), *with_values, *AS_OF).code == 0


def test_the_api_server_takes_the_folder(api_server: ApiServer, rendered: tuple[str, Path]) -> None:
    """`kubectl apply`, server-side and strict, makes every object, with kustomize and file by file."""
    name, folder = rendered
    complete(name, folder)
    wanted = objects(folder)
    for body in wanted:
        if body["kind"] == "Namespace":
            assert api_server.apply(body).ok
    for way in ("-k", "-f"):
        said = ("apply", way, str(folder), "--server-side", "--force-conflicts", "--validate=strict")
        others = ("--dry-run=server", "-o", "name")
        if way == "-f":  # kubectl knows no kind of a kustomization, so it is named as it is meant
            paths = [part for path in sorted(folder.glob("[0-9]*.yaml")) for part in ("-f", str(path))]
            said = ("apply", *paths, *said[3:])
        done = kubectl(*said, *others, at=api_server.url)

        assert done.returncode == 0, done.stderr
        assert len(done.stdout.split()) == len(wanted)


def test_kustomize_gives_back_every_object_in_order(rendered: tuple[str, Path]) -> None:
    """Nothing is renamed, reordered or dropped on the way."""
    name, folder = rendered
    complete(name, folder)
    done = kubectl("kustomize", str(folder))

    assert done.returncode == 0, done.stderr
    assert list(yaml.safe_load_all(done.stdout)) == objects(folder)


def test_without_the_foundation_nothing_is_built(rendered: tuple[str, Path]) -> None:
    """Kustomize asks for the first file that is missing; with both, the maps hold what they say."""
    name, folder = rendered
    failed = kubectl("kustomize", str(folder))
    assert failed.returncode != 0
    assert "gateway-addresses.env" in failed.stderr
    assert failed.stdout == ""

    known = outputs(name)
    for file, output in (("addresses", "gatewayAddresses"), ("bootstrap", "gatewayBootstrapAddresses")):
        text = "".join(f"{key}={value}\n" for key, value in known[output].items())
        (folder / f"gateway-{file}.env").write_text(text)
    done = kubectl("kustomize", str(folder))

    assert done.returncode == 0, done.stderr
    found = list(yaml.safe_load_all(done.stdout))
    assert len(found) == len(objects(folder))
    maps = {one["metadata"]["name"]: one for one in found if one["kind"] == "ConfigMap"}
    assert maps["gateway-addresses"]["data"] == known["gatewayAddresses"]
    assert maps["gateway-addresses"]["metadata"]["labels"]["app.kubernetes.io/name"] == "gateway"


def test_the_reader_of_kubernetes_reads_every_text_as_a_text(tmp_path: Path) -> None:
    """What YAML's versions differ about comes out of kustomize as it went in."""
    data = odd_texts()
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": data}
    for name, text in files([Manifest(0, body)]).items():
        (tmp_path / name).write_text(text)
    done = kubectl("kustomize", str(tmp_path), "-o", str(tmp_path / "built.yaml"))

    assert done.returncode == 0, done.stderr
    assert yaml12.parse((tmp_path / "built.yaml").read_bytes(), "it.yaml").plain()["data"] == data
    assert (tmp_path / KUSTOMIZATION).exists()
