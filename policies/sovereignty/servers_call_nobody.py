"""What model servers are told: no hub, no statistics, no URLs out of prompts.

Not here: what the network would let them do (nodes_have_no_way_out, pods_are_isolated).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from inferplan import catalog
from inferplan.resource import Resource
from policies import types
from policies.context import Context
from policies.levels import confidential_and_up
from policies.rule import DROP, Outcome, Rule, fail
from policies.views.hosts import PRIVATE_SUFFIXES, allowlist, value_of
from policies.views.pods import Container, pods
from policies.world.things import (
    CONTAINER,
    FIRST_VARIABLE,
    MIRRORED,
    NEXT_TARGET,
    SILENT,
    container,
    domain_list,
    firewall_list,
    ref,
    resource,
    subnet,
    vllm,
    workload,
)

# Settled 7: either of the first two stops vLLM's statistics; the hub library needs both of the others.
STATISTICS_OFF = ("VLLM_NO_USAGE_STATS", "DO_NOT_TRACK")
HUB_OFF = ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY")
OFF = frozenset({None, "", "0", "false", "False"})
ON = frozenset({"1", "true", "True", "TRUE", "yes", "YES", "ON", "on"})

servers_call_nobody = Rule(
    id="EGR-008",
    title="At run time nothing reaches model hubs or telemetry hosts",
    why="vLLM posts usage data by default, and hub libraries call home even when the weights are local.",
    fix="Set VLLM_NO_USAGE_STATS=1 (or DO_NOT_TRACK=1), HF_HUB_OFFLINE=1 and HF_HUB_DISABLE_TELEMETRY=1 "
    "on every container of the pod, and keep hubs off the allowlist; pulls belong into the mirror job.",
    source=("000:69",),
    level="mandatory",
)


@servers_call_nobody.check(*types.WORKLOADS)
def _told(item: Resource, _context: Context) -> Iterator[Outcome]:
    for pod in pods(item):
        if pod.serves_model:
            for one in pod.containers:
                for problem in _settings(one):
                    yield fail(f"{one.name}: {problem}", path=f"{one.path}.env")


@servers_call_nobody.check_stack(*types.ALLOWLISTS)
def _hub_hosts(lists: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    denied = [row.host for row in catalog.model_hub_hosts().values() if row.runtime == "deny"]
    for item in lists:
        for entry in allowlist(item, context):
            covered = (host for host in denied if entry.covers(host) or host.endswith(f".{entry.host}"))
            hub = next(covered, None)
            if hub and entry.host != "*":
                yield fail(
                    f"lets {hub} through; hub pulls belong into the one-off mirror job",
                    path=entry.path,
                    subject=item,
                )


def _settings(one: Container) -> Iterator[str]:
    """What is wrong with the environment of one container."""
    env = one.env
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


_POD = {"initContainers": [container("init", image=MIRRORED, env=SILENT)], "containers": [vllm()]}
_VARIABLES = f"{CONTAINER}.env"
_PULLS = {"name": "VLLM_NO_USAGE_STATS", "valueFrom": {"configMapKeyRef": {"name": "x"}}}
_SLICE = {"name": "s", "resources": {"limits": {"nvidia.com/mig-1g.10gb": "1"}}}
_UNTOLD = {"name": "vllm", "image": "x/vllm"}  # a container definition of ECS
_TOLD = {
    **_UNTOLD,
    "environment": [
        {"name": "DO_NOT_TRACK", "value": "1"},
        *({"name": name, "value": value} for name, value in SILENT.items() if name != "VLLM_NO_USAGE_STATS"),
    ],
    "command": ["--allowed-media-domains", "x.invalid"],
}


def _workload(type_: str, name: str, **spec: Any) -> Resource:
    return resource(type_, name, {"metadata": {"namespace": "kube-system"}, "spec": spec})


_IN_A_SUBNET = {"instanceType": "m7i.large", "subnetId": ref("subnet")}
_SERVER = _workload(types.DEPLOYMENT, "server", template={"spec": _POD})
_TASK = resource(types.TASK_DEFINITION, "task", {"containerDefinitions": json.dumps([_TOLD])})

servers_call_nobody.passes(
    "every container of every kind of workload is told",
    _SERVER,
    _workload(
        types.LEADER_WORKER_SET,
        "set",
        leaderWorkerTemplate={"leaderTemplate": {"spec": _POD}, "workerTemplate": {"spec": _POD}},
    ),
    _workload(types.CRON_JOB, "cron", jobTemplate={"spec": {"template": {"spec": _POD}}}),
    _workload(types.POD, "pod", **_POD),
    _TASK,
    firewall_list("out", "eu.api.openai.com"),
    domain_list("names", "eu.api.openai.com"),
    subnet("subnet"),
    world="vendor",
)
servers_call_nobody.fails(
    "the command itself turns statistics on",
    {f"server:{CONTAINER}.args": ["sh", "-c", "--", "VLLM_NO_USAGE_STATS=0 vllm serve m"]},
    also=("EGR-012",),
)
servers_call_nobody.fails("statistics are on", {f"server:{FIRST_VARIABLE}": "0"})
servers_call_nobody.fails("the setting comes from elsewhere", {f"server:{_VARIABLES}[0]": _PULLS})
servers_call_nobody.fails(
    "an init container is forgotten", {"server:spec.template.spec.initContainers[0].env": DROP}
)
servers_call_nobody.fails("hub calls are on", {f"server:{_VARIABLES}[1].value": "0"})
servers_call_nobody.fails("hub telemetry is on", {f"server:{_VARIABLES}[2].value": "0"})
servers_call_nobody.fails(
    "a model hub in China", {f"server:{_VARIABLES}[4]": {"name": "VLLM_USE_MODELSCOPE", "value": "True"}}
)
servers_call_nobody.fails(
    "another hub",
    {f"server:{_VARIABLES}[4]": {"name": "HF_ENDPOINT", "value": "https://hub.example.com"}},
    also=("EGR-007",),
)
servers_call_nobody.fails(
    "a worker of a multi-node server",
    {"set:spec.leaderWorkerTemplate.workerTemplate.spec.containers[0].env": []},
    also=("EGR-012",),
)
servers_call_nobody.fails(
    "a scheduled job", {"cron:spec.jobTemplate.spec.template.spec.containers[0].env": []}, also=("EGR-012",)
)
servers_call_nobody.fails("a bare pod", {"pod:spec.containers[0].env": []}, also=("EGR-012",))
servers_call_nobody.fails(
    "a task on ECS", {"task:containerDefinitions": json.dumps([_UNTOLD])}, also=("EGR-012",)
)
for _script in ("docker run vllm/vllm-openai:v1 --model /m", "exec vllm serve /m"):
    servers_call_nobody.fails(
        f"a machine that runs a server: {_script}",
        add=(resource(types.INSTANCE, "machine", {"userData": f"#!/bin/sh\n{_script}\n", **_IN_A_SUBNET}),),
        also=("EGR-012",),
    )
servers_call_nobody.fails(
    "a server on a slice of an accelerator, in an image of any name",
    add=(workload(types.STATEFUL_SET, "slice", _SLICE),),
    also=("EGR-012",),
)
servers_call_nobody.fails(
    "the firewall lets the hub through", {f"out:{NEXT_TARGET}": "huggingface.co"}, also=("EGR-005",)
)
servers_call_nobody.fails(
    "names of the statistics host resolve", {"names:domains[1]": "stats.vllm.ai"}, also=("EGR-005",)
)
servers_call_nobody.fails(
    "a wildcard over the hub's hosts", {"names:domains[1]": "*.hf.co"}, also=("EGR-005",)
)


prompts_fetch_nothing = Rule(
    id="EGR-012",
    title="Prompts cannot make the server fetch URLs or call tools",
    why="An image URL in a prompt is an egress path that the caller chooses.",
    fix="Set --allowed-media-domains to the domains you serve (or one that cannot exist), "
    "VLLM_MEDIA_URL_ALLOW_REDIRECTS=0, and no --tool-server.",
    source=("000:124",),
    level=confidential_and_up,
)


@prompts_fetch_nothing.check(*types.WORKLOADS)
def _fetches(item: Resource, _context: Context) -> Iterator[Outcome]:
    for pod in pods(item):
        for one in pod.containers:
            if not one.serves_model or "initContainers" in one.path:
                continue
            words = one.words
            if not any(word.startswith("--allowed-media-domains") for word in words):
                yield fail("media URLs in prompts may lead anywhere", path=f"{one.path}.args")
            if any(word.startswith("--tool-server") for word in words):
                yield fail("tools are called from inside the server", path=f"{one.path}.args")
            if one.env.get("VLLM_MEDIA_URL_ALLOW_REDIRECTS") not in {"0", "false", "False"}:
                yield fail("a redirect leads past the domain list", path=f"{one.path}.env")


_SHELL = ["-c", "set -e; exec vllm serve m \\\n--allowed-media-domains none.invalid; true"]
prompts_fetch_nothing.passes(
    "the same command as one string for a shell",
    workload(types.DEPLOYMENT, "shell", {**vllm(), "command": ["sh"], "args": _SHELL}),
)
prompts_fetch_nothing.fails(
    "a shell's command that says no domain", {f"shell:{CONTAINER}.args[1]": "exec vllm serve m"}
)
prompts_fetch_nothing.passes("a named domain, no redirects, no tool server", _SERVER, _TASK)
prompts_fetch_nothing.fails("media from anywhere", {f"server:{CONTAINER}.args": []})
prompts_fetch_nothing.fails("redirects are followed", {f"server:{_VARIABLES}[3].value": "1"})
prompts_fetch_nothing.fails("redirects are not spoken of", {f"server:{_VARIABLES}[3].name": "OTHER"})
prompts_fetch_nothing.fails("a tool server", {f"server:{CONTAINER}.args[2]": "--tool-server=https://tools"})
