"""`inferplan mirror`: what it refuses, what it starts and follows, and what it says when that fails.

Area of concern: a build that is started twice or by the wrong hands, and a failure that is not understood.
The build itself is run in tests/supply. Requests and answers are judged by botocore's models, actions by
policy_sentry.
"""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from policy_sentry.querying.actions import get_action_data

from components import mirror_build
from inferplan.catalog import build_machines
from inferplan.cli.mirroring import following
from inferplan.cli.mirroring.calls import ACTIONS
from inferplan.cli.mirroring.own_images import recipe
from inferplan.cli.mirroring.packing import packed_worker
from inferplan.cli.mirroring.worker import run, streams
from inferplan.plan.make import make_plan
from inferplan.plan.mirror_build import HUB, LONGEST_MINUTES
from policies import types
from policies.gates import gates
from tests.aws.variants import DEEPSEEK, american, lab
from tests.aws_answers import SECRET, answered
from tests.command_line import ROOT, Answer, inferplan
from tests.mirror_answers import FAILED, MARK, MirrorAccount, pinned_examples
from tests.unit.plan_edits import AS_OF as DAY
from tests.unit.recorded import MANAGED, SELF_HOSTED, STACKS, planned, recorded

CLINIC, DESK = "specs/de-clinic-notes.yaml", "specs/eu-support-desk.yaml"
BANK = "specs/in-bank-assistant.yaml"
ACCOUNTS = {CLINIC: "111111111111", DESK: "222222222222", BANK: "333333333333"}
AS_OF = ("--as-of", "2026-11-20")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following.time, "sleep", lambda _: None)
    monkeypatch.delenv("HF_ENDPOINT", raising=False)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return pinned_examples(tmp_path)


@pytest.fixture
def account() -> MirrorAccount:
    return MirrorAccount(ACCOUNTS[CLINIC])


def mirror(here: Path, *arguments: str, spec: str = CLINIC) -> Answer:
    return inferplan("mirror", spec, *arguments, *AS_OF, cwd=here)


# -- the way it should go


@pytest.mark.parametrize("spec", [CLINIC, DESK])
def test_a_mirror_brings_what_the_lock_pins_note_3(here: Path, spec: str) -> None:
    """Weights and images, or images alone for a stack of vendors, in one build; a second run needs none."""
    aws = MirrorAccount(ACCOUNTS[spec])
    with answered(aws):
        done = mirror(here, "--format", "json", spec=spec)
        again = mirror(here, "--format", "json", spec=spec)
    told, later = json.loads(done.out), json.loads(again.out)
    order = json.loads(aws.objects[f"orders/{told['order']}.json"])
    assert (done.code, told["outcome"], told["followed"]) == (0, "complete", False)
    assert {one["digest"] for one in order["images"]} == {one for held in aws.images.values() for one in held}
    assert bool(order["files"]) == (spec == CLINIC)
    assert aws.objects[f"orders/{packed_worker().digest}.zip"] == packed_worker().content
    assert (again.code, later["outcome"], later["build"], len(aws.builds)) == (0, "already", None, 1)
    assert {one["state"] for one in later["parts"]} == {"there"}


def test_what_has_gone_since_is_brought_again(here: Path, account: MirrorAccount) -> None:
    """A record is not enough: the bucket and the repositories are looked into."""
    with answered(account):
        mirror(here)
        file = next(key for key in account.objects if key.startswith("models/"))
        del account.objects[file]
        mirror(here)
        account.images.popitem()
        mirror(here)
    assert len(account.builds) == 3


def test_a_running_build_is_followed_and_not_started_twice(here: Path, account: MirrorAccount) -> None:
    """Ctrl-C leaves it; the second run finds it and says so."""
    account.lasts = 4
    with answered(account):
        looks = account.looks

        def interrupted(_: float) -> None:
            if sum(looks.values()) == 2:
                raise KeyboardInterrupt

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(following.time, "sleep", interrupted)
            left = mirror(here)
        followed = mirror(here)
    assert (left.code, "the build goes on" in left.err) == (130, True)
    assert (followed.code, "running already and is followed" in followed.err) == (0, True)
    assert len(account.builds) == 1


def test_ctrl_c_before_there_is_a_build_is_not_told_as_one(here: Path, account: MirrorAccount) -> None:
    def interrupt(*_: Any) -> Any:
        raise KeyboardInterrupt

    account._batch_get_projects = interrupt  # type: ignore[method-assign]
    with answered(account):
        done = mirror(here)
    assert (done.code, account.builds, "goes on" in done.err) == (130, [], False)


def test_a_build_of_another_order_is_waited_for(here: Path, account: MirrorAccount) -> None:
    """Two would write the same keys; the other's end is not taken for this one's."""
    other = "0" * 64
    account.objects[f"orders/{other}.json"] = json.dumps({"files": [], "images": [], "builds": []}).encode()
    variables = [{"name": "INFERPLAN_ORDER", "value": other, "type": "PLAINTEXT"}]
    account._start_build({"projectName": "p", "environmentVariablesOverride": variables})
    with answered(account):
        done = mirror(here)
    assert (done.code, "still carries out another order" in done.err) == (0, True)
    assert len(account.builds) == 2


def test_two_who_start_at_once_share_a_build_and_one_who_tries_again_does_not(
    here: Path, account: MirrorAccount
) -> None:
    """The token of a start is the same until there is a build, and another one after it."""
    account.carries_out = lambda _: FAILED
    with answered(account) as aws:
        mirror(here)
        mirror(here)
        account.builds.clear()
        mirror(here)
    first, second, third = (asked["idempotencyToken"] for name, _, asked in aws.calls if name == "StartBuild")
    assert first == third != second


def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere(
    here: Path, account: MirrorAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.says = [
        "tools are ready",
        MARK + json.dumps({"done_items": 1, "items": 4, "done_bytes": 5 * 10**8, "bytes": 10**9}),
        MARK + json.dumps({"item": "models/x", "state": "brought", "problem": None}),
    ]
    with answered(account):
        lines = mirror(here)
    monkeypatch.setattr(following, "on_terminal", lambda: True)
    account = MirrorAccount(ACCOUNTS[CLINIC])
    account.says = [
        "",
        MARK + json.dumps({"done_items": 1, "items": 4, "done_bytes": 5 * 10**8, "bytes": 10**9}),
    ]
    with answered(account):
        bar = mirror(here)
    assert "brought  models/x" in lines.err
    assert "#" not in lines.err
    assert "[###############...............] 1 of 4 parts, 0.5 of 1.0 GB" in bar.err


# -- what is refused


def test_documentation_values_are_not_mirrored() -> None:
    """The examples' own locks name nothing that could be brought."""
    done = inferplan("mirror", CLINIC, *AS_OF, cwd=ROOT)
    assert done.code == 1
    assert "documentation values" in done.err
    assert f"`inferplan lock {CLINIC}`" in done.err


def test_pending_pins_are_named(here: Path) -> None:
    lock = here / CLINIC.replace(".yaml", ".lock.yaml")
    text = lock.read_text()
    lock.write_text(re.sub(r"  litellm:\n(    .*\n)+", "", text))
    done = mirror(here)
    assert (done.code, "not pinned yet: images.litellm" in done.err) == (1, True)
    lock.unlink()
    assert "has no lock" in mirror(here).err


def test_a_denied_spec_is_not_mirrored(here: Path, account: MirrorAccount) -> None:
    """The same judge as check: nothing is asked of AWS."""
    register = here / "organization" / "organization.yaml"
    register.write_text(register.read_text().replace("countries: [DE]", "countries: [FR]", 1))
    with answered(account) as aws:
        done = mirror(here)
    assert (done.code, aws.calls) == (1, [])
    assert "is denied under" in done.err
    assert inferplan("check", CLINIC, "--locked", *AS_OF, cwd=here).code == 1


@pytest.mark.parametrize("missing", ["has_project", "has_bucket"])
def test_without_a_foundation_the_command_is_said(here: Path, account: MirrorAccount, missing: str) -> None:
    setattr(account, missing, False)
    with answered(account):
        done = mirror(here)
    assert done.code == 1
    assert "`pulumi up --stack de-clinic-notes.foundation`" in done.err


def test_another_account_is_refused_before_anything_is_written(here: Path, account: MirrorAccount) -> None:
    account.account = "999999999999"
    with answered(account):
        done = mirror(here)
    assert (done.code, account.objects) == (1, {})
    assert "999999999999" not in done.err
    assert "is for account 111111111111" in done.err


def test_what_is_not_permitted_is_named_as_iam_does(here: Path, account: MirrorAccount) -> None:
    account.refuses["StartBuild"] = "AccessDeniedException"
    with answered(account):
        done = mirror(here)
    assert (done.code, "not permitted: codebuild:StartBuild" in done.err) == (1, True)
    assert SECRET not in done.err


# -- images of the project's own


def in_another_language(here: Path, language: str) -> None:
    """The bank, whose redaction finds names in a further language; its lock has the publisher's image."""
    lock = here / BANK.replace(".yaml", ".lock.yaml")
    lock.write_text(lock.read_text().replace("  kyc:\n", f"  kyc:\n    revision: '{'0' * 40}'\n"))
    spec = here / BANK
    text = re.sub(r"\n *redaction_languages:.*", "", spec.read_text())
    said = rf"\1redaction: presidio\1redaction_languages: [{language}]"
    spec.write_text(re.sub(r"(\n *)redaction: presidio", said, text))


def test_an_image_that_nobody_publishes_is_built_and_then_pinned(here: Path) -> None:
    """The lock cannot hold it before; the answer says what comes next."""
    in_another_language(here, "de")
    aws = MirrorAccount(ACCOUNTS[BANK])
    with answered(aws):
        done = mirror(here, "--format", "json", spec=BANK)
    told = json.loads(done.out)
    (build,) = json.loads(aws.objects[f"orders/{told['order']}.json"])["builds"]
    assert done.code == 0
    assert build["repository"] == "inferplan/in-bank-assistant/presidio-analyzer"
    assert build["tag"].endswith("-de")
    assert [one["name"] for one in build["wheels"]] == ["de_core_news_lg"]
    assert "presidio-analyzer==2.2.362" in build["packages"]
    assert f"`inferplan lock {BANK}` pins presidio-analyzer" in told["then"]


def test_a_model_whose_hash_nobody_states_is_not_built(here: Path) -> None:
    in_another_language(here, "fr")
    done = mirror(here, spec=BANK)
    assert (done.code, "no source states the hash" in done.err) == (1, True)


def test_the_recipe_s_packages_are_those_that_were_tried() -> None:
    """The versions and hashes with which redaction was tried, and no others."""
    tried = (ROOT / "tests/gateway/redaction.txt").read_text()
    _, packages = recipe("presidio-analyzer")
    for package in re.split(r"\n(?=[a-z])", packages.strip()):
        assert package.splitlines()[0] in tried, package
    assert "spacy==" in packages


# -- what fails


def test_a_build_that_fails_says_its_reason_and_last_lines(here: Path, account: MirrorAccount) -> None:
    """Without a record, such as where its tools could not be had."""
    account.says = [f"line {number}" for number in range(40)]
    account.carries_out = lambda _: FAILED
    with answered(account):
        done = mirror(here)
    assert done.code == 1
    assert "build: Error while executing command: python worker. Reason: exit status 1" in done.err
    assert ("line 39" in done.err, "line 3\n" in done.err) == (True, False)


def test_what_a_build_could_not_bring_is_said_part_by_part(here: Path, account: MirrorAccount) -> None:
    """A hash that differs, for one: the rest is there, and the next run starts a build for it."""

    def without_one(variables: dict[str, str]) -> str:
        account.leave(variables, {"litellm": "its hash is another"})
        return FAILED

    account.carries_out = without_one
    with answered(account):
        done = mirror(here)
        told = json.loads(mirror(here, "--format", "json").out)
    assert (done.code, "litellm: its hash is another" in done.out) == (1, True)
    assert (told["outcome"], len(account.builds)) == ("incomplete", 2)
    assert {one["name"] for one in told["parts"] if one["state"] == "failed"} == {"litellm"}


def test_a_look_that_fails_is_not_the_end_of_a_build(here: Path, account: MirrorAccount) -> None:
    answers = iter(["ThrottlingException", "ThrottlingException"])
    real = account._get_log_events
    account._get_log_events = lambda asked: next(answers, None) or real(asked)  # type: ignore[method-assign]
    with answered(account):
        assert mirror(here).code == 0
    account.objects.clear()
    account.refuses["GetLogEvents"] = "AccessDeniedException"
    with answered(account):
        assert "not permitted: logs:GetLogEvents" in mirror(here).err


# -- permissions


@pytest.mark.parametrize("spec", [CLINIC, DESK])
def test_the_printed_policy_is_that_of_the_calls(here: Path, spec: str) -> None:
    """No call without its action and no action without a call; what it names is the stack's own."""
    policy = json.loads(mirror(here, "--print-policy", spec=spec).out)
    aws = MirrorAccount(ACCOUNTS[spec])
    with answered(aws) as asked:
        mirror(here, spec=spec)
        mirror(here, spec=spec)
    known = {"s3:ListObjectsV2": "s3:ListBucket"}
    made = {known.get(action, action) for action in asked.actions}
    statements = [one for one in policy["Statement"] if one["Sid"] != "BucketKey"]
    named = {action for one in statements for action in one["Action"]}
    assert made == named == set(ACTIONS)
    for action in named | {"kms:Decrypt", "kms:GenerateDataKey"}:
        assert get_action_data(*action.split(":")), action
    wide = [one["Sid"] for one in policy["Statement"] if "*" in one["Resource"]]
    assert wide == ["WhoAmI"]
    objects = [resource for one in statements for resource in one["Resource"] if ":s3:::" in resource]
    for name, _, said in asked.calls:
        if "Key" in said:
            assert any(fnmatchcase(f"arn:aws:s3:::{said['Bucket']}/{said['Key']}", one) for one in objects), (
                name
            )


# -- the project


@pytest.mark.parametrize("stack", STACKS)
def test_every_stack_has_a_build_outside_its_network_note_3(stack: str) -> None:
    """Also one of vendors' models alone, whose proxy comes from a public registry."""
    made, plan = recorded(stack), planned(stack)
    project = made.one(types.BUILD_PROJECT, "-mirror-project")
    assert "vpcConfig" not in project.props
    assert project.props["buildTimeout"] == plan.mirror.timeout_minutes
    environment = project.props["environment"]
    assert (environment["computeType"], environment["privilegedMode"]) == (plan.mirror.compute_type, False)
    logs = project.props["logsConfig"]
    group = made.one(types.LOG_GROUP, "-mirror")
    assert logs["cloudwatchLogs"] == {"status": "ENABLED", "groupName": group.props["name"]}
    assert (logs["s3Logs"]["status"], "kmsKeyId" in group.props) == ("DISABLED", True)


@pytest.mark.parametrize("stack", STACKS)
def test_the_build_s_role_reads_nothing_that_the_stack_keeps(stack: str) -> None:
    """Its actions are those that the program and crane need, on the stack's own bucket and repositories."""
    made, plan = recorded(stack), planned(stack)
    policy = json.loads(made.one("aws:iam/rolePolicy:RolePolicy", "-mirror-role-policy").props["policy"])
    allowed = {one["Sid"]: one for one in policy["Statement"]}
    bucket = f"arn:aws:s3:::{plan.mirror.bucket}"
    assert allowed["Write"]["Resource"] == [f"{bucket}/models/*", f"{bucket}/records/*"]
    assert allowed["ReadOrdersAndOwnWork"]["Resource"] == [f"{bucket}/models/*", f"{bucket}/orders/*"]
    assert {one.rpartition("repository/")[2] for one in allowed["Push"]["Resource"]} == {
        image.repository for image in plan.pulled_images
    }
    assert all(":secret:inferplan-mirror/" in one for one in allowed["Tokens"]["Resource"])
    for statement in policy["Statement"]:
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            assert get_action_data(*action.split(":")), action


def test_a_larger_model_takes_a_larger_machine_and_more_time_note_3() -> None:
    """Both from the bytes; as they pass through memory, no disk is sized for them."""
    small = planned(SELF_HOSTED).mirror
    large = make_plan(american(lab("us-east-1", DEEPSEEK)), DAY, gates).mirror
    machines = list(build_machines())
    assert machines.index(large.compute_type) > machines.index(small.compute_type)
    assert small.timeout_minutes < large.timeout_minutes <= LONGEST_MINUTES


def test_whom_the_build_reads_from_is_planned() -> None:
    """Hub and registries by name, each with the secret that a token may lie in."""
    mirror_of = planned(SELF_HOSTED).mirror
    published = {"docker.io", "ghcr.io", "huggingface.co", "quay.io", "registry.k8s.io"}
    assert {*mirror_of.hosts} == {*published, "registry.clinic.example"}  # the last has the runner's image
    assert mirror_of.token_secrets["huggingface.co"] == "inferplan-mirror/huggingface.co"
    assert HUB not in planned(MANAGED).mirror.hosts


def test_nothing_that_runs_reaches_a_hub_or_a_public_registry() -> None:
    """Only the build does: no planned name, host or image of a stack is of one."""
    for stack in STACKS:
        plan, made = planned(stack), recorded(stack)
        outside = {host for host in plan.mirror.hosts if not host.startswith("mcr.")}
        names = (*plan.network.dns_allow, *plan.network.allowed_hosts)
        assert not [one for one in names if any(host in one for host in outside)]
        for resource in made.resources:
            if resource.type.startswith(("kubernetes:", "aws:ecs/taskDefinition")):
                text = json.dumps(resource.props, default=str)
                assert not [host for host in outside if f'"{host}/' in text], resource.name


# -- the program


def test_the_worker_s_packages_are_those_of_the_project() -> None:
    """The same versions and hashes that everything here was tried with."""
    pinned = (ROOT / "requirements.txt").read_text()
    own = (ROOT / "inferplan/cli/mirroring/worker/requirements.txt").read_text()
    for package in re.split(r"\n(?=[a-z])", own.strip()):
        assert package.strip() in pinned, package.splitlines()[0]
    assert "boto3==" in own


def test_the_archive_is_the_same_for_everybody_and_stands_alone() -> None:
    """Its digest is its name, and none of its modules imports one of inferplan's from outside."""
    assert packed_worker() == packed_worker()
    folder = ROOT / "inferplan/cli/mirroring/worker"
    for path in folder.glob("*.py"):
        found = set(re.findall(r"^\s*(?:from|import) (inferplan\S*)", path.read_text(), re.MULTILINE))
        assert all(name.startswith("inferplan.cli.mirroring.worker") for name in found), path.name


def test_both_sides_speak_of_the_same_things() -> None:
    """The build's commands, the program and the verb by their words."""
    spec = mirror_build.BUILDSPEC
    for name in ("INFERPLAN_BUCKET", "INFERPLAN_ORDER", "INFERPLAN_WORKER"):
        assert name in spec or name in Path(str(run.__file__)).read_text()
    assert streams.HUB_HOST == HUB
