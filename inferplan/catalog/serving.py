"""How things are served: settings, flags, named products, redaction languages, services without a Region.

Not here: the flags a plan chooses (inferplan.plan) and the shapes of models (open_weights).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Literal

from inferplan.catalog.table import Row, UnknownName, rows
from inferplan.near import near


class ServingSetting(Row, frozen=True, kw_only=True):
    """A setting of the model server that sovereignty or supply-chain rules look at."""

    kind: Literal["env", "arg", "network"]
    name: str
    want: str
    why: str


class VllmGoneFlag(Row, frozen=True, kw_only=True):
    """A flag that `vllm serve` no longer has, and what to do instead."""

    flag: str
    says: str


class VllmFlag(Row, frozen=True, kw_only=True):
    """One option string of `vllm serve`."""

    flag: str
    version: str


class VllmVariable(Row, frozen=True, kw_only=True):
    """One environment variable that vLLM reads."""

    name: str
    version: str


class VllmMethod(Row, frozen=True, kw_only=True):
    """One value of `--quantization`."""

    method: str
    version: str
    deprecated: bool
    at_load: bool  # quantizes a 16-bit repository while it loads


class Purpose(Row, frozen=True, kw_only=True):
    """One purpose that `routes.*.use.purposes` may state."""

    purpose: str
    meaning: str


class NamedSystem(Row, frozen=True, kw_only=True):
    """A system that the source documents name, and what a plan does when a spec names it."""

    system: str
    names: tuple[str, ...]  # product names and aliases
    treatment: Literal["plan", "refuse"]
    server: Literal["vllm", "vllm-pooling", "vllm-omni", "diffusers", "vendor", "hub"] | None
    models: tuple[str, ...]  # ids of the catalog's open-weight models
    vendors: tuple[str, ...]  # ids of the catalog's vendors
    says: str
    use_instead: tuple[str, ...] = ()
    documents: tuple[str, ...]


class RedactionLanguage(Row, frozen=True, kw_only=True):
    """The languages that people of a country write to a service in; redaction must know them."""

    country: str
    languages: tuple[str, ...]  # ISO 639-1


class RedactionModel(Row, frozen=True, kw_only=True):
    """The model that redaction loads for a language; None: there is none, so redaction is refused."""

    language: str
    model: str | None


class RedactionRecognizer(Row, frozen=True, kw_only=True):
    """The recognizers of a country's own numbers (tax, identity, health) that redaction can load."""

    country: str
    recognizers: tuple[str, ...]  # classes of presidio-analyzer


class GlobalService(Row, frozen=True, kw_only=True):
    """Resource types of one module that take no `region`: the provider's Region does not place them."""

    module: str  # of the type token: `iam` of aws:iam/role:Role
    types: tuple[str, ...]
    home_region: str | None  # in the commercial partition; None: not stated, or follows the account's Region
    holds: str | None


@cache
def serving_settings() -> Mapping[str, ServingSetting]:
    """Settings by name."""
    return {row.name: row for row in rows("serving_settings", ServingSetting)}


@cache
def _flags() -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for row in rows("vllm_flags", VllmFlag):
        found.setdefault(row.version, set()).add(row.flag)
    return {version: frozenset(flags) for version, flags in found.items()}


def vllm_versions() -> tuple[str, ...]:
    """Versions whose flags are known."""
    return tuple(sorted(_flags()))


def vllm_flags(version: str) -> frozenset[str]:
    """Every option string of `vllm serve` in a version, `--no-...` included; raises UnknownName."""
    if version not in _flags():
        raise UnknownName("vLLM version", version, near(version, vllm_versions(), 3))
    return _flags()[version]


@cache
def vllm_gone_flags() -> Mapping[str, str]:
    """What to do in place of flags that older versions had, by flag without dashes in front."""
    return {row.flag: row.says for row in rows("vllm_gone_flags", VllmGoneFlag)}


@cache
def vllm_omni_flags(version: str) -> frozenset[str]:
    """What `vllm serve` of a vLLM-Omni version adds to vLLM's own options; raises UnknownName."""
    listed = rows("vllm_omni_flags", VllmFlag)
    found = frozenset(row.flag for row in listed if row.version == version)
    if not found:
        raise UnknownName("vLLM-Omni version", version, near(version, {row.version for row in listed}, 3))
    return found


@cache
def vllm_env(version: str) -> frozenset[str]:
    """Every environment variable that a version of vLLM reads; raises UnknownName."""
    found = frozenset(row.name for row in rows("vllm_env", VllmVariable) if row.version == version)
    if not found:
        raise UnknownName("vLLM version", version, near(version, vllm_versions(), 3))
    return found


@cache
def vllm_methods(version: str) -> Mapping[str, VllmMethod]:
    """Values of `--quantization` in a version of vLLM; raises UnknownName."""
    found = {row.method: row for row in rows("vllm_methods", VllmMethod) if row.version == version}
    if not found:
        raise UnknownName("vLLM version", version, near(version, vllm_versions(), 3))
    return found


@cache
def purposes() -> Mapping[str, Purpose]:
    """The closed list of purposes."""
    return {row.purpose: row for row in rows("purposes", Purpose)}


@cache
def named_systems() -> Mapping[str, NamedSystem]:
    """Every named system by its main name."""
    return {row.system: row for row in rows("named_systems", NamedSystem)}


@cache
def _system_names() -> Mapping[str, str]:
    return {name.lower(): row.system for row in named_systems().values() for name in (row.system, *row.names)}


def named_system(name: str) -> NamedSystem | None:
    """The system that a product name or alias stands for, any case; None for a name nobody listed."""
    found = _system_names().get(" ".join(name.lower().split()))
    return named_systems()[found] if found else None


@cache
def _languages() -> Mapping[str, tuple[str, ...]]:
    return {row.country: row.languages for row in rows("redaction_languages", RedactionLanguage)}


def redaction_languages(countries: Iterable[str]) -> tuple[str, ...]:
    """Languages to redact for people in these countries (ISO codes), sorted; raises UnknownName."""
    table, found = _languages(), set[str]()
    for country in countries:
        if country not in table:
            raise UnknownName("country in the table of redaction languages", country, near(country, table, 3))
        found.update(table[country])
    return tuple(sorted(found))


@cache
def redaction_models() -> Mapping[str, str | None]:
    """Per language of the table, the model that redaction loads; None where there is none."""
    return {row.language: row.model for row in rows("redaction_models", RedactionModel)}


@cache
def redaction_recognizers() -> Mapping[str, tuple[str, ...]]:
    """By country, the recognizers of its own numbers; a country without any is not in it."""
    return {row.country: row.recognizers for row in rows("redaction_recognizers", RedactionRecognizer)}


@cache
def global_services() -> Mapping[str, GlobalService]:
    """Modules of the AWS provider with types that take no `region`, by module."""
    return {row.module: row for row in rows("global_services", GlobalService)}


def global_service(type_token: str) -> GlobalService | None:
    """The entry of a resource type such as aws:iam/role:Role; None where the type takes a `region`."""
    row = global_services().get(type_token.partition(":")[2].partition("/")[0].partition(":")[0])
    return row if row is not None and type_token in row.types else None
