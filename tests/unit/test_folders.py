"""Area of concern: which files a run is about: folders to any depth, each file once, nothing left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command_line import AS_OF, ROOT, inferplan

SPEC = (ROOT / "specs/minimal.yaml").read_text()
MANIFEST = "apiVersion: v1\nkind: ConfigMap\ndata: {spec: 'kind: InferenceStack'}\n"
ORGANIZATION = ("--organization", str(ROOT / "organization"))


def written(folder: Path, **files: str) -> None:
    """Files below the folder; `__` in a name is a slash, and `.yaml` is added."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def named(name: str) -> str:
    """The minimal spec under another name."""
    return SPEC.replace("name: minimal", f"name: {name}")


def validated(folder: Path, *arguments: str) -> dict[str, bool]:
    """Which files `validate` read, and whether they are valid."""
    done = inferplan("validate", *(arguments or (".",)), "--format", "json", *ORGANIZATION, cwd=folder)
    return {entry["spec"]: entry["valid"] for entry in json.loads(done.out)["specs"]}


def test_check_without_arguments_decides_on_this_repository() -> None:
    """Every spec below specs/ is allowed, none is without a plan."""
    done = inferplan("check", *AS_OF)

    assert (done.code, done.out.count("decision  ALLOW")) == (0, 5)
    assert done.err.strip() == "5 specs as of 2026-11-20: 5 allowed"


def test_an_account_baseline_is_refused_not_allowed() -> None:
    """What is not built is neither allowed nor left out: the folder that holds it has no decision."""
    done = inferplan("check", "accounts", *AS_OF)

    assert (done.code, done.out) == (3, "")
    assert "InferenceAccount" in done.err


def test_a_folder_gives_every_spec_below_it(tmp_path: Path) -> None:
    """To any depth, but not what is hidden, installed, the platform team's, a base or a lock."""
    written(
        tmp_path,
        one=named("one"),
        team__two=named("two"),
        team__deep__three=named("three"),
        team__deep___base="replicas: 1",
        team__two__lock=(ROOT / "specs/minimal.lock.yaml").read_text(),
        hidden=named("four"),
        venv__lib__five=named("five"),
        organization__six=named("six"),
        platform__organization=(ROOT / "organization/organization.yaml").read_text(),
        platform__seven=named("seven"),
        team__waivers__eight=named("eight"),
    )
    (tmp_path / "hidden.yaml").rename(tmp_path / ".hidden.yaml")
    (tmp_path / "team/two/lock.yaml").rename(tmp_path / "team/two.lock.yaml")
    (tmp_path / "venv/pyvenv.cfg").write_text("")

    assert validated(tmp_path) == {
        "one.yaml": True,
        "team/deep/three.yaml": True,
        "team/two.yaml": True,
    }


def test_a_spec_is_found_by_either_ending(tmp_path: Path) -> None:
    """A `.yml` is not passed over in silence."""
    written(tmp_path, one=named("one"))
    (tmp_path / "one.yaml").rename(tmp_path / "one.yml")

    assert validated(tmp_path) == {"one.yml": True}


def test_yaml_of_another_kind_is_passed_over_and_named_when_asked(tmp_path: Path) -> None:
    """A Kubernetes manifest is no spec, also where it carries one in a string; -v says so."""
    written(tmp_path, spec=SPEC, manifest=MANIFEST, values="image: inferplan/tool\n")

    quiet = inferplan("validate", ".", *ORGANIZATION, cwd=tmp_path)
    told = inferplan("validate", ".", "-v", *ORGANIZATION, cwd=tmp_path)

    assert (quiet.code, quiet.err) == (0, "")
    assert told.err.splitlines() == [
        "manifest.yaml: no spec, passed over",
        "values.yaml: no spec, passed over",
    ]
    assert quiet.out == told.out


def test_a_folder_without_specs_is_an_error_that_counts_the_rest(tmp_path: Path) -> None:
    """Nothing to judge is no pass."""
    written(tmp_path, manifest=MANIFEST)

    done = inferplan("check", ".", *ORGANIZATION, cwd=tmp_path)

    assert done.code == 2
    assert "no specs in .; 1 YAML file of another kind" in done.err


@pytest.mark.parametrize(
    "text",
    [
        SPEC.replace("kind: InferenceStack", "kind: InferenceStak"),
        SPEC.replace("kind: InferenceStack", "kind: [InferenceStack]"),
        SPEC.replace("kind: InferenceStack\n", ""),
        SPEC.replace("inferplan/v1beta1", "inferplan/v2"),
        SPEC.replace("apiVersion: inferplan/v1beta1\n", ""),
        SPEC.replace("inferplan/v1beta1", "infrplan/v1beta1"),
        SPEC.replace("mode:", "\tmode:"),
        f"{SPEC}---\n{SPEC}",
    ],
    ids=["kind", "kind is a list", "no kind", "version", "no version", "misspelled version", "tab", "two"],
)
def test_a_file_that_looks_like_ours_is_an_error_not_passed_over(tmp_path: Path, text: str) -> None:
    """A typo does not take a spec out of the run."""
    assert text != SPEC
    written(tmp_path, team__spec=text, good=named("good"))

    assert validated(tmp_path) == {"good.yaml": True, "team/spec.yaml": False}


def test_one_file_by_several_names_is_read_once(tmp_path: Path) -> None:
    """By its folder, by its name, by a link, and twice from standard input."""
    written(tmp_path, specs__spec=SPEC)
    (tmp_path / "link.yaml").symlink_to("specs/spec.yaml")

    found = validated(tmp_path, "specs", "specs/spec.yaml", "./specs/../specs/spec.yaml", "link.yaml")
    piped = inferplan("validate", "-", "-", *ORGANIZATION, cwd=tmp_path, stdin=SPEC.encode())

    assert found == {"specs/spec.yaml": True}
    assert piped.out.count("is valid") == 1


def test_two_specs_of_one_name_and_account_stay_an_error(tmp_path: Path) -> None:
    """Found below one folder as when named."""
    written(tmp_path, a__spec=SPEC, b__spec=SPEC)

    assert validated(tmp_path) == {"a/spec.yaml": True, "b/spec.yaml": False}
