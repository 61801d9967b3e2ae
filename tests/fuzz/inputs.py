"""What a seed makes: files of a working folder, and the command lines that read them.

Not here: how documents are changed (tests/fuzz/mutations.py), what a good answer is (tests/fuzz/judge.py).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import click

from inferplan.cli import VERBS
from inferplan.cli.app import cli
from inferplan.resource import Resource, Unknown
from inferplan.spec.yaml12 import parse
from policies.state import SECRET_SIGNATURE, SIGNATURE, UNKNOWNS
from tests.aws.variants import VARIANTS
from tests.command_line import AS_OF, ROOT
from tests.fuzz import mutations, values
from tests.unit.plan_edits import recorded
from tests.unit.spec_texts import GOOD

ROGUE = str(ROOT / "tests/fixtures/state/rogue.export.json")
EXAMPLES = tuple(sorted(path.stem for path in ROOT.glob("specs/*.yaml") if ".lock" not in path.name))
PLANNED = ("minimal", "de-clinic-notes", "eu-support-desk")  # recorded as states
SUBJECTS = ("residency", "egress", "fallback", "cost.monthly_usd", "pools[0].nodes", "servers[0]", "nowhere")
SECRET = "AQICAHhSECRET"  # no answer may repeat it
WEIGHTED = (
    "spec",
    "spec",
    "spec",
    "spec",
    "bytes",
    "lock",
    "organization",
    "waiver",
    "state",
    "state",
    "argv",
    "config",
)


@dataclass(frozen=True, slots=True)
class Case:
    """One input: what was made of the seed, the folder it lies in, the command lines that meet it."""

    name: str
    folder: Path
    lines: tuple[tuple[str, ...], ...]


@cache
def document(path: Path) -> Any:
    """A file of the repository as plain values; callers copy what they change."""
    return parse(path.read_bytes(), path.name).plain()


@cache
def specs() -> tuple[tuple[str, Any], ...]:
    """The examples and what the tests make of them, each with the example whose lock fits best."""
    examples = [(name, document(ROOT / "specs" / f"{name}.yaml")) for name in EXAMPLES]
    variants = [json.loads(said().to_json())["spec"] for said in VARIANTS.values()]
    made = [(_lock_for(said["metadata"]["name"]), said) for said in variants]
    own = parse(GOOD.encode(), "own.yaml").plain()
    own["backends"]["own"] = {"weights": "hf://lab/own", "shapes": CONFIGS[0]}
    own["routes"].append({"name": "own", "api": "chat", "classes": ["public"], "backends": ["own"]})
    return (*examples, *examples, *made, ("minimal", own))


def _lock_for(name: str) -> str:
    """The example of this name, else the smallest."""
    return name if name in EXAMPLES else "minimal"


@cache
def states() -> tuple[Any, ...]:
    """The engine's exports and previews, and the examples' own resources laid out as both."""
    engine = [json.loads(path.read_bytes()) for path in sorted(ROOT.glob("tests/fixtures/state/*.json"))]
    own = [[_state(resource) for resource in recorded(name)] for name in PLANNED]
    exports = [{"version": 3, "deployment": {"resources": found}} for found in own]
    previews = [
        {"config": {}, "steps": [{"op": "create", "newState": one} for one in found]} for found in own
    ]
    return (*engine, *exports, *previews)


def _state(resource: Resource) -> dict[str, Any]:
    provider = resource.provider
    return {
        "urn": resource.urn,
        "type": resource.type,
        "custom": resource.custom,
        "parent": resource.parent,
        "provider": f"{provider.urn}::id" if provider is not None else None,
        "dependencies": list(resource.dependencies),
        "propertyDependencies": {key: list(urns) for key, urns in resource.property_dependencies.items()},
        "inputs": _plain(resource.props),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Unknown):
        return min(UNKNOWNS)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def workplace(folder: Path) -> None:
    """A folder with the examples and their organization, as a user has them."""
    for part in ("specs", "organization"):
        shutil.copytree(ROOT / part, folder / part)


def case(seed: str, folder: Path, kind: str | None = None) -> Case:
    """The input that belongs to a seed, laid out below a working folder made by `workplace`.

    Without a kind the seed chooses one.
    """
    random = Random(seed)
    chosen = random.choice(WEIGHTED)
    return Case(f"{seed} {kind or chosen}", folder, tuple(_MADE[kind or chosen](folder, random)))


Lines = Iterator[tuple[str, ...]]


def _put(path: Path, data: bytes) -> Path:
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    return path


def _with_lock(folder: Path, name: str, random: Random, spec: bytes) -> None:
    _put(folder / "it.yaml", spec)
    lock = ROOT / "specs" / f"{name}.lock.yaml"
    (folder / "it.lock.yaml").unlink(missing_ok=True)
    if lock.exists() and random.random() < 0.5:
        shutil.copy(lock, folder / "it.lock.yaml")


def _format(random: Random) -> tuple[str, ...]:
    return (*AS_OF, "--format", random.choice(("text", "text", "json")))


def _spec(folder: Path, random: Random) -> Lines:
    name, said = random.choice(specs())
    _with_lock(folder, name, random, mutations.written(mutations.changed(said, random, said["kind"]), random))
    yield from _readers(random)


def _readers(random: Random) -> Lines:
    """Every verb that reads a spec; those that record it now and then."""
    yield ("validate", "it.yaml", *_format(random))
    yield (
        "plan",
        "it.yaml",
        *_format(random),
        *random.choice(((), ("-v",), ("--mode", random.choice(_modes())))),
    )
    yield ("explain", "it.yaml", *_explained(random), *_format(random))
    if random.random() < 0.3:
        yield random.choice(
            (
                ("check", "it.yaml", *_format(random), *random.choice(((), ("-v",), ("--locked",)))),
                ("resources", "it.yaml", *_format(random)),
                ("render", "it.yaml", *AS_OF),
                ("diff", "it.yaml", "specs/minimal.yaml", *_format(random)),
                ("diff", "it.yaml", "--mode", random.choice(_modes()), "-v", *_format(random)),
                (
                    "check",
                    "it.yaml",
                    "--state",
                    str(ROOT / "tests/fixtures/state/rogue.export.json"),
                    *_format(random),
                ),
            )
        )


def _planned(random: Random) -> tuple[str, ...]:
    return random.choice(((), ("-v",), ("--mode", random.choice(_modes()))))


def _modes() -> tuple[str, ...]:
    return ("self-hosted", "managed-api", "hybrid", "auto")


def _explained(random: Random) -> tuple[str, ...]:
    subjects = (
        "residency",
        "egress",
        "fallback",
        "cost.monthly_usd",
        "pools[0].nodes",
        "mode",
        "servers[0]",
        "nowhere",
    )
    measured = ("measured", "--metrics", random.choice(("it.yaml", "nowhere")))
    return random.choice(((), (random.choice(subjects),), measured))


def _bytes(folder: Path, random: Random) -> Lines:
    if random.random() < 0.1:
        data = random.choice(mutations.bombs())
        _with_lock(folder, "minimal", random, data)
    else:
        name = random.choice(EXAMPLES)
        data = (ROOT / "specs" / f"{name}.yaml").read_bytes()
        _with_lock(folder, name, random, mutations.noisy(data, random))
    yield from _readers(random)


def _lock(folder: Path, random: Random) -> Lines:
    name = random.choice([name for name in EXAMPLES if (ROOT / "specs" / f"{name}.lock.yaml").exists()])
    shutil.copy(ROOT / "specs" / f"{name}.yaml", _fresh(folder / "it.yaml"))
    _put(folder / "it.lock.yaml", _any_bytes(ROOT / "specs" / f"{name}.lock.yaml", "Lock", random))
    yield ("validate", "it.yaml", *_format(random))
    yield ("check", "it.yaml", "--locked", *_format(random))


def _fresh(path: Path) -> Path:
    path.unlink(missing_ok=True)
    return path


def _any_bytes(path: Path, kind: str, random: Random) -> bytes:
    if random.random() < 0.2:
        return mutations.noisy(path.read_bytes(), random)
    return mutations.written(mutations.changed(document(path), random, kind), random)


def _organization(folder: Path, random: Random) -> Lines:
    own = _own_organization(folder)
    path = ROOT / "organization" / "organization.yaml"
    _put(own / "organization.yaml", _any_bytes(path, "Organization", random))
    yield from _judged(own, random)


def _own_organization(folder: Path) -> Path:
    own = folder / "own"
    shutil.rmtree(own, ignore_errors=True)
    shutil.copytree(ROOT / "organization", own)
    return own


def _judged(own: Path, random: Random) -> Lines:
    name = f"specs/{random.choice(EXAMPLES)}.yaml"
    yield ("validate", "--organization", own.name, *_format(random))
    yield ("validate", name, "--organization", own.name, *_format(random))
    yield ("plan", name, "--organization", own.name, *_format(random))
    yield ("check", name, "--organization", own.name, *_format(random))


def _waiver(folder: Path, random: Random) -> Lines:
    own = _own_organization(folder)
    (path,) = (ROOT / "organization" / "waivers").glob("*.yaml")
    for index in range(random.choice((1, 1, 3))):
        _put(own / "waivers" / f"{index}.yaml", _any_bytes(path, "Waiver", random))
    yield from _judged(own, random)


def _state_file(folder: Path, random: Random) -> Lines:
    found = _with_secret(mutations.changed(random.choice(states()), random), random)
    data = json.dumps(found).encode("utf-8", "surrogatepass")
    _put(folder / "state.json", mutations.noisy(data, random) if random.random() < 0.15 else data)
    for name in random.sample(EXAMPLES, 2):
        yield ("check", f"specs/{name}.yaml", "--state", "state.json", *_format(random))


def _with_secret(state: Any, random: Random) -> Any:
    """The state with one value made a secret, and changes that stay inside the inputs of a resource."""
    state = json.loads(json.dumps(state))
    resources = [
        held[key] for held, key in mutations.places(state) if key == "inputs" and _is_full(held[key])
    ]
    for inputs in random.sample(resources, min(len(resources), random.choice((1, 3, 10)))):
        found = mutations.places(inputs)
        held, key = random.choice(found)
        if isinstance(held[key], str) and held[key].startswith(("{", "[")):
            held[key] = _json_in_text(held[key], random)
        else:
            held[key] = values.odd(random) if random.random() < 0.5 else held[key]
        held, key = random.choice(mutations.places(inputs))
        held[key] = {SIGNATURE: SECRET_SIGNATURE, "ciphertext": SECRET, "plaintext": json.dumps(SECRET)}
    return state


def _is_full(inputs: Any) -> bool:
    return isinstance(inputs, dict) and bool(inputs)


def _json_in_text(text: str, random: Random) -> str:
    try:
        return json.dumps(mutations.changed(json.loads(text), random))
    except ValueError:
        return text


def _argv(folder: Path, random: Random) -> Lines:
    if not (folder / "it.yaml").exists():
        _put(folder / "it.yaml", b"")
    for _ in range(3):
        yield tuple(arguments(random))


def arguments(random: Random) -> Iterator[str]:
    """A command line of a verb, its options and values, some of them wrong, doubled or out of place."""
    verb = random.choice((*VERBS, *VERBS, "chek", "--help", "-", ""))
    yield verb
    command = cli.get_command(click.Context(cli), verb) if verb in VERBS else None
    for parameter in random.choices(command.params, k=random.randrange(7)) if command is not None else ():
        yield from _parameter(parameter, random)
    for _ in range(random.choice((0, 0, 1, 2))):
        yield _word(random)


def _parameter(parameter: click.Parameter, random: Random) -> Iterator[str]:
    if isinstance(parameter, click.Option):
        option = random.choice(parameter.opts)
        if parameter.is_flag or parameter.count:
            yield option
        elif random.random() < 0.1:
            yield from (option,)
        elif isinstance(parameter.type, click.Choice) and random.random() < 0.7:
            yield from (option, str(random.choice(list(parameter.type.choices))))
        elif random.random() < 0.2:
            yield f"{option}={_word(random)}"
        else:
            yield from (option, _number(random) if "INT" in str(parameter.type).upper() else _word(random))
    else:
        yield random.choice(("specs/minimal.yaml", "specs/eu-both-ways.yaml", _word(random)))


def _number(random: Random) -> str:
    return random.choice(("1", "8", "4096", "131072", str(random.randrange(1, 10**8)), _word(random)))


def _word(random: Random) -> str:
    """Something to write on a command line."""
    files = (
        "-", "", "it.yaml", "specs", "specs/minimal.yaml", "specs/minimal.lock.yaml", "organization", "own",
        "nowhere",
        "state.json", "config.json", "/dev/null", "/proc/self/mem", "/", ".", "..", "\udcff.yaml", "x" * 5000,
        "2026-11-20", "0001-01-01", "9999-12-31", "20261120", "1e400", "nan", "inf", "-1", "0", "1.5",
        "fp8", "awq",
        "nvfp4", "H100", "L4", "Qwen/Qwen3-4B", "SOV-001", "sov-001", "PIN-MISSING", "Waiver", "--",
        "--help", "-vvv",
    )  # fmt: skip
    if random.random() < 0.6:
        return random.choice(files)
    text = random.choice((random.choice(values.words()), values.odd(random)))
    return str(text).replace("\ud800", "\udc80")


def _config(folder: Path, random: Random) -> Lines:
    found = mutations.changed(random.choice(CONFIGS), random)
    data = json.dumps(found).encode("utf-8", "surrogatepass")
    _put(folder / "config.json", mutations.noisy(data, random) if random.random() < 0.1 else data)
    options = [random.choice(SIZES) for _ in range(random.randrange(4))]
    gpu = random.choice(("L4", "H100", "A100-80GB", "T4", "B200", "my-gpu"))
    line = ("size", "--config", "config.json", "--gpu", gpu, *(word for option in options for word in option))
    yield (*line, "--format", "json")
    yield line


SIZES: tuple[tuple[str, ...], ...] = (
    ("--total-gib", "80"), ("--total-gib", "0.001"), ("--tensor-parallel", "8"), ("--tensor-parallel", "7"),
    ("--pipeline-parallel", "3"), ("--quantization", "fp8"), ("--quantization", "awq"), ("--kv-cache-dtype",
    "fp8"),
    ("--max-model-len", "100000000"), ("--max-num-seqs", "1"), ("--gpu-memory-utilization", "1"),
    ("--enforce-eager",),
    ("--vllm-version", "0.20.0"), ("--compute-capability", "7.5"),
)  # fmt: skip
_TEXT = {
    "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
    "head_dim": 128,
    "intermediate_size": 14336, "vocab_size": 128256, "max_position_embeddings": 131072,
    "tie_word_embeddings": False,
}  # fmt: skip
CONFIGS: tuple[Any, ...] = (
    {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "bfloat16"} | _TEXT,
    {"architectures": ["MixtralForCausalLM"], "model_type": "mixtral", "dtype": "float16",
    "num_local_experts": 8,
     "num_experts_per_tok": 2, "quantization_config": {"quant_method": "awq", "bits": 4,
     "group_size": 128}} | _TEXT,
    {"architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "kv_lora_rank": 512,
    "q_lora_rank": 1536,
     "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "n_routed_experts": 256,
     "n_shared_experts": 1,
     "moe_intermediate_size": 2048, "first_k_dense_replace": 3, "num_experts_per_tok": 8,
     "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}} | _TEXT,
    {"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3",
    "vision_config": {"hidden_size": 1152},
     "text_config": _TEXT | {"sliding_window": 1024, "layer_types": ["sliding_attention",
     "full_attention"] * 16}},
)  # fmt: skip

_MADE: dict[str, Callable[[Path, Random], Lines]] = {
    "spec": _spec,
    "bytes": _bytes,
    "lock": _lock,
    "organization": _organization,
    "waiver": _waiver,
    "state": _state_file,
    "argv": _argv,
    "config": _config,
}
