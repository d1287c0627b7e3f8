"""The commands of the demo: run it, check it, reset it, and walk through a missed connection."""

import asyncio
import json
import os
from collections.abc import Coroutine, Mapping
from datetime import timedelta

import httpx

import seeds
from gateway.config import Settings
from gateway.console import console
from gateway.demo.address import demo_port
from gateway.demo.keys import FOLDER, demo_secrets
from gateway.demo.supervisor import run_demo, run_reset
from gateway.demo.walkthrough import Walkthrough, WalkthroughError
from gateway.errors import CommandError
from gateway.http.jwt import issue_token
from gateway.initialise import initialise, operator, seed
from gateway.lifespan import open_stores
from integrations.embedded.process import StartError
from integrations.partners.mocks.sendgrid import public_key
from integrations.progress import Progress
from resolvers.actor import Role

SIGN_IN = timedelta(hours=12)
# For the mocks of the partners: a number reserved for fiction and a reserved domain.
ACCOUNTS = {
    "TWILIO_ACCOUNT_SID": "AC00000000000000000000000000000000",
    "TWILIO_PHONE_NUMBER": "+12025550100",
    "SENDGRID_FROM_EMAIL": "baggage@example.com",
}
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
    "open PIRs": "{ pirs(statuses: [OPEN], first: 5) { nodes { reference kind station } } }",
    "routes from MIA to GRU": """
        { routes(from: "MIA", to: "GRU") { source ageSeconds options { minutes legs { origin destination } } } }""",
    "a search": '{ search(text: "CM758", first: 1) { readAs found { __typename } } }',
}

Environment = Mapping[str, str]


def run(*, check: bool) -> int:
    """Runs the demo until Ctrl-C; with ``check``, runs a few queries and stops. Returns the exit code."""
    environment, progress = _environment(), console(os.environ)

    async def initialise_demo(complete: Environment) -> None:
        await initialise(Settings.read(complete), progress)

    async def announce(complete: Environment) -> None:
        _announce(complete, progress)

    async def check_demo(url: str) -> int:
        return await _check(url, environment["JWT_SECRET"])

    return _run(
        run_demo(
            FOLDER,
            environment=environment,
            port=int(os.environ.get("PORT") or 8000),
            initialise=initialise_demo,
            announce=announce,
            check=check_demo if check else None,
            progress=progress,
        )
    )


def reset() -> int:
    """Restores the seeded state, with times relative to now, whether the demo runs or not. Returns the exit code."""
    progress = console(os.environ)

    async def restore(complete: Environment) -> None:
        settings = Settings.read(complete)
        async with open_stores(settings) as stores:
            await seeds.reset(operator(settings, stores), progress)
            await seed(settings, stores, progress)

    return _run(run_reset(FOLDER, environment=_environment(), reset=restore, progress=progress))


def walk_through(url: str | None) -> int:
    """Runs the walkthrough of a missed connection on a demo. Returns the exit code.

    Args:
        url: base URL of the gateway; None for the demo of this checkout.
    """
    address = url or f"http://127.0.0.1:{demo_port(os.environ)}"

    async def run_walkthrough() -> None:
        token = issue_token(demo_secrets()["JWT_SECRET"], Role.SUPERVISOR, 1, timedelta(hours=1))
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(timeout=30, trust_env=False, headers=headers) as client:
            await Walkthrough(client, f"{address.rstrip('/')}/graphql", console(os.environ)).run()

    try:
        asyncio.run(run_walkthrough())
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = f"{error or type(error).__name__}"
        raise CommandError(
            f"No gateway responds at {address} ({reason}): start the demo, or name its address with --url."
        ) from error
    except WalkthroughError as error:
        raise CommandError(f"The walkthrough at {address} failed: {error}") from error
    return 0


def _environment() -> dict[str, str]:
    own = demo_secrets()
    webhook_key = {"SENDGRID_WEBHOOK_PUBLIC_KEY": public_key(own["SENDGRID_API_KEY"])}
    return {**ACCOUNTS, **webhook_key, **os.environ, "ENVIRONMENT": "demo", **own}


def _run(work: Coroutine[None, None, int]) -> int:
    try:
        return asyncio.run(work)
    except StartError as error:
        raise CommandError(str(error)) from error


def _announce(complete: Environment, progress: Progress) -> None:
    url = f"http://127.0.0.1:{complete['PORT']}"
    token = issue_token(complete["JWT_SECRET"], Role.SUPERVISOR, int(complete.get("COPA_AIRLINE_ID") or 1), SIGN_IN)
    progress("the demo is ready; Ctrl-C stops it")
    print(
        f"""
  GraphiQL, signed in as a supervisor for 12 hours:
    {url}/graphql#token={token}
  GraphQL   {url}/graphql
  Health    {url}/health

  A missed connection, step by step:  .venv/bin/python -m gateway walkthrough
  A token for another role:           .venv/bin/python -m gateway token --role AGENT
""",
        flush=True,
    )


async def _check(url: str, secret: str) -> int:
    """Runs a few queries and prints the responses; returns 1 if one has errors or no data."""
    token = issue_token(secret, Role.AGENT, 1, timedelta(minutes=5))
    failures = 0
    async with httpx.AsyncClient(timeout=15, trust_env=False, headers={"Authorization": f"Bearer {token}"}) as client:
        for title, query in CHECKS.items():
            response = (await client.post(f"{url}/graphql", json={"query": query})).json()
            failed = "errors" in response or not all((response.get("data") or {"": None}).values())
            failures += failed
            print(f"\n{title}{': FAILED' if failed else ''}\n{json.dumps(response, indent=2, ensure_ascii=False)}")
        health = await client.get(f"{url}/health")
        failures += health.status_code != httpx.codes.OK
        print(f"\nGET /health: {health.status_code} {health.text}")
    print(f"\n{len(CHECKS) + 1 - failures} of {len(CHECKS) + 1} checks passed", flush=True)
    return 1 if failures else 0
