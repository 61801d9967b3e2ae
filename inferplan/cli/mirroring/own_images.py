"""The recipe of an image that no publisher has, as the order tells it to the build.

Not here: what the recipes hold (recipes), and the making (worker.image_builds).
"""

from __future__ import annotations

from importlib.resources import files

import msgspec

from inferplan.errors import InferplanError
from inferplan.exitcodes import ExitCode
from inferplan.near import listed
from inferplan.plan.built_images import BuiltImage
from inferplan.plan.mirror_order import OrderedBuild, OrderedWheel
from inferplan.records.plan import Plan

RECIPES = "inferplan.cli.mirroring.recipes"


class NoRecipe(InferplanError):  # noqa: N818 - it reads as what it says
    """Nothing says of what this image would have to be made."""

    exit_code = ExitCode.DENIED


class Wheel(msgspec.Struct, frozen=True):
    """A model as a package: its address, its hash, and who states that."""

    url: str
    sha256: str
    source: tuple[str, ...]


class Recipe(msgspec.Struct, frozen=True):
    """A base image, where its packages lie, and the models that can be put there."""

    base: str
    tag: str
    digest: str
    python: str
    site: str
    source: tuple[str, ...]
    as_of: str
    models: dict[str, Wheel]


def recipe(name: str) -> tuple[Recipe, str]:
    """The recipe of an image, and its packages as lines with hashes."""
    folder = files(RECIPES)
    held = msgspec.json.decode((folder / f"{name}.json").read_bytes(), type=Recipe)
    return held, (folder / f"{name}.txt").read_text("utf-8")


def ordered_build(plan: Plan, built: BuiltImage) -> OrderedBuild:
    """What the build is told; raises NoRecipe where no source states a model's hash."""
    held, packages = recipe(built.name)
    missing = [model for model in built.models if model not in held.models]
    if missing:
        raise NoRecipe(
            f"{built.name} cannot be built with {listed(missing, 'and')}: no source states the hash of the "
            "package. Build it yourself and pin it: docs/how-to/build-a-redaction-image.md"
        )
    (image,) = (one for one in plan.pulled_images if one.name == built.name)
    return OrderedBuild(
        name=built.name,
        base=held.base,
        base_digest=held.digest,
        python=held.python,
        site=held.site,
        packages=packages,
        wheels=tuple(
            OrderedWheel(name=model, url=held.models[model].url, sha256=held.models[model].sha256)
            for model in built.models
        ),
        repository=image.repository,
        tag=built.tag,
    )
