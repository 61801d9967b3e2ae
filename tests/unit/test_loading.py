"""Every bad spec as a whole small document with the whole message; files, locks and `extends`.

Area of concern: a spec that cannot be understood must say why, in one line per problem.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from spec_texts import GOOD, ORGANIZATION, ROOT, changed, refused

from inferplan.plan.make import make_plan
from inferplan.spec.declaration import Declaration
from inferplan.spec.faults import SpecError, SpecErrors
from inferplan.spec.loading import load
from policies import pins
from policies.gates import gates
from policies.views.licenses import license_of
from tests.unit.plan_edits import AS_OF, declared, spec_of, with_backend

EXAMPLES = [
    *(path for path in sorted((ROOT / "specs").glob("*.yaml")) if not path.name.endswith(".lock.yaml")),
    ROOT / "accounts" / "account-desk.yaml",
]

BAD_SPECS = [
    pytest.param(
        changed("weights:", "weigths:"),
        "spec.yaml:8:11: backends.small.weigths: unknown field; did you mean weights?",
        id="misspelled field",
    ),
    pytest.param(
        changed(
            "small: {weights: hf://Qwen/Qwen3-4B}", "small: {weights: hf://Qwen/Qwen3-4B, quantisation: fp8}"
        ),
        "spec.yaml:8:40: backends.small.quantisation: unknown field; did you mean quantization?",
        id="British spelling",
    ),
    pytest.param(
        changed("mode:", "region: eu-west-1\nmode:"),
        "spec.yaml:4:1: region: unknown field; it belongs into target",
        id="field in the wrong block",
    ),
    pytest.param(
        changed("personal: false", "personal: no"),
        "spec.yaml:6:34: data.personal: must be true or false, not 'no'; write false",
        id="yes and no are text",
    ),
    pytest.param(
        changed('"444444444444"', "444444444444"),
        "spec.yaml:5:34: target.account: must be an AWS account id (12 digits in quotes), not "
        'the number 444444444444; put it in quotes: "444444444444"',
        id="account without quotes",
    ),
    pytest.param(
        changed("residency:", "retention: {logs: 100d}, residency:"),
        "spec.yaml:6:59: data.retention.logs: 100d is not among the retention periods of CloudWatch Logs; "
        "the nearest are 90d and 120d",
        id="a retention that CloudWatch Logs does not offer",
    ),
    pytest.param(
        changed("[FR]", "FR"),
        "spec.yaml:6:18: data.subjects: must be a list, not 'FR'; write [FR]",
        id="text for a list",
    ),
    pytest.param(
        changed("{name: demo, owner: me@lab.example}", "demo"),
        "spec.yaml:3:11: metadata: must be a mapping, not 'demo'",
        id="text for a mapping",
    ),
    pytest.param(
        changed("routes:", "deadline: 20\nroutes:"),
        "spec.yaml:9:11: deadline: must be a date (YYYY-MM-DD), not the number 20",
        id="number for a date",
    ),
    pytest.param(
        changed("self-hosted", "selfhosted"),
        "spec.yaml:4:7: mode: must be auto, hybrid, managed-api or self-hosted, not "
        "'selfhosted'; did you mean self-hosted?",
        id="misspelled mode",
    ),
    pytest.param(
        changed("[FR]", "[fr, XX, UK, EEA]"),
        "spec.yaml:6:19: data.subjects[0]: must be an ISO 3166 alpha-2 country code such as DE, "
        "not 'fr'; did you mean FR?\n"
        "spec.yaml:6:31: data.subjects[3]: must be an ISO 3166 alpha-2 country code such as DE, "
        "not 'EEA'",
        id="lower case country and a group of people",
    ),
    pytest.param(
        changed("[public]", "null"),
        "spec.yaml:10:38: routes[0].classes: must be a list, not nothing",
        id="nothing for a list",
    ),
    pytest.param(
        GOOD[: GOOD.index("routes:")] + "routes: []\n",
        "spec.yaml:9:9: routes: must not be empty",
        id="no routes",
    ),
    pytest.param(
        changed("mode: self-hosted\n", ""),
        "spec.yaml:1:1: mode: missing; which kinds of backend may serve",
        id="missing field",
    ),
    pytest.param(
        changed("api: chat, ", ""),
        "spec.yaml:10:5: routes[0].api: missing; kind of API",
        id="missing field of a list item",
    ),
    pytest.param(
        changed("routes:", "gateway: {clients: [10.0.0.1/8, 10.0.0.0/33, abc]}\nroutes:"),
        "spec.yaml:9:46: gateway.clients[2]: must be an IPv4 range such as 10.0.0.0/16, not 'abc'",
        id="no network",
    ),
    pytest.param(
        changed("routes:", "cluster: {access: {cidr: [10.0.0.0/8]}}\nroutes:"),
        "spec.yaml:9:20: cluster.access.cidr: unknown field; did you mean cidrs?",
        id="misspelled field of a union",
    ),
    pytest.param(
        changed("routes:", "cluster: {access: privat}\nroutes:"),
        "spec.yaml:9:19: cluster.access: must be private or a mapping, not 'privat'; did you mean private?",
        id="misspelled choice of a union",
    ),
    pytest.param(
        changed("routes:", "cluster: {access: 3}\nroutes:"),
        "spec.yaml:9:19: cluster.access: must be private or a mapping, not the number 3",
        id="neither branch of a union",
    ),
    pytest.param(
        changed("subjects:", "retention: {prompts: 30, logs: forever}, subjects:"),
        "spec.yaml:6:29: data.retention.prompts: must be none, or a number of days such as 30d, "
        "not the number 30; write 30d\n"
        "spec.yaml:6:39: data.retention.logs: must be a number of days such as 365d, not "
        "'forever'",
        id="days without unit",
    ),
    pytest.param(
        changed(
            "hf://Qwen/Qwen3-4B",
            "hf://Qwen/Qwen3-4B, engine: {args: {tensor-parallel-size: 2, enable_prefix_caching: "
            "true, no-such: [1], max-model-len: 3}}",
        ),
        "spec.yaml:8:119: backends.small.engine.args.no-such: must be true or false, a whole "
        "number, a number or text, not a list",
        id="list as a flag",
    ),
    pytest.param(
        changed(
            "hf://Qwen/Qwen3-4B",
            "hf://Qwen/Qwen3-4B, engine: {args: {tensor-parallel-size: 2, enable_prefix_caching: "
            "true, max-model-len: 3, trust-remote-code: true, no-enable-prefix-caching: true}}",
        ),
        "spec.yaml:8:78: backends.small.engine.args.tensor-parallel-size: the planner sets this "
        "flag; say it with `capacity.instance_type`\n"
        "spec.yaml:8:104: backends.small.engine.args.enable_prefix_caching: unknown flag of vLLM "
        "0.33.0 'enable_prefix_caching'; did you mean enable-prefix-caching?\n"
        "spec.yaml:8:125: backends.small.engine.args.max-model-len: the planner sets this flag; "
        "say it with `engine.max_model_len`",
        id="flags of the planner and unknown flags",
    ),
    pytest.param(
        changed("InferenceStack", "InferenceStak"),
        "spec.yaml:2:7: kind: 'InferenceStak' is not InferenceStack or InferenceAccount; did you "
        "mean InferenceStack?",
        id="misspelled kind",
    ),
    pytest.param(
        changed("InferenceStack", "Lock"),
        "spec.yaml:2:7: kind: 'Lock' is not InferenceStack or InferenceAccount; name the spec; "
        "the lock beside it is read with it",
        id="a lock as a spec",
    ),
    pytest.param(
        changed("v1beta1", "v1"),
        "spec.yaml:1:13: apiVersion: 'inferplan/v1' is not inferplan/v1beta1; did you mean "
        "inferplan/v1beta1?",
        id="another version",
    ),
    pytest.param(
        changed("444444444444", "444444444445"),
        "spec.yaml:5:34: target.account: unknown account '444444444445'; did you mean 444444444444?",
        id="unknown account",
    ),
    pytest.param(
        changed("Qwen3-4B", "Qwen3-4"),
        "spec.yaml:8:20: backends.small.weights: unknown model 'Qwen/Qwen3-4'; did you mean "
        "hf://Qwen/Qwen3-4B, hf://Qwen/Qwen3-4B-AWQ or hf://Qwen/Qwen3-4B-FP8? a model that the catalog does "
        "not know needs `inferplan lock SPEC` first, or `shapes`",
        id="unknown model",
    ),
    pytest.param(
        changed("hf://Qwen/Qwen3-4B", "hf://midjourney/v6"),
        "spec.yaml:8:20: backends.small.weights: Midjourney cannot be a backend: no official "
        "API; automation is said to breach the terms; use "
        "weights: hf://stabilityai/stable-diffusion-3.5-medium or vendor: bedrock (amazon-bedrock) instead",
        id="a product without an API",
    ),
    pytest.param(
        changed("hf://Qwen/Qwen3-4B", "hf://Qwen/Qwen3-4B@main"),
        "spec.yaml:8:20: backends.small.weights: 'Qwen/Qwen3-4B@main' names a revision; "
        "revisions belong into the lock",
        id="revision in the URI",
    ),
    pytest.param(
        changed("hf://Qwen/Qwen3-4B", "s3://weights/qwen"),
        "spec.yaml:8:20: backends.small.weights: unknown store 'weights'; the platform team "
        "registers stores\n"
        "spec.yaml:8:20: backends.small.weights: says where weights are, not which model they "
        "are; name the catalog's model beside it (`model: org/name`), or describe it with "
        "`shapes`",
        id="unregistered store without a model",
    ),
    pytest.param(
        changed("weights: hf://Qwen/Qwen3-4B", "vendor: bedrok, model: x"),
        "spec.yaml:8:19: backends.small.vendor: unknown vendor 'bedrok'; did you mean bedrock?\n"
        "spec.yaml:10:48: routes[0].backends: has no backend with own weights; mode self-hosted "
        "serves from own weights only",
        id="unknown vendor",
    ),
    pytest.param(
        changed("weights: hf://Qwen/Qwen3-4B", "vendor: bedrock"),
        "spec.yaml:8:3: backends.small.model: missing; name the model of vendor bedrock\n"
        "spec.yaml:10:48: routes[0].backends: has no backend with own weights; mode self-hosted "
        "serves from own weights only",
        id="vendor without model",
    ),
    pytest.param(
        changed("weights: hf://Qwen/Qwen3-4B", "vendor: copilot, model: x"),
        "spec.yaml:8:19: backends.small.vendor: Microsoft Copilot cannot be a backend: not an "
        "inference API: it needs tenant licenses and user-delegated permission; use azure-openai "
        "(to be registered) instead\n"
        "spec.yaml:10:48: routes[0].backends: has no backend with own weights; mode self-hosted "
        "serves from own weights only",
        id="a product as a vendor",
    ),
    pytest.param(
        changed("weights: hf://Qwen/Qwen3-4B", "vendor: bedrock, weights: hf://Qwen/Qwen3-4B"),
        "spec.yaml:8:3: backends.small: has weights and vendor; give `weights` (own GPUs) or "
        "`vendor` and `model`, not both",
        id="weights and vendor",
    ),
    pytest.param(
        changed("weights: hf://Qwen/Qwen3-4B", ""),
        "spec.yaml:8:3: backends.small: has neither weights nor vendor; give `weights` (own "
        "GPUs) or `vendor` and `model`, not both",
        id="neither weights nor vendor",
    ),
    pytest.param(
        changed("platform: aws", "region: eu-west-9, platform: aws"),
        "spec.yaml:5:18: target.region: unknown Region 'eu-west-9'; did you mean eu-west-3, "
        "eu-west-2 or eu-west-1?",
        id="unknown Region",
    ),
    pytest.param(
        changed("classes:", "callers: [help-centre], classes:"),
        "spec.yaml:10:39: routes[0].callers[0]: unknown caller 'help-centre'; did you mean help-center?",
        id="unregistered caller",
    ),
    pytest.param(
        changed("backends: [small]", "backends: [smal, small, small]"),
        "spec.yaml:10:59: routes[0].backends[0]: unknown backend 'smal'; did you mean small?\n"
        "spec.yaml:10:72: routes[0].backends[2]: 'small' is in this list already; a fallback "
        "must be another backend",
        id="unknown and repeated fallback",
    ),
    pytest.param(
        changed("self-hosted", "managed-api"),
        "spec.yaml:10:48: routes[0].backends: has no backend with a vendor; mode managed-api "
        "serves from a vendor only",
        id="managed-api without a vendor",
    ),
    pytest.param(
        changed("self-hosted", "hybrid"),
        "spec.yaml:4:7: mode: hybrid needs a route with a backend with a vendor; none has one",
        id="hybrid without a vendor",
    ),
    pytest.param(
        changed("mode:", "mode: auto\nmode:"),
        "spec.yaml:5:1: mode: duplicate key; line 4 has it already",
        id="duplicate key",
    ),
    pytest.param(
        GOOD + "  - {name: chat, api: chat, classes: [public], backends: [small]}\n",
        "spec.yaml:11:12: routes[1].name: 'chat' is taken by routes[0]; names that applications "
        "call are unique",
        id="two routes of one name",
    ),
    pytest.param(
        changed("routes:", "priorities: {costs: 3, cost: 9}\nroutes:"),
        "spec.yaml:9:30: priorities.cost: must be at most 5, not 9",
        id="weight out of range",
    ),
    pytest.param(
        changed("routes:", "priorities: {costs: 3}\nroutes:"),
        "spec.yaml:9:21: priorities.costs: unknown criterion 'costs'; did you mean cost?",
        id="unknown criterion",
    ),
    pytest.param(
        changed("routes:", "exit: {fallback: smal}\nroutes:"),
        "spec.yaml:9:18: exit.fallback: 'smal' is neither a backend nor a weights URI; did you mean small?",
        id="exit to nowhere",
    ),
    pytest.param(
        changed("platform: aws", "platform: kubernetes"),
        "spec.yaml:5:1: target.country: missing; say where your nodes stand\n"
        "spec.yaml:5:1: target.nodes: missing; own weights need nodes: [{gpu: H100, count: 8}]",
        id="own nodes not described",
    ),
    pytest.param(
        changed(', account: "444444444444"', ", nodes: [{gpu: H100, count: 8}]"),
        "spec.yaml:5:1: target.account: missing; the account selects the bar in organization.yaml\n"
        "spec.yaml:5:25: target.nodes: is for platform kubernetes; remove it, or change platform",
        id="AWS without account",
    ),
    pytest.param(
        changed(
            "hf://Qwen/Qwen3-4B",
            "hf://Qwen/Qwen3-4B, capacity: {kind: reservation, instance_type: g6.4xlarg, zone: eu-west-1a}",
        ),
        "spec.yaml:8:40: backends.small.capacity.id: missing; which reservation is used?\n"
        "spec.yaml:8:85: backends.small.capacity.instance_type: unknown instance type "
        "'g6.4xlarg'; did you mean g6.4xlarge, gr6.4xlarge or g6f.4xlarge?\n"
        "spec.yaml:8:102: backends.small.capacity.zone: 'eu-west-1a' is not a zone id such as "
        "euc1-az1; zone names differ per account, ids do not",
        id="reservation, instance type and zone",
    ),
    pytest.param(
        changed("hf://Qwen/Qwen3-4B", "hf://Qwen/Qwen3-4B, quantization: fp5, engine: {kv_cache_dtype: fp9}"),
        "spec.yaml:8:54: backends.small.quantization: unknown quantization 'fp5'; did you mean "
        "fp8?\n"
        "spec.yaml:8:84: backends.small.engine.kv_cache_dtype: unknown KV-cache type 'fp9'; did "
        "you mean fp8?",
        id="unknown formats",
    ),
    pytest.param(
        changed("hf://Qwen/Qwen3-4B", "hf://Qwen/Qwen3-4B, quantization: gguf"),
        "spec.yaml:8:54: backends.small.quantization: vLLM 0.33.0 is not planned with "
        "quantization 'gguf'; gone with vLLM 0.24.0; use the original weights or a repository "
        "published in awq",
        id="format the engine dropped",
    ),
    pytest.param(
        changed("name: demo", "name: My Demo"),
        "spec.yaml:3:18: metadata.name: must be a name (lower case letters, digits, dashes; at "
        "most 40), not 'My Demo'",
        id="name with spaces",
    ),
    pytest.param(
        changed("small:", "Small_One:"),
        "spec.yaml:8:3: backends.Small_One: the key must be a name (lower case letters, digits, "
        "dashes; at most 40)",
        id="backend name with capitals",
    ),
    pytest.param(
        changed("routes:", "deadline: 2026-02-30\nroutes:"),
        "spec.yaml:9:11: deadline: '2026-02-30' is not a day of the calendar",
        id="a day that is none",
    ),
    pytest.param(
        changed(
            "classes:",
            "load: {peak_requests_per_second: 0, monthly_requests: -1, input_tokens: 1.5, "
            'output_tokens: "20"}, classes:',
        ),
        "spec.yaml:10:62: routes[0].load.peak_requests_per_second: must be more than 0, not 0\n"
        "spec.yaml:10:83: routes[0].load.monthly_requests: must be at least 0, not -1\n"
        "spec.yaml:10:101: routes[0].load.input_tokens: must be a whole number, not the number "
        "1.5\n"
        "spec.yaml:10:121: routes[0].load.output_tokens: must be a whole number, not '20'; "
        "remove the quotes",
        id="numbers out of range",
    ),
    pytest.param(
        changed("subjects:", "regimes: [GDPR], subjects:"),
        "spec.yaml:6:18: data.regimes[0]: unknown regime 'GDPR'; did you mean EU-GDPR or UK-GDPR?",
        id="unknown regime",
    ),
    pytest.param(
        changed("classes:", "use: {purposes: [summarisation]}, classes:"),
        "spec.yaml:10:46: routes[0].use.purposes[0]: must be coding, customer-support, "
        "decision-support, drafting, general, law-enforcement, legal-advice, medical-advice, "
        "military, other, search, summarization or translation, not 'summarisation'; did you "
        "mean summarization?",
        id="unknown purpose",
    ),
    pytest.param(
        changed("  small", "\tsmall"),
        "spec.yaml:8:1: a tab indents this line; YAML allows spaces only",
        id="tab",
    ),
    pytest.param(
        "\0\1",
        "spec.yaml:1:1: not a text file (it holds zero bytes); YAML must be UTF-8 text",
        id="binary",
    ),
    pytest.param(
        "",
        "spec.yaml:1:1: the file is empty",
        id="empty file",
    ),
]


@pytest.mark.parametrize(("text", "message"), BAD_SPECS)
def test_a_bad_spec_is_refused_with_one_line_per_problem(text: str, message: str, tmp_path: Path) -> None:
    """Each problem is one line with place, field, what was found, what is allowed and a near match."""
    assert refused(text, tmp_path) == message


def test_the_document_that_the_bad_ones_change_is_good(tmp_path: Path) -> None:
    """The table above breaks exactly one thing at a time."""
    path = tmp_path / "spec.yaml"
    path.write_text(GOOD)

    assert load(path, ORGANIZATION).spec.metadata.name == "demo"


# -- files


def test_a_missing_file_names_one_that_is_there(tmp_path: Path) -> None:
    """A misspelled file name is a slip like any other."""
    (tmp_path / "support.yaml").write_text(GOOD)

    with pytest.raises(SpecErrors) as caught:
        load(tmp_path / "suport.yaml", ORGANIZATION)

    assert str(caught.value) == f"{tmp_path}/suport.yaml:1:1: no such file; did you mean support.yaml?"


def test_a_folder_and_a_pipe_are_no_specs(tmp_path: Path) -> None:
    """Opening a pipe that nobody writes to would wait for ever."""
    os.mkfifo(tmp_path / "pipe.yaml")

    with pytest.raises(SpecErrors, match="is a folder, not a file"):
        load(tmp_path, ORGANIZATION)
    with pytest.raises(SpecErrors, match="not a file"):
        load(tmp_path / "pipe.yaml", ORGANIZATION)


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000])
def test_an_impossible_path_is_an_error(name: str, tmp_path: Path) -> None:
    """The operating system's refusal is reported in its words."""
    with pytest.raises(SpecErrors, match="cannot be read"):
        load(tmp_path / name, ORGANIZATION)


def test_an_unreadable_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without permission says so."""
    path = tmp_path / "spec.yaml"
    path.write_text(GOOD)

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(SpecErrors, match=r"spec\.yaml:1:1: cannot be read: permission denied"):
        load(path, None)


# -- lock


def test_a_broken_lock_is_an_error_of_its_own_file(tmp_path: Path) -> None:
    """Problems of spec and lock come together, each with its file."""
    (tmp_path / "spec.lock.yaml").write_text(
        "apiVersion: inferplan/v1beta1\n"
        "kind: Lock\n"
        "images:\n"
        "  vllm: {repository: vllm/vllm-openai, tag: latest, digest: sha256:12}\n"
        "models: {Qwen/Qwen3-4B: {revision: main}}\n"
    )

    assert refused(changed("[FR]", "FR"), tmp_path) == (
        "spec.lock.yaml:4:61: images.vllm.digest: must be a digest (sha256:, 64 hex digits), "
        "not 'sha256:12'\n"
        'spec.lock.yaml:5:36: models["Qwen/Qwen3-4B"].revision: must be a full commit id (40 '
        "hex digits), not "
        "'main'\n"
        "spec.yaml:6:18: data.subjects: must be a list, not 'FR'; write [FR]"
    )


def test_a_lock_without_registry_or_version_is_refused(tmp_path: Path) -> None:
    """An image without registry would be asked of whatever the runtime prefers."""
    digest = "sha256:" + "0" * 64
    (tmp_path / "spec.lock.yaml").write_text(
        "apiVersion: inferplan/v1beta1\n"
        "kind: Lock\n"
        f"images: {{vllm: {{repository: vllm/vllm-openai, tag: latest, digest: {digest}}}}}\n"
    )

    assert refused(GOOD, tmp_path) == (
        "spec.lock.yaml:3:29: images.vllm.repository: 'vllm/vllm-openai' names no registry; did you mean "
        "docker.io/vllm/vllm-openai?\n"
        "spec.lock.yaml:3:52: images.vllm.tag: 'latest' is no version; name the version that was pinned"
    )


# -- extends


def test_extends_adds_to_a_file_of_the_same_folder(tmp_path: Path) -> None:
    """Mappings are merged, lists are replaced, and every field is found in the file that says it."""
    (tmp_path / "_base.yaml").write_text(changed("name: demo, ", ""))
    path = tmp_path / "spec.yaml"
    path.write_text("extends: _base.yaml\nmetadata: {name: small}\ndata:\n  subjects: [DE]\n")

    declared = load(path, ORGANIZATION)

    assert declared.spec.metadata.name == "small"
    assert declared.spec.metadata.owner == "me@lab.example"
    assert declared.spec.data.subjects == ("DE",)
    assert declared.spec.data.personal is False
    assert declared.spec.extends is None
    assert declared.locate("data.subjects[0]") == (str(path), 4, 14)
    assert declared.locate("routes[0].classes") == (str(tmp_path / "_base.yaml"), 10, 29)
    assert Declaration.from_json(declared.to_json(), declared.organization).spec == declared.spec


def test_a_problem_in_the_extended_file_points_there(tmp_path: Path) -> None:
    """The message names the file that holds the value."""
    (tmp_path / "_base.yaml").write_text(changed("[FR]", "FR"))

    assert refused("extends: _base.yaml\nmode: auto\n", tmp_path) == (
        "_base.yaml:6:18: data.subjects: must be a list, not 'FR'; write [FR]"
    )


EXTENDS = {
    "../base.yaml": "'../base.yaml' is not a file name in the same folder",
    "/etc/passwd": "'/etc/passwd' is not a file name in the same folder",
    "..": "'..' is not a file name in the same folder",
    "bse.yaml": "'bse.yaml' does not exist; did you mean base.yaml?",
    "link.yaml": "'link.yaml' leads out of the folder",
    "base.yaml": "'base.yaml' extends another file itself; one level is allowed",
    "[base.yaml]": "must be a file name, not a list",
}


@pytest.mark.parametrize(("name", "problem"), EXTENDS.items())
def test_extends_stays_in_its_folder_and_on_one_level(name: str, problem: str, tmp_path: Path) -> None:
    """A spec cannot reach for files that a review of its folder would not see."""
    folder = tmp_path / "specs"
    folder.mkdir()
    (tmp_path / "outside.yaml").write_text(GOOD)
    (folder / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    (folder / "base.yaml").write_text("extends: other.yaml\n")

    assert refused(f"extends: {name}\n", folder) == f"spec.yaml:1:10: extends: {problem}"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_load(path: Path) -> None:
    """Every example is understood under the example organization."""
    declared = load(path, ORGANIZATION)

    assert declared.spec.metadata.name == path.stem
    assert not declared.organization_is_default


def test_errors_are_plain_values_for_machines() -> None:
    """`to_list` carries every part of a problem."""
    error = SpecError(
        file="f", line=2, column=3, path="mode", problem="missing", allowed=("auto",), hint="say it"
    )

    assert SpecErrors([error, error]).to_list() == [
        {"file": "f", "line": 2, "column": 3, "path": "mode", "problem": "missing", "allowed": ("auto",),
         "hint": "say it"}
    ]  # fmt: skip
    assert str(error) == "f:2:3: mode: missing; say it"


def test_a_slash_behind_a_repository_means_the_same_model() -> None:
    """One reading of the name for errors, plans, pins and licenses; the planner once ended as with a bug."""
    plain = declared("minimal")
    slashed = with_backend(plain, "small", weights="hf://Qwen/Qwen3-4B/")

    assert make_plan(slashed, AS_OF, gates).servers[0].model == "Qwen/Qwen3-4B"
    assert not [*pins.missing(slashed, locked=True)]
    assert license_of(spec_of(slashed).backends["small"]) == license_of(spec_of(plain).backends["small"])
