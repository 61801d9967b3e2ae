"""A stand-in for the AWS and Kubernetes providers, attached with PULUMI_DEBUG_PROVIDERS.

Not here: anything a cloud would check. It answers like a provider whose every call succeeds: in a preview
computed outputs are unknown, in an update they get made-up values of the type that the installed SDK names.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import Any, get_args, get_origin

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi import _types
from pulumi.runtime import rpc
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from tests.engine.language_host import serve

DEEPEST = 4  # some output types contain themselves
READING_SDK = Lock()  # its modules load themselves on first use, which two threads must not do at once
SKIP_OUTPUTS = frozenset({"id", "urn"})
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
BY_NAME = {LOG_GROUP: "name", "aws:s3/bucket:Bucket": "bucket"}  # types whose id is the name they were given


@dataclass
class StandIn(provider_pb2_grpc.ResourceProviderServicer):
    """One package; `created`, `updated` and `deleted` hold the URNs of real (not previewed) operations."""

    package: str
    version: str
    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=True, accept_resources=False, accept_outputs=False
        )

    def Attach(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        return plugin_pb2.PluginInfo(version=self.version)

    def GetSchema(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.GetSchemaResponse(
            schema=json.dumps({"name": self.package, "version": self.version})
        )

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return _difference(request)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        # Requests do not name their provider: what was configured last holds for all, which is one per test.
        accounts = json.loads(_member(request.args, "allowedAccountIds", "[]"))
        self.config = {"region": _member(request.args, "region", ""), "account": next(iter(accounts), "")}
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        return _difference(request)

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.preview:
            return provider_pb2.CreateResponse(properties=self._outputs(request, preview=True))
        self.created.append(request.urn)
        return provider_pb2.CreateResponse(
            id=self._id(request), properties=self._outputs(request, preview=False)
        )

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        if not request.preview:
            self.updated.append(request.urn)
        return provider_pb2.UpdateResponse(
            properties=self._outputs(request, request.news, preview=request.preview)
        )

    def Delete(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        self.deleted.append(request.urn)
        return empty_pb2.Empty()

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{request.tok}: programs ask the cloud nothing")

    def Cancel(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        return empty_pb2.Empty()

    def forget(self) -> None:
        """Start counting anew."""
        for calls in (self.created, self.updated, self.deleted):
            calls.clear()

    def _id(self, request: Any) -> str:
        metadata = _member(request.properties, "metadata", {})
        name = request.urn.rpartition("::")[2]
        if self.package == "kubernetes" and "name" in metadata:
            namespace = _member(metadata, "namespace", "default")
            return f"{namespace}/{metadata['name']}"
        type_ = request.urn.split("::")[2].rpartition("$")[2]
        return str(_member(request.properties, BY_NAME.get(type_, ""), f"{name}-0"))

    def _outputs(
        self, request: Any, inputs: struct_pb2.Struct | None = None, *, preview: bool
    ) -> struct_pb2.Struct:
        properties = struct_pb2.Struct()
        properties.CopyFrom(inputs if inputs is not None else request.properties)
        type_, name = request.urn.split("::")[2].rpartition("$")[2], request.urn.rpartition("::")[2]
        if not preview and type_ in ANSWERS:
            properties.update(ANSWERS[type_](properties))
        if not preview and type_ == LOG_GROUP:
            place = f"{self.config.get('region')}:{self.config.get('account')}"
            properties["arn"] = f"arn:aws:logs:{place}:log-group:{properties['name']}"
        with READING_SDK:
            for key, kind in _output_types(self.package, type_).items():
                if key not in properties:
                    properties[key] = rpc.UNKNOWN if preview else _made_up(kind, f"{name}/{key}")
        return properties


@contextmanager
def attached(versions: Mapping[str, str]) -> Iterator[tuple[str, dict[str, StandIn]]]:
    """Serve a stand-in per package; gives the value of PULUMI_DEBUG_PROVIDERS and the stand-ins."""
    stand_ins = {package: StandIn(package, version) for package, version in versions.items()}
    servers = {
        package: serve(provider_pb2_grpc.add_ResourceProviderServicer_to_server, stand_in)
        for package, stand_in in stand_ins.items()
    }
    try:
        yield ",".join(f"{package}:{port}" for package, (_server, port) in servers.items()), stand_ins
    finally:
        for server, _port in servers.values():
            server.stop(None).wait()


def _member(of: Any, key: str, default: Any) -> Any:
    return of[key] if key in of else default  # noqa: SIM401 (a Struct has no get)


def _difference(request: Any) -> Any:
    changed = {
        key
        for key in {*request.news, *request.old_inputs}
        if key not in request.news
        or key not in request.old_inputs
        or request.news.fields[key] != request.old_inputs.fields[key]
    }
    some = provider_pb2.DiffResponse.DIFF_SOME
    return provider_pb2.DiffResponse(
        changes=some if changed else provider_pb2.DiffResponse.DIFF_NONE, diffs=sorted(changed)
    )


def _firewall(inputs: struct_pb2.Struct) -> dict[str, Any]:
    """One endpoint per subnet, as programs look them up by subnet."""
    subnets = [mapping["subnetId"] for mapping in inputs["subnetMappings"]]
    states = [{"attachments": [{"subnetId": subnet, "endpointId": f"vpce-{subnet}"}]} for subnet in subnets]
    return {"firewallStatuses": [{"syncStates": states}]}


# Computed outputs that have to fit the inputs.
ANSWERS: dict[str, Callable[[struct_pb2.Struct], dict[str, Any]]] = {
    "aws:networkfirewall/firewall:Firewall": _firewall,
}


@cache
def _output_types(package: str, type_: str) -> Mapping[str, Any]:
    """Pulumi's names and Python types of the outputs of a resource type; none for custom resources."""
    module, _, name = type_.removeprefix(f"{package}:").rpartition(":")
    if package == "aws":
        path = f"pulumi_aws.{module.partition('/')[0]}"
    else:
        group, _, version = module.partition("/")
        path = f"pulumi_kubernetes.{group.removesuffix('.k8s.io').partition('.')[0]}.{version}"
    try:
        resource = getattr(importlib.import_module(path), name)
    except (ImportError, AttributeError):
        return {}
    types = _types.resource_types(resource)
    return {key: kind for key, kind in types.items() if key not in SKIP_OUTPUTS}


def _made_up(kind: Any, text: str, depth: int = 0) -> Any:
    """A value of the type: the text itself, 0, false, lists of one, objects field by field."""
    origin, arguments = get_origin(kind), get_args(kind)
    if type(None) in arguments:
        return None
    if origin in {list, Sequence}:
        return [_made_up(arguments[0], f"{text}[0]", depth + 1)] if depth < DEEPEST else []
    if kind is dict or origin in {dict, Mapping}:
        return {}
    if kind in {bool, int, float}:
        return kind()
    if isinstance(kind, type) and _types.is_output_type(kind):
        fields = _types.output_type_types(kind) if depth < DEEPEST else {}
        return {key: _made_up(item, f"{text}.{key}", depth + 1) for key, item in fields.items()}
    return text
