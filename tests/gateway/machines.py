"""Real PostgreSQL, Redis and moto's AWS on loopback, with TLS and the logins that the plan names.

Not here: the proxy itself (proxy) and the stand-ins for vendors (vendors).
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

MIGRATIONS = "litellm_proxy_extras/migrations"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(port: int, seconds: float = 60) -> None:
    """Until somebody listens."""
    for _ in range(int(seconds * 10)):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens on {port}")


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subprocess.run([*command, "-keyout", key, "-out", cert, *subject], check=True, capture_output=True)
    return cert, key


def postgres_folder() -> Path | None:
    """Where the newest installed server's programs are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return found[-1] if found else None


def _as_postgres(command: list[str]) -> list[str]:
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


def start_postgres(folder: Path, stack: ExitStack) -> tuple[int, subprocess.Popen[bytes]]:
    """A server that takes TLS only; tokens are not verified, as IAM would do that."""
    programs = postgres_folder()
    assert programs is not None
    data, port = folder / "pg", free_port()
    data.mkdir()
    cert, key = certificate(data)
    if os.geteuid() == 0:
        for path in (data, cert, key):
            shutil.chown(path, "postgres", "postgres")
    key.chmod(0o600)
    data.chmod(0o700)
    initdb = [str(programs / "initdb"), "-D", str(data / "db"), "-A", "trust", "-U", "postgres", "-N"]
    subprocess.run(_as_postgres(initdb), check=True, capture_output=True)
    (data / "db" / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 trust\n")
    options = {
        "port": str(port),
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "ssl": "on",
        "ssl_cert_file": str(cert),
        "ssl_key_file": str(key),
        "fsync": "off",
        "max_connections": "60",
    }
    command = [str(programs / "postgres"), "-D", str(data / "db")]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    log = stack.enter_context((folder / "postgres.log").open("w"))
    process = subprocess.Popen(_as_postgres(command), stdout=log, stderr=log)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    wait_for(port)
    return port, process


def sql(port: int, text: str, user: str = "postgres", database: str = "postgres") -> str:
    """What psql prints for some statements, without headings."""
    url = f"postgresql://{user}@127.0.0.1:{port}/{database}?sslmode=require"
    command = ["psql", "-qAt", "-v", "ON_ERROR_STOP=1", url]
    return subprocess.run(command, input=text, text=True, check=True, capture_output=True).stdout


def start_redis(
    folder: Path, user: str, access: str, stack: ExitStack
) -> tuple[int, subprocess.Popen[bytes]]:
    """Redis with TLS and the planned user's rights; who it is, IAM would verify."""
    home, port = folder / "redis", free_port()
    home.mkdir()
    cert, key = certificate(home)
    lines = [
        "port 0",
        f"tls-port {port}",
        "bind 127.0.0.1",
        f"tls-cert-file {cert}",
        f"tls-key-file {key}",
        f"tls-ca-cert-file {cert}",
        "tls-auth-clients no",
        'save ""',
        f"dir {home}",
        "user default off",
        f"user {user} nopass {access}",
    ]
    (home / "redis.conf").write_text("\n".join(lines) + "\n")
    log = stack.enter_context((folder / "redis.log").open("w"))
    process = subprocess.Popen(["redis-server", home / "redis.conf"], stdout=log, stderr=log)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    wait_for(port)
    return port, process


def migrations(site_packages: Path) -> str:
    """All SQL of the installed package's migrations, in their order."""
    files = sorted((site_packages / MIGRATIONS).glob("*/migration.sql"))
    return "\n".join(file.read_text() for file in files)
