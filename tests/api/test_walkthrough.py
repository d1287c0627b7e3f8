"""The walkthrough of the demo, against a gateway with seeded records and mock partners."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial

import httpx
import pytest
from asgi_lifespan import LifespanManager

import seeds
from gateway.app import create_app
from gateway.config import ExternalServices, ServiceFlags, Settings
from gateway.demo.walkthrough import Walkthrough
from gateway.initialise import operator
from gateway.lifespan import now
from gateway.workers import workers
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.partners.mocks import sendgrid, twilio, worldtracer
from integrations.partners.mocks.server import serving
from resolvers.actor import Role
from tests.conftest import make_database
from tests.executor import product_schema
from tests.gateway import credential
from tests.world import open_stores

MOCKED = ServiceFlags(mock=True)


@pytest.fixture
async def mocked(
    settings: Settings, embedded_postgres: EmbeddedPostgres, migrated_template: str
) -> AsyncIterator[Settings]:
    """Settings of a gateway with a separate database and mock partners, without quiet hours and limits."""
    url = await make_database(embedded_postgres, "story_test", migrated_template)
    async with AsyncExitStack() as stack:
        mocks = {
            f"{name}_mock_endpoint": await stack.enter_async_context(serving(module.create_app()))
            for name, module in (("worldtracer", worldtracer), ("twilio", twilio), ("sendgrid", sendgrid))
        }
        changed = {
            "neon_database_url": type(settings.neon_database_url)(url),
            "external_services": ExternalServices(worldtracer=MOCKED, twilio=MOCKED, sendgrid=MOCKED),
            "twilio_account_sid": "AC" + "0" * 32,
            "quiet_until": settings.quiet_from,
            "seed_bags": 50,
            "seed_exceptions": 10,
            **mocks,
        }
        yield settings.model_copy(update=changed)


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
