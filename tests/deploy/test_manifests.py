"""Manifests of Kubernetes as kubectl renders them: valid by the schemas of Kubernetes and KEDA, and by our rules."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from gateway.cli import commands
from gateway.config import CONFIG, Settings
from gateway.http.drain import STREAM_SECONDS
from integrations.records.outbox import Consumer

ROOT = Path(__file__).parents[2]
OVERLAYS = ("production", "production-keda")
# The oldest and the newest version of Kubernetes that the guide names.
VERSIONS = ("1.30", "1.37")
# Of KEDA's definitions of objects, version 2.20, without the descriptions; Apache-2.0.
KEDA = json.loads(Path(__file__).with_name("keda_schemas.json").read_text())
PROCESSES = {
    "production": {"gateway", "projector", "dispatcher"},
    "production-keda": {"gateway", "projector", "dispatcher", "consumer"},
}

Manifest = dict[str, Any]


@cache
def rendered(overlay: str) -> list[Manifest]:
    """The manifests of an overlay, as ``kubectl apply -k`` would apply them."""
    folder = ROOT / "deploy" / "kubernetes" / overlay
    kubectl = Path(sys.executable).with_name("kubectl")
    run = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    return list(yaml.safe_load_all(run.stdout))


def of_kind(overlay: str, kind: str) -> dict[str, Manifest]:
    """The manifests of a kind, by name."""
    return {one["metadata"]["name"]: one for one in rendered(overlay) if one["kind"] == kind}


def pods(overlay: str) -> dict[str, Manifest]:
    """The pod templates, by the name of what makes the pods."""
    makers = [*of_kind(overlay, "Deployment").items(), *of_kind(overlay, "Job").items()]
    return {name: maker["spec"]["template"] for name, maker in makers}


def selects(selector: Manifest, labels: dict[str, str]) -> bool:
    """Whether a label selector selects an object with these labels."""
    expressions = selector.get("matchExpressions", ())
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        one["operator"] == "In" and labels.get(one["key"]) in one["values"] for one in expressions
    )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_manifests_are_valid(overlay: str, version: str) -> None:
    for manifest in rendered(overlay):
        if manifest["apiVersion"].startswith("keda.sh/"):
            jsonschema.Draft202012Validator(closed(KEDA[manifest["kind"]])).validate(manifest)
        else:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_the_schemas_find_a_wrong_field_and_a_wrong_type() -> None:
    deployment = json.loads(json.dumps(of_kind("production", "Deployment")["gateway"]))
    deployment["spec"]["template"]["spec"]["containers"][0]["readinessProb"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, VERSIONS[-1], strict=True)
    scaled = json.loads(json.dumps(of_kind("production-keda", "ScaledObject")["projector"]))
    scaled["spec"]["maxReplicas"] = 8
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(closed(KEDA["ScaledObject"])).validate(scaled)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_process_runs_apart_with_a_command_of_the_product(overlay: str) -> None:
    assert of_kind(overlay, "Deployment").keys() == PROCESSES[overlay]
    known = {command.name for command in commands()}
    for name, pod in pods(overlay).items():
        (container,) = pod["spec"]["containers"]
        assert container["name"] == name
        assert container["args"][0] in known


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_have_no_rights(overlay: str) -> None:
    for pod in pods(overlay).values():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False  # its variables, such as REDIS_PORT, would look like settings
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_settings_come_from_the_config_map_and_secrets_by_reference(overlay: str) -> None:
    assert of_kind(overlay, "Secret") == {}
    (name, config) = next(iter(of_kind(overlay, "ConfigMap").items()))
    assert {key.lower() for key in config["data"]} <= Settings.model_fields.keys()
    for pod in pods(overlay).values():
        (container,) = pod["spec"]["containers"]
        assert container["envFrom"] == [{"configMapRef": {"name": name}}, {"secretRef": {"name": "baggage-gateway"}}]


def test_the_gateway_is_probed_and_drained() -> None:
    spec = pods("production")["gateway"]["spec"]
    (container,) = spec["containers"]
    assert container["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert container["startupProbe"]["httpGet"]["path"] == "/health/live"
    assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    settings = yaml.safe_load((CONFIG / "production.yaml").read_text())
    drain = settings["drain_notice_seconds"] + STREAM_SECONDS + settings["drain_request_seconds"]
    assert drain <= 9, "and a second to release leases"
    assert pause + 10 < spec["terminationGracePeriodSeconds"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_workers_are_probed_and_scraped_on_a_port_of_their_own(overlay: str) -> None:
    (scrapes,) = [one["spec"] for name, one in of_kind(overlay, "NetworkPolicy").items() if name == "worker-metrics"]
    for name in PROCESSES[overlay] - {"gateway"}:
        pod = pods(overlay)[name]
        (container,) = pod["spec"]["containers"]
        assert container["livenessProbe"]["httpGet"] == {"path": "/health/live", "port": "metrics"}
        (port,) = [port["containerPort"] for port in container["ports"] if port["name"] == "metrics"]
        assert container["env"] == [{"name": "WORKER_PORT", "value": str(port)}]
        assert "worker_port" in Settings.model_fields
        assert selects(scrapes["podSelector"], pod["metadata"]["labels"])
        assert scrapes["ingress"][0]["ports"] == [{"protocol": "TCP", "port": port}]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_deployment_keeps_a_pod_during_updates_and_disruptions(overlay: str) -> None:
    budgets = of_kind(overlay, "PodDisruptionBudget").values()
    for name, deployment in of_kind(overlay, "Deployment").items():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        found = [one for one in budgets if selects(one["spec"]["selector"], labels)]
        assert [one["spec"]["maxUnavailable"] for one in found] == [1], name
        assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_scaled_deployment_has_no_number_of_its_own(overlay: str) -> None:
    scalers = [*of_kind(overlay, "HorizontalPodAutoscaler").values(), *of_kind(overlay, "ScaledObject").values()]
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in scalers}
    assert scaled == {"gateway"} if overlay == "production" else PROCESSES[overlay]
    for name, deployment in of_kind(overlay, "Deployment").items():
        assert ("replicas" in deployment["spec"]) == (name not in scaled)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_network_is_closed_except_for_what_a_process_needs(overlay: str) -> None:
    policies = of_kind(overlay, "NetworkPolicy").values()
    ports: dict[str, set[int]] = {}
    for name, pod in pods(overlay).items():
        found = [one["spec"] for one in policies if selects(one["spec"]["podSelector"], pod["metadata"]["labels"])]
        denied = [one for one in found if "ingress" not in one and "egress" not in one]
        assert [set(one["policyTypes"]) for one in denied] == [{"Ingress", "Egress"}], name
        ports[name] = {port["port"] for one in found for rule in one.get("egress", ()) for port in rule["ports"]}
    stores = {53, 5432, 7687, 6379, 6380, 4318}
    assert ports["projector"] == stores
    assert ports["gateway"] == stores | {8000}
    assert ports["dispatcher"] == ports["initialise"] == stores | {443}


def test_autoscaling_reads_what_waits() -> None:
    scaled = of_kind("production-keda", "ScaledObject")
    queries = {name: one["spec"]["triggers"][0]["metadata"].get("query", "") for name, one in scaled.items()}
    assert f"consumer = '{Consumer.GRAPH}'" in queries["projector"]
    assert f"consumer = '{Consumer.INCIDENTS}'" in queries["dispatcher"]
    assert scaled["consumer"]["spec"]["triggers"][0]["metadata"]["consumerGroup"] == "baggage-gateway"
    secrets = [
        reference
        for one in of_kind("production-keda", "TriggerAuthentication").values()
        for reference in one["spec"]["secretTargetRef"]
    ]
    assert {one["name"] for one in secrets} == {"baggage-gateway"}
    assert {one["key"].lower() for one in secrets} <= Settings.model_fields.keys()


def closed(schema: Any) -> Any:
    """A schema of an object that rejects unknown fields, as the API server does in strict mode."""
    if isinstance(schema, dict):
        inner = {key: closed(value) for key, value in schema.items()}
        # metadata has no properties in a definition, since Kubernetes knows them.
        return (
            {**inner, "additionalProperties": False}
            if inner.get("type") == "object" and "properties" in inner
            else inner
        )
    return [closed(one) for one in schema] if isinstance(schema, list) else schema
