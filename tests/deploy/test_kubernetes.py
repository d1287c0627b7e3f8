"""A deployment to Kubernetes: the calls of kubectl, in order, against a program that plays the cluster."""

import json
import os
import stat
import sys
from pathlib import Path

import pytest
import yaml

from gateway.deploy import DEPLOYMENT_STEPS
from gateway.deploy.kubernetes import Cluster, Kubectl, kubernetes_steps
from gateway.deploy.steps import StepRunner
from gateway.errors import CommandError

ROOT = Path(__file__).parents[2]
IMAGE = "registry.airline.aero/baggage-gateway:0.1.0"
KEYS = "NEON_DATABASE_URL NEO4J_URI NEO4J_PASSWORD REDIS_URL JWT_SECRET SECRET_KEY"
PARTNER_KEYS = (
    "WORLDTRACER_ENDPOINT WORLDTRACER_API_KEY TWILIO_ACCOUNT_SID TWILIO_AUTH_TOKEN TWILIO_PHONE_NUMBER "
    "SENDGRID_API_KEY SENDGRID_FROM_EMAIL"
)
# Notes each call with its input, returns what the test wants of it, and leaves the rendering to the real kubectl.
PROGRAM = """#!{python}
import json, os, pathlib, sys
folder = pathlib.Path("{folder}")
answers = json.loads((folder / "answers.json").read_text())
arguments = sys.argv[3:]
if arguments[0] == "kustomize":
    os.execv("{kubectl}", ["kubectl", *arguments])
text = sys.stdin.read()
with (folder / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps([arguments, text]) + chr(10))
for beginning, (code, output, errors) in answers.items():
    if " ".join(arguments).startswith(beginning):
        sys.stdout.write(output), sys.stderr.write(errors)
        sys.exit(code)
"""


def ended(condition: str) -> str:
    """A job that has ended."""
    return json.dumps({"status": {"conditions": [{"type": condition, "status": "True", "reason": "Other"}]}})


class FakeCluster:
    """A cluster that is as a test says, and the deployment to it."""

    def __init__(self, folder: Path, overlay: Path) -> None:
        self.folder = folder
        self.overlay = overlay
        self.lines: list[str] = []
        self.answers: dict[str, tuple[int, str, str]] = {
            "get secret": (0, f"{KEYS} {PARTNER_KEYS}", ""),
            "diff": (1, "+++ /tmp/LIVE/apps.v1.Deployment.baggage.gateway\n", ""),
            "get job initialise --output": (0, ended("Complete"), ""),
            "logs": (0, "5/5 health: healthy\n", ""),
            "exec": (0, "7 questions to http://gateway:8000 have the right answers\n", ""),
        }

    async def deploy(self, *, dry_run: bool = False) -> list[str]:
        (self.folder / "answers.json").write_text(json.dumps(self.answers))
        cluster = Cluster(Kubectl(None, "baggage"), self.overlay)
        self.lines.clear()
        await StepRunner(self.lines.append, DEPLOYMENT_STEPS, dry_run=dry_run).run(*kubernetes_steps(cluster))
        return self.lines

    def calls(self) -> list[tuple[list[str], str]]:
        """Calls so far: arguments and input."""
        file = self.folder / "calls.jsonl"
        return [tuple(json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []

    def changes(self) -> list[str]:
        """The verbs of calls that change the cluster, in order."""
        return [arguments[0] for arguments, _ in self.calls() if arguments[0] in ("apply", "delete")]

    def inputs(self, verb: str) -> list[str]:
        """Inputs of the calls with a verb."""
        return [text for arguments, text in self.calls() if arguments[0] == verb]

    def job(self) -> dict[str, object]:
        """The job of the overlay, as the deployment applied it."""
        applied = [one for text in self.inputs("apply") for one in yaml.safe_load_all(text)]
        jobs = [one for one in applied if one["kind"] == "Job"]
        job: dict[str, object] = jobs[-1]
        return job


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    """A cluster with the namespace and the secret, and an overlay of an airline."""
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text(
        (ROOT / "deploy" / "kubernetes" / "production" / "kustomization.yaml")
        .read_text()
        .replace("../base", os.path.relpath(ROOT / "deploy" / "kubernetes" / "base", overlay.resolve()))
        .replace("registry.example.com", "registry.airline.aero")
    )
    (overlay / "settings.env").write_text("ENVIRONMENT=production\nPUBLIC_URL=https://baggage.airline.aero\n")
    program = tmp_path / "kubectl"
    real = Path(sys.executable).with_name("kubectl")
    program.write_text(PROGRAM.format(python=sys.executable, folder=tmp_path, kubectl=real))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))
    return FakeCluster(tmp_path, overlay)


async def test_the_job_ends_before_the_product_is_updated(cluster: FakeCluster) -> None:
    lines = await cluster.deploy()
    assert cluster.changes() == ["apply", "delete", "apply", "apply"]
    applied = [[one["kind"] for one in yaml.safe_load_all(text)] for text in cluster.inputs("apply")]
    assert set(applied[0]) == {"ConfigMap", "ServiceAccount", "Service", "NetworkPolicy"}
    assert applied[1] == ["Job"]
    assert {"Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget"} <= set(applied[2])
    assert "Job" not in applied[2]
    waited = [arguments[2] for arguments, _ in cluster.calls() if arguments[0] == "rollout"]
    assert waited == ["deployment/dispatcher", "deployment/gateway", "deployment/projector"]
    assert lines[-1] == "7/7 verify: 7 questions to http://gateway:8000 have the right answers"


async def test_a_second_deployment_changes_nothing(cluster: FakeCluster) -> None:
    await cluster.deploy()
    done = {**cluster.job(), "status": {"succeeded": 1}}
    cluster.answers["get job initialise --ignore-not-found"] = (0, json.dumps(done), "")
    cluster.answers["diff"] = (0, "", "")
    before = cluster.changes()
    lines = await cluster.deploy()
    assert cluster.changes() == before
    assert [line.partition(":")[0] for line in lines if "done before" in line] == [
        "2/7 migrate",
        "3/7 initialise",
        "4/7 seed",
        "5/7 health",
        "6/7 rollout",
    ]


async def test_a_job_of_another_image_or_other_settings_is_run_again(cluster: FakeCluster) -> None:
    await cluster.deploy()
    done = json.dumps({**cluster.job(), "status": {"succeeded": 1}})
    for new, old in (("baggage-gateway:0.1.0", "baggage-gateway:0.0.9"), ("baggage-gateway-", "earlier-")):
        cluster.answers["get job initialise --ignore-not-found"] = (0, done.replace(new, old), "")
        lines = await cluster.deploy(dry_run=True)
        assert lines[2].startswith(
            "2/7 migrate: would run job initialise with registry.airline.aero/baggage-gateway:0.1.0"
        )


async def test_a_dry_run_changes_nothing(cluster: FakeCluster) -> None:
    lines = await cluster.deploy(dry_run=True)
    assert cluster.changes() == []
    assert lines[-1] == "7/7 verify: would ask the service a few questions"


async def test_a_failed_job_stops_the_deployment_and_shows_its_last_lines(cluster: FakeCluster) -> None:
    cluster.answers |= {
        "get job initialise --output": (0, ended("Failed"), ""),
        "logs": (0, "Step 2/5 migrate failed. 018_new.sql failed and was rolled back: timeout\n", ""),
    }
    with pytest.raises(CommandError, match=r"Step 2/7 migrate failed\. job initialise: failed, Other\nStep 2/5"):
        await cluster.deploy()
    assert cluster.changes() == ["apply", "delete", "apply"]


@pytest.mark.parametrize(
    ("call", "answer", "fault"),
    [
        ("get secret", (0, KEYS.removesuffix(" SECRET_KEY"), ""), "Secret baggage-gateway: SECRET_KEY: set it"),
        ("get secret", (0, KEYS, ""), "Secret baggage-gateway: TWILIO_AUTH_TOKEN: set it, or disable twilio"),
        (
            "get secret",
            (1, "", 'secrets "baggage-gateway" not found'),
            'Secret baggage-gateway: kubectl get: secrets "',
        ),
        ("get namespace", (1, "", 'namespaces "baggage" not found'), 'kubectl get: namespaces "baggage" not found'),
        ("get namespace", (1, "", "connection refused"), "kubectl get: connection refused"),
    ],
)
async def test_faults_of_the_cluster_are_named(
    cluster: FakeCluster, call: str, answer: tuple[int, str, str], fault: str
) -> None:
    cluster.answers = {call: answer, **{name: one for name, one in cluster.answers.items() if name != call}}
    with pytest.raises(CommandError) as error:
        await cluster.deploy()
    assert fault in str(error.value)
    assert cluster.changes() == []


async def test_placeholders_of_the_example_are_faults(cluster: FakeCluster) -> None:
    cluster.overlay = ROOT / "deploy" / "kubernetes" / "production"
    with pytest.raises(CommandError) as error:
        await cluster.deploy()
    assert "Deployment gateway: set the image in " in str(error.value)
    assert "PUBLIC_URL: set it in " in str(error.value)


async def test_a_machine_without_kubectl_and_a_missing_overlay_are_named(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.overlay = cluster.folder / "none"
    with pytest.raises(CommandError, match="kubectl kustomize: "):
        await cluster.deploy()
    monkeypatch.setenv("PATH", "/none")
    with pytest.raises(CommandError, match="kubectl: it is not installed on this machine"):
        await cluster.deploy()
