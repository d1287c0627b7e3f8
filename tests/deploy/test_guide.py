"""The guides: each command, query and statement runs on an installation of the product, and its output is compared."""

import ast
import os
import re
import shlex
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.cli import _parser
from gateway.config import Settings
from gateway.deploy import DEPLOYMENT_STEPS
from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.records.effects import EffectReason
from schema.runtime.errors import ErrorCode
from tests.browser import screenshots
from tests.conftest import Neo4jCredentials, make_database
from tests.deploy.guide_installation import Installation, Shell, Stores, make_checkout
from tests.deploy.guides import GUIDES, RUNNABLE, SHOWN, Step, blocks_of, fits, shows, steps_of
from tests.deploy.test_compose import OWN
from tests.deploy.test_manifests import OVERLAYS, of_kind

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
SETUP = (ROOT / "docs" / "PRODUCTION_SETUP.md").read_text()
DEMO = (ROOT / "docs" / "COPA_DEMO_GUIDE.md").read_text()

SHORTEST_MESSAGE = 15
ENGINE = "needs a container engine; tests/deploy/test_image.py runs what the image's build runs"
CLUSTER = "needs a cluster; tests/deploy/test_kubernetes.py plays one"
DEMO_STARTS = "the test's installation is started by `python -m gateway demo`, which this script ends in"
IS_INSTALLED = "installs packages and runs for minutes"
RUNS_ON = "runs until it is stopped; the installation's demo runs it"
# Commands that do not run here, by guide, each with the reason.
NOT_RUN: dict[str, dict[str, str]] = {
    "README.md": {
        "scripts/setup_copa_demo.sh      # everything, with seeded bags, on http://127.0.0.1:8000": DEMO_STARTS,
        "scripts/test.sh                 # lint, types, import contract, all tests on real stores": IS_INSTALLED,
        ".venv/bin/python -m gateway walkthrough": "runs in COPA_DEMO_GUIDE; the demo has one bag for it",
        "scripts/deploy_production.sh                       # seven steps, repeatable": (
            "tests/deploy/test_deployment.py runs it twice"
        ),
        "python -m gateway serve                            # GraphQL, ingestion and health over HTTP": RUNS_ON,
        "python -m gateway project                          # writes changes to Neo4j": RUNS_ON,
        "python -m gateway dispatch                         # sends effects, keeps incidents and connection boards": (
            RUNS_ON
        ),
    },
    "docs/COPA_DEMO_GUIDE.md": {
        "scripts/setup_copa_demo.sh": DEMO_STARTS,
        "scripts/reset_demo.sh": "takes 20 s; tests/faults/test_demo.py and tests/stores/test_seeds.py test the reset",
        ".venv/bin/python -m tests.browser.screenshots": "needs a seeded demo of its own and replaces docs/images",
    },
    "docs/PRODUCTION_SETUP.md": {
        "scripts/deploy_production.sh": "tests/deploy/test_deployment.py runs it twice",
        "docker compose up --build --wait": ENGINE,
        "docker compose exec gateway python -m gateway verify --url http://127.0.0.1:8000": ENGINE,
        "docker compose down": ENGINE,
        "docker build --tag registry.example.com/baggage-gateway:0.1.0 .": ENGINE,
        "docker push registry.example.com/baggage-gateway:0.1.0": ENGINE,
        "kubectl create namespace baggage": CLUSTER,
        "kubectl --namespace baggage create secret generic baggage-gateway --from-env-file=secrets.env": CLUSTER,
        "scripts/deploy_production.sh --kubernetes --dry-run": CLUSTER,
        "scripts/deploy_production.sh --kubernetes": CLUSTER,
        (
            'pg_basebackup --dbname "$NEON_DATABASE_URL" --pgdata /backup/2026-12-01 --checkpoint=fast '
            "--wal-method=stream"
        ): "tests/faults/test_restore.py runs it on a server with an archive",
    },
}


def listed(step: Step) -> bool:
    """Whether a step is listed as one that does not run here."""
    return step.text in NOT_RUN.get(step.guide, {})


@pytest.fixture(scope="module")
async def installation(
    embedded_postgres: EmbeddedPostgres,
    embedded_neo4j: EmbeddedNeo4j,
    migrated_template: str,
    neo4j_credentials: Neo4jCredentials,
    redis_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Installation]:
    """The demo, seeded, in a checkout of its own."""
    folder = tmp_path_factory.mktemp("checkout")
    make_checkout(folder)
    stores = Stores(
        await make_database(embedded_postgres, "guide_demo"),
        await make_database(embedded_postgres, "guide_production"),
        await make_database(embedded_postgres, "guide_statements", migrated_template),
        redis_url,
        neo4j_credentials,
        embedded_neo4j.folder,
    )
    made = Installation(folder, stores)
    try:
        async with made.running():
            yield made
    finally:
        with suppress(OSError, ValueError):  # a step that failed may have left it frozen
            os.kill(int((embedded_neo4j.folder / "run" / "neo4j.pid").read_text()), signal.SIGCONT)


async def fault_of(step: Step, installation: Installation, shell: Shell) -> str | None:
    """Runs a step; returns what is wrong with its result, None if nothing is."""
    text = installation.here(step.text)
    if step.language == "sql":
        await installation.execute_sql(text)
    elif step.language == "cypher":
        await installation.execute_cypher(text)
    elif step.language == "graphql":
        response = installation.as_in_guide(await installation.execute(text))
        if not (shows(step, response) if step.output else '"errors"' not in response):
            return f"{step}\nresponds\n{response}"
    else:
        code, printed = await shell.run(text)
        if "chmod 600 .env" in text:
            installation.fill_in_settings()
        printed = installation.as_in_guide(printed)
        if not (shows(step, printed) if step.output else code == 0):
            return f"{step}\nexits with {code} and prints\n{printed}"
    return None


@pytest.mark.parametrize("guide", GUIDES)
async def test_every_command_of_a_guide_runs_and_prints_what_the_guide_shows(
    guide: str, installation: Installation
) -> None:
    await installation.until_healthy()
    async with Shell(installation.folder, installation.environment) as shell:
        faults = [await fault_of(step, installation, shell) for step in steps_of(guide) if not listed(step)]
    if found := list(filter(None, faults)):
        pytest.fail("\n\n".join(found), pytrace=False)


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_has_no_block_that_is_neither_run_nor_output(guide: str) -> None:
    assert [block for block in blocks_of(guide) if block[1] not in (*RUNNABLE, *SHOWN)] == []


def test_listed_commands_exist() -> None:
    for guide, commands in NOT_RUN.items():
        assert commands.keys() - {step.text for step in steps_of(guide)} == set(), guide
        for path in re.findall(r"tests/[\w/]+\.py", " ".join(commands.values())):
            assert (ROOT / path).exists(), path


@pytest.mark.parametrize(
    ("output", "actual", "same"),
    [
        ("1 event, 0 others\n", "1 event, 0 others", True),
        ("1 event, 0 others\n", "1 event, 1 others", False),
        ("... ready ...\n", "0.5 s ready now\n", True),
        ("first\n...\nlast\n", "first\nsecond\nthird\nlast\n", True),
        ("first\n...\nlast\n", "first\nsecond\n", False),
        ("first\n", "first\nsecond\n", False),
    ],
)
def test_output_is_compared_line_by_line(output: str, actual: str, *, same: bool) -> None:
    assert shows(Step("", 1, "console", "", output), actual) is same


def test_json_is_compared_by_value() -> None:
    expected = {"a": [{"b": "..."}], "c": ["..."], "d": 1}
    assert fits(expected, {"a": [{"b": 5}], "c": [1, 2], "d": 1})
    assert not fits(expected, {"a": [{"b": 5}], "c": [1, 2], "d": 2})
    assert not fits(expected, {"a": [], "c": [], "d": 1})
    assert not fits(expected, {"a": [{"b": 5}], "c": [], "d": 1, "e": 1})


def lines_of(guide: str) -> list[str]:
    """Commands of a guide, in blocks, units of systemd and running text."""
    text = (ROOT / guide).read_text()
    quoted = re.findall(r"`((?:scripts/|python -m |kubectl )[^`]+)`", text)
    return [
        *(step.text for step in steps_of(guide) if step.language == "console"),
        *re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE),
        *(" ".join(line.split()) for line in quoted),
    ]


def product_arguments(line: str) -> list[list[str]]:
    """Arguments of the product's command line in a line of a shell, directly or by the script that deploys."""
    words = shlex.split(line.replace("\\\n", " "), comments=True)
    found = []
    for place, word in enumerate(words):
        end = next(
            (index for index, one in enumerate(words) if index > place and re.match(r"\||\d?>|&&", one)), len(words)
        )
        if words[place : place + 2] == ["-m", "gateway"]:
            found.append([one.rstrip(")") for one in words[place + 2 : end]])
        if word == "scripts/deploy_production.sh":
            found.append(["deploy", *words[place + 1 : end]])
    return found


def test_the_guides_have_commands() -> None:
    lines = [line for guide in GUIDES for line in lines_of(guide)]
    assert len(lines) > 60
    assert sum(len(product_arguments(line)) for line in lines) > 30


@pytest.mark.parametrize("guide", GUIDES)
def test_commands_of_a_guide_exist(guide: str) -> None:
    for line in lines_of(guide):
        for arguments in product_arguments(line):
            _parser().parse_args(arguments)
        for path in re.findall(r"(?<![\w/.])((?:scripts|deploy|docs)/[\w./-]+)", line):
            assert (ROOT / path).exists(), path
        for module in re.findall(r"python -m ((?:benchmarks|tests|seeds|integrations)[\w.]*)", line):
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
        for name in re.findall(r"(?:deployment|job)/([a-z]+)", line):
            assert any(name in of_kind(overlay, kind) for overlay in OVERLAYS for kind in ("Deployment", "Job"))


def test_files_folders_steps_and_settings_of_the_guide_exist() -> None:
    for path in re.findall(r"`((?:scripts|deploy|config|gateway)/[\w./-]+)`", SETUP):
        assert (ROOT / path).exists(), path
    assert re.findall(r"^\| \d `([a-z]+)` \|", SETUP, re.MULTILINE) == list(DEPLOYMENT_STEPS)
    other = {*OWN, "NAME", "PID", "STEP", "URL", "FILE", "HOST", "ENV_FILE", "ENVIRONMENT"}
    # Codes of the product, and words of PostgreSQL and Redis.
    other |= {*ErrorCode, *EffectReason, "REPLICATION", "FLUSHDB"}
    names = set(re.findall(r"`([A-Z][A-Z0-9_]{2,})`", SETUP)) - other
    assert {name.lower() for name in names} <= Settings.model_fields.keys()


def test_pictures_of_the_demo_guide_are_those_that_its_command_takes() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(images/([\w.]+)\)", DEMO)
    taken = re.findall(r'"(\w+\.png)"', Path(screenshots.__file__).read_text())
    assert sorted(pictures) == sorted(taken)
    for picture in pictures:
        assert (ROOT / "docs" / "images" / picture).stat().st_size < 200_000, picture


def test_pictures_are_of_the_examples_and_queries_that_the_guide_shows() -> None:
    """Operations typed for a screenshot are those of the guide, whatever their layout."""
    shown = {"".join(step.text.split()) for step in steps_of("docs/COPA_DEMO_GUIDE.md") if step.language == "graphql"}
    assert "".join(screenshots.LIVE_BAG.split()) in shown
    assert "".join(screenshots.GRAPH_AWAY.split()).removeprefix("queryGraphAway") in shown


def texts_of(node: ast.AST) -> list[str | None]:
    """Parts of a text in the source, None for each value in it; nothing for a node that is no text."""
    if isinstance(node, ast.JoinedStr):
        return [str(one.value) if isinstance(one, ast.Constant) else None for one in node.values]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        first, *others = re.split(r"%s|%\.0f|\{store\}", node.value)
        return [first, *(part for other in others for part in (None, other))]
    return []


def messages_of_the_product() -> list[re.Pattern[str]]:
    """Texts in the product's source, each as a pattern in which a value stands for any text."""
    found = []
    for folder in ("gateway", "schema", "resolvers", "integrations", "migrations"):
        for path in (ROOT / folder).rglob("*.py"):
            for parts in map(texts_of, ast.walk(ast.parse(path.read_text()))):
                if sum(map(len, filter(None, parts))) >= SHORTEST_MESSAGE:
                    patterns = [".+" if part is None else re.escape(part) for part in parts]
                    found.append(re.compile("".join(patterns) + r"\n?"))
    scripts = "".join(path.read_text() for path in (ROOT / "scripts").glob("*.sh"))
    return [*found, *(re.compile(re.escape(text)) for text in re.findall(r'fail "([^"]+)"', scripts))]


def test_messages_that_no_command_shows_are_in_the_source() -> None:
    text = (ROOT / "docs" / "TROUBLESHOOTING.md").read_text()
    blocks = re.findall(r"^```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    shown = [line for block in blocks for line in block.splitlines()]
    patterns = messages_of_the_product()
    assert len(shown) > 12
    assert [
        line
        for line in shown
        if not any(pattern.fullmatch(f"{line}{end}") for pattern in patterns for end in ("", "\n"))
    ] == []
