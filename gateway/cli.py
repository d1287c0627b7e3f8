"""The command line behind the scripts: ``python -m gateway COMMAND``."""

import argparse
import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic

import uvicorn
from starlette.types import ASGIApp

from gateway.app import create_app
from gateway.config import Settings, SettingsError
from gateway.graph_commands import check_graph, rebuild_graph
from gateway.http.ingest import ingest_file
from gateway.http.jwt import issue_token
from gateway.initialise import InitialisationError, initialise, operator
from gateway.lifespan import installation, now, open_stores
from gateway.logs import configure_logging
from gateway.workers import dispatch, project, workers
from integrations.records.health import HealthStatus
from resolvers import health
from resolvers.actor import Role
from resolvers.workers.bag_rebuild import Rebuilt, rebuild
from schema.build import build_schema

ROOT = Path(__file__).parents[1]
SDL = ROOT / "schema" / "schema.graphql"

Environment = Mapping[str, str]


def main(arguments: Sequence[str]) -> int:
    """Runs one command; returns the exit code."""
    parsed = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = parsed.command
    try:
        return command(parsed)
    except (SettingsError, InitialisationError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gateway", description="A GraphQL gateway over a baggage graph.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="start the stores and everything else on this machine")
    demo.add_argument("--check", action="store_true", help="ask it a few questions, print the answers, and stop")
    demo.add_argument("--reset", action="store_true", help="return to the seeded state, anchored to now")
    demo.set_defaults(command=_demo)

    serve = commands.add_parser("serve", help="serve GraphQL and health over HTTP")
    serve.add_argument("--with-workers", action="store_true", help="do the background work in the same process")
    serve.set_defaults(command=_serve)

    commands.add_parser("project", help="tell the graph of changes, until stopped").set_defaults(command=_project)

    send = "send what is to leave for partners and passengers, until stopped"
    commands.add_parser("dispatch", help=send).set_defaults(command=_dispatch)

    take_in = "take in the messages that Kafka brings, until stopped"
    commands.add_parser("consume", help=take_in).set_defaults(command=_consume)

    serve_mocks = "serve mocks of the partners where the settings say they are, until stopped"
    mocks = commands.add_parser("mocks", help=serve_mocks)
    mocks.add_argument("--journal", type=Path, help="file in which WorldTracer's files outlive a restart")
    mocks.set_defaults(command=_mocks)

    story = commands.add_parser("story", help="tell the running demo's story of a missed connection, by GraphQL only")
    story.add_argument("--url", help="of the gateway; http://127.0.0.1:8000, or PORT, if absent")
    story.set_defaults(command=_story)

    take = commands.add_parser("ingest", help="take in messages from a file: Type B, scans as JSON or Baggage XML")
    take.add_argument("file", help="the file, or - for standard input")
    moment = "when they reached the airline, as 2026-11-23T15:30:00Z: dates without a year are read as of then"
    take.add_argument("--received-at", type=_moment, help=f"{moment}; now if absent")
    take.set_defaults(command=_ingest)

    init = commands.add_parser("init", help="migrate, load schemas, warm the cache, seed; repeatable")
    init.add_argument("--environment", choices=["demo", "production"], default="production")
    init.set_defaults(command=_init)

    rebuild = commands.add_parser("rebuild", help="compute bags anew from messages and events; corrects what differs")
    rebuild.set_defaults(command=_rebuild)

    commands.add_parser("verify", help="ask every store how it is").set_defaults(command=_verify)

    compare = commands.add_parser("graph", help="compare the graph with the records, or make it anew from them")
    compare.add_argument("action", choices=["check", "rebuild"], help="check exits with 1 where they differ")
    compare.set_defaults(command=_graph)

    token = commands.add_parser("token", help="print a bearer token")
    token.add_argument("--role", choices=[role.value for role in Role], required=True)
    token.add_argument("--hours", type=float, default=12.0, help="how long it is valid; 12 if absent")
    token.add_argument("--subject", help="the actor's technical name; demo-ROLE if absent")
    token.set_defaults(command=_token)

    commands.add_parser("sdl", help="write schema/schema.graphql").set_defaults(command=_sdl)
    return parser


def _settings(environment: Environment) -> Settings:
    settings = Settings.read(environment)
    configure_logging(settings.log_level)
    return settings


def _serve(parsed: argparse.Namespace) -> int:
    settings = _settings(os.environ)
    uvicorn.run(
        "gateway.cli:app_with_workers" if parsed.with_workers else "gateway.cli:app",
        factory=True,
        workers=settings.workers,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=settings.body_bytes,
        ws_per_message_deflate=False,  # 300 kB a connection, and little gained on small messages
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        # Nothing here asks for the client's address or scheme, so no header may change them.
        proxy_headers=False,
        # Longer than the 60 s after which load balancers usually let go of a connection: they must be the ones who do.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=15,
    )
    return 0


def app() -> ASGIApp:
    """What a serving process serves."""
    return _spare_collector(create_app(_settings(os.environ)))


def app_with_workers() -> ASGIApp:
    """The same, with the background work in the same process."""
    settings = _settings(os.environ)
    return _spare_collector(create_app(settings, beside=partial(workers, settings)))


def _spare_collector(application: ASGIApp) -> ASGIApp:
    """What is there at the start stays: the garbage collector need not look at it again and again.

    Answers are many small objects that reference counts free: looking for cycles after each 700 of them, as Python does
    by itself, finds none.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    return application


def _project(_parsed: argparse.Namespace) -> int:
    async def run(settings: Settings) -> None:
        async with open_stores(settings) as stores:
            await project(stores)

    return _until_stopped(run)


def _dispatch(_parsed: argparse.Namespace) -> int:
    async def run(settings: Settings) -> None:
        async with open_stores(settings) as stores:
            await dispatch(settings, stores)

    return _until_stopped(run)


def _consume(_parsed: argparse.Namespace) -> int:
    from gateway.kafka import consume  # Kafka's client takes 0.1 s to import, and only this process needs it

    return _until_stopped(consume)


def _mocks(parsed: argparse.Namespace) -> int:
    from gateway.demo.mocks import serve_mocks  # no installation that has real partners needs them

    return _until_stopped(partial(serve_mocks, journal=parsed.journal))


def _until_stopped(work: Callable[[Settings], Coroutine[None, None, None]]) -> int:
    settings = _settings(os.environ)

    async def run() -> None:
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        await work(settings)

    with suppress(asyncio.CancelledError):
        asyncio.run(run())
    return 0


def _init(parsed: argparse.Namespace) -> int:
    settings = _settings({**os.environ, "ENVIRONMENT": parsed.environment})
    say = _console()
    say(f"settings: complete, for {settings.environment}")
    asyncio.run(initialise(settings, say))
    return 0


def _console() -> Callable[[str], None]:
    began = monotonic()

    def say(text: str) -> None:
        print(f"{monotonic() - began:7.1f} s  {text}", flush=True)

    return say


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _ingest(parsed: argparse.Namespace) -> int:
    settings = _settings(os.environ)

    async def run() -> int:
        async with open_stores(settings) as stores:
            return await ingest_file(operator(settings, stores), parsed.file, parsed.received_at, _console())

    return asyncio.run(run())


def _rebuild(_parsed: argparse.Namespace) -> int:
    settings = _settings(os.environ)

    async def run() -> int:
        say, done = _console(), Rebuilt(0, 0)
        async with open_stores(settings) as stores:
            async for done in rebuild(operator(settings, stores)):
                say(f"{done.looked_at:,} bags looked at, {done.corrected:,} corrected")
        return 0

    return asyncio.run(run())


def _verify(_parsed: argparse.Namespace) -> int:
    settings = _settings(os.environ)

    async def run() -> int:
        async with open_stores(settings) as stores:
            found = await health.check(stores, now, installation(settings))
        for service in found.services:
            print(f"{service.name}: {'healthy' if service.healthy else 'NOT healthy'}, {service.latency_ms:.1f} ms")
            for name, detail in service.details.items():
                print(f"    {name}: {detail}")
        print(f"{found.status}")
        return 0 if found.status is HealthStatus.HEALTHY else 1

    return asyncio.run(run())


def _graph(parsed: argparse.Namespace) -> int:
    settings = _settings(os.environ)

    async def run() -> int:
        async with open_stores(settings) as stores:
            work = check_graph if parsed.action == "check" else rebuild_graph
            return await work(stores, settings.copa_airline_id, _console())

    return asyncio.run(run())


def _token(parsed: argparse.Namespace) -> int:
    secret, airline_id = os.environ.get("JWT_SECRET"), int(os.environ.get("COPA_AIRLINE_ID") or 1)
    if not secret:
        from gateway.demo import commands as demo_commands  # needs what only the demo has installed

        secret = demo_commands.secrets_of_demo()["JWT_SECRET"]
    lifetime = timedelta(hours=parsed.hours)
    print(issue_token(secret, Role(parsed.role), airline_id, lifetime, subject=parsed.subject))
    return 0


def _sdl(_parsed: argparse.Namespace) -> int:
    SDL.write_text(build_schema().as_str() + "\n")
    print(f"written: {SDL.relative_to(ROOT)}")
    return 0


def _story(parsed: argparse.Namespace) -> int:
    from gateway.demo import commands as demo_commands  # needs what only the demo has installed

    return demo_commands.story(parsed.url or f"http://127.0.0.1:{os.environ.get('PORT') or 8000}")


def _demo(parsed: argparse.Namespace) -> int:
    from gateway.demo import commands as demo_commands  # needs what only the demo has installed

    if parsed.reset:
        return demo_commands.reset()
    return demo_commands.run(check=parsed.check)
