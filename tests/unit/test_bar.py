"""Area of concern: one organization judges a run, every output names it, and no spec brings its own.

The number is that of the finding in the trial as a new user: 2, an author can bring his own organization.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.command_line import AS_OF, ROOT, inferplan

ORGANIZATION = "organization/organization.yaml"
WIDER = ("help-center: {class: internal", "help-center: {class: public")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The platform team's folder at the root of the run, and an application with a wider one of its own."""
    app = tmp_path / "apps" / "desk"
    for folder in (tmp_path, app):
        shutil.copytree(ROOT / "organization", folder / "organization")
    (app / "specs").mkdir()
    for name in ("eu-support-desk.yaml", "eu-support-desk.lock.yaml"):
        shutil.copy(ROOT / "specs" / name, app / "specs")
        shutil.copy(ROOT / "specs" / name, app)
    own = app / ORGANIZATION
    text = own.read_text()
    assert WIDER[0] in text
    own.write_text(text.replace(*WIDER))
    return tmp_path


@pytest.mark.parametrize("spec", ["apps/desk/specs/eu-support-desk.yaml", "apps/desk/eu-support-desk.yaml"])
@pytest.mark.parametrize("verb", ["validate", "plan", "check", "explain"])
def test_tried_2_a_folder_beside_the_spec_that_differs_is_an_error(
    repository: Path, verb: str, spec: str
) -> None:
    """Both are named, in every verb, and nothing is judged."""
    done = inferplan(verb, spec, cwd=repository)

    assert done.code == 2
    assert f"{spec}:1:1: two organizations: organization judges this run, and " in done.err
    assert f"{repository / 'apps/desk/organization'} lies beside or above the spec" in done.err


def test_tried_2_a_folder_beside_the_spec_is_not_taken_where_the_run_has_none(repository: Path) -> None:
    """The built-in strict bar is the one of the run then."""
    shutil.rmtree(repository / "organization")

    done = inferplan("check", "apps/desk/eu-support-desk.yaml", cwd=repository)

    assert done.code == 2
    assert "the built-in strict organization judges this run" in done.err


def test_tried_2_the_nearest_folder_above_the_run_judges(repository: Path) -> None:
    """Whoever works in a folder of the repository is judged by the same organization as at its root."""
    shutil.rmtree(repository / "apps/desk/organization")
    shutil.copytree(repository / "apps/desk/specs", repository / "specs")
    asked = ("check", "specs/eu-support-desk.yaml", *AS_OF, "--format", "json")
    above = inferplan(*asked, cwd=repository)
    below = inferplan(*asked, cwd=repository / "apps/desk")

    told = json.loads(below.out)["stacks"][0]
    assert told["organization"]["path"] == "../../organization"
    assert told["digests"] == json.loads(above.out)["stacks"][0]["digests"]
    assert above.code == below.code


def test_tried_2_a_run_in_the_folder_of_the_application_is_no_way_around(repository: Path) -> None:
    """His own folder is the nearest then, and the platform team's differs."""
    done = inferplan("validate", "eu-support-desk.yaml", cwd=repository / "apps/desk")

    assert done.code == 2
    assert "two organizations: organization judges this run, and ../../organization lies" in done.err


def test_tried_2_standard_input_is_judged_by_one_organization_too(repository: Path) -> None:
    """It lies nowhere, the run does not."""
    text = (ROOT / "specs/minimal.yaml").read_bytes()
    done = inferplan("validate", "-", cwd=repository / "apps/desk", stdin=text)

    assert done.code == 2
    assert "../../organization lies above the run" in done.err


def test_tried_2_the_same_files_beside_the_spec_are_no_second_bar(repository: Path) -> None:
    """A copy of the platform team's folder says the same."""
    shutil.copy(repository / ORGANIZATION, repository / "apps/desk/organization")

    assert inferplan("validate", "apps/desk/eu-support-desk.yaml", cwd=repository).code == 0

    (repository / "apps/desk/organization/waivers/own.yaml").write_text("rule: SOV-001\n")
    assert inferplan("validate", "apps/desk/eu-support-desk.yaml", cwd=repository).code == 2


def test_tried_2_the_named_organization_judges_and_the_other_is_said_to_be_ignored(repository: Path) -> None:
    """Whoever starts the run has chosen; the spec's author has not."""
    spec = "apps/desk/eu-support-desk.yaml"

    done = inferplan("validate", spec, "--organization", "organization", cwd=repository)

    assert done.code == 0
    assert f"{repository / 'apps/desk/organization'} is not read: organization judges" in done.err


def test_tried_2_pipelines_refuse_the_built_in_organization(tmp_path: Path) -> None:
    """A forgotten folder is not judged by something else."""
    shutil.copy(ROOT / "specs/minimal.yaml", tmp_path)

    assert inferplan("validate", "minimal.yaml", cwd=tmp_path).code == 0
    done = inferplan("validate", "minimal.yaml", "--require-organization", cwd=tmp_path)

    assert done.code == 2
    assert "--require-organization refuses the built-in one" in done.err


TOLD = {
    "validate": lambda out: out["specs"][0],
    "check": lambda out: out["stacks"][0],
    "plan": lambda out: out,
    "explain": lambda out: out,
}


@pytest.mark.parametrize("verb", TOLD)
def test_tried_2_every_output_names_the_organization_and_its_digest(verb: str) -> None:
    """In text and in JSON, the digest being that of the organization's files."""
    asked = (verb, "specs/minimal.yaml", *AS_OF)
    told = TOLD[verb](json.loads(inferplan(*asked, "--format", "json").out))["organization"]

    assert told["path"] == "organization"
    assert told["name"] == "example-group"
    assert len(told["digest"]) == 64
    assert f"organization (example-group, sha256 {told['digest'][:12]})" in inferplan(*asked).out


def test_tried_2_diff_names_the_organization() -> None:
    """Two sides, one bar."""
    asked = ("diff", "specs/eu-both-ways.yaml", "--mode", "self-hosted", *AS_OF)
    told = json.loads(inferplan(*asked, "--format", "json").out)["organization"]

    assert told["path"] == "organization"
    assert f"bar  organization (example-group, sha256 {told['digest'][:12]})" in inferplan(*asked).out


def test_tried_2_without_a_folder_the_output_says_which_bar_applies(tmp_path: Path) -> None:
    """The built-in one has no path."""
    shutil.copy(ROOT / "specs/minimal.yaml", tmp_path)
    asked = ("check", "minimal.yaml", *AS_OF)

    told = json.loads(inferplan(*asked, "--format", "json", cwd=tmp_path).out)["stacks"][0]["organization"]

    assert told["path"] is None
    assert "bar     built-in (" in inferplan(*asked, cwd=tmp_path).out


@pytest.mark.parametrize("verb", ["check", "validate"])
def test_tried_12_two_specs_of_one_name_and_account_are_an_error(tmp_path: Path, verb: str) -> None:
    """They would be one stack; another account, or the same file named twice, is none."""
    text = (ROOT / "specs/minimal.yaml").read_text()
    (tmp_path / "specs").mkdir()
    for name in ("a", "b"):
        (tmp_path / f"specs/{name}.yaml").write_text(text)

    done = inferplan(verb, cwd=tmp_path)

    assert done.code == 2
    assert "specs/b.yaml:4:12: metadata.name: 'minimal' in account 444444444444 is specs/a.yaml" in done.err
    assert inferplan("validate", "specs/a.yaml", "./specs/a.yaml", cwd=tmp_path).code == 0

    (tmp_path / "specs/b.yaml").write_text(text.replace("444444444444", "555555555555"))
    assert inferplan("validate", cwd=tmp_path).code == 0


def test_an_organization_is_validated_alone(tmp_path: Path) -> None:
    """Counts and digest where it is good, every problem with its place where it is not."""
    shutil.copytree(ROOT / "organization", tmp_path / "bar")
    done = inferplan("validate", "--organization", "bar", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert "bar: Organization example-group is valid: 4 accounts" in done.out

    file = tmp_path / "bar/organization.yaml"
    file.write_text(file.read_text().replace("not_waivable: [SOV-001", "not_waivable: [SOV-0O1"))
    (tmp_path / "bar/waivers/own.yaml").write_text("rule: SOV-001\n")
    done = inferplan("validate", "--organization", "bar", "--format", "json", cwd=tmp_path)
    assert done.code == 2
    problems = json.loads(done.out)["errors"][0]["problems"]
    assert {Path(problem["file"]).name for problem in problems} == {"organization.yaml", "own.yaml"}
    assert all(problem["line"] for problem in problems)
