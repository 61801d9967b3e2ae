"""Area of concern: what the command line answers: one JSON document always, and text that fits its reader."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest

from inferplan.cli.app import run
from inferplan.exitcodes import ExitCode, worst
from inferplan.report.wrap import wrapped
from tests.command_line import AS_OF, INFERPLAN, ROOT, inferplan

check_verb = import_module("inferplan.cli.check")
MIXED = {"specs/minimal.yaml": 0, "accounts/account-desk.yaml": 3, "specs/no-such.yaml": 2}


def test_check_answers_about_every_spec_in_one_document() -> None:
    """A spec without a review is in `errors` with its exit code and parts; the worst code counts."""
    done = inferplan("check", *MIXED, "--format", "json", *AS_OF)

    answer = json.loads(done.out)
    assert done.code == 2
    assert [stack["spec"]["path"] for stack in answer["stacks"]] == ["specs/minimal.yaml"]
    errors = {error["spec"]["path"]: error for error in answer["errors"]}
    assert {path: error["exit_code"] for path, error in errors.items()} == {
        path: code for path, code in MIXED.items() if code
    }
    assert errors["accounts/account-desk.yaml"]["conflicts"][0]["path"] == "kind"
    assert errors["specs/no-such.yaml"]["problems"][0]["line"] == 1
    assert "no such file" in done.err


@pytest.mark.parametrize(
    ("codes", "expected"),
    [((0, 1), 1), ((1, 3), 3), ((3, 2), 2), ((2, 4), 4), ((4, 0, 1, 2, 3), 4), ((0, 0), 0), ((), 0)],
)
def test_the_worst_code_counts(codes: tuple[int, ...], expected: int) -> None:
    """For several specs: 4, 2, 3, 1, 0."""
    assert worst([ExitCode(code) for code in codes]) == expected


def test_a_bug_in_one_spec_leaves_the_others_their_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A crash is told with its spec, ends with 4, and the other reviews are printed."""
    judged = check_verb.review

    def broken(declaration: Any, *args: Any, **kwargs: Any) -> Any:
        if declaration.spec.metadata.name == "minimal":
            raise ZeroDivisionError("seeded")
        return judged(declaration, *args, **kwargs)

    monkeypatch.setattr(check_verb, "review", broken)
    monkeypatch.chdir(ROOT)

    code = run(["check", "specs/minimal.yaml", "specs/eu-support-desk.yaml", "--format", "json", *AS_OF])

    told = capsys.readouterr()
    answer = json.loads(told.out)
    assert code == 4
    assert [stack["spec"]["name"] for stack in answer["stacks"]] == ["eu-support-desk"]
    errors = [(error["spec"]["path"], error["exit_code"]) for error in answer["errors"]]
    assert errors == [("specs/minimal.yaml", 4)]
    assert "specs/minimal.yaml: bug: ZeroDivisionError" in told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "accounts/account-desk.yaml"),
        ("resources", "accounts/account-desk.yaml"),
        ("plan", "specs/no-such.yaml"),
        ("explain", "specs/minimal.yaml", "nothing-like-it"),
        ("diff", "specs/minimal.yaml"),
        ("check", "a.lock.yaml", "b.lock.yaml"),
        ("check", "specs", "--state", "tests/fixtures/state/tiny.export.json"),
        ("validate", ""),
        ("size", "--model", "no-such-model", "--gpu", "L40S"),
    ],
)
def test_json_holds_the_error_when_there_is_no_result(arguments: tuple[str, ...]) -> None:
    """A parser behind `--format json` gets one document, also of a refusal, and people the same on stderr."""
    done = inferplan(*arguments, "--format", "json")

    answer = json.loads(done.out)
    assert done.code in (2, 3)
    assert answer["schema"] == "inferplan.errors/v1beta1"
    assert [error["exit_code"] for error in answer["errors"]] == [done.code]
    assert answer["errors"][0]["message"].splitlines()[0] in done.err


@pytest.mark.parametrize(
    ("subject", "keys"),
    [
        ((), {"derivations"}),
        (("servers[0].replicas",), {"value", "unit", "formula", "inputs", "sources", "confidence"}),
        (("residency",), {"flows"}),
        (("egress",), {"hosts", "endpoints", "dns_allow"}),
        (("fallback",), {"routes"}),
        (("SOV-016",), {"rule", "here", "findings"}),
    ],
)
def test_explain_has_json_for_every_subject(subject: tuple[str, ...], keys: set[str]) -> None:
    """Every answer of `explain` can be read by a program."""
    done = inferplan("explain", "specs/minimal.yaml", *subject, "--format", "json", *AS_OF)

    answer = json.loads(done.out)
    assert set(answer) == {"schema", "spec", "organization", "subject"} | keys
    assert all(answer[key] for key in keys - {"hosts", "inputs", "sources"})


def test_tried_12_explain_lists_the_plan_before_what_was_passed_over() -> None:
    """Every candidate comes after every value of the plan."""
    lines = inferplan("explain", "specs/minimal.yaml", *AS_OF).out.splitlines()

    paths = [line.split()[0] for line in lines if re.match(r"  [a-z_]+[.\[]", line)]
    candidates = [path for path in paths if path.startswith("candidates[")]
    assert candidates
    assert paths[-len(candidates) :] == candidates


def test_explain_offers_rules_that_are_spelled_nearly_so() -> None:
    """A misspelled rule id is answered with rules, not with cost lines."""
    done = inferplan("explain", "specs/minimal.yaml", "sov-06", *AS_OF)

    assert done.code == 2
    assert "did you mean SOV-0" in done.err


def test_rules_lists_what_belongs_to_no_rule_beside_the_rules() -> None:
    """The JSON of `rules` names its schema and holds rules and notices apart; text shows notices last."""
    answer = json.loads(inferplan("rules", "--format", "json").out)
    lines = inferplan("rules").out.splitlines()

    assert answer["schema"] == "inferplan.rules/v1beta1"
    assert set(answer["rules"][0]) >= {"id", "title", "level", "pack", "source", "regimes", "applies_to"}
    assert {"id", "title", "fix", "source", "cited"} == set(answer["notices"][0])
    ids = [entry["id"] for kind in ("rules", "notices") for entry in answer[kind]]
    assert [line.split(" ")[0] for line in lines if line.split(" ")[0] in ids] == ids


@pytest.mark.parametrize(("wanted", "kind"), [("sov-003", "rules"), ("pin-missing", "notices")])
def test_rules_finds_one_by_its_id(wanted: str, kind: str) -> None:
    """However it is cased, a rule or a finding that belongs to none."""
    answer = json.loads(inferplan("rules", wanted, "--format", "json").out)
    told = inferplan("rules", wanted).out

    assert {key: len(answer[key]) for key in ("rules", "notices")} == {"rules": 0, "notices": 0} | {kind: 1}
    assert told.startswith(wanted.upper())
    assert f"Fix: {answer[kind][0]['fix'][:20]}" in told


def test_rules_offers_what_is_spelled_nearly_so() -> None:
    """Rules and other findings alike."""
    done = inferplan("rules", "pin-mising")

    assert done.code == 2
    assert "did you mean PIN-MISSING" in done.err


def test_standard_input_is_called_what_the_user_called_it() -> None:
    """Messages and findings say `-`, never a temporary file."""
    spec = (ROOT / "specs/minimal.yaml").read_bytes()

    bad = inferplan("validate", "-", stdin=b"x")
    done = inferplan("check", "-", "--format", "json", *AS_OF, stdin=spec)

    assert bad.err.startswith("-:1:1: ")
    (stack,) = json.loads(done.out)["stacks"]
    assert stack["spec"]["path"] == "-"
    assert {finding["file"] for finding in stack["findings"]} <= {"-", None}
    assert inferplan("plan", "-", *AS_OF, stdin=spec).code == 0


def test_a_state_file_is_counted(tmp_path: Path) -> None:
    """A review of a state says how much it judged, and which types no rule knows."""
    path = tmp_path / "state.json"
    state = {"urn": "urn:pulumi:a::b::random:index/x:X::x", "type": "random:index/x:X", "custom": True}
    path.write_text(json.dumps({"version": 3, "deployment": {"resources": [state]}}))
    check = ("check", "specs/minimal.yaml", "--state", str(path), *AS_OF)

    assert "1 of types that no rule knows: random:index/x:X 1" in inferplan(*check).out
    (stack,) = json.loads(inferplan(*check, "--format", "json").out)["stacks"]
    assert stack["state"] == {"file": str(path), "resources": 1, "unknown_types": {"random:index/x:X": 1}}

    path.write_text(json.dumps({"version": 3, "deployment": {}}))
    assert "the file holds no resource to judge" in inferplan(*check).out


def test_a_name_that_no_file_can_have_is_refused() -> None:
    """A name that the file system refuses is bad input, not a bug."""
    done = inferplan("check", "a" * 5000)

    assert done.code == 2
    assert "file name too long" in done.err


def test_advisory_findings_end_with_1_when_asked() -> None:
    """`--fail-on advisory` says why the exit code is not what the decision says."""
    done = inferplan("check", "specs/minimal.yaml", "--fail-on", "advisory", *AS_OF)

    assert done.code == 1
    assert "decision  ALLOW" in done.out
    assert "--fail-on is advisory" in done.err


def test_verbose_plan_lists_the_instance_types_and_why() -> None:
    """`plan -v` shows what was looked at, the chosen one first, each with its reason."""
    told = inferplan("plan", "specs/minimal.yaml", "-v", *AS_OF).out
    plan = json.loads(inferplan("plan", "specs/minimal.yaml", "--format", "json", *AS_OF).out)

    section = told.partition("Instance types looked at\n")[2].partition("\n\n")[0].splitlines()
    assert len(section) == len(plan["candidates"]) > 10
    assert section[0].split()[0] == "taken"
    assert all(any(line.endswith(c["reason"]) for line in section) for c in plan["candidates"])
    assert "Instance types" not in inferplan("plan", "specs/minimal.yaml", *AS_OF).out
    assert "None" not in told


def test_costs_are_listed_fixed_first_and_nothing_is_hidden_silently() -> None:
    """Fixed lines come before usage and labor; small ones that are left out are counted."""
    told = inferplan("plan", "specs/in-bank-assistant.yaml", *AS_OF).out
    plan = json.loads(inferplan("plan", "specs/in-bank-assistant.yaml", "--format", "json", *AS_OF).out)

    cost = told.partition("\nCost\n")[2].partition("\n  total")[0].splitlines()
    order = ["fixed", "usage", "labor"]
    kinds = [order.index(word) for line in cost[:-1] for word in line.split("  ")[2:] if word in order]
    lines = plan["cost"]["lines"]
    small = sum(line["expected_usd"] is not None and line["expected_usd"] < 1 for line in lines)
    assert len(kinds) == len(cost) - 1 == len(lines) - small
    assert kinds == sorted(kinds)
    assert cost[-1] == f"  {small} lines below 1 USD, -v lists all"


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_long_lines_are_folded(width: int) -> None:
    """No line is wider than asked, no word is lost, and text goes on below its own column."""
    text = inferplan("check", "specs/minimal.yaml", *AS_OF).out

    folded = click.unstyle(wrapped(click.style(text, fg="yellow"), width))

    lines = folded.splitlines()
    assert folded.split() == text.split()
    assert all(len(line) <= width or len(line.split()) == 1 for line in lines)
    after = next(index for index, line in enumerate(lines) if line.startswith("  warning")) + 1
    assert lines[after].startswith(" " * 12)


def on_a_terminal(environment: dict[str, str], *arguments: str) -> str:
    """What the command prints to a terminal of 60 columns."""
    reader, writer = pty.openpty()
    process = subprocess.Popen(
        [str(INFERPLAN), *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=writer,
        env={**os.environ, "TERM": "xterm", "NO_COLOR": "", "COLUMNS": "60", **environment},
    )
    os.close(writer)
    told = b""
    with os.fdopen(reader, "rb", buffering=0) as stream:
        try:
            while part := stream.read(4096):
                told += part
        except OSError:  # the terminal is gone with its last writer
            pass
    process.wait(timeout=30)
    return told.decode()


def test_color_is_for_terminals_that_want_it() -> None:
    """A terminal gets color and its own width; NO_COLOR and a dumb terminal get no escape sequences."""
    plan = ("plan", "specs/minimal.yaml", *AS_OF)

    colored = on_a_terminal({}, *plan)

    assert "\x1b[" in colored
    assert all(len(click.unstyle(line)) <= 60 for line in colored.splitlines())
    assert "\x1b[" not in on_a_terminal({"NO_COLOR": "1"}, *plan)
    assert "\x1b[" not in on_a_terminal({"TERM": "dumb"}, *plan)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_said_so() -> None:
    """An answer that cannot be written is neither a bug nor a success."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [str(INFERPLAN), "rules"], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert done.returncode == 74
    assert done.stderr.startswith("inferplan: the result could not be written: ")


@pytest.mark.parametrize("arguments", ["rules >&-", "validate - <&-", "validate specs 2>&-"])
def test_closed_streams_are_no_bug(arguments: str) -> None:
    """A standard stream that was closed is no reason for a traceback."""
    done = subprocess.run(
        ["bash", "-c", f"{INFERPLAN} {arguments}"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode in (0, 2)
    assert "bug" not in done.stderr
    assert "Traceback" not in done.stderr


def test_diff_names_every_country_that_a_flow_may_reach() -> None:
    """A vendor that may process in two places shows both."""
    done = inferplan("diff", "specs/eu-support-desk.yaml", "specs/minimal.yaml", "--format", "json", *AS_OF)

    places = json.loads(done.out)["differences"]["places data reaches"]
    assert places["prompts gateway -> openai"][0] == "eu.api.openai.com (EEA), eu.api.openai.com (CH)"


def test_size_takes_the_flags_that_it_proposes() -> None:
    """What `would fit with` prints can be pasted back."""
    size = ("size", "--model", "Qwen/Qwen3-32B-FP8", "--gpu", "L40S", "--format", "json")
    found = json.loads(inferplan(*size).out)

    assert found["fits"] is False
    assert found["remedies"]
    for remedy in found["remedies"]:
        assert json.loads(inferplan(*size, *remedy["flag"].split()).out)["fits"] is True
