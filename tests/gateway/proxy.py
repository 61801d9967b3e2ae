"""The planned gateway as processes: what a recorded container gets, with loopback in place of its hosts.

Not here: the servers around it (machines, vendors) and the questions to it (tests).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tests.gateway import machines
from tests.gateway.vendors import Call, StandIn
from tests.unit.recorded import Recorded, planned, recorded

MASTER_KEY, SALT_KEY, VENDOR_KEY = "sk-master-1234567890abcdef", "sk-salt-abcdef", "sk-vendor-secret"
MASTER_PASSWORD = "S3CRET-master-pw"
CHAT = "/v1/chat/completions"


@dataclass(frozen=True)
class Container:
    """One container as either host starts it: a command line and an environment."""

    command: list[str]
    environment: dict[str, str]


def containers(stack: Recorded) -> dict[str, Container]:
    """The gateway's containers by name, from task definitions or from Deployment and Job."""
    found: dict[str, Container] = {}
    for task in stack.of("aws:ecs/taskDefinition:TaskDefinition"):
        for definition in json.loads(task.props["containerDefinitions"]):
            found[definition["name"]] = Container(
                # ECS: `command` is appended to the entry point, which is the image's when none is said.
                [
                    *definition.get("entryPoint", ["docker/prod_entrypoint.sh"]),
                    *definition.get("command", ()),
                ],
                {entry["name"]: entry["value"] for entry in definition["environment"]},
            )
    for type_ in ("kubernetes:apps/v1:Deployment", "kubernetes:batch/v1:Job"):
        for owner in stack.of(type_):
            pod = owner.props["spec"]["template"]["spec"]
            for definition in [*pod.get("initContainers", ()), *pod["containers"]]:
                if "gateway" in owner.name:
                    found[definition["name"]] = Container(
                        list(definition.get("command", ())),
                        {entry["name"]: entry["value"] for entry in definition["env"]},
                    )
    return found


@dataclass
class Gateway:
    """A started proxy and everything around it."""

    name: str
    home: Path  # the built environment
    folder: Path
    stack: ExitStack
    first: subprocess.CompletedProcess[str] | None = None  # the bootstrap's

    def __post_init__(self) -> None:
        self.plan = planned(self.name).gateway
        self.warnings = planned(self.name).warnings
        self.region = planned(self.name).target.region
        self.recorded = recorded(self.name)
        self.containers = containers(self.recorded)
        self.vendor, self.bedrock = StandIn("vendor"), StandIn("bedrock")
        self.site_packages = next((self.home / "venv/lib").glob("python3*/site-packages"))
        self.log = self.folder / "proxy.log"
        self._start_stores()
        self._start_helpers()
        self._start_aws()
        (self.folder / "bin").mkdir()
        (self.folder / "bin/prisma").symlink_to(Path(__file__).parent / "prisma.sh")

    def _start_stores(self) -> None:
        user = self.recorded.one("aws:elasticache/user:User").props
        self.database, self.database_process = machines.start_postgres(self.folder, self.stack)
        self.redis, self.redis_process = machines.start_redis(
            self.folder, user["userName"], user["accessString"], self.stack
        )
        machines.sql(self.database, "CREATE ROLE rds_iam; CREATE DATABASE litellm;")

    def _start_aws(self) -> None:
        self.aws = machines.free_port()
        log = self.stack.enter_context((self.folder / "aws.log").open("w"))
        command = [str(self.home / "venv/bin/moto_server"), "-H", "127.0.0.1", "-p", str(self.aws)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        self.stack.callback(process.wait)
        self.stack.callback(process.terminate)
        machines.wait_for(self.aws)
        secrets = self.client("secretsmanager")
        values = {name: f"sk-{name.rpartition('/')[2]}-0123456789" for name in self.plan.secrets}
        values |= {self.plan.secret_env["LITELLM_MASTER_KEY"]: MASTER_KEY}
        values |= {self.plan.secret_env["LITELLM_SALT_KEY"]: SALT_KEY}
        values["rds-master"] = json.dumps({"username": "postgres", "password": MASTER_PASSWORD})
        for name, value in values.items():
            secrets.create_secret(Name=name, SecretString=value)
        self.secrets = values
        if "LITELLM_CONFIG_BUCKET_NAME" in self.plan.env:
            bucket = self.plan.env["LITELLM_CONFIG_BUCKET_NAME"]
            s3 = self.client("s3")
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": self.region})
            key = self.plan.env["LITELLM_CONFIG_BUCKET_OBJECT_KEY"]
            s3.put_object(Bucket=bucket, Key=key, Body=self._configuration().encode())
        else:
            (self.folder / "config.yaml").write_text(self._configuration())

    def _start_helpers(self) -> None:
        """Presidio, as its containers start it; each has an environment of its own."""
        self.helpers: dict[str, int] = {}
        for sidecar in self.plan.sidecars:
            port = self.helpers[sidecar.name] = machines.free_port()
            container = self.containers[sidecar.name]
            changed = {"PORT": str(port), "PATH": f"{self.home / 'redaction/bin'}:{os.environ['PATH']}"}
            if "ANALYZER_CONF_FILE" in container.environment:
                changed["ANALYZER_CONF_FILE"] = str(self.folder / "analyzer.json")
            log = self.stack.enter_context((self.folder / f"{sidecar.name}.log").open("w"))
            environment = container.environment | self.recorder(sidecar.name) | changed
            process = subprocess.Popen(container.command, env=environment, stdout=log, stderr=log)
            self.stack.callback(process.wait)
            self.stack.callback(process.terminate)

    def recorder(self, container: str) -> dict[str, str]:
        """What makes every look-up of a Python process a line of a file."""
        return {
            "PYTHONPATH": str(Path(__file__).parent / "lookups"),
            "LOOKUPS": str(self.folder / f"{container}.lookups"),
        }

    def forget_lookups(self, container: str) -> None:
        """Of earlier runs."""
        (self.folder / f"{container}.lookups").unlink(missing_ok=True)

    def lookups(self, container: str) -> set[str]:
        """The hosts that a container's processes have asked for so far."""
        file = self.folder / f"{container}.lookups"
        return set(file.read_text().split()) if file.exists() else set()

    def client(self, service: str) -> Any:
        """A client of the stand-in for AWS."""
        return boto3.client(
            service,
            region_name=self.region,
            aws_access_key_id="x",
            aws_secret_access_key="y",
            endpoint_url=f"http://127.0.0.1:{self.aws}",
        )

    def _configuration(self) -> str:
        """The planned file, with loopback for each host and port that it names."""
        text = json.dumps(self.plan.config)
        text = re.sub(r"https://bedrock-runtime\.[a-z0-9.-]+", f"http://127.0.0.1:{self.bedrock.port}", text)
        for sidecar in self.plan.sidecars:
            text = text.replace(f":{sidecar.port}", f":{self.helpers[sidecar.name]}")
        text = re.sub(
            r"https?://[a-z0-9.-]*[a-z][a-z0-9.-]*(:\d+)?/", f"http://127.0.0.1:{self.vendor.port}/", text
        )
        return text.replace("6379", str(self.redis))

    def environment(self, container: str, **more: str) -> dict[str, str]:
        """What the container gets, what it gets from the file of addresses, and loopback."""
        planned_environment = dict(self.containers[container].environment)
        if "CONFIG_FILE_PATH" in planned_environment:
            planned_environment["CONFIG_FILE_PATH"] = str(self.folder / "config.yaml")
        aws = f"http://127.0.0.1:{self.aws}"
        return planned_environment | {
            "DATABASE_HOST": "127.0.0.1",
            "DATABASE_PORT": str(self.database),
            "DATABASE_MASTER_SECRET_ARN": "rds-master",
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": str(self.redis),
            "BEDROCK_GUARDRAIL_ID": "guardrail",
            "BEDROCK_GUARDRAIL_VERSION": "1",
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "y",
            "AWS_ENDPOINT_URL_S3": aws,
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": aws,
            "SSL_CERT_FILE": str(self.folder / "redis/cert.pem"),
            "PRISMA_QUERY_ENGINE_BINARY": str(self.home / "query-engine"),
            "LITELLM_MIGRATION_DIR": str(self.folder / "migrations"),
            "HOME": str(self.folder),
            "GATEWAY_CODE": str(self.folder / "code"),
            **self.recorder(container),
            "PATH": f"{self.folder / 'bin'}:{self.home / 'venv/bin'}:{os.environ['PATH']}",
            **more,
        }

    def run(self, container: str, **more: str) -> subprocess.CompletedProcess[str]:
        """A container that ends by itself."""
        return subprocess.run(
            self.containers[container].command,
            check=False,
            env=self.environment(container, **more),
            cwd=self.site_packages,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def migrate(self) -> None:
        """The migrations' own SQL, as the role that the bootstrap made."""
        login = self.plan.env["DATABASE_USER"]
        machines.sql(self.database, machines.migrations(self.site_packages), login, "litellm")
        machines.sql(self.database, (Path(__file__).parent / "missing.sql").read_text(), login, "litellm")

    def start(self) -> None:
        """The proxy beside its helpers, until it is ready and has set the callers' keys."""
        for sidecar, port in self.helpers.items():
            try:
                machines.wait_for(port)
            except TimeoutError as error:
                raise RuntimeError((self.folder / f"{sidecar}.log").read_text()[-3000:]) from error
        self.port = self.start_replica(self.log)

    def start_replica(self, log: Path) -> int:
        """One proxy more, on a port of its own."""
        port = machines.free_port()
        command = [str(port) if part == "4000" else part for part in self.containers["gateway"].command]
        written = self.stack.enter_context(log.open("w"))
        process = subprocess.Popen(
            command, env=self.environment("gateway"), cwd=self.site_packages, stdout=written, stderr=written
        )
        self.stack.callback(process.wait)
        self.stack.callback(process.terminate)
        for _ in range(600):
            if "callers' keys are set" in log.read_text():
                return port
            if process.poll() is not None:
                break
            time.sleep(0.2)
        raise RuntimeError(log.read_text()[-3000:])

    def ask(
        self,
        path: str,
        body: Any = None,
        key: str = "",
        method: str = "",
        seconds: float = 60,
        port: int | None = None,
    ) -> tuple[int, str]:
        """One HTTP request: status and text; 0 when nothing came within the time."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{port or self.port}{path}",
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {key}"},
            method=method or ("GET" if body is None else "POST"),
        )
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")
        except TimeoutError:
            return 0, ""

    def chat(self, text: str = "hello", route: str = "", **more: object) -> tuple[int, str]:
        """A caller's question to a route, the first one's if none is said."""
        model = route or self.plan.callers[0].models[0]
        caller = next(caller for caller in self.plan.callers if model in caller.models)
        body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
        return self.ask(CHAT, body, self.key_of(caller.name))

    def forget(self) -> None:
        """What was asked of vendors and models so far."""
        self.vendor.calls.clear()
        self.bedrock.calls.clear()

    def asked(self) -> list[Call]:
        """What was asked of vendors and models since; the guardrail is no model."""
        calls = [*self.vendor.calls, *self.bedrock.calls]
        return [call for call in calls if "/guardrail/" not in call.path]

    def redacted(self) -> list[str]:
        """The routes and adapters whose personal data is masked."""
        return [model for model, limit in self.plan.limits.items() if limit["redacted"]]

    def key_of(self, caller: str) -> str:
        """The value of a caller's key."""
        (planned_caller,) = [found for found in self.plan.callers if found.name == caller]
        return self.secrets[planned_caller.secret]
