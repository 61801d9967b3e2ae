"""Area of concern: `inferplan render` writes the objects that Pulumi would make, in order, and no more.

Not here: what a real API server and kustomize make of them (tests/cluster/test_rendered.py).
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from inferplan.records.no_plan import NotBuilt
from inferplan.report.manifests import HEADER, KUSTOMIZATION, WAVE, Manifest, files, manifest, manifests
from inferplan.resource import Resource, Unknown
from inferplan.spec import yaml12
from stacks import plan_digest
from stacks.record import record_layer
from tests.command_line import AS_OF, ROOT, Answer, inferplan
from tests.unit.plan_edits import declared, planned, recorded
from tests.unit.spec_texts import GOOD

WITH_CLUSTER = ("de-clinic-notes", "in-bank-assistant", "minimal")
CLINIC = "specs/de-clinic-notes.yaml"
OWN = {WAVE, "argocd.argoproj.io/sync-options", "kustomize.toolkit.fluxcd.io/force"}


def outputs(name: str = "de-clinic-notes", **other: Any) -> dict[str, Any]:
    """What `pulumi stack output --json` prints of a deployed foundation."""
    plan = planned(name)
    addresses = {"DATABASE_HOST": "db.abc.rds.example", "REDIS_HOST": "cache.abc.example"}
    addresses |= {"BEDROCK_GUARDRAIL_ID": "abcdefgh1234", "BEDROCK_GUARDRAIL_VERSION": "1"}
    said = {
        "layer": "foundation",
        "planDigest": plan_digest(plan),
        "clusterName": plan.cluster.name if plan.cluster else None,
        "clusterEndpoint": "https://0123.gr7.eu-central-1.eks.example",
        "clusterCertificateAuthority": "Y2VydA==",
        "gatewayAddresses": addresses,
        "gatewayBootstrapAddresses": {
            "DATABASE_HOST": addresses["DATABASE_HOST"],
            "DATABASE_MASTER_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:1:secret:rds!db-1",
        },
    }
    return said | other


@pytest.fixture
def deployed(tmp_path: Path) -> Callable[..., str]:
    """Writes outputs to a file and gives its name."""

    def write(said: Any) -> str:
        path = tmp_path / "foundation.json"
        path.write_text(said if isinstance(said, str) else json.dumps(said))
        return str(path)

    return write


def render(*arguments: str, cwd: Path = ROOT) -> Answer:
    return inferplan("render", *arguments, *AS_OF, cwd=cwd)


def objects(folder: Path) -> list[dict[str, Any]]:
    """What the kustomization lists, in its order."""
    listed = yaml.safe_load((folder / KUSTOMIZATION).read_text())["resources"]
    return [yaml.safe_load((folder / name).read_text()) for name in listed]


def bare(body: dict[str, Any]) -> dict[str, Any]:
    """An object without the annotations that rendering adds."""
    metadata = dict(body["metadata"])
    if rest := {key: value for key, value in metadata.pop("annotations", {}).items() if key not in OWN}:
        metadata["annotations"] = rest
    return body | {"metadata": metadata}


def identity(body: dict[str, Any]) -> tuple[str, ...]:
    return body["apiVersion"], body["kind"], body["metadata"].get("namespace", ""), body["metadata"]["name"]


# -- the same objects
@pytest.mark.parametrize("name", WITH_CLUSTER)
def test_rendered_objects_are_the_recorded_ones(name: str, tmp_path: Path, deployed: Any) -> None:
    """Every object that Pulumi would make with the foundation's outputs, field by field, and no other."""
    known = outputs(name)
    layer = record_layer(planned(name), declared(name), "workload", known)
    wanted = {identity(body): body for body in map(manifest, kubernetes(layer))}

    done = render(f"specs/{name}.yaml", "-o", str(tmp_path / "out"), "--foundation", deployed(known))
    found = objects(tmp_path / "out")

    assert done.code == 0
    assert done.err == ""
    assert len(found) == len(wanted) > 25
    assert {identity(body): bare(body) for body in found} == wanted


def kubernetes(resources: tuple[Resource, ...]) -> Iterator[Resource]:
    return (resource for resource in resources if resource.package == "kubernetes")


@pytest.mark.parametrize("name", WITH_CLUSTER)
def test_a_stream_holds_what_the_files_hold(name: str, tmp_path: Path) -> None:
    """Without a folder the same objects come in the same order on standard output."""
    folder = tmp_path / "out"
    assert render(f"specs/{name}.yaml", "-o", str(folder)).code == 0
    done = render(f"specs/{name}.yaml")

    assert done.code == 0
    assert list(yaml.safe_load_all(done.out)) == objects(folder)
    assert "do not apply it so" in done.err


def test_files_are_the_same_each_time_and_sorted_in_order(tmp_path: Path) -> None:
    """The same bytes, and a tool that takes files by name takes them in order of the waves."""
    for folder in ("a", "b"):
        assert render(CLINIC, "-o", str(tmp_path / folder), "-q").out == ""
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()} for folder in ("a", "b")
    )
    assert first == second
    listed = yaml.safe_load(first[KUSTOMIZATION])["resources"]
    assert [name[:2] for name in listed] == sorted(name[:2] for name in listed)
    assert set(listed) | {KUSTOMIZATION} == first.keys()


def odd_texts() -> dict[str, str]:
    """What one reader of YAML or another takes for a number, a word, a date or a sign."""
    odd = ["on", "No", "1e3", "12e5", "0x1f", "1_000", "1:30", "null", "~", "", " a", "a ", "#x", "a: b",
           "- a", "2026-11-20", "=", "<<", "y", ".5", "0o17", "a\nb\n", "a\nb", "\na", "é\n", "a \nb", "*a",
           "!x", "a\tb\nc", "a:", "NULL", "a\n\n", "#a\nb", "---\na", "a #b", "off", "123"]  # fmt: skip
    return {f"k{number}": text for number, text in enumerate(odd)}


def test_every_reader_of_yaml_reads_the_same() -> None:
    """YAML 1.1 and 1.2 differ about words and numbers: whatever they could differ about is quoted."""
    one = Manifest(0, {"kind": "ConfigMap", "metadata": {"name": "x"}, "data": odd_texts()})
    (text,) = (text for name, text in files([one]).items() if name != KUSTOMIZATION)

    assert yaml.safe_load(text) == one.body
    assert yaml12.parse(text.encode(), "it.yaml").plain() == one.body


# -- order
@pytest.mark.parametrize("name", WITH_CLUSTER)
def test_nothing_comes_before_what_it_needs(name: str) -> None:
    """Namespaces first; configuration and accounts before the job, and the job before the gateway."""
    found = manifests(recorded(name))
    place = {str(one): index for index, one in enumerate(found)}
    wave = {str(one): one.wave for one in found}
    namespaces = {one.name: one.wave for one in found if one.kind == "Namespace"}

    for one in found:
        assert one.body["metadata"]["annotations"][WAVE] == str(one.wave)
        if one.namespace in namespaces:
            assert one.wave > namespaces[str(one.namespace)], one
    job, gateway = "Job gateway-init in inference-gateway", "Deployment gateway in inference-gateway"
    assert wave["ConfigMap gateway-addresses in inference-gateway"] < wave[job] < wave[gateway]
    assert place[job] < place[gateway]


def test_missing_gpus_hold_nothing_else_back() -> None:
    """A controller waits for a wave to be healthy, so nothing but its own pods waits for a model server."""
    found = {str(one): one for one in manifests(recorded("de-clinic-notes"))}
    server, service = (found[f"{kind} llm-qwen in inference"] for kind in ("Deployment", "Service"))
    assert service.wave <= server.wave

    moved = tuple(
        resource if resource.name != "de-clinic-notes-llm-qwen-deployment" else later(resource)
        for resource in recorded("de-clinic-notes")
    )
    gateway = next(one for one in manifests(moved) if str(one) == "Deployment gateway in inference-gateway")
    assert gateway.wave == found["Deployment gateway in inference-gateway"].wave


def later(resource: Resource) -> Resource:
    """The same resource, waiting for the gateway's job."""
    (job,) = (one.urn for one in recorded("de-clinic-notes") if one.type == "kubernetes:batch/v1:Job")
    return replace(resource, dependencies=(*resource.dependencies, job))


def test_a_finished_job_is_made_again() -> None:
    """The API refuses changes of a job's template; both controllers are told to replace it."""
    (job,) = (one for one in manifests(recorded("minimal")) if one.kind == "Job")
    annotations = job.body["metadata"]["annotations"]

    assert annotations["argocd.argoproj.io/sync-options"] == "Force=true,Replace=true"
    assert annotations["kustomize.toolkit.fluxcd.io/force"] == "enabled"
    assert not any(
        "argocd.argoproj.io/sync-options" in one.body["metadata"]["annotations"]
        for one in manifests(recorded("minimal"))
        if one.kind != "Job"
    )


# -- values that only the foundation knows
@pytest.mark.parametrize("name", WITH_CLUSTER)
def test_unknown_values_are_asked_for_and_never_invented(name: str, tmp_path: Path) -> None:
    """The two maps lack exactly them, and the kustomization reads them from files that are not there yet."""
    done = render(f"specs/{name}.yaml", "-o", str(tmp_path))
    kustomization = yaml.safe_load((tmp_path / KUSTOMIZATION).read_text())
    lacking = {one.name: one for one in manifests(recorded(name)) if one.missing}

    assert done.code == 0
    assert set(lacking) == {"gateway-addresses", "gateway-bootstrap"}
    assert kustomization["generatorOptions"] == {"disableNameSuffixHash": True}
    for said in kustomization["configMapGenerator"]:
        one = lacking.pop(said["name"])
        assert said == {"name": one.name, "namespace": one.namespace, "behavior": "merge",
                        "envs": [f"{one.name}.env"]}  # fmt: skip
        assert one.body["data"] == {}
        assert not (tmp_path / f"{one.name}.env").exists()
        assert ", ".join(one.missing) in done.err
    assert lacking == {}
    assert "known-after" not in "".join(path.read_text() for path in tmp_path.iterdir())


def test_values_that_are_written_are_not_asked_for_again(tmp_path: Path) -> None:
    """A file beside the objects counts for the keys that it holds, and is kept."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "gateway-addresses.env").write_text("# of the foundation\nDATABASE_HOST=db\nREDIS_HOST=\n")
    (folder / "gateway-bootstrap.env").write_text("DATABASE_HOST=db\nDATABASE_MASTER_SECRET_ARN=arn\n")
    done = render(CLINIC, "-o", str(folder))

    assert done.code == 0
    (line,) = done.err.splitlines()
    assert line.startswith("ConfigMap gateway-addresses in inference-gateway lacks REDIS_HOST, which")
    assert (folder / "gateway-addresses.env").read_text().endswith("REDIS_HOST=\n")


def test_with_the_foundation_nothing_is_asked_for(tmp_path: Path, deployed: Any) -> None:
    """The values stand in the maps, and no file is needed beside them."""
    assert render(CLINIC, "-o", str(tmp_path / "out"), "--foundation", deployed(outputs())).code == 0
    said = yaml.safe_load((tmp_path / "out" / KUSTOMIZATION).read_text())
    maps = {
        one["metadata"]["name"]: one["data"]
        for one in objects(tmp_path / "out")
        if one["kind"] == "ConfigMap"
    }

    assert "configMapGenerator" not in said
    assert maps["gateway-addresses"] == {
        key: outputs()["gatewayAddresses"][key] for key in ("DATABASE_HOST", "REDIS_HOST")
    }
    assert maps["gateway-bootstrap"] == outputs()["gatewayBootstrapAddresses"]


# A program that fails leaves coroutines of the SDK behind, which pytest sees and no user does.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("{", "is no JSON"),
        ("[]", "holds no outputs"),
        (outputs(layer="workload"), "is not of de-clinic-notes.foundation: layer workload"),
        (outputs(clusterName="another"), "cluster another"),
        ({k: v for k, v in outputs().items() if k != "gatewayAddresses"}, "no output 'gatewayAddresses'"),
        (outputs(gatewayAddresses={"REDIS_HOST": "x"}), "no output 'DATABASE_HOST'"),
    ],
)
def test_outputs_of_something_else_are_refused(said: Any, told: str, tmp_path: Path, deployed: Any) -> None:
    """With the reason, and nothing is written."""
    done = render(CLINIC, "-o", str(tmp_path / "out"), "--foundation", deployed(said))
    gc.collect()  # here, and not in whichever test comes next

    assert done.code == 2
    assert told in done.err
    assert not (tmp_path / "out").exists()


def test_a_foundation_of_another_plan_is_said(deployed: Any) -> None:
    """Its addresses may still be right, so it is no refusal."""
    done = render(CLINIC, "--foundation", deployed(outputs(planDigest="0" * 64)))

    assert done.code == 0
    assert "was deployed from another plan" in done.err


def test_a_hidden_output_is_not_written(deployed: Any) -> None:
    """Pulumi prints [secret] in place of a secret output, and no manifest holds one."""
    hidden = outputs(gatewayAddresses=outputs()["gatewayAddresses"] | {"REDIS_HOST": "[secret]"})
    done = render(CLINIC, "--foundation", deployed(hidden))

    assert done.code == 3
    assert "ConfigMap gateway-addresses holds a secret" in done.err
    assert done.out == ""


# -- what is not rendered at all
LATER = Unknown(("urn:pulumi:a::b::c::d",))


def object_of(kind: str, group: str = "core/v1", **props: Any) -> Resource:
    metadata = {"name": "x", "namespace": "y"}
    return Resource(
        urn=f"urn:pulumi:a::b::kubernetes:{group}:{kind}::x",
        type=f"kubernetes:{group}:{kind}",
        name="x",
        props={"apiVersion": group.removeprefix("core/"), "kind": kind, "metadata": metadata} | props,
    )


@pytest.mark.parametrize(
    ("resource", "told"),
    [
        (object_of("Secret", data={"a": "b"}), "holds a secret"),
        (replace(object_of("ConfigMap", data={"a": "b"}), secret_paths=frozenset({"data.a"})), "a secret"),
        (object_of("Deployment", "apps/v1", spec={"replicas": LATER}), "spec.replicas is known only"),
        (object_of("ConfigMap", binaryData={"a": LATER}), "binaryData.a is known only"),
    ],
)  # fmt: skip
def test_what_no_manifest_may_hold_is_refused(resource: Resource, told: str) -> None:
    """Secrets, and unknown values outside a ConfigMap's data."""
    with pytest.raises(NotBuilt, match=told):
        manifests([resource])


def test_two_objects_of_one_name_are_refused() -> None:
    """The second would overwrite the first."""
    one = object_of("ConfigMap", data={})

    with pytest.raises(NotBuilt, match="two objects are one"):
        manifests([one, replace(one, urn=f"{one.urn}2")])


def test_a_stack_without_kubernetes_has_nothing_to_render(tmp_path: Path) -> None:
    """Its workload are ECS services, which Pulumi deploys."""
    done = render("specs/eu-support-desk.yaml", "-o", str(tmp_path / "out"))

    assert done.code == 3
    assert "eu-support-desk has no Kubernetes objects" in done.err
    assert not (tmp_path / "out").exists()


def test_what_is_denied_is_not_rendered(tmp_path: Path) -> None:
    """The wall of the Pulumi program: rules and missing pins; nothing is written, the reason is told."""
    (tmp_path / "it.yaml").write_text(GOOD)
    done = render("it.yaml", "-o", "out", cwd=tmp_path)

    assert done.code == 1
    assert "is denied under" in done.err
    assert done.out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["it.yaml"]


# -- the folder
def test_a_folder_is_replaced_and_keeps_what_is_not_ours(tmp_path: Path) -> None:
    """Stale files of ours go; everything else stays, with its content."""
    folder = tmp_path / "out"
    (folder / "sub").mkdir(parents=True)
    kept = {"gateway-addresses.env": "DATABASE_HOST=x\n", "README.md": "ours\n", "sub/deep.yaml": "a: 1\n"}
    for name, text in kept.items():
        (folder / name).write_text(text)
    (folder / "link").symlink_to("README.md")
    (folder / "09-gone.yaml").write_text(HEADER + "kind: Old\n")
    (folder / KUSTOMIZATION).write_text(HEADER + "old\n")

    assert render(CLINIC, "-o", str(folder)).code == 0

    assert not (folder / "09-gone.yaml").exists()
    assert {name: (folder / name).read_text() for name in kept} == kept
    assert (folder / "link").is_symlink()
    assert "resources:" in (folder / KUSTOMIZATION).read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["out"], "nothing is left beside it"


def test_a_file_of_somebody_else_is_not_replace(tmp_path: Path) -> None:
    """A kustomization that was written by hand is theirs."""
    (tmp_path / KUSTOMIZATION).write_text("resources: []\n")
    done = render(CLINIC, "-o", str(tmp_path))

    assert done.code == 2
    assert f"{tmp_path / KUSTOMIZATION} is not a rendered file" in done.err
    assert [path.name for path in tmp_path.iterdir()] == [KUSTOMIZATION]
    assert (tmp_path / KUSTOMIZATION).read_text() == "resources: []\n"


def test_the_folder_one_stands_in_is_not_replace(tmp_path: Path) -> None:
    """The shell would stand in a folder that is gone."""
    for name in (".", ".."):
        (tmp_path / "in").mkdir(exist_ok=True)
        done = render(
            str(ROOT / CLINIC), "--organization", str(ROOT / "organization"), "-o", name, cwd=tmp_path / "in"
        )

        assert done.code == 2
        assert "not the one you are in" in done.err
    assert list((tmp_path / "in").iterdir()) == []


def test_a_failing_run_leaves_the_folder_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens while it is written: the old files are there, whole, and nothing else."""
    folder = tmp_path / "out"
    assert render("specs/minimal.yaml", "-o", str(folder)).code == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    rename = Path.rename

    def failing(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    done = render(CLINIC, "-o", str(folder))

    assert done.code == 2
    assert "No space left on device" in done.err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
