"""The composition root: everything that serves HTTP is made here, and nothing at import."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from gateway.actor import TokenVerifier
from gateway.callbacks import callback_routes
from gateway.config import Settings
from gateway.graphiql import asks_for_graphiql, graphiql_page, graphiql_routes
from gateway.lifespan import installation, now, open_stores
from gateway.metrics import metrics_routes
from gateway.middleware import BodyLimit, Paths, RequestEdge
from gateway.prints import print_routes
from gateway.probes import probe_routes
from gateway.view import GraphQLView
from resolvers.context import Stores
from schema.build import build_schema
from schema.executors import ExecutorName

STATIC = Path(__file__).parent / "static" / "graphiql"

Beside = Callable[[Stores], AbstractAsyncContextManager[None]]
OpenStores = Callable[[Settings], AbstractAsyncContextManager[Stores]]


def create_app(settings: Settings, open_stores: OpenStores = open_stores, beside: Beside | None = None) -> ASGIApp:
    """The product as an ASGI application.

    Args:
        beside: what runs beside the application for as long as it is up.
        open_stores: opens the stores when the application starts.
    """

    def page(request: Request) -> Response | None:
        return graphiql_page(STATIC) if settings.graphiql and asks_for_graphiql(request) else None

    schema = build_schema(executor=ExecutorName(settings.executor))
    tokens = TokenVerifier(settings.jwt_secret.get_secret_value())
    view = GraphQLView(
        schema,
        tokens,
        installation(settings),
        signing_key=settings.secret_key.get_secret_value().encode(),
        seconds=settings.request_seconds,
        page=page,
        now=now,
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, Stores]]:
        async with open_stores(settings) as stores, beside(stores) if beside else nullcontext():
            yield {"stores": stores}

    others = Starlette(
        routes=[
            *(graphiql_routes(STATIC) if settings.graphiql else ()),
            *metrics_routes(schema, tokens),
            *probe_routes(installation(settings), now),
            *callback_routes(settings, now),
            *print_routes(installation(settings), settings.secret_key.get_secret_value().encode(), now),
        ],
        # Inside, so that Starlette does not take a body that is too long for a fault.
        middleware=[Middleware(BodyLimit, max_bytes=settings.body_bytes)],
        lifespan=lifespan,
    )
    # A redirect would repeat whatever Host the request claimed.
    others.router.redirect_slashes = False
    return RequestEdge(Paths({"/graphql": BodyLimit(view, settings.body_bytes)}, others))
