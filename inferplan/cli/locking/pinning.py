"""What a spec's names stand for, section by section: kept where it is pinned, asked for where it is not.

Not here: how each side is asked (its own module), and the file (lock_file).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from msgspec.structs import replace

from inferplan.cli.locking import bucket_weights
from inferplan.cli.locking.account_registry import Account, is_ecr
from inferplan.cli.locking.hub_weights import Hub
from inferplan.cli.locking.image_manifests import Pinned
from inferplan.cli.locking.lock_file import storable
from inferplan.cli.locking.oci_registries import OciRegistries
from inferplan.cli.locking.patience import Unanswered, Unknown, Waiting
from inferplan.cli.locking.weight_files import (
    ADAPTER_CONFIG,
    BESIDE,
    CONFIG,
    DOCUMENTS,
    Weights,
    checked,
    needed,
    revision_of,
)
from inferplan.near import did_you_mean, near
from inferplan.plan.built_images import BuiltImage
from inferplan.plan.gateway.redaction import IMAGE_HELP
from inferplan.plan.images import UPSTREAM
from inferplan.report.lock_contracts import OpenPin
from inferplan.spec.lock import Lock, LockedAdapter, LockedImage, LockedModel

T = TypeVar("T")

LARGEST_RANK = 512  # vllm/config/lora.py, MaxLoRARanks
SHA256, COMMIT = "sha256:", 40


@dataclass(kw_only=True)
class Pinning:
    """One run: the former lock, what becomes of it, and what could not be found."""

    former: Lock
    upgrade: bool
    say: Callable[[str], None]
    region: str  # in which buckets are asked for
    account: Account = field(default_factory=Account)
    hub: Hub = field(default_factory=Hub)
    registries: OciRegistries = field(init=False)
    lock: Lock = field(init=False)
    open: list[OpenPin] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lock = self.former
        self.registries = OciRegistries(self.account.login)

    @property
    def asks_anew(self) -> bool:
        """Whether nothing that the former lock says counts as pinned."""
        return self.upgrade or self.former.documentation_values

    # -- weights

    def model(self, name: str, uri: str, known: Iterable[str]) -> None:
        """Pin a model's weights; `known` are the names that a wrong one may have been meant for."""
        former = self.former.models.get(name)
        if former is not None and not self.asks_anew and _is_whole(former):
            return
        found = self._found(f"models.{name}", lambda: checked(self._weights(uri, former, known)))
        if found is not None:
            config = found.documents.get(CONFIG)
            beside = found.documents.get(BESIDE)
            made = LockedModel(
                revision=found.revision,
                files=found.files,
                sizes=found.sizes,
                quantized=former.quantized if former else None,
                config=storable(config) if config is not None else None,
                quantization_config=storable(beside) if beside is not None else None,
                license=found.license,
            )
            self._keep(models={**self.lock.models, name: made})

    def adapter(self, name: str, uri: str, bases: Iterable[str]) -> None:
        """Pin an adapter's weights; `bases` are what it may have been trained on."""
        former = self.former.adapters.get(name)
        whole = (
            former is not None
            and former.revision
            and former.sizes.keys() == former.files.keys()
            and former.rank
        )
        if former is not None and whole and not self.asks_anew:
            return
        found = self._found(f"adapters.{name}", lambda: _adapter(checked(self._weights(uri, former, ()))))
        if found is not None:
            base = (found.base_model or "").lower()
            wanted = {one.lower() for one in bases}
            if base and wanted and "/" in base and base not in wanted:
                self.notes.append(f"adapters.{name} was trained on {found.base_model}, says {ADAPTER_CONFIG}")
            self._keep(adapters={**self.lock.adapters, name: found})

    def _weights(self, uri: str, former: LockedModel | LockedAdapter | None, known: Iterable[str]) -> Weights:
        scheme, _, rest = uri.partition("://")
        self.say(f"asking for {uri}")
        if scheme == "s3":
            return bucket_weights.weights(self.account, uri, self.region, self.say)
        if scheme == "oci":
            return self._artifact(rest)
        repository = rest.rstrip("/")
        revision = former.revision if former is not None and not self.asks_anew else None
        try:
            return self.hub.weights(repository, revision)
        except Unknown as problem:
            hint = did_you_mean(near(repository, known, 3)) if revision is None else ""
            hint = hint or ("" if revision is None else "--upgrade takes the newest")
            raise Unknown(f"{problem}{'; ' if hint else ''}{hint}") from None

    def _artifact(self, name: str) -> Weights:
        repository, reference = _reference(name)
        listed = self.registries.files(repository, reference)
        paths = needed(listed)
        files = {path: listed[path][0] for path in paths}
        documents = {
            path: held
            for path in paths
            if path in DOCUMENTS
            and (held := self.registries.document(repository, f"{SHA256}{files[path]}")) is not None
        }
        sizes = {path: listed[path][1] for path in paths}
        return Weights(revision=revision_of(files), files=files, sizes=sizes, documents=documents)

    # -- images

    def image(self, name: str, built: BuiltImage | None, registry: str) -> None:
        """Pin an image: of the lock, else of its publisher, else one that has to be built."""
        former = self.former.images.get(name)
        path = f"images.{name}"
        if built is not None:
            self._built(path, built, registry)
            return
        upstream, version = UPSTREAM[name]
        repository, tag = (former.repository, former.tag) if former else (upstream, version)
        if former is not None and repository == upstream and tag != version:
            if self.upgrade:
                tag = version
            else:
                self.notes.append(f"{path}: {tag} is pinned, {version} is planned with; --upgrade moves it")
        is_kept = former is not None and not self.asks_anew
        if former is not None and is_kept and former.size_bytes is not None:
            return
        reference = former.digest if former is not None and is_kept else tag
        found = self._found(path, lambda: self._image(repository, reference))
        if found is not None:
            made = LockedImage(
                repository=repository,
                tag=tag,
                digest=found.digest,
                models=former.models if former else (),
                size_bytes=found.size_bytes,
            )
            self._keep(images={**self.lock.images, name: made})

    def _built(self, path: str, built: BuiltImage, registry: str) -> None:
        repository = f"{registry}/{built.name}"

        def asked() -> Pinned:
            try:
                return self._image(repository, built.tag)
            except Unknown:
                raise Waiting(
                    f"{repository}:{built.tag} is not there yet: `inferplan mirror` builds it, or you do "
                    f"({IMAGE_HELP}); then lock again"
                ) from None

        found = self._found(path, asked)
        images = {key: held for key, held in self.lock.images.items() if key != built.name}
        if found is not None:
            images[built.name] = LockedImage(
                repository=repository,
                tag=built.tag,
                digest=found.digest,
                models=built.models,
                size_bytes=found.size_bytes,
            )
        self._keep(images=images)

    def _image(self, repository: str, reference: str) -> Pinned:
        self.say(f"asking for {repository}:{reference}")
        asked = self.account if is_ecr(repository) else self.registries
        return asked.image(repository, reference)

    # -- add-ons

    def addons(self, names: Iterable[str], kubernetes_version: str, region: str) -> None:
        """Pin versions of EKS add-ons; those of another version of Kubernetes are asked for anew."""
        former = self.former.addons
        fits = former.get("kube-proxy", "").startswith((f"v{kubernetes_version}.", f"v{kubernetes_version}-"))
        wanted = [name for name in names if self.asks_anew or name not in former or not fits]
        for index, name in enumerate(wanted):
            self.say(f"asking for the version of {name}")
            try:
                version = self.account.addon(name, kubernetes_version, region)
            except Waiting as problem:
                self._left("addons", "pending", f"{', '.join(wanted[index:])}: {problem}")
                return
            except Unanswered as problem:
                self._left(f"addons.{name}", "failed", str(problem))
            else:
                self._keep(addons={**self.lock.addons, name: version})

    # -- the rest

    def quantized(self, said: Mapping[str, Any]) -> None:
        """Note whether the engine quantizes each model or its publisher did."""
        models = {
            name: replace(held, quantized=said[name]) if name in said else held
            for name, held in self.lock.models.items()
        }
        self._keep(models=models)

    def drop(self, section: str, names: Iterable[str]) -> None:
        """Leave out what nothing needs any more."""
        wanted = {*names}
        self._keep(**{section: {k: v for k, v in getattr(self.lock, section).items() if k in wanted}})

    def finish(self, *, is_whole: bool) -> None:
        """Values for documentation are gone once everything has been asked for."""
        still = self.former.documentation_values and (not is_whole or bool(self.open))
        self._keep(documentation_values=still)

    def fail(self, path: str, reason: str) -> None:
        """Note what is wrong with a pin that was found."""
        self._left(path, "failed", reason)

    def _found(self, path: str, question: Callable[[], T]) -> T | None:
        try:
            return question()
        except Waiting as problem:
            self._left(path, "pending", str(problem))
        except Unanswered as problem:
            self._left(path, "failed", str(problem))
        return None

    def _left(self, path: str, state: Any, reason: str) -> None:
        self.open.append(OpenPin(path=path, state=state, reason=reason))

    def _keep(self, **fields: Any) -> None:
        self.lock = replace(self.lock, **fields)


def _is_whole(pinned: LockedModel) -> bool:
    described = pinned.config is not None or CONFIG not in pinned.files
    return bool(pinned.files) and pinned.sizes.keys() == pinned.files.keys() and described


def _adapter(found: Weights) -> LockedAdapter:
    config = found.documents.get(ADAPTER_CONFIG)
    if config is None:
        raise Unanswered(f"is no adapter: {ADAPTER_CONFIG} is missing")
    kind, rank = config.get("peft_type", "LORA"), config.get("r")
    if kind != "LORA":
        raise Unanswered(f"is an adapter of kind {kind}, and the engine serves LORA alone")
    if not isinstance(rank, int) or not 1 <= rank <= LARGEST_RANK:
        raise Unanswered(f"has rank {rank!r}; the engine serves 1 to {LARGEST_RANK}")
    base = config.get("base_model_name_or_path")
    return LockedAdapter(
        revision=found.revision,
        files=found.files,
        sizes=found.sizes,
        rank=rank,
        base_model=str(base) if base else None,
    )


def _reference(name: str) -> tuple[str, str]:
    """Repository and tag or digest of a name."""
    repository, _, digest = name.partition("@")
    if digest:
        return repository, digest
    head, _, last = repository.rpartition("/")
    last, _, tag = last.partition(":")
    return f"{head}/{last}", tag or "latest"
