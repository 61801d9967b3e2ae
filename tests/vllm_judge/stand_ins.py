"""Stand-ins for what vLLM imports and a command line does not need: torch, tokenizers, compiled parts.

vLLM builds its own documentation the same way. Not here: what is asked of it once it is imported (court).
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.metadata
import sys
from abc import ABCMeta
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

# Parts of vLLM that compile or register kernels when they are imported.
COMPILED = ("vllm.ir", "vllm._C", "vllm._moe_C", "vllm._rust", "vllm.vllm_flash_attn")


class _Permissive(ABCMeta):
    """A class to inherit from, to subscript, to join with | and to call."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return MagicMock(name=name)

    def __getitem__(cls, _: object) -> Any:
        return cls

    def __or__(cls, _: object) -> Any:
        return cls

    __ror__ = __or__


class _Anything(metaclass=_Permissive):
    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return MagicMock(name=name)

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: object) -> Any:
        from pydantic_core import core_schema

        return core_schema.any_schema()


class _Module(ModuleType):
    """Names with a capital are classes, others are whatever is done with them."""

    __path__: list[str] = []  # noqa: RUF012 - as the import system wants it
    __file__ = ""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made: Any = MagicMock(name=f"{self.__name__}.{name}")
        if name[0].isupper():
            made = _Permissive(name, (_Anything,), {"__module__": self.__name__})
        setattr(self, name, made)
        return made


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds what vLLM asks for and nobody installed; what others look for in vain stays missing."""

    def __init__(self) -> None:
        self.roots: set[str] = set()

    def find_spec(
        self, name: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        root = name.partition(".")[0]
        if name.startswith(COMPILED):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        if root in {"vllm", "vllm_omni"} or root in sys.stdlib_module_names:
            return None
        if root not in self.roots:
            if importlib.machinery.PathFinder.find_spec(root) is not None or not _vllm_asks():
                return None
            self.roots.add(root)
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


def _vllm_asks() -> bool:
    """Whether the module that imports is vLLM's."""
    frame = sys._getframe(1)
    while frame.f_back is not None and (
        "importlib" in frame.f_code.co_filename or frame.f_code.co_filename == __file__
    ):
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", "")).startswith("vllm")


def install(versions: dict[str, str]) -> None:
    """From here on vLLM can be imported; `versions` says what is installed of each package that is not."""
    real = importlib.metadata.version

    def version(distribution_name: str) -> str:
        try:
            return real(distribution_name)
        except importlib.metadata.PackageNotFoundError:
            return versions.get(distribution_name, "999")

    importlib.metadata.version = version
    sys.meta_path.insert(0, Finder())
