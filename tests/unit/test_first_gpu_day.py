"""The pages that walk from an account to a first token: every command, as far as no account is needed.

Area of concern: a step that does not exist. What stands in `sh` blocks and needs no cloud is run by
test_documentation; here are the commands that do need one, before judges that know them.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from stacks import LAYERS
from tests.account import new_account
from tests.aws_answers import answered
from tests.command_line import AS_OF, ROOT, inferplan
from tests.unit.recorded import SELF_HOSTED, planned, recorded
from tests.unit.test_preflight_checks import unknown_words

PAGES = (ROOT / "docs/first-gpu-day.md", ROOT / "docs/how-to/before-the-first-pulumi-up.md")
SETTING = re.compile(r"^(?:[A-Z_]+=\S+ )+")
SUBSTITUTION = re.compile(r"^[A-Z]+=\$\((.*)\)$")


def lines(page: Path) -> list[str]:
    """Every command line of the code blocks, whole, without the variables before it."""
    text = re.sub(r"<!-- begin.*?<!-- end -->", "", page.read_text("utf-8"), flags=re.S)
    blocks = re.findall(r"^```(?:sh|text)\n(.*?)^```$", text, re.M | re.S)
    whole = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    opened = [SUBSTITUTION.sub(r"\1", line) for line in whole if line and not line.startswith("#")]
    return [SETTING.sub("", line) for line in opened]


COMMANDS = [line for page in PAGES for line in lines(page)]


def of(program: str) -> list[str]:
    """Those of one program."""
    found = [line for line in COMMANDS if line.split()[0] == program]
    assert found, program
    return found


def test_the_road_leads_from_the_plan_to_the_end() -> None:
    """Each step is there, in its order."""
    steps = [line for line in lines(PAGES[0]) if not line.startswith(("kubectl", "umask", "printf", "rm"))]
    road = ["plan", "preflight", "lock", "up --policy-pack", "mirror", "put-secret-value", "up --policy-pack"]
    at = 0
    for step in [*road, "curl", "destroy"]:
        at = next(index for index in range(at, len(steps)) if step in steps[index]) + 1


def test_every_aws_command_exists() -> None:
    """By botocore's models, of which the AWS CLI is made."""
    assert [problem for line in of("aws") for problem in unknown_words(line)] == []


@pytest.mark.parametrize("line", dict.fromkeys(of("inferplan")))
def test_every_verb_is_there(line: str) -> None:
    """With options that it has."""
    words = shlex.split(line.partition(" | ")[0].partition(" > ")[0])
    told = inferplan(words[1], "--help").out

    assert [word for word in words[2:] if word.startswith("-") and word not in told] == []


@pytest.mark.parametrize("line", [line for line in of("inferplan") if line.split()[1] == "preflight"])
def test_every_preflight_answers(line: str) -> None:
    """Before an account that has nothing: something is to do, or a policy is printed."""
    words = shlex.split(line.partition(" > ")[0])[1:]
    with answered(new_account()):
        done = inferplan(*words, *(() if "--as-of" in words else AS_OF))

    assert done.code == (0 if "--print-policy" in words else 1), done.err


def test_every_stack_is_one_of_the_spec() -> None:
    """Named as the program reads it."""
    named = {word for line in of("pulumi") for word in line.split() if word.startswith(f"{SELF_HOSTED}.")}

    assert named == {f"{SELF_HOSTED}.{layer}" for layer in LAYERS}


def test_what_is_watched_exists() -> None:
    """Namespaces and Deployments of the recorded stack, and those that EKS brings."""
    deployments = recorded(SELF_HOSTED).of("kubernetes:apps/v1:Deployment")
    places = {
        (one.props["metadata"]["namespace"], f"deployment/{one.props['metadata']['name']}")
        for one in deployments
    }
    for line in of("kubectl"):
        found = re.search(r"-n (\S+)", line)
        if found is not None:
            assert found[1] in {namespace for namespace, _ in places}, line
        if "deployment/" in line:
            name = next(word for word in line.split() if word.startswith("deployment/"))
            assert found is not None
            assert (found[1], name) in places


def test_what_is_called_is_planned() -> None:
    """Host, model and secrets of the example."""
    plan = planned(SELF_HOSTED)
    (call,) = of("curl")
    secrets = {word for line in of("aws") for word in line.split() if word.startswith("inferplan/")}

    assert f"https://{plan.gateway.host}/v1/chat/completions" in call
    assert f'"model": "{plan.routes[0].name}"' in call
    assert secrets <= {*plan.gateway.secrets}
