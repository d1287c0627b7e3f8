"""The command line: ``python -m gateway COMMAND``.

``commands`` is the table of all commands. A command's function imports what it needs when it runs: importing
everything takes 1.5 s of CPU, which ``--help`` and ``token`` do not need.
"""

import argparse
import asyncio
import logging
import math
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.console import console
from gateway.deploy import DEPLOYMENT_STEPS
from gateway.errors import CommandError
from integrations.errors import OutsideError
from integrations.timestamps import EXAMPLE, read_timestamp
from resolvers.actor import Role

if TYPE_CHECKING:
    from gateway.config import Settings
    from resolvers.installation import Stores

ROOT = Path(__file__).parents[1]
SDL = ROOT / "schema" / "schema.graphql"
# Ten years.
MAX_TOKEN_HOURS = 87_600
MAX_CLIENT_NAME = 100
MAX_DAYS = 400


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a command: its name, and the options of ``argparse.ArgumentParser.add_argument``."""

    name: str
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Args:
        name: on the command line.
        run: runs the command and returns the exit code.
        help: one line for ``--help``.
        arguments: in the order of ``--help``.
    """

    name: str
    run: Callable[[argparse.Namespace], int]
    help: str
    arguments: Sequence[Argument] = ()


def commands() -> list[Command]:
    """Returns all commands, in the order of ``--help``."""
    return [
        Command(
            "demo",
            _demo,
            "run the whole demo on this machine: stores, gateway, workers and mocks of the partners",
            [
                _argument("--check", action="store_true", help="run a few queries, print the responses, and stop"),
                _argument("--reset", action="store_true", help="restore the seeded state, with times relative to now"),
            ],
        ),
        Command(
            "serve",
            _serve,
            "serve GraphQL and health over HTTP",
            [_argument("--with-workers", action="store_true", help="run all background work in the same process")],
        ),
        Command("project", _project, "write changes to the graph, until stopped"),
        Command("dispatch", _dispatch, "send effects to partners and passengers, until stopped"),
        Command("consume", _consume, "ingest messages from Kafka, until stopped"),
        Command(
            "mocks",
            _mocks,
            "serve mocks of the partners at the configured addresses, until stopped",
            [_argument("--journal", type=Path, help="file that keeps the WorldTracer mock's files across restarts")],
        ),
        Command(
            "walkthrough",
            _walkthrough,
            "walk through a missed connection on the running demo, by GraphQL only",
            [_argument("--url", help="base URL of the gateway (default: PORT, or the port of the running demo)")],
        ),
        Command(
            "ingest",
            _ingest,
            "ingest messages from a file: Type B, scans as JSON, or Baggage XML, also gzip",
            [
                _argument("file", help="the file, or - for standard input"),
                _argument(
                    "--received-at",
                    type=_timestamp,
                    help=f"time of receipt, such as {EXAMPLE}; resolves dates without a year (default: now)",
                ),
            ],
        ),
        Command(
            "config", _config, "print the effective settings with their sources, and all faults; secrets are hidden"
        ),
        Command(
            "init",
            _init,
            "initialise an installation: steps 1 to 5 of a deployment; repeatable",
            [_environment_argument()],
        ),
        Command(
            "deploy",
            _deploy,
            "deploy in seven steps: validate, migrate, initialise, seed, health, rollout, verify; repeatable",
            [
                _environment_argument(),
                _argument("--from", dest="first", choices=DEPLOYMENT_STEPS, help="begin with this step"),
                _argument("--dry-run", action="store_true", help="change nothing, and print what would happen"),
                _argument("--kubernetes", action="store_true", help="roll out to a cluster instead of this machine"),
                _argument("--context", help="kubectl's context (default: the current one)"),
                _argument("--namespace", default="baggage", help="namespace in the cluster (default: baggage)"),
                _argument("--overlay", type=Path, help="manifests (default: deploy/kubernetes/production)"),
                _argument("--folder", type=Path, help="logs and state of local processes (default: .production)"),
            ],
        ),
        Command(
            "supervise",
            _supervise,
            "run serve, project, dispatch and, with Kafka, consume as processes that are restarted, until stopped",
            [_argument("--folder", type=Path, help="logs and state (default: .production)")],
        ),
        Command("rebuild", _rebuild, "recompute all bags from messages and events, and correct those that differ"),
        Command(
            "airports", _airports, "add and update the airports of the world; those of the network stay as they are"
        ),
        Command(
            "verify",
            _verify,
            "check the health of every store, or ask a running service a few questions",
            [_argument("--url", help="base URL of the service to ask")],
        ),
        Command(
            "graph",
            _graph,
            "compare the graph with the records, or rebuild it from them",
            [_argument("action", choices=["check", "rebuild"], help="check exits with 1 if they differ")],
        ),
        Command(
            "operations",
            _operations,
            "register, list or remove the operations of a client's build, or show which operations clients use",
            [
                _argument("action", choices=["register", "list", "remove", "uses"], help="what to do"),
                _argument("file", nargs="?", help="manifest of Relay, Apollo or graphql-codegen, to register"),
                _argument("--client", type=_name, help="name of the client, as in its requests"),
                _argument("--version", type=_name, help="version of the client, as in its requests"),
                _argument("--field", help="uses: only of this field, such as Bag.weightKg"),
                _argument("--days", type=_days, default=30, help="uses: of so many days (default: 30)"),
            ],
        ),
        Command(
            "token",
            _token,
            "print a bearer token",
            [
                _argument("--role", choices=[role.value for role in Role], required=True, help="role of the actor"),
                _argument("--hours", type=_hours, default=12.0, help="validity in hours (default: 12)"),
                _argument("--subject", help="technical name of the actor (default: demo-ROLE)"),
            ],
        ),
        Command("sdl", _sdl, "write schema/schema.graphql"),
    ]


def main(arguments: Sequence[str]) -> int:
    """Runs one command; returns the exit code."""
    parsed = _parser().parse_args(arguments)
    command: Command = parsed.command
    try:
        code = command.run(parsed)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader of the output has ended, as `| head` does. Python would report it once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except CommandError as error:
        print(f"\n{error}", file=sys.stderr)
    except OutsideError as error:
        print(f"\n{command.name} did not finish: {error}. Run it again; it is repeatable.", file=sys.stderr)
    return 1


def _argument(name: str, **options: Any) -> Argument:
    return Argument(name, options)


def _environment_argument() -> Argument:
    return _argument("--environment", choices=["demo", "production"], default="production", help="settings file")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gateway", description="A GraphQL gateway over a baggage graph.")
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in commands():
        description = f"{command.help[0].upper()}{command.help[1:]}."
        subparser = subparsers.add_parser(command.name, help=command.help, description=description)
        for argument in command.arguments:
            subparser.add_argument(argument.name, **argument.options)
        subparser.set_defaults(command=command)
    return parser


def _demo(parsed: argparse.Namespace) -> int:
    from gateway.demo import commands as demo

    return demo.reset() if parsed.reset else demo.run(check=parsed.check)


def _walkthrough(parsed: argparse.Namespace) -> int:
    from gateway.demo import commands as demo

    return demo.walk_through(parsed.url)


def _serve(parsed: argparse.Namespace) -> int:
    from gateway.serve import serve

    serve(_settings(os.environ), with_workers=parsed.with_workers)
    return 0


def _project(_parsed: argparse.Namespace) -> int:
    from gateway.workers import run_projector

    return _until_stopped(run_projector)


def _dispatch(_parsed: argparse.Namespace) -> int:
    from gateway.workers import run_dispatchers

    return _until_stopped(run_dispatchers)


def _consume(_parsed: argparse.Namespace) -> int:
    from gateway.kafka import consume

    return _until_stopped(consume)


def _mocks(parsed: argparse.Namespace) -> int:
    from gateway.demo.mocks import serve_mocks

    return _until_stopped(partial(serve_mocks, journal=parsed.journal))


def _ingest(parsed: argparse.Namespace) -> int:
    from gateway.http.ingest import ingest_file
    from gateway.initialise import operator

    async def ingest(settings: "Settings", stores: "Stores") -> int:
        return await ingest_file(operator(settings, stores), parsed.file, parsed.received_at, console(os.environ))

    return _with_stores(ingest)


def _config(_parsed: argparse.Namespace) -> int:
    from gateway.settings_faults import faults, warnings
    from gateway.settings_table import as_table, effective_settings

    print(*as_table(effective_settings(os.environ)), sep="\n", flush=True)
    for warning in warnings(os.environ):
        print(f"warning: {warning}", file=sys.stderr)
    if found := faults(os.environ):
        raise CommandError("\n  ".join(["1 fault:" if len(found) == 1 else f"{len(found)} faults:", *found]))
    return 0


def _init(parsed: argparse.Namespace) -> int:
    from gateway.deploy.run import init

    asyncio.run(init({**os.environ, "ENVIRONMENT": parsed.environment}, console(os.environ)))
    return 0


def _deploy(parsed: argparse.Namespace) -> int:
    from gateway.deploy.run import Options, deploy

    chosen = {name: getattr(parsed, name) for name in ("overlay", "folder") if getattr(parsed, name) is not None}
    options = Options(
        first=parsed.first,
        dry_run=parsed.dry_run,
        kubernetes=parsed.kubernetes,
        context=parsed.context,
        namespace=parsed.namespace,
        **chosen,
    )
    asyncio.run(deploy({**os.environ, "ENVIRONMENT": parsed.environment}, console(os.environ), options))
    return 0


def _supervise(parsed: argparse.Namespace) -> int:
    from gateway.deploy.processes import FOLDER, supervise

    settings = _settings(os.environ)
    settings.check_partners()
    return asyncio.run(supervise(settings, os.environ, parsed.folder or FOLDER, console(os.environ)))


def _rebuild(_parsed: argparse.Namespace) -> int:
    from gateway.initialise import operator
    from resolvers.workers.bag_rebuild import rebuild

    async def rebuild_all(settings: "Settings", stores: "Stores") -> int:
        progress = console(os.environ)
        async for done in rebuild(operator(settings, stores)):
            progress(f"{done.checked:,} bags checked, {done.corrected:,} corrected")
        return 0

    return _with_stores(rebuild_all)


def _airports(_parsed: argparse.Namespace) -> int:
    from gateway.world_airports import update_airports

    async def update(_settings: "Settings", stores: "Stores") -> int:
        print(await update_airports(stores.postgres))
        return 0

    return _with_stores(update)


def _verify(parsed: argparse.Namespace) -> int:
    if parsed.url:
        from gateway.deploy.verification import verify

        print(asyncio.run(verify(_settings(os.environ), parsed.url)))
        return 0
    return _check_stores()


def _check_stores() -> int:
    from gateway.lifespan import installation, now
    from integrations.records.health import HealthStatus
    from resolvers import health

    async def check(settings: "Settings", stores: "Stores") -> int:
        found = await health.check(stores, now, installation(settings))
        for service in found.services:
            print(f"{service.name}: {'healthy' if service.healthy else 'NOT healthy'}, {service.latency_ms:.1f} ms")
            for name, detail in service.details.items():
                print(f"    {name}: {detail}")
        print(f"{found.status}")
        return 0 if found.status is HealthStatus.HEALTHY else 1

    return _with_stores(check)


def _graph(parsed: argparse.Namespace) -> int:
    from gateway.graph_commands import check_graph, rebuild_graph

    async def check_or_rebuild(settings: "Settings", stores: "Stores") -> int:
        action = check_graph if parsed.action == "check" else rebuild_graph
        return await action(stores, settings.copa_airline_id, console(os.environ))

    return _with_stores(check_or_rebuild)


def _operations(parsed: argparse.Namespace) -> int:
    from gateway import registered_operations
    from integrations.records.registered_operations import ClientVersion
    from schema.build import build_schema

    if parsed.action in ("register", "remove") and None in (parsed.client, parsed.version):
        raise CommandError(f"operations {parsed.action} needs --client and --version.")
    if (parsed.action == "register") != (parsed.file is not None):
        raise CommandError("operations register needs the file of a manifest, and only it has one.")
    of = ClientVersion(parsed.client, parsed.version)

    async def run(_settings: "Settings", stores: "Stores") -> int:
        match parsed.action:
            case "register":
                print(await registered_operations.register(stores.postgres, build_schema().documents, parsed.file, of))
            case "remove":
                print(await registered_operations.remove(stores.postgres, of))
            case "uses":
                schema = build_schema()._schema
                lines = await registered_operations.uses(stores.postgres, schema, parsed.days, parsed.field)
                print(*lines, sep="\n")
            case _:
                print(*await registered_operations.listing(stores.postgres), sep="\n")
        return 0

    return _with_stores(run)


def _token(parsed: argparse.Namespace) -> int:
    from gateway.demo.address import demo_port, responds
    from gateway.demo.keys import demo_secrets
    from gateway.env_file import with_env_file
    from gateway.http.jwt import issue_token

    environment = with_env_file(os.environ)
    secret = environment.get("JWT_SECRET") or demo_secrets()["JWT_SECRET"]
    airline_id = int(environment.get("COPA_AIRLINE_ID") or 1)
    lifetime = timedelta(hours=parsed.hours)
    print(issue_token(secret, Role(parsed.role), airline_id, lifetime, subject=parsed.subject), flush=True)
    if not environment.get("JWT_SECRET"):
        # Beside standard output, which a shell takes for the token.
        address = f"http://127.0.0.1:{(port := demo_port(os.environ))}"
        state = "for the demo at" if responds(port) else "no demo responds at"
        print(f"{state} {address}/graphql", file=sys.stderr)
    return 0


def _sdl(_parsed: argparse.Namespace) -> int:
    from schema.build import build_schema

    SDL.write_text(build_schema().as_str() + "\n")
    print(f"Wrote {SDL.relative_to(ROOT)}.")
    return 0


def _settings(environment: Mapping[str, str]) -> "Settings":
    from gateway.config import Settings, layers
    from gateway.logs import configure_logging
    from gateway.settings_faults import unknown_keys, warnings

    settings = Settings.read(environment)
    configure_logging(settings.log_level, settings.log_format)
    for warning in [*unknown_keys(layers(environment)), *warnings(environment)]:
        logging.getLogger(__name__).warning("%s", warning)
    return settings


def _with_stores(run: Callable[["Settings", "Stores"], Coroutine[None, None, int]]) -> int:
    """Runs with the stores open, those of the environment or of the running demo; returns the exit code."""
    from gateway.demo.address import demo_environment
    from gateway.garbage_collection import collect_rarely
    from gateway.lifespan import open_stores

    demo = demo_environment(os.environ)
    if demo is not None:
        # Beside standard output, which belongs to the command.
        print(f"for the demo at http://127.0.0.1:{demo.get('PORT')}", file=sys.stderr, flush=True)

    async def run_with_stores(settings: "Settings") -> int:
        collect_rarely()
        async with open_stores(settings) as stores:
            return await run(settings, stores)

    return asyncio.run(run_with_stores(_settings(demo or os.environ)))


def _until_stopped(run: Callable[["Settings"], Coroutine[None, None, None]]) -> int:
    """Runs until SIGINT or SIGTERM."""
    from gateway.garbage_collection import collect_rarely

    settings = _settings(os.environ)

    async def run_until_signal() -> None:
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, _cancel_once, task)
        collect_rarely()
        await run(settings)

    with suppress(asyncio.CancelledError):
        asyncio.run(run_until_signal())
    return 0


def _cancel_once(task: asyncio.Task[None]) -> None:
    """Cancels a task; a second signal does not interrupt the release of its leases."""
    if not task.cancelling():
        task.cancel()


def _timestamp(text: str) -> datetime:
    try:
        return read_timestamp(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a timestamp with a zone, such as {EXAMPLE}") from None


def _name(text: str) -> str:
    if not 0 < len(text) <= MAX_CLIENT_NAME or not text.isprintable():
        raise argparse.ArgumentTypeError(f"must have 1 to {MAX_CLIENT_NAME} printable characters")
    return text


def _days(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= MAX_DAYS:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {MAX_DAYS}")
    return int(text)


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = math.nan
    if not 0 < hours <= MAX_TOKEN_HOURS:
        raise argparse.ArgumentTypeError(f"must be a number above 0 and at most {MAX_TOKEN_HOURS:,}")
    return hours
