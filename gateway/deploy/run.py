"""``python -m gateway init`` and ``python -m gateway deploy``."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.config import Settings
from gateway.deploy import DEPLOYMENT_STEPS
from gateway.deploy.environment import environment_faults
from gateway.deploy.kubernetes import OVERLAY, Cluster, Kubectl, kubernetes_steps
from gateway.deploy.processes import EVERY, FOLDER, LocalProcesses, local_url, port_faults
from gateway.deploy.steps import DeploymentStep, StepRunner
from gateway.deploy.verification import verify
from gateway.errors import CommandError
from gateway.initialise import initialisation_steps
from gateway.lifespan import open_stores
from gateway.settings_faults import warnings
from integrations.progress import Progress


@dataclass(frozen=True, slots=True)
class Options:
    """What a deployment does.

    Args:
        first: name of the step to begin with; None for the first one.
        dry_run: change nothing.
        kubernetes: roll out to a cluster instead of to processes of this machine.
        folder: of the processes.
        context: of kubectl; None for the current one.
        namespace: of the installation in the cluster.
        overlay: folder of the manifests.
    """

    first: str | None = None
    dry_run: bool = False
    kubernetes: bool = False
    folder: Path = FOLDER
    context: str | None = None
    namespace: str = "baggage"
    overlay: Path = OVERLAY


async def init(environment: Mapping[str, str], progress: Progress) -> None:
    """Runs steps 1 to 5: validates settings and stores, then initialises the installation.

    Raises:
        CommandError: a step failed. The steps before it are done.
    """
    runner = StepRunner(progress, DEPLOYMENT_STEPS[:5])
    await runner.run(_validate(environment, progress))
    settings = Settings.read(environment)
    async with open_stores(settings) as stores:
        await runner.run(*initialisation_steps(settings, stores, progress))


async def deploy(environment: Mapping[str, str], progress: Progress, options: Options) -> None:
    """Runs the seven steps.

    Raises:
        CommandError: a step failed. The steps before it are done.
    """
    runner = StepRunner(progress, DEPLOYMENT_STEPS, first=options.first, dry_run=options.dry_run)
    if options.kubernetes:
        await runner.run(*kubernetes_steps(Cluster(Kubectl(options.context, options.namespace), options.overlay)))
        return
    await runner.run(_validate(environment, progress, options.folder))
    settings = Settings.read(environment)
    processes = LocalProcesses(settings, environment, options.folder)

    async def verify_service() -> str:
        return await verify(settings, local_url(settings))

    async with open_stores(settings) as stores:
        await runner.run(*initialisation_steps(settings, stores, progress))
    await runner.run(
        DeploymentStep("rollout", f"start {EVERY}", processes.roll_out, processes.inspect),
        DeploymentStep("verify", "ask the service a few questions", verify_service),
    )


def _validate(environment: Mapping[str, str], progress: Progress, folder: Path | None = None) -> DeploymentStep:
    """Returns step 1.

    Args:
        folder: of the processes that are to run on this machine; None where none are.
    """

    async def validate() -> str:
        found = await environment_faults(environment)
        if folder is not None:
            found += port_faults(environment, folder)
        if found:
            raise CommandError("\n  ".join(["1 fault:" if len(found) == 1 else f"{len(found)} faults:", *found]))
        for warning in warnings(environment):
            progress(f"warning: {warning}")
        settings = Settings.read(environment)
        return f"settings are complete for {settings.environment}, and all stores respond"

    return DeploymentStep("validate", "check settings and stores", validate)
