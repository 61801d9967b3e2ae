"""Single parts of `inferplan lock`: which files count, what a manifest says, and the text of the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferplan.cli.locking.image_manifests import digest_of, files_of, pinned
from inferplan.cli.locking.lock_changes import changes
from inferplan.cli.locking.lock_file import storable, text
from inferplan.cli.locking.patience import Passing, Unanswered, passing_or_not, patiently
from inferplan.cli.locking.weight_files import Weights, checked, needed, revision_of
from inferplan.spec.lock import Lock, LockedAdapter, LockedImage, LockedModel
from inferplan.spec.structure import convert
from inferplan.spec.yaml12 import parse

DIGEST = f"sha256:{'0' * 64}"


def lock(**fields: Any) -> Lock:
    return Lock(api_version="inferplan/v1beta1", kind="Lock", **fields)


# -- which files count

SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
DESCRIBED = ["config.json", "generation_config.json", "tokenizer.json"]


@pytest.mark.parametrize(
    ("more", "taken"),
    [
        (["README.md", "LICENSE", "USE_POLICY.md"], True),
        (["chat_template.jinja", "model.safetensors.index.json", "hf_quant_config.json"], True),
        (["1_Pooling/config.json", "modules.json"], True),
        ([".gitattributes", "assets/picture.png", "banner.JPG"], False),
        (["pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5", "model.onnx"], False),
        (["original/consolidated.00.pth", "original/params.json"], False),
        (["consolidated.safetensors", "consolidated-00001-of-00002.safetensors"], False),
        (["onnx/model.onnx", "openvino/openvino_model.xml", "model-q4.gguf"], False),
        (["checkpoint-500/model.safetensors", "optimizer.pt", "training_args.bin", "runs/events"], False),
    ],
)
def test_beside_safetensors_only_what_is_read_or_asked_for_is_taken(more: list[str], taken: bool) -> None:
    found = needed([*SHARDS, *DESCRIBED, *more])
    assert {*SHARDS, *DESCRIBED} <= {*found}
    assert {*more} & {*found} == ({*more} if taken else set())


@pytest.mark.parametrize(
    ("paths", "taken"),
    [
        (["config.json", "pytorch_model.bin", "tf_model.h5"], ["config.json", "pytorch_model.bin"]),
        (["consolidated.safetensors", "params.json"], ["consolidated.safetensors", "params.json"]),
        (["model.gguf"], ["model.gguf"]),
    ],
)
def test_weights_in_one_other_form_are_taken(paths: list[str], taken: list[str]) -> None:
    assert needed(paths) == taken


def test_of_a_pipeline_its_folders_are_taken_not_the_same_in_one_file() -> None:
    pipeline = ["model_index.json", "vae/config.json", "vae/diffusion_pytorch_model.safetensors"]
    more = ["flux1-dev.safetensors", "ae.safetensors", "vae/diffusion_pytorch_model.fp16.safetensors"]
    assert needed([*pipeline, *more]) == pipeline


def test_what_stands_for_a_commit_follows_from_every_file() -> None:
    one, other = {"a": "1" * 64, "b": "2" * 64}, {"a": "1" * 64, "b": "3" * 64}
    assert revision_of(one) == revision_of(dict(reversed(one.items())))
    assert len({revision_of(one), revision_of(other), revision_of({"c": "1" * 64})}) == 3


@pytest.mark.parametrize(
    "fields",
    [
        {"revision": "main"},
        {"files": {"../escape": "1" * 64}},
        {"files": {"/absolute": "1" * 64}},
        {"files": {"a//b": "1" * 64}},
        {"files": {"bell\x07": "1" * 64}},
        {"files": {"x" * 201: "1" * 64}},
        {"files": {"a": "not a hash"}},
    ],
)
def test_what_no_repository_has_is_not_written(fields: dict[str, Any]) -> None:
    good = Weights("1" * 40, {"a/b.json": "1" * 64}, {"a/b.json": 1}, {}, "mit")
    assert checked(good) == good
    assert checked(good._replace(license="bell\x07")).license is None
    with pytest.raises(Unanswered):
        checked(good._replace(**fields))


# -- what a manifest says


def image(*layers: int, **more: Any) -> bytes:
    listed = [{"digest": DIGEST, "size": size} for size in layers]
    return json.dumps({"config": {"digest": DIGEST, "size": 7}, "layers": listed, **more}).encode()


def fetching(**bodies: bytes) -> Callable[[str], bytes]:
    named = {**bodies, **{digest_of(body): body for body in bodies.values()}}
    return lambda reference: named[reference]


def index(*entries: tuple[str, str, bytes]) -> bytes:
    listed = [
        {"digest": digest_of(body), "platform": {"os": system, "architecture": architecture}}
        for system, architecture, body in entries
    ]
    return json.dumps({"manifests": listed}).encode()


def test_an_index_is_pinned_and_the_image_of_the_nodes_is_counted() -> None:
    ours, theirs = image(100, 20), image(9)
    whole = index(("linux", "arm64", theirs), ("unknown", "unknown", theirs), ("linux", "amd64", ours))
    found = pinned(fetching(v1=whole, ours=ours, theirs=theirs), "v1")
    assert found == (digest_of(whole), 127)


@pytest.mark.parametrize(("architecture", "is_ours"), [("amd64", True), ("arm64", False), (None, True)])
def test_an_image_for_one_platform_says_for_which(architecture: str | None, is_ours: bool) -> None:
    config = json.dumps({"architecture": architecture}).encode()

    def asked() -> Any:
        return pinned(fetching(v1=image(1)), "v1", lambda _: config)

    if is_ours:
        assert asked().size_bytes == 8
    else:
        with pytest.raises(Unanswered, match="arm64 alone"):
            asked()


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b'{"fsLayers": []}',
        index(("linux", "arm64", b"{}")),
        index(("windows", "amd64", b"{}")),
    ],
)
def test_what_is_no_image_for_the_nodes_is_refused(body: bytes) -> None:
    with pytest.raises(Unanswered):
        pinned(fetching(v1=body), "v1")


def test_a_layer_that_is_no_file_is_refused() -> None:
    with pytest.raises(Unanswered, match="no file"):
        files_of(fetching(v1=image(1)), "v1")


# -- patience


def test_what_passes_is_asked_again_and_what_stays_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    answers = iter([passing_or_not(429, "x", "7"), passing_or_not(503, "x", None)])

    def question() -> str:
        problem = next(answers, None)
        if problem is not None:
            raise problem
        return "answer"

    assert patiently(question) == "answer"
    assert waited == [7.0, 3.0]
    assert not isinstance(passing_or_not(400, "x", None), Passing)


# -- the text of the file

plain = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp", "Cn", "Co", "Cf")))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 53), 1 << 53) | plain
    | st.floats(allow_nan=False, allow_infinity=False, width=32),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain.filter(bool), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(
    st.dictionaries(plain.filter(bool), values, max_size=4), st.from_regex(r"[0-9e.+-]{1,12}", fullmatch=True)
)
def test_a_lock_is_read_as_what_was_written(config: dict[str, Any], tag: str) -> None:
    """Any JSON of a config.json, and tags that look like numbers; writing what was read changes nothing."""
    model = LockedModel(revision="1" * 40, config=storable(config))
    made = lock(
        images={"vllm": LockedImage(repository="r.example/x", tag=tag, digest=DIGEST)},
        models={"a/b": model},
        addons={"coredns": tag},
    )
    written = text(made, "spec.yaml")
    read = convert(parse(written.encode(), "spec.lock.yaml"), Lock)
    assert read == made
    assert text(read, "spec.yaml") == written


@pytest.mark.parametrize(
    "digits",
    [
        "12345678e9",
        "1234567890",
        "0x12",
        "1_000",
        "0o17",
        "1:30",
        "yes",
        "null",
        "~",
        "2026-11-28",
        "=",
    ],
)
def test_text_that_looks_like_something_else_stays_text(digits: str) -> None:
    made = lock(addons={"a": digits}, charts={digits: digits})
    assert convert(parse(text(made, "spec.yaml").encode(), "x"), Lock) == made


def test_what_yaml_has_no_place_for_is_left_out() -> None:
    config = {
        "a": float("inf"),
        "b": [1, float("nan")],
        "c": 1 << 60,
        "d": "bell\x07",
        "e": {"f": 1e-5},
        "<<": 1,
    }
    assert storable(config) == {"b": [1], "e": {"f": 1e-5}}


# -- what changed


def test_changes_are_told_pin_by_pin() -> None:
    old = lock(
        images={
            "a": LockedImage(repository="r.example/a", tag="1", digest=DIGEST),
            "b": LockedImage(repository="r.example/b", tag="1", digest=DIGEST),
        },
        models={"m": LockedModel(revision="1" * 40, files={"x": "1" * 64, "y": "2" * 64})},
        addons={"dns": "1"},
        documentation_values=True,
    )
    new = lock(
        images={"a": LockedImage(repository="r.example/a", tag="2", digest=DIGEST, size_bytes=5)},
        models={"m": LockedModel(revision="1" * 40, files={"x": "1" * 64, "y": "3" * 64, "z": "4" * 64})},
        adapters={"t": LockedAdapter(rank=8)},
        addons={"dns": "2"},
    )
    assert [(one.path, one.change, one.before, one.after) for one in changes(old, new)] == [
        ("images.a.tag", "changed", "1", "2"),
        ("images.a.size_bytes", "changed", "", "5"),
        ("images.b", "gone", f"1 {DIGEST}", None),
        ("models.m.files", "changed", "2 entries, 1 of them otherwise", "3 entries, 2 of them otherwise"),
        ("adapters.t", "new", None, "no revision, 0 files"),
        ("addons.dns", "changed", "1", "2"),
        ("documentation_values", "changed", "true", "false"),
    ]
    assert not [*changes(new, new)]
