"""What the Dockerfile copies, in an empty folder: the product starts from there, and nothing is missing."""

import asyncio
import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from integrations.embedded.server import free_port
from tests.gateway import NO_PARTNERS

ROOT = Path(__file__).parents[2]
CONSOLE = "gateway/static/graphiql"
# Stores that nothing listens for: a serving process is alive without them.
SETTINGS = {
    "NEON_DATABASE_URL": "postgresql://app:hidden@127.0.0.1:9/bags",
    "NEO4J_URI": "bolt://127.0.0.1:9",
    "NEO4J_PASSWORD": "hidden",
    "REDIS_URL": "redis://127.0.0.1:9/0",
    "JWT_SECRET": "j" * 32,
    "SECRET_KEY": "s" * 32,
    "PUBLIC_URL": "https://baggage.example.com",
    "EXTERNAL_SERVICES": NO_PARTNERS,
    "HOST": "127.0.0.1",
    "GRAPHIQL": "true",
}


def instructions(stage: int) -> list[tuple[str, str]]:
    """Instructions of a stage, each with its text on one line; -1 is the last stage."""
    text = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE))
    stages: list[list[tuple[str, str]]] = []
    for line in filter(None, text.splitlines()):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            stages.append([])
        stages[-1].append((name, rest))
    return stages[stage]


def copies(stage: int) -> Iterator[tuple[str, str]]:
    """Sources and destinations that a stage copies from the checkout."""
    for name, rest in instructions(stage):
        *sources, destination = shlex.split(rest)
        if name == "COPY" and not sources[0].startswith("--from="):
            yield from ((source, destination) for source in sources)


def is_ignored(path: str) -> bool:
    """Whether ``.dockerignore`` keeps a path out of the build; its last pattern that fits decides."""
    ignored = False
    parts = path.split("/")
    prefixes = ["/".join(parts[: length + 1]) for length in range(len(parts))]
    for line in (ROOT / ".dockerignore").read_text().split():
        pattern = line.removeprefix("!")
        fits = any(fnmatch.fnmatchcase(part, pattern.removeprefix("**/")) for part in parts)
        if fits if pattern.startswith("**/") else any(fnmatch.fnmatchcase(prefix, pattern) for prefix in prefixes):
            ignored = not line.startswith("!")
    return ignored


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder ``/app`` of the image. The page, which another stage builds, stands for itself."""
    folder = tmp_path_factory.mktemp("image")
    for source, destination in copies(-1):
        target = folder / destination
        for path in filter(Path.is_file, [ROOT / source, *sorted((ROOT / source).rglob("*"))]):
            name = path.relative_to(ROOT).as_posix()
            if not is_ignored(name):
                inner = path.relative_to(ROOT / source).as_posix() if (ROOT / source).is_dir() else path.name
                (target / inner).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target / inner)
    (folder / CONSOLE).mkdir(parents=True)
    (folder / CONSOLE / "index.html").write_text("<!doctype html><title>GraphiQL</title>")
    return folder


def run(image: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a command of the image to its end, with nothing of the checkout on the path."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=image,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_everything_that_is_copied_exists_and_reaches_the_build() -> None:
    sources = [source for stage in range(3) for source, _ in copies(stage)]
    assert len(sources) > 10
    assert [source for source in sources if not (ROOT / source).exists() or is_ignored(source.rstrip("/"))] == []
    assert not is_ignored("console/package.json")
    assert is_ignored("console/node_modules/react/index.js")
    assert is_ignored("tests/conftest.py")
    assert is_ignored(".env")


def test_the_last_stage_has_no_rights_and_a_health_check() -> None:
    last = dict(instructions(-1))
    assert last["USER"] == "10001"
    assert json.loads(last["ENTRYPOINT"]) == ["python", "-m", "gateway"]
    assert json.loads(last["CMD"]) == ["serve"]
    assert "/health/live" in last["HEALTHCHECK"]
    names = [name for name, _ in instructions(-1)]
    assert names.index("USER") > max(place for place, name in enumerate(names) if name in ("COPY", "RUN"))


def test_serve_says_which_settings_are_missing(image: Path) -> None:
    found = run(image, "-m", "gateway", "serve")
    assert found.returncode == 1
    assert "NEON_DATABASE_URL: set it" in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize("script", ["init_production.py", "verify_databases.py"])
def test_the_scripts_of_the_image_run(image: Path, script: str) -> None:
    found = run(image, f"scripts/{script}", **SETTINGS)
    assert found.returncode == 1
    output = found.stdout + found.stderr
    assert "Traceback" not in output
    assert ("does not serve" if script.startswith("init") else "NOT healthy") in output


def test_the_data_of_migrations_seeds_and_config_is_there(image: Path) -> None:
    code = """
from gateway.settings_table import effective_settings
from gateway.world_airports import world_airports
from migrations.run import VERSIONED, graph_schema_names, read_migrations
from seeds.network import read_network
import gateway
from pathlib import Path
sources = {one.source for one in effective_settings({})}
print(Path(gateway.__file__).parents[1], len(read_migrations(VERSIONED)), len(graph_schema_names()),
      len(read_network().airports), len(world_airports()), "config/production.yaml" in sources)
"""
    found = run(image, "-c", code)
    assert found.returncode == 0, found.stderr
    folder, *counts, has_defaults = found.stdout.split()
    assert Path(folder) == image
    assert all(int(count) > 0 for count in counts)
    assert has_defaults == "True"


async def test_the_gateway_lives_and_its_health_check_passes(image: Path) -> None:
    port = str(free_port())
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **SETTINGS, "PORT": port}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "serve"),
        cwd=image,
        env=environment,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=5, trust_env=False) as client:
            async with asyncio.timeout(60):
                while not await is_live(client):
                    assert process.returncode is None, (await process.communicate())[1].decode()
                    await asyncio.sleep(0.1)
            assert (await client.get("/health/ready")).status_code == 503
            assert (await client.get("/graphql", headers={"Accept": "text/html"})).text.startswith("<!doctype html>")
        (check,) = re.findall(r"CMD (\[.*\])", dict(instructions(-1))["HEALTHCHECK"])
        _, *arguments = json.loads(check)
        healthy = await asyncio.to_thread(run, image, *arguments, PORT=port)
        assert healthy.returncode == 0, healthy.stderr
    finally:
        process.terminate()
        await asyncio.wait_for(process.communicate(), 30)
    unhealthy = await asyncio.to_thread(run, image, *arguments, PORT=port)
    assert unhealthy.returncode != 0


@pytest.mark.parametrize("command", ["project", "dispatch"])
async def test_a_worker_waits_for_its_stores(image: Path, command: str) -> None:
    """It has everything that it imports, and does not end because a store is away."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", command),
        cwd=image,
        env={"PATH": os.environ["PATH"], **SETTINGS},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    async with asyncio.timeout(60):
        line = (await process.stderr.readline()).decode()
    process.terminate()
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert "Traceback" not in line + errors.decode()
    assert process.returncode == 0


async def is_live(client: httpx.AsyncClient) -> bool:
    """Whether the liveness probe succeeds."""
    try:
        return (await client.get("/health/live")).is_success
    except httpx.HTTPError:
        return False
