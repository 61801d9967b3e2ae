"""The judge itself, a process of its own: it reads a command line as JSON and answers in a line.

`python -m tests.vllm_judge.court FOLDER` with the unpacked sources of both wheels. Not here: who asks
(asking).
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import dataclasses
import importlib
import io
import json
import math
import os
import sys
from pathlib import Path
from typing import Any

from tests.vllm_judge import stand_ins

UNCHUNKED = ("MEAN", "CLS")
_CONFIGS = ("ParallelConfig", "CacheConfig", "LoRAConfig")
_RENAMED = {"kv_cache_dtype": "cache_dtype"}


class Court:
    """vLLM of one version, imported without torch and told that it has GPUs of Hopper."""

    def __init__(self, sources: Path) -> None:
        os.environ |= {"VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "ERROR"}
        sys.path.insert(0, str(sources))
        stand_ins.install(_pinned(sources))
        self.sources = sources
        self._choose_platform()
        self.arguments = importlib.import_module("vllm.engine.arg_utils")
        self.frontend = importlib.import_module("vllm.entrypoints.common.cli_args")
        self.config = importlib.import_module("vllm.config")
        self.flexible = importlib.import_module("vllm.utils.argparse_utils").FlexibleArgumentParser
        self.parser = self.frontend.make_arg_parser(self.flexible(prog="vllm serve"))
        self.omni_parser = self._omni()

    def _omni(self) -> Any:
        """What vLLM-Omni's own method makes of vLLM's parser; the package wants a vLLM of its own version."""
        path = self.sources / "vllm_omni" / "entrypoints" / "cli" / "serve.py"
        module = ast.parse(path.read_bytes())
        kinds = (ast.FunctionDef, ast.ClassDef)
        nodes = {node.name: node for node in module.body if isinstance(node, kinds)}
        command = nodes["OmniServeCommand"]
        (method,) = [one for one in command.body if getattr(one, "name", "") == "subparser_init"]
        types = [node for name, node in nodes.items() if name.startswith("_") and isinstance(node, kinds[0])]
        names: dict[str, Any] = {
            "argparse": argparse,
            "json": json,
            "math": math,
            "DESCRIPTION": "",
            "VLLM_SUBCMD_PARSER_EPILOG": "",
            "make_arg_parser": self.frontend.make_arg_parser,
        }
        body = ast.Module([module.body[0], *types, method], [])  # the first is the future of annotations
        exec(compile(body, str(path), "exec"), names)
        names["_ensure_vllm_platform"] = lambda: None
        command_like = type("Command", (), {"name": "serve"})()
        parser = self.flexible(prog="vllm")
        names["subparser_init"](command_like, parser.add_subparsers(dest="subparser"))
        return parser

    def _choose_platform(self) -> None:
        platforms: Any = importlib.import_module("vllm.platforms")
        interface = importlib.import_module("vllm.platforms.interface")
        platforms._current_platform = interface.UnspecifiedPlatform()
        cuda: Any = importlib.import_module("vllm.platforms.cuda").NonNvmlCudaPlatform
        said = {
            "get_device_capability": interface.DeviceCapability(9, 0),
            "device_count": 8,
            "get_device_total_memory": 80 * 2**30,
        }
        answers = {name: classmethod(lambda *_, value=value, **__: value) for name, value in said.items()}
        platforms._current_platform = type("Gpus", (cuda,), answers)()

    def refuses_omni(self, argv: list[str]) -> str | None:
        """What vLLM-Omni's parser says against a command line, or None."""
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said):
                self.omni_parser.parse_args(["serve", *argv])
        except SystemExit:
            return said.getvalue().strip().splitlines()[-1]
        return None

    def refuses(self, argv: list[str], architecture: str | None, pools: bool) -> str | None:
        """What vLLM says against a command line before it touches a GPU, or None."""
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said):
                args = self.parser.parse_args(argv)
            self.frontend.validate_parsed_serve_args(args)
            engine = self.arguments.EngineArgs.from_cli_args(args)
            self._configs(engine, architecture, pools)
        except SystemExit:
            return said.getvalue().strip().splitlines()[-1]
        except Exception as refusal:  # whatever it raises is its answer
            return f"{type(refusal).__name__}: {refusal}"
        return None

    def fetches(self, argv: list[str], url: str) -> str | None:
        """Why a server with these flags fetches nothing for a request that names `url`; None: it would."""
        connector = importlib.import_module("vllm.multimodal.media.connector").MediaConnector
        engine = self.arguments.EngineArgs.from_cli_args(self.parser.parse_args(argv))
        asked: list[str] = []

        def get_bytes(_: object, url: str, **__: object) -> bytes:
            asked.append(url)
            return b""

        connection = type("Connection", (), {"get_bytes": get_bytes})()
        reader = type("Reader", (), {"get_max_bytes": lambda _: 1, "load_bytes": lambda _, data: data})()
        try:
            connector(
                connection=connection,
                allowed_local_media_path=engine.allowed_local_media_path,
                allowed_media_domains=engine.allowed_media_domains,
            ).load_from_url(url, reader)
        except Exception as refusal:  # whatever it raises is its answer
            if not asked:
                return f"{type(refusal).__name__}: {refusal}"
        return None

    def _configs(self, engine: Any, architecture: str | None, pools: bool) -> None:
        """The configurations that are made of the arguments alone, each with its own validators."""
        for name in _CONFIGS:
            kind = getattr(self.config, name)
            if name != "LoRAConfig" or engine.enable_lora:
                kind(**_taken(kind, engine))
        importlib.import_module("vllm.model_executor.model_loader").get_model_loader(
            engine.create_load_config()
        )
        self._quantization(engine)
        self.config.SchedulerConfig(
            runner_type="pooling" if pools else "generate",
            max_num_batched_tokens=engine.max_num_batched_tokens,
            max_num_seqs=engine.max_num_seqs,
            max_model_len=engine.max_model_len,
            is_encoder_decoder=False,
            enable_chunked_prefill=self.chunks(architecture) if pools else True,
        )

    def _quantization(self, engine: Any) -> None:
        """As ModelConfig checks it: a known method, and no deprecated one unless that is allowed."""
        known = importlib.import_module("vllm.model_executor.layers.quantization")
        method = engine.quantization
        if method is not None and method not in known.QUANTIZATION_METHODS:
            raise ValueError(f"unknown quantization method {method}")
        if method in known.DEPRECATED_QUANTIZATION_METHODS and not engine.allow_deprecated_quantization:
            raise ValueError(f"the quantization method {method} is deprecated")

    def chunks(self, architecture: str | None) -> bool:
        """Whether a pooled model may read a text in several steps: vLLM's own rule on what its class says.

        A repository may ask for another kind of pooling than its class; only one kind can be read in steps.
        """
        kind, attention = self._pooling(architecture)
        facts: Any = type("Facts", (), {})()
        facts.pooler_config = type("Pooler", (), {"seq_pooling_type": kind, "tok_pooling_type": "ALL"})()
        facts.attn_type = "encoder_only" if kind == "CLS" else attention
        return bool(self.config.ModelConfig.is_chunked_prefill_supported.fget(facts))

    def _pooling(self, architecture: str | None) -> tuple[str, str]:
        """What decorates the class of an architecture: how it pools and how it attends."""
        registry = importlib.import_module("vllm.model_executor.models.registry")._VLLM_MODELS
        if architecture not in registry:
            return "MEAN", "decoder"  # made from a class that generates: how it pools its repository says
        module, name = registry[architecture][:2]
        folder = self.sources / "vllm" / "model_executor" / "models"
        path = folder / f"{module}.py"
        if not path.exists():
            return "MEAN", "decoder"
        classes = {
            node.name: node for node in ast.parse(path.read_bytes()).body if isinstance(node, ast.ClassDef)
        }
        found = {"seq_pooling_type": "MEAN", "attn_type": "decoder"}
        for one in reversed(_line(classes, name)):
            for call in one.decorator_list:
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "attn_type":
                    found["attn_type"] = ast.literal_eval(call.args[0])
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "default_pooling_type":
                    found |= {word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg}
        return found["seq_pooling_type"], found["attn_type"]


def _line(classes: dict[str, ast.ClassDef], name: str) -> list[ast.ClassDef]:
    """A class and those of the same file that it descends from."""
    node = classes.get(name)
    if node is None:
        return []
    return [node, *(one for base in node.bases for one in _line(classes, ast.unparse(base)))]


def _taken(kind: Any, engine: Any) -> dict[str, Any]:
    """Arguments that a configuration has by the same name and that were given."""
    unsaid = type(engine)()
    names = {field.name for field in dataclasses.fields(kind) if field.init}
    said = {
        field.name: getattr(engine, field.name)
        for field in dataclasses.fields(engine)
        if getattr(engine, field.name) != getattr(unsaid, field.name)
    }
    renamed = {_RENAMED.get(name, name): value for name, value in said.items()}
    return {name: value for name, value in renamed.items() if name in names}


def _pinned(sources: Path) -> dict[str, str]:
    """Versions that the wheel itself asks for exactly."""
    (metadata,) = sources.glob("vllm-*.dist-info/METADATA")
    lines = metadata.read_text("utf-8").splitlines()
    wanted = (line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: "))
    pairs = (line.split(";")[0].split("==") for line in wanted if "==" in line.split(";")[0])
    return {pair[0].split("[")[0]: pair[1].strip() for pair in pairs}


def main() -> None:
    """Answer until the asker goes."""
    court = Court(Path(sys.argv[1]))
    for line in sys.stdin:
        asked = json.loads(line)
        if "url" in asked:
            answer = court.fetches(asked["argv"], asked["url"])
        elif "--omni" in asked["argv"]:
            answer = court.refuses_omni(asked["argv"])
        else:
            answer = court.refuses(asked["argv"], asked["architecture"], asked["pools"])
        sys.stdout.write(json.dumps({"refused": answer}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
