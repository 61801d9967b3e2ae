"""A Python language host for tests with an engine built from modules, which come without the official one.

Not here: virtual environments, dependency lists, code generation. It runs programs with the interpreter it
runs under, through the official `pulumi-language-python-exec` of the engine's Go module, and packs as the
official host does: after ConfigureStack, with the stack's names in the environment, in the pack's folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import (
    analyzer_pb2,
    analyzer_pb2_grpc,
    language_pb2,
    language_pb2_grpc,
    plugin_pb2,
)

MESSAGE_BYTES = 400 * 1024 * 1024
OPTIONS = [
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
]
RUNTIME_ENV = {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def serve(add_to: Any, servicer: Any) -> tuple[grpc.Server, int]:
    """A started server on a free port of this machine."""
    server = grpc.server(ThreadPoolExecutor(max_workers=16), options=OPTIONS)
    add_to(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


class Host(language_pb2_grpc.LanguageRuntimeServicer):
    """The calls that `pulumi preview`, `up`, `destroy` and `--policy-pack` make."""

    engine = ""

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.engine = request.engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        return plugin_pb2.PluginInfo(version="0.0.0")

    def GetRequiredPackages(self, request: Any, context: Any) -> Any:  # noqa: N802
        return language_pb2.GetRequiredPackagesResponse()

    def About(self, request: Any, context: Any) -> Any:  # noqa: N802
        return language_pb2.AboutResponse(executable=sys.executable, version=sys.version.split()[0])

    def Run(self, request: Any, context: Any) -> Any:  # noqa: N802
        arguments = {
            "monitor": request.monitor_address,
            "engine": self.engine,
            "project": request.project,
            "root_directory": request.info.root_directory,
            "stack": request.stack,
            "organization": request.organization,
            "pwd": request.pwd or request.info.program_directory,
            "dry_run": str(request.dryRun).lower(),
            "parallel": str(max(1, request.parallel)),
        }
        command = [sys.executable, "-u", os.environ["PULUMI_LANGUAGE_PYTHON_EXEC"]]
        for key, value in arguments.items():
            command += [f"--{key}", value]
        config = {
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        program = Path(request.info.program_directory) / request.info.entry_point
        code = subprocess.call([*command, str(program)], env=os.environ | RUNTIME_ENV | config)
        if code == 0:
            return language_pb2.RunResponse()
        # 32: the program has shown its own error.
        return language_pb2.RunResponse(
            bail=code == 32, error="" if code == 32 else f"program ended with {code}"
        )

    def RunPlugin(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        pack = PackProxy(request.info.program_directory, list(request.args), dict(os.environ))
        server, port = serve(PackProxy.add_to, pack)
        context.add_callback(pack.stop)
        yield language_pb2.RunPluginResponse(stdout=f"{port}\n".encode())
        for line in pack.output():
            yield language_pb2.RunPluginResponse(stderr=line)
        server.stop(None)


class PackProxy(analyzer_pb2_grpc.AnalyzerServicer):
    """Starts the pack once the stack is known and forwards every other call to it unread."""

    def __init__(self, folder: str, arguments: list[str], env: dict[str, str]) -> None:
        self._folder, self._arguments, self._env = folder, arguments, env
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: grpc.Channel | None = None
        self._lock, self._started = threading.Lock(), threading.Event()

    @staticmethod
    def add_to(proxy: PackProxy, server: grpc.Server) -> None:
        server.add_generic_rpc_handlers((Forward(proxy),))

    def configure(self, raw: bytes) -> bytes:
        request = analyzer_pb2.AnalyzerStackConfigureRequest.FromString(raw)
        self._env |= {
            "PULUMI_STACK": request.stack,
            "PULUMI_PROJECT": request.project,
            "PULUMI_ORGANIZATION": request.organization,
            "PULUMI_DRY_RUN": str(request.dry_run).lower(),
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
        }
        return self.call("/pulumirpc.Analyzer/ConfigureStack", raw)

    def call(self, method: str, raw: bytes) -> bytes:
        with self._lock:
            if self._channel is None:
                self._start()
        answer: bytes = self._channel.unary_unary(method)(raw)  # type: ignore[union-attr]
        return answer

    def _start(self) -> None:
        command = [sys.executable, "-u", "-m", "pulumi.policy", *self._arguments, "."]
        self._process = subprocess.Popen(
            command,
            cwd=self._folder,
            env=self._env | RUNTIME_ENV,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        port = self._process.stdout.readline().decode().strip()  # type: ignore[union-attr]
        if not port.isdigit():
            rest = self._process.stdout.read().decode()  # type: ignore[union-attr]
            raise RuntimeError(f"the pack in {self._folder} did not start: {port}\n{rest}")
        self._started.set()
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=OPTIONS)

    def output(self) -> Iterator[bytes]:
        self._started.wait()
        if self._process is not None:
            yield from self._process.stdout  # type: ignore[misc]

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
        self._started.set()


class Forward(grpc.GenericRpcHandler):  # type: ignore[misc] # grpc comes without types
    """Raw bytes in, raw bytes out; the handshake is answered here as packs do not know it."""

    def __init__(self, proxy: PackProxy) -> None:
        self._proxy = proxy

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        method = details.method.rpartition("/")[2]
        if method == "Handshake":
            empty = analyzer_pb2.AnalyzerHandshakeResponse().SerializeToString()
            return grpc.unary_unary_rpc_method_handler(lambda _raw, _context: empty)
        if method == "ConfigureStack":
            return grpc.unary_unary_rpc_method_handler(lambda raw, _context: self._proxy.configure(raw))
        if method == "Cancel":
            empty = empty_pb2.Empty().SerializeToString()
            return grpc.unary_unary_rpc_method_handler(lambda _raw, _context: empty)
        return grpc.unary_unary_rpc_method_handler(
            lambda raw, _context: self._proxy.call(details.method, raw)
        )


if __name__ == "__main__":
    host, host_port = serve(language_pb2_grpc.add_LanguageRuntimeServicer_to_server, Host())
    sys.stdout.write(f"{host_port}\n")
    sys.stdout.flush()
    with suppress(KeyboardInterrupt):  # how the engine ends its plugins
        host.wait_for_termination()
