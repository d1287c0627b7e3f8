"""The product on Kubernetes: the steps of a deployment with ``kubectl`` and the manifests of ``deploy/kubernetes``."""

import asyncio
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from gateway.config import Settings, external_services_of, missing_of_partners
from gateway.deploy.steps import DeploymentStep, Finding
from gateway.errors import CommandError

OVERLAY = Path(__file__).parents[2] / "deploy" / "kubernetes" / "production"
SECRET = "baggage-gateway"  # noqa: S105 # the name of the object that holds the secrets
JOB = "Job"
# What runs the product, or decides how much of it runs. Everything else comes before the job.
WORKLOADS = {"Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget", "ScaledObject", "TriggerAuthentication"}
KEYS = "go-template={{range $name, $value := .data}}{{$name}} {{end}}"
CALL_SECONDS = 60.0
# Longer than activeDeadlineSeconds of the job.
JOB_SECONDS = 960
POLL_SECONDS = 2.0
ROLLOUT_SECONDS = 600
VERIFY_SECONDS = 120.0
SERVICE = "http://gateway:8000"
DIFFERS = 1  # exit code of kubectl diff
PLACEHOLDER = "example.com"

Manifest = Mapping[str, Any]


class Kubectl:
    """Calls of ``kubectl`` for one cluster and namespace, each with a deadline.

    Args:
        context: name in the kubeconfig; None for the current one.
        namespace: of all objects.

    Attributes:
        namespace: of all objects.
    """

    def __init__(self, context: str | None, namespace: str) -> None:
        self.namespace = namespace
        self._options = ["--namespace", namespace, *(["--context", context] if context else [])]

    async def run(
        self, *arguments: str, text: str = "", seconds: float = CALL_SECONDS, allowed: Sequence[int] = (0,)
    ) -> tuple[int, str]:
        """Runs a command with ``text`` as its input; returns exit code and output.

        Raises:
            CommandError: kubectl is missing, failed, or did not end in time.
        """
        program = shutil.which("kubectl")
        if program is None:
            raise CommandError("kubectl: it is not installed on this machine")
        process = await asyncio.create_subprocess_exec(
            program,
            *self._options,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            output, errors = await asyncio.wait_for(process.communicate(text.encode()), seconds)
        except TimeoutError:
            raise CommandError(f"kubectl {arguments[0]}: did not end within {seconds:.0f} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        code = process.returncode or 0
        if code not in allowed:
            reason = errors.decode(errors="replace").strip() or f"exit code {code}"
            raise CommandError(f"kubectl {arguments[0]}: {reason}")
        return code, output.decode(errors="replace")


class Cluster:
    """The installation in a namespace, as an overlay describes it.

    Args:
        kubectl: for its cluster and namespace.
        overlay: folder with a ``kustomization.yaml``.
    """

    def __init__(self, kubectl: Kubectl, overlay: Path) -> None:
        self._kubectl = kubectl
        self._overlay = overlay

    async def faults(self) -> list[str]:
        """Returns a line for each fault: cluster, manifests, secrets by name."""
        try:
            manifests = await self._manifests()
            await self._kubectl.run("get", "namespace", self._kubectl.namespace)
        except CommandError as error:
            return [str(error)]
        found = [
            f"{one['kind']} {one['metadata']['name']}: set the image in {self._overlay}/kustomization.yaml"
            for one in manifests
            for image in _images(one)
            if PLACEHOLDER in image
        ]
        found += [
            f"{name}: set it in {self._overlay}" for name, value in _settings(manifests).items() if PLACEHOLDER in value
        ]
        return [*found, *await self._missing_settings(_settings(manifests))]

    async def find_job(self) -> Finding:
        """Returns whether the initialisation job of this image and these settings is complete."""
        job = _job(await self._manifests())
        name = job["metadata"]["name"]
        _, output = await self._kubectl.run("get", "job", name, "--ignore-not-found", "--output", "json")
        found = json.loads(output) if output.strip() else None
        if found and found.get("status", {}).get("succeeded") and _runs_the_same(found, job):
            return Finding(True, f"job {name} is complete for this image and these settings")
        return Finding(False, f"run job {name} with {_images(job)[0]}")

    async def run_job(self) -> str:
        """Applies what the job needs, runs the job to its end, and returns its last line.

        Raises:
            CommandError: the job failed; the message has its last lines.
        """
        manifests = await self._manifests()
        job = _job(manifests)
        name = job["metadata"]["name"]
        await self._apply([one for one in manifests if one["kind"] not in WORKLOADS | {JOB}])
        await self._kubectl.run("delete", "job", name, "--ignore-not-found", "--wait")
        await self._apply([job])
        ended = await self._wait_for(name)
        _, logs = await self._kubectl.run("logs", f"job/{name}", "--tail", "5")
        if ended != "Complete":
            raise CommandError(f"job {name}: {ended}\n{logs.strip()}")
        return f"job {name} is complete: {logs.strip().splitlines()[-1] if logs.strip() else 'no output'}"

    async def find_rollout(self) -> Finding:
        """Returns whether the cluster has all manifests as they are here."""
        manifests = [one for one in await self._manifests() if one["kind"] != JOB]
        code, output = await self._kubectl.run("diff", "--filename", "-", text=_text(manifests), allowed=(0, DIFFERS))
        if code == DIFFERS:
            changed = sum(line.startswith("+++ ") for line in output.splitlines())
            return Finding(False, f"apply {changed} changed objects, and wait until the new pods are ready")
        return Finding(True, "the cluster has these manifests")

    async def roll_out(self) -> str:
        """Applies all manifests except the job, waits until every deployment is ready, and returns a summary."""
        manifests = [one for one in await self._manifests() if one["kind"] != JOB]
        await self._apply(manifests)
        names = [one["metadata"]["name"] for one in manifests if one["kind"] == "Deployment"]
        for name in names:
            await self._kubectl.run(
                "rollout", "status", f"deployment/{name}", f"--timeout={ROLLOUT_SECONDS}s", seconds=ROLLOUT_SECONDS + 30
            )
        return f"{', '.join(names)} are ready"

    async def verify(self) -> str:
        """Asks the service questions from one of its pods, which has the secret for a token; returns the last line."""
        command = ["python", "-m", "gateway", "verify", "--url", SERVICE]
        _, output = await self._kubectl.run("exec", "deployment/gateway", "--", *command, seconds=VERIFY_SECONDS)
        return output.strip().splitlines()[-1]

    async def _wait_for(self, name: str) -> str:
        """Waits until a job ends; returns ``Complete``, or why it is not."""
        deadline = time.monotonic() + JOB_SECONDS
        while time.monotonic() < deadline:
            _, output = await self._kubectl.run("get", "job", name, "--output", "json")
            conditions = json.loads(output).get("status", {}).get("conditions", ())
            for one in conditions:
                if one["type"] in ("Complete", "Failed") and one["status"] == "True":
                    return (
                        "Complete" if one["type"] == "Complete" else f"failed, {one.get('reason', 'without a reason')}"
                    )
            await asyncio.sleep(POLL_SECONDS)
        return f"it did not end within {JOB_SECONDS} s"

    async def _apply(self, manifests: Sequence[Manifest]) -> None:
        await self._kubectl.run("apply", "--filename", "-", text=_text(manifests))

    async def _manifests(self) -> list[Manifest]:
        _, output = await self._kubectl.run("kustomize", str(self._overlay))
        return [one for one in yaml.safe_load_all(output) if one]

    async def _missing_settings(self, configured: Mapping[str, str]) -> list[str]:
        """Returns a line for each required setting that neither the ConfigMap nor the Secret has."""
        try:
            _, output = await self._kubectl.run("get", "secret", SECRET, "--output", KEYS)
        except CommandError as error:
            return [f"Secret {SECRET}: {error}"]
        present = {name.lower() for name in [*configured, *output.split()]}
        required = [name for name, field in Settings.model_fields.items() if field.is_required()]
        missing = [f"{name.upper()}: set it" for name in required if name not in present]
        flags = external_services_of(configured.get("EXTERNAL_SERVICES", "{}"))
        return [f"Secret {SECRET}: {line}" for line in [*missing, *missing_of_partners(flags, present)]]


def kubernetes_steps(cluster: Cluster) -> list[DeploymentStep]:
    """Returns the seven steps. The stores are reached from the cluster alone, so one job there does steps 2 to 5."""

    async def validate() -> str:
        if found := await cluster.faults():
            raise CommandError("\n  ".join(["", *found]).lstrip())
        return "cluster, manifests and the names of the secrets are complete; the job checks their values"

    async def find_part_of_job() -> Finding:
        return Finding(True, "by the job of step 2")

    return [
        DeploymentStep("validate", "check the cluster and the manifests", validate),
        DeploymentStep("migrate", "run the initialisation job", cluster.run_job, cluster.find_job),
        *(
            DeploymentStep(name, "be done by the job of step 2", cluster.run_job, find_part_of_job)
            for name in ("initialise", "seed", "health")
        ),
        DeploymentStep("rollout", "apply the manifests", cluster.roll_out, cluster.find_rollout),
        DeploymentStep("verify", "ask the service a few questions", cluster.verify),
    ]


def _settings(manifests: Sequence[Manifest]) -> dict[str, str]:
    """Returns the settings of the ConfigMaps."""
    maps = [one["data"] for one in manifests if one["kind"] == "ConfigMap"]
    return {name: value for data in maps for name, value in data.items()}


def _job(manifests: Sequence[Manifest]) -> Manifest:
    jobs = [one for one in manifests if one["kind"] == JOB]
    if len(jobs) != 1:
        raise CommandError(f"The manifests have {len(jobs)} jobs, and one initialises the installation.")
    return jobs[0]


def _containers(manifest: Manifest) -> list[dict[str, Any]]:
    template = manifest.get("spec", {}).get("template", {})
    containers: list[dict[str, Any]] = template.get("spec", {}).get("containers", [])
    return containers


def _images(manifest: Manifest) -> list[str]:
    return [container["image"] for container in _containers(manifest)]


def _runs_the_same(found: Manifest, wanted: Manifest) -> bool:
    """Whether two jobs have the same image and settings. The name of a ConfigMap has a digest of its content."""
    keys = ("image", "envFrom", "args")
    pairs = zip(_containers(found), _containers(wanted), strict=True)
    return all(one.get(key) == other.get(key) for one, other in pairs for key in keys)


def _text(manifests: Sequence[Manifest]) -> str:
    return yaml.safe_dump_all(manifests, sort_keys=False)
