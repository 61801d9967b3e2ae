"""What model servers are told: no hub, no statistics, no URLs out of prompts.

Not here: what the network would let them do (egress, allowlists, isolation).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan import catalog
from inferplan.resource import Resource
from policies.context import Context
from policies.example import aws_host, change, resource
from policies.hosts import DOMAIN_LIST, LIST_TYPES, PRIVATE_SUFFIXES, RULE_GROUP, allowlist, value_of
from policies.levels import confidential_and_up
from policies.pods import TASK_DEFINITION, Container, pods
from policies.rule import DROP, Example, Outcome, fail, on_stack, rule
from policies.sovereignty.vendors import stateful

# Settled 7: either of the first two stops vLLM's statistics; the hub library needs both of the others.
STATISTICS_OFF = ("VLLM_NO_USAGE_STATS", "DO_NOT_TRACK")
HUB_OFF = ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY")
OFF = frozenset({None, "", "0", "false", "False"})
ON = frozenset({"1", "true", "True", "TRUE", "yes", "YES", "ON", "on"})


def _hub_hosts(resources: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    denied = [row.host for row in catalog.model_hub_hosts().values() if row.runtime == "deny"]
    for item in resources:
        for entry in allowlist(item, context):
            hub = next(
                (host for host in denied if entry.covers(host) or host.endswith(f".{entry.host}")), None
            )
            if hub and entry.host != "*":
                yield fail(
                    f"lets {hub} through; hub pulls belong into the one-off mirror job",
                    path=entry.path,
                    subject=item,
                )


def _settings(container: Container) -> Iterator[str]:
    """What is wrong with the environment of one container."""
    env = container.env
    if not any(env.get(name) in ON for name in STATISTICS_OFF):
        yield "posts usage statistics: set VLLM_NO_USAGE_STATS=1 or DO_NOT_TRACK=1"
    for name in HUB_OFF:
        if env.get(name) not in ON:
            yield f"{name} is not 1"
    if "VLLM_USE_MODELSCOPE" in env and env["VLLM_USE_MODELSCOPE"] not in OFF:
        yield "VLLM_USE_MODELSCOPE pulls models from a hub in China"
    hub = env.get("HF_ENDPOINT", "")
    if hub is None or (hub and not f".{value_of(hub)}".endswith(PRIVATE_SUFFIXES)):
        yield "HF_ENDPOINT names a hub outside the VPC"


_ENV = [
    {"name": "VLLM_NO_USAGE_STATS", "value": "1"},
    {"name": "HF_HUB_OFFLINE", "value": "1"},
    {"name": "HF_HUB_DISABLE_TELEMETRY", "value": "1"},
    {"name": "VLLM_MEDIA_URL_ALLOW_REDIRECTS", "value": "0"},
]
_IMAGE = f"{aws_host('111111111111.dkr.ecr.eu-central-1')}/inferplan/vllm@sha256:1"
_VLLM = {"name": "vllm", "image": _IMAGE, "env": _ENV, "args": ["--allowed-media-domains", "none.invalid"]}
_META = {"namespace": "kube-system"}
_POD = {"initContainers": [{"name": "init", "image": _IMAGE, "env": _ENV}], "containers": [_VLLM]}
_SET = {"leaderWorkerTemplate": {"leaderTemplate": {"spec": _POD}, "workerTemplate": {"spec": _POD}}}
_SERVER = resource(
    "kubernetes:apps/v1:Deployment", "server", {"metadata": _META, "spec": {"template": {"spec": _POD}}}
)
_TASK = resource(
    TASK_DEFINITION,
    "task",
    {
        "containerDefinitions": '[{"name": "vllm", "image": "x/vllm", '
        '"environment": [{"name": "DO_NOT_TRACK", "value": "1"}, '
        '{"name": "HF_HUB_OFFLINE", "value": "1"}, {"name": "HF_HUB_DISABLE_TELEMETRY", "value": "1"}, '
        '{"name": "VLLM_MEDIA_URL_ALLOW_REDIRECTS", "value": "0"}], "command": '
        '["--allowed-media-domains", "x.invalid"]}]'
    },
)
_C = "spec.template.spec.containers[0]"


@rule(
    id="EGR-008",
    title="At run time nothing reaches model hubs or telemetry hosts",
    why="vLLM posts usage data by default, and hub libraries call home even when the weights are local.",
    fix="Set VLLM_NO_USAGE_STATS=1 (or DO_NOT_TRACK=1), HF_HUB_OFFLINE=1 and HF_HUB_DISABLE_TELEMETRY=1 "
    "on every "
    "container of the pod, and keep hubs off the allowlist; pulls belong into the mirror job.",
    source=("000:69",),
    level="mandatory",
    on=("kubernetes:*", TASK_DEFINITION),
    more=(on_stack(_hub_hosts, *LIST_TYPES),),
    passing=(
        Example(
            note="every container of every kind of workload is told",
            base="vendor",
            resources=(
                _SERVER,
                resource(
                    "kubernetes:leaderworkerset.x-k8s.io/v1:LeaderWorkerSet",
                    "set",
                    {"metadata": _META, "spec": _SET},
                ),
                resource(
                    "kubernetes:batch/v1:CronJob",
                    "cron",
                    {"metadata": _META, "spec": {"jobTemplate": {"spec": {"template": {"spec": _POD}}}}},
                ),
                resource("kubernetes:core/v1:Pod", "pod", {"metadata": _META, "spec": _POD}),
                _TASK,
                resource(RULE_GROUP, "out", stateful(["eu.api.openai.com"])),
                resource(DOMAIN_LIST, "names", {"domains": ["eu.api.openai.com"]}),
            ),
        ),
    ),
    failing=(
        change("statistics are on", {f"server:{_C}.env[0].value": "0"}),
        change(
            "the setting comes from elsewhere",
            {
                f"server:{_C}.env[0]": {
                    "name": "VLLM_NO_USAGE_STATS",
                    "valueFrom": {"configMapKeyRef": {"name": "x"}},
                }
            },
        ),
        change("an init container is forgotten", {"server:spec.template.spec.initContainers[0].env": DROP}),
        change("hub calls are on", {f"server:{_C}.env[1].value": "0"}),
        change("hub telemetry is on", {f"server:{_C}.env[2].value": "0"}),
        change(
            "a model hub in China", {f"server:{_C}.env[4]": {"name": "VLLM_USE_MODELSCOPE", "value": "True"}}
        ),
        change(
            "another hub",
            {f"server:{_C}.env[4]": {"name": "HF_ENDPOINT", "value": "https://hub.example.com"}},
        ),
        change(
            "a worker of a multi-node server",
            {"set:spec.leaderWorkerTemplate.workerTemplate.spec.containers[0].env": []},
            also=("EGR-012",),
        ),
        change(
            "a scheduled job",
            {"cron:spec.jobTemplate.spec.template.spec.containers[0].env": []},
            also=("EGR-012",),
        ),
        change(
            "a server on a slice of an accelerator, in an image of any name",
            add=(
                resource(
                    "kubernetes:apps/v1:StatefulSet",
                    "slice",
                    {
                        "metadata": _META,
                        "spec": {
                            "template": {
                                "spec": {
                                    "containers": [
                                        {
                                            "name": "s",
                                            "resources": {"limits": {"nvidia.com/mig-1g.10gb": "1"}},
                                        }
                                    ]
                                }
                            }
                        },
                    },
                ),
            ),
            also=("EGR-012",),
        ),
        change("a bare pod", {"pod:spec.containers[0].env": []}, also=("EGR-012",)),
        change(
            "a task on ECS",
            {"task:containerDefinitions": '[{"name": "vllm", "image": "x/vllm"}]'},
            also=("EGR-012",),
        ),
        change(
            "the firewall lets the hub through",
            {"out:ruleGroup.rulesSource.rulesSourceList.targets[1]": "huggingface.co"},
            also=("EGR-005",),
        ),
        change(
            "names of the statistics host resolve", {"names:domains[1]": "stats.vllm.ai"}, also=("EGR-005",)
        ),
        change("a wildcard over the hub's hosts", {"names:domains[1]": "*.hf.co"}, also=("EGR-005",)),
    ),
)
def egr_008(item: Resource, _context: Context) -> Iterator[Outcome]:
    for pod in pods(item):
        if pod.serves_model:
            for container in pod.containers:
                for problem in _settings(container):
                    yield fail(f"{container.name}: {problem}", path=f"{container.path}.env")


@rule(
    id="EGR-012",
    title="Prompts cannot make the server fetch URLs or call tools",
    why="An image URL in a prompt is an egress path that the caller chooses.",
    fix="Set --allowed-media-domains to the domains you serve (or one that cannot exist), "
    "VLLM_MEDIA_URL_ALLOW_REDIRECTS=0, and no --tool-server.",
    source=("000:124",),
    level=confidential_and_up,
    on=("kubernetes:*", TASK_DEFINITION),
    passing=(Example(note="a named domain, no redirects, no tool server", resources=(_SERVER, _TASK)),),
    failing=(
        change("media from anywhere", {f"server:{_C}.args": []}),
        change("redirects are followed", {f"server:{_C}.env[3].value": "1"}),
        change("redirects are not spoken of", {f"server:{_C}.env[3].name": "OTHER"}),
        change("a tool server", {f"server:{_C}.args[2]": "--tool-server=https://tools"}),
    ),
)
def egr_012(item: Resource, _context: Context) -> Iterator[Outcome]:
    for pod in pods(item):
        for container in pod.containers:
            if not container.serves_model or "initContainers" in container.path:
                continue
            words = container.words
            if not any(word.startswith("--allowed-media-domains") for word in words):
                yield fail("media URLs in prompts may lead anywhere", path=f"{container.path}.args")
            if any(word.startswith("--tool-server") for word in words):
                yield fail("tools are called from inside the server", path=f"{container.path}.args")
            if container.env.get("VLLM_MEDIA_URL_ALLOW_REDIRECTS") not in {"0", "false", "False"}:
                yield fail("a redirect leads past the domain list", path=f"{container.path}.env")
