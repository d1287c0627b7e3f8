"""The demo as a person meets it: its own keys, what it prints, what ``--check`` asks, and its reset."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta

import httpx

import seeds
from gateway.config import Settings
from gateway.console import console
from gateway.demo.keys import FOLDER, demo_secrets
from gateway.demo.supervisor import run_demo, run_reset
from gateway.demo.walkthrough import Walkthrough, WalkthroughError
from gateway.http.jwt import issue_token
from gateway.initialise import initialise, operator, seed
from gateway.lifespan import open_stores
from integrations.embedded.process import StartError
from integrations.partners.mocks.sendgrid import public_key
from resolvers.actor import Role

SIGN_IN = timedelta(hours=12)
# Mocks stand for the partners: the number is kept free for fiction, the domain is reserved.
ACCOUNTS = {
    "TWILIO_ACCOUNT_SID": "AC00000000000000000000000000000000",
    "TWILIO_PHONE_NUMBER": "+12025550100",
    "SENDGRID_FROM_EMAIL": "baggage@example.com",
}

Environment = Mapping[str, str]
Say = Callable[[str], None]


def run(*, check: bool) -> int:
    """Brings the demo up until Ctrl-C; with ``check``, asks it a few questions and stops. Returns the exit code."""
    environment, say = _environment(), console(os.environ)

    async def init(complete: Environment) -> None:
        await initialise(Settings.read(complete), say)

    async def announce(complete: Environment) -> None:
        _announce(complete, say)

    async def ask(url: str) -> int:
        return await _check(url, environment["JWT_SECRET"])

    port = int(os.environ.get("PORT") or 8000)
    return _told(
        run_demo(
            FOLDER,
            environment=environment,
            port=port,
            initialise=init,
            announce=announce,
            check=ask if check else None,
            say=say,
        )
    )


def reset() -> int:
    """Returns the demo to its seeded state, anchored to now, whether it runs or not. Returns the exit code."""
    say = console(os.environ)

    async def return_to_seed(complete: Environment) -> None:
        settings = Settings.read(complete)
        async with open_stores(settings) as stores:
            await seeds.reset(operator(settings, stores), say)
            await seed(settings, stores, say)

    return _told(run_reset(FOLDER, environment=_environment(), reset=return_to_seed, say=say))


def story(url: str) -> int:
    """Tells the story of an irregularity by the running demo's GraphQL. Returns the exit code."""

    async def tell() -> None:
        token = issue_token(demo_secrets()["JWT_SECRET"], Role.SUPERVISOR, 1, timedelta(hours=1))
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(timeout=30, trust_env=False, headers=headers) as client:
            await Walkthrough(client, f"{url}/graphql", console(os.environ)).run()

    try:
        asyncio.run(tell())
    except (WalkthroughError, httpx.HTTPError) as error:
        print(f"\nThe story ended early: {error or type(error).__name__}", file=sys.stderr)
        return 1
    return 0


def _environment() -> dict[str, str]:
    own = demo_secrets()
    verifies = {"SENDGRID_WEBHOOK_PUBLIC_KEY": public_key(own["SENDGRID_API_KEY"])}
    return {**ACCOUNTS, **verifies, **os.environ, "ENVIRONMENT": "demo", **own}


def _told(work: Coroutine[None, None, int]) -> int:
    """Does the work; what keeps it from starting is told in a sentence."""
    try:
        return asyncio.run(work)
    except StartError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


def _announce(complete: Environment, say: Say) -> None:
    url = f"http://127.0.0.1:{complete['PORT']}"
    token = issue_token(complete["JWT_SECRET"], Role.SUPERVISOR, int(complete.get("COPA_AIRLINE_ID") or 1), SIGN_IN)
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
        { bag(by: {tag: "CM456781"}) {
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
