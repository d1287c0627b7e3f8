"""The command line behind the scripts: ``python -m gateway COMMAND``."""

import argparse
import asyncio
import json
import logging
import os
import secrets
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import httpx
import seeds.run
import uvicorn
from starlette.applications import Starlette

from gateway.actor import issue_token
from gateway.app import create_app
from gateway.config import Settings, SettingsError
from gateway.demo import console, run_demo, run_reset
from gateway.initialise import InitialisationError, initialise, operator, tell_graph
from gateway.lifespan import now, open_stores
from gateway.workers import project, workers
from integrations.embedded.process import StartError
from integrations.embedded.server import write_secret
from resolvers import health
from resolvers.actor import Role
from resolvers.health import HealthStatus
from schema.build import build_schema

DEMO_SIGN_IN = timedelta(hours=12)

ROOT = Path(__file__).parents[1]
DEMO = ROOT / ".demo"
SDL = ROOT / "schema" / "schema.graphql"

Environment = Mapping[str, str]


def main(arguments: Sequence[str]) -> int:
    """Runs one command; returns the exit code."""
    parsed = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = parsed.command
    try:
        return command(parsed)
    except (SettingsError, StartError, InitialisationError) as error:
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
    serve.add_argument("--with-workers", action="store_true", help="tell the graph of changes in the same process")
    serve.set_defaults(command=_serve)

    commands.add_parser("project", help="tell the graph of changes, until stopped").set_defaults(command=_project)

    init = commands.add_parser("init", help="migrate, load schemas, warm the cache, seed; repeatable")
    init.add_argument("--environment", choices=["demo", "production"], default="production")
    init.set_defaults(command=_init)

    commands.add_parser("verify", help="ask every store how it is").set_defaults(command=_verify)

    token = commands.add_parser("token", help="print a bearer token")
    token.add_argument("--role", choices=[role.value for role in Role], required=True)
    token.add_argument("--hours", type=float, default=12.0, help="how long it is valid; 12 if absent")
    token.add_argument("--subject", help="the actor's technical name; demo-ROLE if absent")
    token.set_defaults(command=_token)

    commands.add_parser("sdl", help="write schema/schema.graphql").set_defaults(command=_sdl)
    return parser


def _settings(environment: Environment) -> Settings:
    settings = Settings.read(environment)
    logging.basicConfig(
        level=settings.log_level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # The driver reports a dead server at every attempt; the stores' own lines say it once.
    logging.getLogger("neo4j").setLevel(logging.ERROR)
    return settings


def _serve(parsed: argparse.Namespace) -> int:
    settings = _settings(os.environ)
    uvicorn.run(
        "gateway.commands:app_with_workers" if parsed.with_workers else "gateway.commands:app",
        factory=True,
        workers=settings.workers,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=15,
    )
    return 0


def app() -> Starlette:
    """What a serving process serves."""
    return create_app(_settings(os.environ))


def app_with_workers() -> Starlette:
    """The same, with the background work in the same process."""
    return create_app(_settings(os.environ), beside=workers)


def _project(_parsed: argparse.Namespace) -> int:
    settings = _settings(os.environ)

    async def run() -> None:
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        async with open_stores(settings) as stores:
            await project(stores)

    with suppress(asyncio.CancelledError):
        asyncio.run(run())
    return 0


def _init(parsed: argparse.Namespace) -> int:
    settings = _settings({**os.environ, "ENVIRONMENT": parsed.environment})
    say = console(os.environ)
    say(f"settings: complete, for {settings.environment}")
    asyncio.run(initialise(settings, say))
    return 0


def _verify(_parsed: argparse.Namespace) -> int:
    settings = _settings(os.environ)

    async def run() -> int:
        async with open_stores(settings) as stores:
            found = await health.check(stores, now)
        for service in found.services:
            print(f"{service.name}: {'healthy' if service.healthy else 'NOT healthy'}, {service.latency_ms:.1f} ms")
            for name, detail in service.details.items():
                print(f"    {name}: {detail}")
        print(f"{found.status}")
        return 0 if found.status is HealthStatus.HEALTHY else 1

    return asyncio.run(run())


def _token(parsed: argparse.Namespace) -> int:
    environment = os.environ if os.environ.get("JWT_SECRET") else {**os.environ, **_demo_secrets()}
    secret = environment["JWT_SECRET"]
    airline_id = int(environment.get("COPA_AIRLINE_ID", "1"))
    lifetime = timedelta(hours=parsed.hours)
    print(issue_token(secret, Role(parsed.role), airline_id, lifetime, subject=parsed.subject))
    return 0


def _sdl(_parsed: argparse.Namespace) -> int:
    SDL.write_text(build_schema().as_str() + "\n")
    print(f"written: {SDL.relative_to(ROOT)}")
    return 0


def _demo(parsed: argparse.Namespace) -> int:
    environment = {**os.environ, "ENVIRONMENT": "demo", **_demo_secrets()}
    say = console(os.environ)
    if parsed.reset:
        return asyncio.run(run_reset(DEMO, environment=environment, reset=_reset(say), say=say))

    async def init(complete: Environment) -> None:
        await initialise(_settings(complete), say)

    async def announce(complete: Environment) -> None:
        _announce(complete, say)

    async def check(url: str) -> int:
        return await _check(url, environment["JWT_SECRET"])

    port = int(os.environ.get("PORT") or 8000)
    return asyncio.run(
        run_demo(
            DEMO,
            environment=environment,
            port=port,
            initialise=init,
            announce=announce,
            check=check if parsed.check else None,
            say=say,
        )
    )


def _demo_secrets() -> dict[str, str]:
    """The demo's own signing keys, made once; those of the environment win."""
    file = DEMO / "secrets.json"
    if not file.exists():
        DEMO.mkdir(exist_ok=True)
        write_secret(file, json.dumps({name: secrets.token_urlsafe(48) for name in ("JWT_SECRET", "SECRET_KEY")}))
    kept: dict[str, str] = json.loads(file.read_text())
    return {name: os.environ.get(name) or value for name, value in kept.items()}


def _reset(say: Callable[[str], None]) -> Callable[[Environment], Awaitable[None]]:
    async def reset(complete: Environment) -> None:
        settings = _settings(complete)
        async with open_stores(settings) as stores:
            context = operator(settings, stores)
            await seeds.run.reset(context)
            report = await seeds.run.seed(
                context, bags=settings.seed_bags, exceptions=settings.seed_exceptions, now=now(), say=say
            )
            say(report.summary)
            await tell_graph(stores, say)
            say(f"route cache: {await stores.redis.warm_cache_for_copa()} entries")

    return reset


def _announce(complete: Environment, say: Callable[[str], None]) -> None:
    url = f"http://127.0.0.1:{complete['PORT']}"
    token = issue_token(
        complete["JWT_SECRET"], Role.SUPERVISOR, int(complete.get("COPA_AIRLINE_ID") or 1), DEMO_SIGN_IN
    )
    say("the demo is up; Ctrl-C stops everything")
    print(
        f"""
  GraphiQL, signed in as a supervisor for 12 hours:
    {url}/graphql#token={token}
  GraphQL   {url}/graphql
  Health    {url}/health

  Other roles: .venv/bin/python -m gateway token --role AGENT
""",
        flush=True,
    )


CHECKS: dict[str, str] = {
    "health": "{ health { status services { name healthy latencyMs } } }",
    "a bag's journey": """
        { bag(tag: "CM456781") {
            printedTag state airport
            passenger { surname givenNames }
            journey { source planned { flight { designator origin destination } } gaps { kind airport }
                      scans(last: 3) { kind airport localTime { time } } custodian { name } } } }""",
    "bags in exceptional states": """
        { bags(states: [LEFT_BEHIND, MISROUTED, DELAYED, RUSH_TAGGED, DAMAGED], first: 5) {
            nodes { printedTag state airport } } }""",
    "open files": "{ pirs(statuses: [OPEN], first: 5) { nodes { reference kind station } } }",
    "ways from MIA to GRU": """
        { routes(from: "MIA", to: "GRU") { source ageSeconds options { minutes legs { origin destination } } } }""",
    "a search": '{ search(text: "CM758", first: 1) { readAs found { __typename } } }',
}


async def _check(url: str, secret: str) -> int:
    """Asks the demo a few questions over HTTP and prints the answers; 1 where one has errors or nothing in it."""
    token = issue_token(secret, Role.AGENT, 1, timedelta(minutes=5))
    failures = 0
    async with httpx.AsyncClient(timeout=15, trust_env=False, headers={"Authorization": f"Bearer {token}"}) as client:
        for title, query in CHECKS.items():
            answer = (await client.post(f"{url}/graphql", json={"query": query})).json()
            missing = "errors" in answer or not all((answer.get("data") or {"": None}).values())
            failures += missing
            print(f"\n{title}{': FAILED' if missing else ''}\n{json.dumps(answer, indent=2, ensure_ascii=False)}")
        health = await client.get(f"{url}/health")
        failures += health.status_code != httpx.codes.OK
        print(f"\nGET /health: {health.status_code} {health.text}")
    print(f"\n{len(CHECKS) + 1 - failures} of {len(CHECKS) + 1} checks passed", flush=True)
    return 1 if failures else 0
