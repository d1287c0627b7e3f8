"""The composition root: creates everything that serves HTTP, and nothing at import."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path

from opentelemetry.trace import Tracer
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from gateway.config import Settings
from gateway.http import ingest
from gateway.http.admission import RequestLimiter
from gateway.http.auth import TokenVerifier
from gateway.http.callbacks import callback_routes
from gateway.http.collectors import ServingMetrics, text_of
from gateway.http.drain import Drain
from gateway.http.graphiql import accepts_graphiql, graphiql_page, graphiql_routes
from gateway.http.graphql import GraphQLView
from gateway.http.health import health_routes
from gateway.http.ingest import IngestEndpoint
from gateway.http.metrics import metrics_of_pod, metrics_routes
from gateway.http.middleware import BodyLimit, PathDispatcher, RequestEdge
from gateway.http.observation import Observability
from gateway.http.persisted_queries import PersistedDocuments
from gateway.http.pir_pdf import pir_pdf_routes
from gateway.http.siblings import offered
from gateway.http.sse import EventStreams
from gateway.http.subscriptions import ConnectionLimiter, SubscriptionService
from gateway.http.websocket import GraphQLWebSockets
from gateway.lifespan import installation, kept_current, kept_stored, now, open_live, open_serving_stores
from gateway.tracing import open_tracer
from resolvers.accounts import DisabledAccounts
from resolvers.installation import Stores
from resolvers.live.hub import Live
from resolvers.operation_uses import OperationUses
from resolvers.registered_operations import RegisteredOperations
from schema.build import build_schema
from schema.gateway_schema import GatewaySchema

STATIC = Path(__file__).parent / "static" / "graphiql"

Background = Callable[[Stores, Tracer | None], AbstractAsyncContextManager[None]]
OpenStores = Callable[[Settings], AbstractAsyncContextManager[Stores]]
OpenTracer = Callable[[Settings], AbstractAsyncContextManager[Tracer | None]]


def create_app(
    settings: Settings,
    open_stores: OpenStores = open_serving_stores,
    background: Background | None = None,
    build_schema: Callable[[], GatewaySchema] = build_schema,
    open_tracer: OpenTracer = open_tracer,
    siblings: Path | None = None,
) -> ASGIApp:
    """Creates the ASGI application.

    Args:
        settings: of the installation.
        open_stores: opens the stores for the lifespan of the application.
        background: runs work for the lifespan of the application.
        build_schema: builds the schema; tests build one that another executor runs.
        open_tracer: opens the tracer for the lifespan of the application; None switches tracing off.
        siblings: folder of the sockets by which the serving processes of a pod share their metrics.
    """

    def page(request: Request) -> Response | None:
        return graphiql_page(STATIC) if settings.graphiql and accepts_graphiql(request) else None

    schema = build_schema()
    disabled = DisabledAccounts()
    tokens = TokenVerifier(settings.jwt_secret.get_secret_value(), disabled=disabled)
    registered = RegisteredOperations()
    persisted = PersistedDocuments(schema.documents, registered, settings.safelist)
    uses = OperationUses(schema.documents.signature)
    signing_key = settings.secret_key.get_secret_value().encode()
    requests = RequestLimiter(settings.request_concurrency, settings.request_caller_concurrency)
    limiter = ConnectionLimiter(
        settings.live_connections, settings.live_subscriptions, settings.live_address_connections
    )
    drain = Drain(settings.drain_notice_seconds, lambda: limiter.connections)
    subscriptions = SubscriptionService(
        schema,
        tokens,
        installation(settings),
        signing_key,
        settings.request_seconds,
        now,
        limiter,
        requests,
        persisted,
        uses,
        drain.closing,
    )
    view = GraphQLView(
        schema,
        tokens,
        installation(settings),
        signing_key=signing_key,
        limiter=requests,
        persisted=persisted,
        uses=uses,
        websockets=GraphQLWebSockets(subscriptions, settings.public_url),
        event_streams=EventStreams(subscriptions),
        seconds=settings.request_seconds,
        page=page,
        now=now,
    )

    async def metrics(request: Request) -> bytes:
        return await metrics_of_pod(request.state.metrics, request.state.stores, installation(settings), now, siblings)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, Stores | Live | Observability | ServingMetrics]]:
        async with (
            open_tracer(settings) as tracer,
            open_stores(settings) as stores,
            open_live(settings, stores) as live,
            kept_current(disabled, stores),
            kept_current(registered, stores),
            kept_stored(uses, stores),
            background(stores, tracer) if background else nullcontext(),
        ):
            observability = Observability(tracer, settings.slow_operation_ms / 1000)
            own = ServingMetrics(schema, stores, live.hub, requests, observability)
            async with offered(siblings, partial(text_of, own)):
                with drain.on_signal():
                    yield {"stores": stores, "live": live, "observability": observability, "metrics": own}

    starlette = Starlette(
        routes=[
            *(graphiql_routes(STATIC) if settings.graphiql else ()),
            *metrics_routes(tokens, metrics),
            *health_routes(installation(settings), tokens, now, drain.draining),
            *callback_routes(settings, now),
            *pir_pdf_routes(installation(settings), signing_key, now),
        ],
        # Inside Starlette, which would log the error of a body that is too long as a failure.
        middleware=[Middleware(BodyLimit, max_bytes=settings.body_bytes)],
        lifespan=lifespan,
    )
    # A redirect would reflect the Host header of the request.
    starlette.router.redirect_slashes = False
    apps: dict[str, ASGIApp] = {
        "/graphql": BodyLimit(view, settings.body_bytes),
        # Without BodyLimit: a stream of any length, read no faster than it is stored.
        ingest.PATH: IngestEndpoint(tokens, installation(settings), now),
    }
    return RequestEdge(PathDispatcher(apps, starlette), drain)
