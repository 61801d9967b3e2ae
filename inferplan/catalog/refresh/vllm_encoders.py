"""How vLLM shares the encoders of images and sound out among the ranks, read from the source of its wheel.

The classes that an encoder is made of are followed from the model's own, and the condition that one of them
puts on its heads is what counts. Not here: what follows for a layout (sizing.split_widths).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from inferplan.catalog.refresh import rows, wheels
from inferplan.catalog.refresh.vllm_source import Release

TABLE = "vllm_encoders"
AS_OF = "2026-11-28"  # the day on which the wheel was read
ENCODERS = {"vision": r"(vision|visual|image|vit)\w*", "audio": r"(audio|speech|sound|whisper)\w*"}
WHOLE, EITHER, SPLIT = "whole", "split or whole", "split"
# What a class says of its heads, the more lenient first; all are conditions of vLLM's own source.
CONDITIONS = {
    EITHER: r"is_vit_use_data_parallel\([\w.]*heads|disable_tp = [\w.]*heads % "
    r"|use_data_parallel or \(self\.num_heads|if self\.num_heads % tp_size != 0",
    SPLIT: r"divide\([\w.]*heads|assert [\w.]*heads %",
}
FROM_TRANSFORMERS = "AutoModel"  # every rank holds what Transformers makes
HELPERS = ("models/vision.py", "models/utils.py")
Found = tuple[str, ast.ClassDef | ast.FunctionDef]


class Encoder(NamedTuple):
    """One encoder of an architecture, and the file that says how it is cut."""

    architecture: str
    part: str
    cut: str
    file: str


class Encoders(Release):
    """The parsed source of one version, asked for the encoders of its models."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._known: dict[tuple[str, str], tuple[str, ast.ClassDef] | None] = {}
        self._said: dict[tuple[str, str], tuple[str | None, list[Found]]] = {}

    def encoders(self) -> Iterator[Encoder]:
        """Every encoder whose heads a condition was found for."""
        for architecture, module, name in self.registered():
            model = self.model(module, name)
            if model is None:
                continue
            for part in ENCODERS:
                cuts = [cut for made in self._made(*model, part) for cut in self._cuts(*made, set())]
                for wanted in (WHOLE, EITHER, SPLIT):
                    files = sorted(file for cut, file in cuts if cut == wanted)
                    if files:
                        yield Encoder(architecture, part, wanted, files[0])
                        break

    def _class(self, name: str, near: str) -> tuple[str, ast.ClassDef] | None:
        if (name, near) not in self._known:  # a lookup walks whole files, and most models share theirs
            self._known[name, near] = super()._class(name, near)
        return self._known[name, near]

    def _made(self, file: str, node: ast.ClassDef, part: str) -> Iterator[Found]:
        """What a model assigns to the attributes that are named as an encoder."""
        for place, one in self._line(file, node):
            for item in ast.walk(one):
                target = item.targets[0] if isinstance(item, ast.Assign) else getattr(item, "target", None)
                if isinstance(target, ast.Attribute) and re.fullmatch(ENCODERS[part], target.attr):
                    yield from self._called(place, item)

    def _called(self, file: str, node: ast.AST) -> Iterator[Found]:
        """Classes and functions of the models that a piece of source calls."""
        for item in ast.walk(node):
            names = [ast.unparse(item.func)] if isinstance(item, ast.Call) else []
            if isinstance(item, ast.Assign):  # a class that is chosen here and called later
                parts = (part.id for part in ast.walk(item.value) if isinstance(part, ast.Name))
                names += [name for name in parts if name in self._classes]
            for name in names:
                yield from self._named(file, name)

    def _named(self, file: str, name: str) -> Iterator[Found]:
        if name.startswith(FROM_TRANSFORMERS):
            yield file, ast.ClassDef(FROM_TRANSFORMERS, [], [], [ast.Pass()], [])
        elif name.isidentifier():
            found = self._class(name, file) if name in self._classes else self._function(name, file)
            if found is not None and "models/" in found[0] and not found[0].endswith(HELPERS):
                yield found

    def _function(self, name: str, file: str) -> Found | None:
        tree = self.tree(file)
        for node in ast.walk(tree) if tree is not None else ():
            if isinstance(node, ast.FunctionDef) and node.name == name:
                return file, node
        return None

    def _cuts(
        self, file: str, node: ast.ClassDef | ast.FunctionDef, seen: set[tuple[str, str]]
    ) -> Iterator[tuple[str, str]]:
        """The conditions that a class, and what it is made of, puts on its heads."""
        key = (file, node.name)
        if key in seen:
            return
        seen.add(key)
        if key not in self._said:  # most models share their classes
            self._said[key] = _condition(node), [*self._called(file, node), *self._bases(file, node)]
        cut, parts = self._said[key]
        if cut is not None:
            yield cut, file
        for part in parts:
            yield from self._cuts(*part, seen)

    def _bases(self, file: str, node: ast.ClassDef | ast.FunctionDef) -> Iterator[Found]:
        for base in node.bases if isinstance(node, ast.ClassDef) else ():
            parent = self._class(ast.unparse(base), file)
            if parent is not None and "models/" in parent[0]:
                yield parent


def _condition(node: ast.ClassDef | ast.FunctionDef) -> str | None:
    """The condition that the source of one class puts on its heads."""
    if node.name == FROM_TRANSFORMERS:
        return WHOLE
    text = ast.unparse(node)
    return next((cut for cut, said in CONDITIONS.items() if re.search(said, text)), None)


def tables() -> dict[str, list[dict[str, Any]]]:
    """The table as it should read."""
    release = Encoders(wheels.wheel("vllm"))
    found = {(one.architecture, one.part): one for one in release.encoders()}
    return {
        TABLE: [
            {
                "architecture": one.architecture,
                "part": one.part,
                "cut": one.cut,
                "verified": True,
                "source": [f"vllm {release.version} wheel: {one.file}"],
                "as_of": AS_OF,
            }
            for _, one in sorted(found.items())
        ]
    }


def main() -> None:
    """Rewrite the table and say what changed."""
    rows.replace(tables())


if __name__ == "__main__":
    main()
