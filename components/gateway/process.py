"""What runs inside the gateway's containers: the command lines and environments that both hosts share.

Not here: where they run (ecs, pod) and what the proxy serves (the plan's configuration).

Secrets reach the process by name: the container starts as a few lines of Python that read them from Secrets
Manager with the role of the task or pod, put them into its own environment and become the proxy. Of the usual
ways, the CSI driver needs an add-on, custom resources and copies in the cluster's own Secrets to set
environment variables; and Fargate's `secrets` field needs full ARNs, whose random ends are unknown before
creation: then no rule could read the container definitions of a first preview.
"""

from __future__ import annotations

import json

from components.gateway import keys, limits
from inferplan.records.plan import GatewayService as PlannedGateway

USER_ID = 10001
SECRETS = "GATEWAY_SECRETS"  # JSON: environment variable -> secret name, no values
TEMPORARY = "/tmp"
TEMPORARY_MIB = 512

_START = """\
import json, os, sys
import boto3
client = boto3.client("secretsmanager", region_name=os.environ["AWS_REGION"])
for variable, name in json.loads(os.environ.pop("GATEWAY_SECRETS")).items():
    os.environ[variable] = client.get_secret_value(SecretId=name)["SecretString"]
os.makedirs(os.environ["LITELLM_MIGRATION_DIR"], exist_ok=True)
os.execvp(sys.argv[1], sys.argv[1:])
"""

# The hook goes where Python finds it; the program that sets the callers' keys waits for the proxy that this
# process becomes.
_SERVE = _START.replace(
    "os.execvp",
    """\
import subprocess
folder, set_keys, hook = os.environ["GATEWAY_CODE"], sys.argv.pop(1), sys.argv.pop(1)
os.makedirs(folder, exist_ok=True)
with open(folder + "/gateway_limits.py", "w") as file:
    file.write(hook)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH"))))
subprocess.Popen([sys.executable, "-c", set_keys, sys.argv[-1], str(os.getpid())])
os.execvp""",
)

# Once per database: a login without password that IAM vouches for, owner of what the migrations create.
_BOOTSTRAP = """\
import json, os, subprocess, sys, urllib.parse
import boto3
env = os.environ
client = boto3.client("secretsmanager", region_name=env["AWS_REGION"])
master = json.loads(client.get_secret_value(SecretId=env["DATABASE_MASTER_SECRET_ARN"])["SecretString"])
login = env["DATABASE_USER"]
sql = f'''
DO $$ BEGIN CREATE ROLE "{login}" LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
GRANT rds_iam TO "{login}";
GRANT ALL ON DATABASE "{env["DATABASE_NAME"]}" TO "{login}";
GRANT ALL ON SCHEMA public TO "{login}";
'''
who = ":".join(urllib.parse.quote(master[key], safe="") for key in ("username", "password"))
where = f'{env["DATABASE_HOST"]}:{env["DATABASE_PORT"]}/{env["DATABASE_NAME"]}?sslmode=require'
# The schema names DATABASE_URL; on the command line the password would be in argv and in any traceback.
command = ["prisma", "db", "execute", "--stdin", "--schema", "litellm/proxy/schema.prisma"]
url = {"DATABASE_URL": f"postgresql://{who}@{where}"}
sys.exit(subprocess.run(command, input=sql, text=True, env={**env, **url}).returncode)
"""

# Not readiness, which is 503 while the database fails over: that would end every task at once.
_ALIVE = """\
import sys, urllib.request
sys.exit(urllib.request.urlopen("http://127.0.0.1:{port}/health/liveliness", timeout=5).status != 200)
"""


def proxy_command(gateway: PlannedGateway) -> list[str]:
    """Read the secrets, start setting the callers' keys, then become the proxy."""
    serve = ["litellm", "--host", "0.0.0.0", "--port", str(gateway.port)]
    return ["python", "-c", _SERVE, keys.PROGRAM, limits.PROGRAM, *serve]


def migrate_command() -> list[str]:
    """Read the secrets, bring the database's schema up to date and end."""
    return ["python", "-c", _START, "python", "litellm/proxy/prisma_migration.py"]


def bootstrap_command() -> list[str]:
    """Create the IAM login with the managed master secret; running it again changes nothing."""
    return ["python", "-c", _BOOTSTRAP]


def alive_command(gateway: PlannedGateway) -> list[str]:
    """Exit 0 when the proxy answers, with or without its database; it calls no model."""
    return ["python", "-c", _ALIVE.format(port=gateway.port)]


def environment(gateway: PlannedGateway, **more: str) -> dict[str, str]:
    """The plan's variables, where the secrets are, and `more`, sorted by name."""
    variables = {
        **gateway.env,
        SECRETS: json.dumps(gateway.secret_env, sort_keys=True),
        keys.CALLERS: keys.callers_text(gateway),
        limits.FOLDER: f"{TEMPORARY}/gateway",
        limits.LIMITS: limits.limits_text(gateway),
        "HOME": TEMPORARY,
        **more,
    }
    return dict(sorted(variables.items()))


def configuration_text(gateway: PlannedGateway) -> str:
    """The proxy's configuration file; JSON is YAML, and always the same bytes."""
    return json.dumps(gateway.config, indent=2, sort_keys=True)
