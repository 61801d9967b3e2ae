"""Area of concern: model servers are read, scaled and watched as planned (k8s_11, field notes 34 to 36).

Not here: the arithmetic of the series (tests/cluster/test_series.py), measurements (test_measured).
"""

from __future__ import annotations

import json
import re
from zipfile import ZipFile

import pytest

from inferplan.catalog.refresh import wheels
from inferplan.cost.lines import HOURS_PER_MONTH
from inferplan.plan.make import make_plan
from inferplan.records.plan import Plan
from inferplan.report import plan_text
from inferplan.spec.declaration import Declaration
from inferplan.spec.model import Percentiles, Schedule
from policies.gates import gates
from tests.cluster.keda_crds import FILE, generated, module
from tests.unit.plan_edits import AS_OF, EXAMPLES, declared, spec_of, with_environment, with_route, with_spec
from tests.unit.recorded import (
    HYBRID,
    MANAGED,
    SELF_HOSTED,
    STACKS,
    Recorded,
    changed,
    planned,
    recorded,
    server,
)

WITH_SERVERS = tuple(name for name in dict.fromkeys((*STACKS, *EXAMPLES)) if planned(name).servers)
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
SCALED = "kubernetes:keda.sh/v1alpha1:ScaledObject"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
SERVICE = "kubernetes:core/v1:Service"
ALARM, DASHBOARD = "aws:cloudwatch/metricAlarm:MetricAlarm", "aws:cloudwatch/dashboard:Dashboard"
WORKING_DAYS = Schedule(timezone="Europe/Paris", start="08:00", stop="19:00")


def minimal(**blocks: object) -> Declaration:
    return with_spec(declared("minimal"), **blocks)


def plan_of(declaration: Declaration) -> Plan:
    return make_plan(declaration, AS_OF, gates)


def scaled(made: Recorded) -> dict[str, dict[str, object]]:
    return {one.props["metadata"]["name"]: one.props["spec"] for one in made.of(SCALED)}


def sent(plan: Plan) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    """Every metric that CloudWatch gets: a name and its dimensions."""
    assert plan.watch is not None
    found = set()
    for one in plan.watch.series:
        if one.sent:
            own = {"server", "scope"} & set(one.labels)
            sets = [one.labels] if own else [one.labels | {"server": made.name} for made in plan.servers]
            found |= {(one.name, tuple(sorted(labels.items()))) for labels in sets}
    return found


# -- names
def test_every_metric_of_a_query_is_one_of_vllm_k8s_11() -> None:
    """In the pinned wheel: counters and histograms have the endings that a client adds."""
    if wheels.fetched("vllm") is None:
        pytest.skip("the wheel of vllm is not in the cache; `make wheels` fetches it")
    with ZipFile(wheels.wheel("vllm")) as wheel:
        source = wheel.read("vllm/v1/metrics/loggers.py").decode()
        served = wheel.read("vllm/entrypoints/serve/instrumentator/metrics.py").decode()
    known = set(re.findall(r'name="(vllm:\w+)"', source))
    queries = " ".join(
        one.query for stack in WITH_SERVERS if (watch := planned(stack).watch) for one in watch.series
    )
    asked = set(re.findall(r"vllm:\w+", queries))
    assert {"vllm:num_requests_waiting", "vllm:kv_cache_usage_perc"} <= asked
    assert {re.sub(r"_(total|bucket)$", "", name) for name in asked} <= known
    assert "Instrumentator(" in served  # which counts http_requests_total


def test_the_declared_kinds_are_those_of_the_pinned_version() -> None:
    """Generated from the Go module; without it only their number can be said."""
    folder = module()
    if folder is None:
        pytest.skip("the Go module of KEDA is not fetched")
    assert generated(folder) == FILE.read_text()


# -- scaling
@pytest.mark.parametrize("stack", WITH_SERVERS)
def test_the_scaler_alone_says_how_many_replicas_there_are_note_34(stack: str) -> None:
    """A number in the Deployment would undo the scaler's at every update, and the pool holds its most."""
    plan, made = planned(stack), recorded(stack)
    pools = {pool.name: pool for pool in plan.pools}
    assert made.of("kubernetes:apps/v1:Deployment")
    assert any("autoscaler-deployment" in one.name for one in made.of(DEPLOYMENT))
    for one in plan.servers:
        deployment = made.named(f"{one.name}-deployment").props["spec"]
        assert one.scaling is not None
        assert "replicas" not in deployment
        said = scaled(made)[one.name]
        assert said["scaleTargetRef"] == {"name": one.name}
        assert said["maxReplicaCount"] == one.scaling.most_replicas
        assert pools[one.pool].max_nodes * one.pods_per_node >= one.scaling.most_replicas


def test_a_server_that_does_not_scale_keeps_its_number_note_34() -> None:
    """And nothing of a scaler is in the cluster."""
    images = tuple(image for image in planned(SELF_HOSTED).images if "keda" not in image.name)
    made = changed(SELF_HOSTED, servers=(server(scaling=None),), images=images)

    assert made.named("llm-qwen-deployment").props["spec"]["replicas"] == server().replicas
    assert not made.of(SCALED)
    objects = [one for one in made.resources if one.package == "kubernetes"]
    assert not [one.name for one in objects if "keda" in one.name]


def test_groups_of_nodes_are_said_not_to_scale() -> None:
    """The plan gives the reason where a person looks for it."""
    from tests.cluster.test_scheduling import spanning

    plan = plan_of(spanning())

    assert all(one.scaling is None for one in plan.servers)
    assert "does not scale" in plan.derivations["servers[0].scaling"].formula
    assert "LeaderWorkerSet" in plan_text.plan(plan)


def test_production_keeps_what_carries_the_peak_and_development_may_go_below() -> None:
    """A replica that has gone comes back after the lead: too late where the plan must hold."""
    for name in (SELF_HOSTED, HYBRID):
        (one,) = planned(name).servers
        assert one.scaling is not None
        assert one.scaling.least_replicas == one.replicas
    relaxed = with_environment(declared(SELF_HOSTED), "development")
    (one,) = plan_of(
        with_route(relaxed, objectives=spec_of(declared("minimal")).routes[0].objectives)
    ).servers
    assert one.scaling is not None
    assert one.scaling.least_replicas == one.min_replicas


@pytest.mark.parametrize("stack", WITH_SERVERS)
def test_the_load_is_looked_at_ahead_by_the_predicted_start_k8s_11(stack: str) -> None:
    """The lead of the pool stands in the query; the scaler asks for that series and for the cache."""
    plan = planned(stack)
    assert plan.watch is not None
    for index, one in enumerate(plan.servers):
        assert one.scaling is not None
        assert one.scaling.lead_seconds == plan.derivations[f"pools[{index}].scaling_lead_seconds"].value
        (ahead,) = [
            s.query
            for s in plan.watch.series
            if s.name == "inferplan_requests_ahead" and s.labels == {"server": one.name}
        ]
        assert f", {one.scaling.lead_seconds})" in ahead
        asked = [t["metadata"] for t in scaled(recorded(stack))[one.name]["triggers"]]
        assert [t["query"].partition("{")[0] for t in asked] == [
            "inferplan_requests_ahead",
            "inferplan_kv_cache_replicas_full",
        ]
        assert {t["serverAddress"] for t in asked} == {"http://prometheus.inference-watch.svc:9090"}


def test_a_schedule_lets_the_last_pod_go_and_says_what_the_first_one_takes() -> None:
    """Only in a development account, as for its nodes; else somebody would wait for minutes unasked."""
    declaration = minimal(schedule=WORKING_DAYS)
    plan = plan_of(declaration)
    (one,) = plan.servers
    assert one.scaling is not None
    assert one.scaling.to_zero
    made = Recorded(tuple(_recorded(plan, declaration)))
    said = scaled(made)[one.name]
    assert said["minReplicaCount"] == 0
    cron = said["triggers"][-1]
    assert cron["type"] == "cron"
    assert cron["metadata"] == {
        "timezone": "Europe/Paris",
        "start": plan.pools[0].running.start,
        "end": plan.pools[0].running.stop,
        "desiredReplicas": "1",
    }
    assert f"first start takes about {one.scaling.lead_seconds} s" in plan_text.plan(plan)


def test_without_a_schedule_some_pod_always_runs() -> None:
    """The safe default."""
    (one,) = planned("minimal").servers
    assert one.scaling is not None
    assert not one.scaling.to_zero
    said = scaled(recorded("minimal"))[one.name]
    assert said["minReplicaCount"] == 1
    assert "cron" not in {trigger["type"] for trigger in said["triggers"]}


def _recorded(plan: Plan, declaration: Declaration) -> tuple[object, ...]:
    from stacks.record import record_plan

    return record_plan(plan, declaration)


# -- who may reach whom
@pytest.mark.parametrize("stack", WITH_SERVERS)
def test_only_the_reader_may_read_metrics_k8s_11_pitfall_1_24(stack: str) -> None:
    """One more way in, for one pod of one namespace, on the server's port."""
    plan, made = planned(stack), recorded(stack)
    for one in plan.servers:
        into = made.named(f"{one.name}-watch-from-reader").props["spec"]
        assert into["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == one.name
        (rule,) = into["ingress"]
        (peer,) = rule["from"]
        assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "inference-watch"}
        assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == "prometheus"
        assert rule["ports"] == [{"port": one.port, "protocol": "TCP"}]
        service = made.named(f"{one.name}-watch-pods").props
        assert service["spec"]["clusterIP"] == "None"
    for namespace in ("inference-watch", "keda"):
        denied = [
            policy.props["spec"]
            for policy in made.of(POLICY)
            if policy.props["metadata"]["namespace"] == namespace
            and policy.props["metadata"]["name"] == "default-deny"
        ]
        assert denied == [{"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}]


def test_the_control_plane_reaches_the_metrics_that_replicas_follow() -> None:
    """Through the group of the system nodes and the policy of the pod, on the same port."""
    made = recorded(SELF_HOSTED)
    ports = {
        (rule.props["fromPort"], rule.props["toPort"])
        for rule in made.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
        if "control-plane-to-system" in rule.name
    }
    assert (6443, 6443) in ports
    policy = made.named("scaler-keda-metrics-apiserver-policy").props["spec"]
    (into,) = policy["ingress"]
    system = {subnet.cidr for subnet in planned(SELF_HOSTED).network.subnets if subnet.tier == "system"}
    assert {peer["ipBlock"]["cidr"] for peer in into["from"]} == system


def test_the_scaler_needs_no_role_and_sees_one_namespace_note_35() -> None:
    """It asks a server in the cluster, so no identity of AWS can fail; it reads no Secret but its own."""
    made = recorded(SELF_HOSTED)
    accounts = {
        one.props["serviceAccount"]
        for one in made.of("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    }
    assert "metrics-collector" in accounts
    assert not [account for account in accounts if "keda" in account]
    assert "awsRegion" not in json.dumps(scaled(made))
    roles = made.of("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole")
    (cluster_wide,) = [role.props for role in roles if role.name.endswith("scaler-keda-operator")]
    resources = {name for rule in cluster_wide["rules"] for name in rule["resources"]}
    assert not resources & {"secrets", "*", "pods", "deployments/scale"}
    assert not [one for one in made.resources if "grafana" in one.type]


def test_the_sender_writes_one_log_group_note_35() -> None:
    """In the Region, with the stack's key and retention; figures leave the cluster in no other way."""
    made, plan = recorded(SELF_HOSTED), planned(SELF_HOSTED)
    group = made.named("logs-metrics").props
    assert group["retentionInDays"] == plan.log_retention_days
    assert "kmsKeyId" in group
    policy = json.loads(made.named("metrics-access-policy").props["policy"])
    (statement,) = policy["Statement"]
    assert {resource.partition("log-group:")[2].removesuffix(":*") for resource in statement["Resource"]} == {
        group["name"]
    }
    config = json.loads(made.named("sender-config").props["data"]["collector.yaml"])
    exporter = config["exporters"]["awsemf"]
    assert (exporter["region"], exporter["log_group_name"]) == (plan.target.region, group["name"])
    assert list(config["exporters"]) == ["awsemf"]


@pytest.mark.parametrize("stack", WITH_SERVERS)
def test_what_runs_is_declared_and_comes_from_the_region_note_36(stack: str) -> None:
    """Add-ons where EKS has them, the rest object by object, every image from the account's registry."""
    plan, made = planned(stack), recorded(stack)
    addons = {one.props["addonName"] for one in made.of("aws:eks/addon:Addon")}
    assert {"kube-state-metrics", "eks-node-monitoring-agent"} <= addons
    names = {image.name for image in plan.images}
    assert {"prometheus", "metrics-collector", "keda", "keda-metrics-apiserver"} <= names
    assert not [one.type for one in made.resources if "helm" in one.type or "yaml" in one.type]
    kinds = made.of("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition")
    assert {one.props["spec"]["names"]["kind"] for one in kinds} >= {"ScaledObject", "TriggerAuthentication"}


# -- alarms, dashboard, cost
@pytest.mark.parametrize("stack", WITH_SERVERS)
def test_alarms_and_dashboard_look_at_what_is_sent_k8s_11(stack: str) -> None:
    """No alarm waits for a metric that nobody sends, and every metric is on the dashboard."""
    plan, made = planned(stack), recorded(stack)
    assert plan.watch is not None
    known = sent(plan)
    assert len(known) == plan.watch.metrics
    own = [one.props for one in made.of(ALARM) if one.props.get("namespace") == plan.watch.metric_namespace]
    assert len(own) == len(plan.watch.alarms)
    for one in own:
        assert (one["metricName"], tuple(sorted(one["dimensions"].items()))) in known
        assert one["alarmActions"]
    (dashboard,) = made.of(DASHBOARD)
    body = json.loads(dashboard.props["dashboardBody"])
    drawn = set()
    for widget in body["widgets"]:
        assert widget["properties"]["region"] == plan.target.region
        assert widget["x"] + widget["width"] <= 24
        for namespace, name, *dimensions in widget["properties"]["metrics"]:
            assert namespace == plan.watch.metric_namespace
            drawn.add((name, tuple(sorted(zip(dimensions[::2], dimensions[1::2], strict=True)))))
    assert drawn == known


def test_alarms_are_on_the_limits_that_a_route_states() -> None:
    """Each percentile for itself; a route that states none has an alarm on errors alone."""
    said = spec_of(declared(SELF_HOSTED)).routes[0].objectives
    assert said.ttft_ms is not None
    by_name = {alarm.name: alarm for alarm in planned(SELF_HOSTED).watch.alarms}
    assert by_name["clinical-notes-ttft-p95"].threshold == said.ttft_ms.p95 / 1000
    assert by_name["clinical-notes-errors"].threshold == pytest.approx(
        10 * (1 - said.availability_percent / 100)
    )
    tail = type(said)(ttft_ms=Percentiles(p50=900, p99=9000))
    plan = plan_of(with_route(declared(SELF_HOSTED), objectives=tail))
    more = {alarm.name: alarm.threshold for alarm in plan.watch.alarms}
    assert (more["clinical-notes-ttft-p50"], more["clinical-notes-ttft-p99"]) == (0.9, 9)
    assert {dict(labels).get("percentile") for _, labels in sent(plan)} >= {"p50", "p95", "p99"}
    assert [
        name for name in {a.name for a in planned("minimal").watch.alarms} if name.startswith("chat")
    ] == ["chat-errors"]


def test_silence_is_told_and_no_traffic_is_not() -> None:
    """Missing figures of readiness alarm; missing latencies only mean that nobody called."""
    alarms = planned(SELF_HOSTED).watch.alarms
    told = {alarm.series for alarm in alarms if alarm.missing == "breaching"}
    assert told == {"inferplan_without_ready_replica"}
    waiting = next(alarm for alarm in alarms if alarm.series == "inferplan_pods_waiting")
    assert waiting.periods * 300 >= server().startup.progress_deadline_seconds


def test_watching_is_priced_with_what_it_has() -> None:
    """Metrics, alarms, a dashboard and log records; a stack without own weights pays for none."""
    plan = planned(SELF_HOSTED)
    lines = {line.name: line for line in plan.cost.lines}
    assert lines["metrics of model servers"].quantity == plan.watch.metrics
    assert lines["alarms of model servers"].quantity == len(plan.watch.alarms)
    assert (lines["dashboard"].low_usd, lines["dashboard"].quantity) == (0.0, 1)
    records = lines["log records of metrics"].quantity * 2**20 / 0.5
    assert records == pytest.approx(plan.watch.metrics * 60 * HOURS_PER_MONTH, rel=1e-3)
    assert planned(MANAGED).watch is None
    assert "metrics of model servers" not in {line.name for line in planned(MANAGED).cost.lines}
