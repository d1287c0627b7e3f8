"""GraphiQL at ``/graphql``: the built page and its assets. ``scripts/build_console.sh`` builds them from console/."""

from pathlib import Path, PurePosixPath

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

NOT_BUILT = "GraphiQL is not built yet. Run scripts/build_console.sh, then load this page again.\n"

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "connect-src 'self'",
        "font-src 'self'",
        "img-src 'self' data:",  # Monaco's stylesheet holds its wavy underlines as data: images
        "style-src 'self' 'unsafe-inline'",  # Monaco writes its themes and the lines' positions as inline styles
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

# Assets carry them too: a worker obeys the policy of its own script, not that of the page.
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

# Explicit, since Python's own table differs between versions and systems, and nosniff makes browsers strict.
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
}


def graphiql_routes(folder: Path) -> list[BaseRoute]:
    """Returns the routes of the assets in ``folder``; a later build needs no restart."""
    return [Mount("/graphql/static/assets", _Assets(directory=folder / "assets", check_dir=False))]


def accepts_graphiql(request: Request) -> bool:
    """Returns whether a GET comes from a browser's address bar: it accepts HTML and sends no operation."""
    return (
        request.method in ("GET", "HEAD")
        and "query" not in request.query_params
        and "text/html" in request.headers.get("accept", "")
    )


def graphiql_page(folder: Path) -> Response:
    """Returns the page built into ``folder``; a 503 that names the build command if there is none."""
    try:
        page = (folder / "index.html").read_bytes()
    except FileNotFoundError:
        return PlainTextResponse(NOT_BUILT, status_code=503, headers=SECURITY_HEADERS | {"Cache-Control": "no-store"})
    return Response(
        page, media_type="text/html", headers=SECURITY_HEADERS | {"Cache-Control": "no-cache", "Vary": "Accept"}
    )


class _Assets(StaticFiles):
    """Files with a hash of their content in the name; sent as the prebuilt gzip variant to clients that accept it."""

    async def check_config(self) -> None:
        """Accepts a missing folder: the build may come later, and until then each file is a 404."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Returns the file, immutable for caches; raises HTTPException 404 for a file that is not part of the build."""
        media_type = MEDIA_TYPES.get(PurePosixPath(path).suffix)
        if media_type is None:
            raise HTTPException(404)
        accepts_gzip = "gzip" in Headers(scope=scope).get("accept-encoding", "")
        response = await super().get_response(f"{path}.gz" if accepts_gzip else path, scope)
        if accepts_gzip:
            response.headers["Content-Encoding"] = "gzip"
        response.headers["Content-Type"] = media_type
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        response.headers["Vary"] = "Accept-Encoding"
        response.headers.update(SECURITY_HEADERS)
        return response
