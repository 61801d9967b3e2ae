"""Area of concern: any bytes get an answer: a sample of what `make fuzz` runs, and each fault found.

Not here: how inputs are made and judged (tests/fuzz).
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from inferplan import spec as package
from inferplan.printable import printable
from inferplan.spec.declaration import Declaration
from inferplan.spec.faults import SpecErrors
from inferplan.spec.loading import load_organization
from policies.state import SIGNATURE, parse_state
from tests.command_line import AS_OF, INFERPLAN, ROOT, inferplan, process
from tests.fuzz.inputs import SECRET, case, workplace
from tests.fuzz.judge import faults
from tests.unit.spec_texts import GOOD, changed, refused

SAMPLE = {
    "spec": 30,
    "bytes": 25,
    "lock": 10,
    "organization": 8,
    "waiver": 8,
    "state": 12,
    "argv": 30,
    "config": 30,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with the examples."""
    made = tmp_path_factory.mktemp("fuzz")
    workplace(made)
    return made


@pytest.mark.parametrize("kind", SAMPLE)
def test_every_input_has_an_answer(kind: str, folder: Path) -> None:
    """Exit 0 to 3, words that make sense, places that exist, and no secret, whatever the input."""
    for index in range(SAMPLE[kind]):
        made = case(f"unit:{index}", folder, kind)
        for line in made.lines:
            assert faults(line, folder) == [], (made.name, line)


# -- what the longer runs have found


def test_fuzz_1_a_list_that_is_too_long_is_told_by_its_length(tmp_path: Path) -> None:
    """It is a list; that it must be one is no help."""
    percents = "budget: {monthly_usd: 9, actual_percent: [1, 2, 3, 4, 5]}"

    found = refused(f"{GOOD}{percents}\n", tmp_path)

    assert found == "spec.yaml:11:42: budget.actual_percent: must hold at most 4 entries, not 5"


@pytest.mark.parametrize("text", ["a: [1", "a: {b: 1,\n", "a: {b: 1\n\n\n", '"a: 1', "a: [1\r\n", "a: [1\r"])
def test_fuzz_2_an_error_at_the_end_stands_in_the_file(text: str, tmp_path: Path) -> None:
    """A file that ends too early has no line after its last."""
    line, column = map(int, refused(text, tmp_path).split(":")[1:3])

    rows = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert line <= len(rows)
    assert column <= len(rows[line - 1]) + 1


@pytest.mark.parametrize("character", ["\u202e", "\u2066", "\x1b", "\x85"])
def test_fuzz_3_text_that_reads_as_what_it_is_not_is_refused(character: str, tmp_path: Path) -> None:
    """Nobody reviews text whose direction turns (CVE-2021-42574)."""
    said = refused(changed("name: demo", f"name: de{character}mo"), tmp_path)

    assert f"control character U+{ord(character):04X} is not allowed" in said


@pytest.mark.parametrize("argument", ["a\x1b[31m", "\u202eevil", "\x85", "a\rb"])
def test_fuzz_4_an_argument_with_control_characters_is_refused_and_not_repeated(argument: str) -> None:
    """What cannot be shown as it is, is shown as what it is."""
    answer = inferplan("validate", argument)

    assert answer.code == 2
    assert argument not in answer.err


def test_fuzz_5_names_that_are_no_utf8(tmp_path: Path) -> None:
    """On the command line, in a folder of specs, near a misspelled name, among waivers: exit 2, named."""
    name = os.fsdecode(b"\xff.yaml")
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / name).write_text("nothing: here\n")
    waivers = tmp_path / "own" / "waivers"
    waivers.mkdir(parents=True)
    (waivers / name).write_text("nothing: here\n")
    (waivers.parent / "organization.yaml").write_text("nothing: here\n")

    for arguments in (("validate", f"specs/{name}"), ("check", "specs"), ("validate", "specs/x.yaml")):
        for format_ in ("text", "json"):
            answer = process(*arguments, "--format", format_, cwd=tmp_path)
            assert answer.code == 2
            assert "bug" not in answer.err
    with pytest.raises(SpecErrors) as caught:
        load_organization(tmp_path / "own")
    assert "waivers/\\udcff.yaml:" in str(caught.value)


def test_fuzz_6_the_package_gives_what_it_promises() -> None:
    """Every name that `inferplan.spec` offers is there."""
    for name in package._MODULE_OF:
        assert getattr(package, name) is not None


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"vocab_size": [1]}, "not a list"),
        ({"vocab_size": True}, "not true"),
        ({"vocab_size": {"a": 1}}, "not a mapping"),
        ({"torch_dtype": ["fp8"]}, "number format must be text, not a list"),
        ({"quantization_config": {"quant_method": {"a": 1}}}, "number format must be text, not a mapping"),
    ],
)
def test_fuzz_7_a_model_configuration_is_refused_in_words(
    wrong: dict[str, Any], words: str, tmp_path: Path
) -> None:
    """No notation of Python for what a JSON file holds."""
    config = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 2, "vocab_size": 99}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config | {"max_position_embeddings": 512} | wrong))

    answer = inferplan("size", "--config", str(path), "--gpu", "L4")

    assert answer.code == 2
    assert words in answer.err


def _exported(type_: str, **inputs: Any) -> str:
    """An export with one resource of a type."""
    one = {"urn": f"urn:pulumi:dev::p::{type_}::one", "type": type_, "custom": True, "inputs": inputs}
    return json.dumps({"version": 3, "deployment": {"resources": [one]}})


LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"


@pytest.mark.parametrize("region", [["eu-west-1"], {"a": 1}, True])
def test_fuzz_8_a_region_that_is_no_text_is_undecided_in_words(region: Any, tmp_path: Path) -> None:
    """The value is not repeated in the notation of Python."""
    path = tmp_path / "state.json"
    path.write_text(_exported(LOG_GROUP, region=region))

    answer = inferplan("check", "specs/minimal.yaml", "--state", str(path), *AS_OF)

    assert answer.code == 1
    assert "the Region is not text" in answer.out
    assert str(region) not in answer.out


def test_fuzz_9_a_secret_with_a_broken_mark_is_a_secret() -> None:
    """Its ciphertext is no value, whatever the mark beside it says."""
    state = _exported(LOG_GROUP, region={SIGNATURE: "other", "ciphertext": SECRET})

    (found,) = parse_state(state.encode())

    assert SECRET not in repr(found)


def test_fuzz_10_what_a_state_smuggles_in_is_made_visible() -> None:
    """Escape sequences and turned text are shown as such; the styles of the report stay."""
    assert printable("\x1b[1mbold\x1b[0m \x1b[8mhidden \u202e\r\n") == (
        "\x1b[1mbold\x1b[0m \\x1b[8mhidden \\u202e\\r\n"
    )


BOMB = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9) if n else 'x'}]\n" for n in range(9))


@pytest.mark.parametrize(
    ("tail", "words"),
    [
        (BOMB, "more than 100000 values"),
        ("a: &a [*a]\n", "more than 100000 values"),
        ("a: " + "[" * 500 + "]" * 500, "nested deeper than 64 levels"),
    ],
)
def test_fuzz_11_a_proxy_configuration_without_end_is_undecided(
    tail: str, words: str, tmp_path: Path
) -> None:
    """Aliases that expand to a billion values take neither time nor memory, and are not passed over."""
    path = tmp_path / "state.json"
    for carried in ("model_list: []", "exporters: {}"):  # of the proxy, of a collector
        data = {"config.yaml": f"{carried}\n{tail}"}
        path.write_text(_exported("kubernetes:core/v1:ConfigMap", data=data))

        answer = inferplan("check", "specs/eu-support-desk.yaml", "--state", str(path), *AS_OF)

        assert answer.code == 1
        assert words in answer.out


@pytest.mark.parametrize("depth", [40, 300, 900, 100_000])
@pytest.mark.parametrize(("open_", "close"), [("[", "]"), ('{"a":', "}")])
def test_fuzz_12_a_declaration_that_is_too_deep_is_refused(depth: int, open_: str, close: str) -> None:
    """What a program registers reaches the policy pack as text; no text may end it."""
    held = open_ * depth + "1" + close * depth

    for text in (f'{{"spec": {{"a": {held}}}, "lock": null}}', f'{{"spec": {{}}, "lock": {{"a": {held}}}}}'):
        with pytest.raises(SpecErrors):
            Declaration.from_json(text)


STATEMENT = {"Effect": "Allow", "Action": "*", "Resource": "*"}
PASSING = {"action": "PASS", "header": {"protocol": "TLS"}}


@pytest.mark.parametrize(
    ("type_", "inputs", "words"),
    [
        ("aws:iam/policy:Policy", {"policy": {"Statement": ["x"]}}, "a policy statement is not a mapping"),
        (
            "aws:iam/policy:Policy",
            {"policy": {"Statement": [STATEMENT | {"Condition": "x", "Principal": "*"}]}},
            "a policy condition is not a mapping",
        ),
        (
            "aws:ecs/taskDefinition:TaskDefinition",
            {"containerDefinitions": ["x"]},
            "a container definition is not a mapping",
        ),
        (
            "kubernetes:core/v1:Pod",
            {"spec": {"containers": [{"name": "a", "image": "vllm", "env": [3]}]}},
            "an environment variable of spec.containers[0] is not a mapping",
        ),
        (
            "kubernetes:core/v1:Pod",
            {"spec": {"containers": [{"name": ["a"], "image": "vllm"}]}},
            "the name of spec.containers[0] is not text",
        ),
        (
            "aws:networkfirewall/ruleGroup:RuleGroup",
            {
                "ruleGroup": {
                    "rulesSource": {"statefulRules": [PASSING | {"ruleOptions": [{"keyword": [3]}]}]}
                }
            },
            "a keyword of a firewall rule is not text",
        ),
    ],
)
def test_fuzz_13_what_no_provider_writes_is_undecided_in_words(
    type_: str, inputs: dict[str, Any], words: str, tmp_path: Path
) -> None:
    """A rule that meets a value of another kind says which, not that it could not be evaluated."""
    path = tmp_path / "state.json"
    inputs = {
        key: json.dumps(value) if key in {"policy", "containerDefinitions"} else value
        for key, value in inputs.items()
    }
    path.write_text(_exported(type_, **inputs))

    answer = inferplan("check", "specs/eu-support-desk.yaml", "--state", str(path), *AS_OF)

    assert answer.code == 1
    assert words in answer.out
    assert "could not be evaluated" not in answer.out


def test_fuzz_14_what_stands_for_a_region_is_not_repeated(tmp_path: Path) -> None:
    """A value that is no name of a Region may be a secret."""
    path = tmp_path / "state.json"
    path.write_text(_exported(LOG_GROUP, region="Secret: hunter2"))

    answer = inferplan("check", "specs/minimal.yaml", "--state", str(path), *AS_OF)

    assert "what stands for a Region is no Region that the catalog knows" in answer.out
    assert "hunter2" not in answer.out


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs a file without end")
@pytest.mark.parametrize(
    "arguments",
    [
        ("size", "--config", "/dev/zero", "--gpu", "L4"),
        ("check", "specs/minimal.yaml", "--state", "/dev/zero"),
    ],
)
def test_fuzz_15_a_file_without_end_is_refused(arguments: tuple[str, ...]) -> None:
    """It takes neither the machine's memory nor its time."""
    answer = inferplan(*arguments)

    assert answer.code == 2
    assert "MiB" in answer.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_fuzz_16_a_full_standard_error_is_no_denial() -> None:
    """Exit 1 says that a rule denies; what cannot be told at all is 74."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([str(INFERPLAN), "bogus"], stderr=full, check=False)

    assert done.returncode == 74


@pytest.mark.parametrize(("said", "hint"), [("small", "; write [small]"), ('"\'"', ""), ('"a, b"', "")])
def test_fuzz_17_a_list_is_only_offered_where_it_can_be_written(said: str, hint: str, tmp_path: Path) -> None:
    """A quote in brackets is no YAML, and a comma makes two of one."""
    text = (ROOT / "specs/minimal.yaml").read_text()
    assert "backends: [small]" in text
    (tmp_path / "it.yaml").write_text(text.replace("backends: [small]", f"backends: {said}"))

    told = inferplan("validate", "it.yaml", cwd=tmp_path).err

    assert "routes[0].backends: must be a list, not " in told
    assert told.rstrip().endswith(hint or "'")
