"""The embedded engine: runs a Pulumi program like a first preview and returns what it declared.

Not here: judging the resources (policies), and anything that meets a cloud, a plugin or a network.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import selectors
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime import rpc, settings
from pulumi.runtime.proto import engine_pb2, resource_pb2
from pulumi.runtime.stack import Stack

from inferplan.properties import is_known, plain_number, provider_config
from inferplan.resource import Provider, Resource, Unknown
from stacks.lean_sdk import lean_sdk

if TYPE_CHECKING:
    from inferplan.records.plan import Plan
    from inferplan.spec.declaration import Declaration
    from stacks import Layer

ROOT_TYPE = "pulumi:pulumi:Stack"
REFERENCE_TYPE = "pulumi:pulumi:StackReference"
PROVIDER_PREFIX = "pulumi:providers:"
FEATURES = frozenset(
    {
        resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS,
        resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
        resource_pb2.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
        resource_pb2.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
        resource_pb2.RESOURCE_MONITOR_FEATURE_REPLACE_WITH,
        resource_pb2.RESOURCE_MONITOR_FEATURE_REPLACEMENT_TRIGGER,
    }
)
_LOG_LEVELS = {engine_pb2.WARNING: logging.WARNING, engine_pb2.ERROR: logging.ERROR}
_log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")
_Arguments = TypeVarTuple("_Arguments")


class RecordError(Exception):
    """The program did something that a preview without cloud and engine cannot answer."""


def record(
    build: Callable[[], Any],
    *,
    project: str = "inferplan",
    stack: str,
    referenced: Mapping[str, Any] | None = None,
) -> tuple[Resource, ...]:
    """The resources that `build` declares, sorted by URN; not the implicit stack, nor what is only read.

    `build` runs with its own event loop and a fresh Pulumi context, so nothing is left behind for the next
    run. Whatever it raises comes out unchanged; `RecordError` when it asks what only a cloud could answer.
    `referenced` are the outputs of the stack that it refers to, where they are known.
    """
    monitor = _Monitor(project, stack, referenced)
    with _without_cyclic_gc(), lean_sdk():
        contextvars.Context().run(_run, build, monitor)
    return tuple(monitor.resources[urn] for urn in sorted(monitor.resources))


def record_plan(plan: Plan, declaration: Declaration) -> tuple[Resource, ...]:
    """The resources of all layers of a plan: stacks `<name>.foundation` and `<name>.workload`."""
    from stacks import LAYERS

    return tuple(resource for layer in LAYERS for resource in record_layer(plan, declaration, layer))


def record_layer(
    plan: Plan, declaration: Declaration, layer: Layer, referenced: Mapping[str, Any] | None = None
) -> tuple[Resource, ...]:
    """The resources of one layer of a plan, the stack `<name>.<layer>`."""
    from stacks import build

    name = f"{plan.name}.{layer}"
    return record(partial(build, plan, layer, declaration), stack=name, referenced=referenced)


def _run(build: Callable[[], Any], monitor: _Monitor) -> None:
    settings.configure(
        settings.Settings(
            project=monitor.project,
            stack=monitor.stack,
            organization="organization",
            monitor=monitor,
            engine=_Engine(),
            dry_run=True,
            legacy_apply_enabled=False,
        )
    )
    settings.SETTINGS.monitor_features = set(FEATURES)
    loop = _InlineLoop()
    try:
        loop.run_until_complete(_program(build))
    finally:
        loop.close_quietly()


async def _program(build: Callable[[], Any]) -> None:
    root = Stack()
    try:
        outcome = build()
        if asyncio.iscoroutine(outcome):
            await outcome
    finally:
        root._finish()
    await _drain()


async def _drain() -> None:
    """Wait for every registration and every output; raise the first error of the program."""
    manager, outputs = settings.SETTINGS.rpc_manager, settings.SETTINGS.outputs
    this = asyncio.current_task()
    error: BaseException | None = None
    while (failure := manager.unhandled_exception or error) is None:
        pending = {task for task in asyncio.all_tasks() if task is not this} | outputs
        outputs.clear()
        if not pending:
            return
        for outcome in await asyncio.gather(*pending, return_exceptions=True):
            if isinstance(outcome, BaseException):
                error = error or outcome
    raise failure


class _NeverBlocks(selectors.DefaultSelector):
    """Nothing here waits for the outside, so waiting without a time limit means waiting for itself."""

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RecordError("the program waits for a value that nothing in it will deliver")
        return super().select(timeout)


class _InlineLoop(asyncio.SelectorEventLoop):
    """An event loop that calls the monitor in place instead of in a thread."""

    def __init__(self) -> None:
        super().__init__(_NeverBlocks())
        self.set_exception_handler(lambda _loop, _context: None)  # _drain raises what matters

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Arguments], _Answer], *args: *_Arguments
    ) -> asyncio.Future[_Answer]:
        future: asyncio.Future[_Answer] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def close_quietly(self) -> None:
        """End what an error left running, then close."""
        pending = asyncio.all_tasks(self)
        for task in pending:
            task.cancel()
        if pending:
            self.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self.close()


class _Engine:
    """The part of the engine service that programs reach: log lines and the version check."""

    def Log(self, request: Any) -> None:  # noqa: N802 (the service's name)
        if level := _LOG_LEVELS.get(request.severity):
            _log.log(level, "%s", request.message)

    def RequirePulumiVersion(self, request: Any) -> empty_pb2.Empty:  # noqa: N802
        return empty_pb2.Empty()


class _Monitor:
    """The resource monitor service: keeps what is registered, answers as a first preview does."""

    def __init__(self, project: str, stack: str, referenced: Mapping[str, Any] | None = None) -> None:
        self.project, self.stack, self._referenced = project, stack, referenced
        self.resources: dict[str, Resource] = {}
        self._providers: dict[str, Provider] = {}

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        urn = self._urn(request)
        if request.type == ROOT_TYPE:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        if request.remote:
            raise RecordError(f"{request.type} {request.name!r} lives in another language's plugin")
        resource = self._keep(urn, request)
        response = resource_pb2.RegisterResourceResponse(urn=urn)
        if self._answers(resource):
            response.object.CopyFrom(request.object)
        return response

    def ReadResource(self, request: Any) -> Any:  # noqa: N802
        """What exists is not the program's own, and nothing about it is known here but what was given."""
        response = resource_pb2.ReadResourceResponse(urn=self._urn(request))
        if self._referenced is not None and request.type == REFERENCE_TYPE:
            response.properties.CopyFrom(request.properties)
            response.properties.update({"outputs": self._referenced, "secretOutputNames": []})
        return response

    def RegisterResourceOutputs(self, request: Any) -> empty_pb2.Empty:  # noqa: N802
        return empty_pb2.Empty()

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        raise RecordError(f"{request.tok} asks the cloud; the plan must carry its answer as a plain value")

    Call = Invoke

    def _urn(self, request: Any) -> str:
        type_ = request.type
        if request.parent:
            parent_type = request.parent.split("::")[2]
            if parent_type != ROOT_TYPE:
                type_ = f"{parent_type}${type_}"
        urn = f"urn:pulumi:{self.stack}::{self.project}::{type_}::{request.name}"
        if urn in self.resources:
            raise RecordError(f"two resources have the URN {urn}")
        return urn

    def _keep(self, urn: str, request: Any) -> Resource:
        dependencies = {
            key: tuple(sorted(value.urns))
            for key, value in sorted(request.propertyDependencies.items())
            if value.urns
        }
        secrets: list[str] = []
        props = {
            key: _value(value, key, dependencies.get(key, ()), secrets)
            for key, value in sorted(request.object.fields.items())
        }
        if request.type.startswith(PROVIDER_PREFIX):
            props = provider_config(props)
            self._providers[urn] = Provider(
                urn=urn, package=request.type.removeprefix(PROVIDER_PREFIX), config=props
            )
        resource = Resource(
            urn=urn,
            type=request.type,
            name=request.name,
            props=props,
            parent=request.parent or None,
            provider=self._provider(request),
            dependencies=tuple(sorted(request.dependencies)),
            property_dependencies=dependencies,
            custom=request.custom,
            secret_paths=frozenset(secrets),
            retained=request.retainOnDelete,
        )
        self.resources[urn] = resource
        return resource

    def _provider(self, request: Any) -> Provider | None:
        """The explicit provider; without one, the default provider of the package, configured by nobody."""
        if request.provider:
            urn = request.provider.rpartition("::")[0]
            return self._providers[urn]
        package = request.type.partition(":")[0]
        if not request.custom or package == "pulumi":
            return None
        urn = f"urn:pulumi:{self.stack}::{self.project}::{PROVIDER_PREFIX}{package}::default"
        return Provider(urn=urn, package=package)

    @staticmethod
    def _answers(resource: Resource) -> bool:
        """Whether a real provider would repeat the inputs as outputs in a first preview.

        A Kubernetes provider cannot before its API server exists, nor can any with unknown configuration.
        """
        provider = resource.provider
        return provider is not None and provider.package != "kubernetes" and is_known(provider.config)


def _value(value: struct_pb2.Value, path: str, urns: tuple[str, ...], secrets: list[str]) -> Any:
    """One protobuf value as plain JSON, `Unknown` where the deployment decides; notes secret paths."""
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return Unknown(urns) if value.string_value == rpc.UNKNOWN else value.string_value
    if kind == "struct_value":
        fields = value.struct_value.fields
        if rpc._special_sig_key in fields:
            return _special(fields, path, urns, secrets)
        return {key: _value(item, f"{path}.{key}", urns, secrets) for key, item in sorted(fields.items())}
    if kind == "list_value":
        items = value.list_value.values
        return [_value(item, f"{path}[{index}]", urns, secrets) for index, item in enumerate(items)]
    if kind == "number_value":
        return plain_number(value.number_value)
    if kind == "bool_value":
        return value.bool_value
    return None


def _special(fields: Mapping[str, Any], path: str, urns: tuple[str, ...], secrets: list[str]) -> Any:
    """Secrets without their envelope, a resource as its URN, assets and archives as plain objects."""
    signature = fields[rpc._special_sig_key].string_value
    if signature == rpc._special_secret_sig:
        secrets.append(path)
        return _value(fields["value"], path, urns, secrets)
    if signature == rpc._special_resource_sig:
        return fields["urn"].string_value
    return {
        key: _value(item, f"{path}.{key}", urns, secrets)
        for key, item in sorted(fields.items())
        if key != rpc._special_sig_key
    }


@contextmanager
def _without_cyclic_gc() -> Iterator[None]:
    """Registrations make many long-lived objects; collecting while they grow is the largest cost."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
