"""The composition root: everything that serves HTTP is made here, and nothing at import."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from gateway.config import Settings
from gateway.http import ingest
from gateway.http.auth import TokenVerifier
from gateway.http.callbacks import callback_routes
from gateway.http.graphiql import asks_for_graphiql, graphiql_page, graphiql_routes
from gateway.http.graphql import GraphQLView
from gateway.http.health import probe_routes
from gateway.http.ingest import Intake
from gateway.http.metrics import metrics_routes
from gateway.http.middleware import BodyLimit, Paths, RequestEdge
from gateway.http.pir_pdf import print_routes
from gateway.http.sse import EventStreams
from gateway.http.subscriptions import ConnectionLimiter, SubscriptionService, on_shutdown_signal
from gateway.http.websocket import GraphQLSockets
from gateway.lifespan import installation, now, open_stores, watched
from resolvers.installation import Stores
from resolvers.live.hub import Live
from schema.build import build_schema
from schema.gateway_schema import GatewaySchema

STATIC = Path(__file__).parent / "static" / "graphiql"

Beside = Callable[[Stores], AbstractAsyncContextManager[None]]
OpenStores = Callable[[Settings], AbstractAsyncContextManager[Stores]]


def create_app(
    settings: Settings,
    open_stores: OpenStores = open_stores,
    beside: Beside | None = None,
    build_schema: Callable[[], GatewaySchema] = build_schema,
) -> ASGIApp:
    """The product as an ASGI application.

    Args:
        beside: what runs beside the application for as long as it is up.
        open_stores: opens the stores when the application starts.
        build_schema: builds the schema; tests build one that another executor runs.
    """

    def page(request: Request) -> Response | None:
        return graphiql_page(STATIC) if settings.graphiql and asks_for_graphiql(request) else None

    schema = build_schema()
    tokens = TokenVerifier(settings.jwt_secret.get_secret_value())
    signing_key = settings.secret_key.get_secret_value().encode()
    closing = asyncio.Event()
    seats = ConnectionLimiter(settings.live_connections, settings.live_subscriptions)
    desk = SubscriptionService(
        schema, tokens, installation(settings), signing_key, settings.request_seconds, now, seats, closing
    )
    view = GraphQLView(
        schema,
        tokens,
        installation(settings),
        signing_key=signing_key,
        sockets=GraphQLSockets(desk, settings.public_url),
        streams=EventStreams(desk),
        seconds=settings.request_seconds,
        page=page,
        now=now,
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, Stores | Live]]:
        async with (
            open_stores(settings) as stores,
            watched(settings, stores) as live,
            beside(stores) if beside else nullcontext(),
        ):
            with on_shutdown_signal(closing):
                yield {"stores": stores, "live": live}

    others = Starlette(
        routes=[
            *(graphiql_routes(STATIC) if settings.graphiql else ()),
            *metrics_routes(schema, tokens),
            *probe_routes(installation(settings), now),
            *callback_routes(settings, now),
            *print_routes(installation(settings), signing_key, now),
        ],
        # Inside, so that Starlette does not take a body that is too long for a fault.
        middleware=[Middleware(BodyLimit, max_bytes=settings.body_bytes)],
        lifespan=lifespan,
    )
    # A redirect would repeat whatever Host the request claimed.
    others.router.redirect_slashes = False
    apps: dict[str, ASGIApp] = {
        "/graphql": BodyLimit(view, settings.body_bytes),
        # A stream of any length, read no faster than it is stored.
        ingest.PATH: Intake(tokens, installation(settings), now),
    }
    return RequestEdge(Paths(apps, others))
