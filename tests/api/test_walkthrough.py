"""The walkthrough of the demo, against a gateway with seeded records and mock partners."""

from functools import partial

import httpx
from asgi_lifespan import LifespanManager

import seeds
from gateway.app import create_app
from gateway.config import Settings
from gateway.demo.walkthrough import Walkthrough
from gateway.initialise import operator
from gateway.lifespan import now
from gateway.workers import workers
from integrations.partners.mocks.server import serving
from resolvers.actor import Role
from tests.executor import product_schema
from tests.gateway import credential
from tests.world import open_stores


async def test_a_bag_misses_its_connection_and_everything_follows(mocked: Settings) -> None:
    """The walkthrough raises where a step is rejected, an effect fails, or the evidence shows no 55 or 56."""
    said: list[str] = []
    async with open_stores(mocked) as stores:
        await seeds.seed(operator(mocked, stores), bags=50, exceptions=10, now=now(), progress=lambda _: None)
    headers = credential(Role.SUPERVISOR)
    app = create_app(mocked, background=partial(workers, mocked), build_schema=product_schema)
    async with (
        LifespanManager(app) as manager,
        serving(manager.app) as url,
        httpx.AsyncClient(base_url=url, headers=headers, timeout=30, trust_env=False) as client,
    ):
        await Walkthrough(client, "/graphql", said.append).run()

    text = "\n".join(said)
    assert "su equipaje" in text, "in Spanish"
    assert "is CLOSED: reason for loss 56, fault station PTY" in text
    assert text.count("SMS (mock)") >= 6
