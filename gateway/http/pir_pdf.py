"""Printable files over HTTP, by the links that GraphQL hands out."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from gateway.http.middleware import record_of
from integrations.deadline import deadline
from integrations.errors import OutsideError
from resolvers.documents import pir_pdf, pir_pdf_link
from resolvers.documents.pir_pdf_link import InvalidLink
from resolvers.installation import Installation

SECONDS = 10.0
# Making a page is work for the processor: so many at a time.
AT_ONCE = 2


def print_routes(installation: Installation, signing_key: bytes, now: Callable[[], datetime]) -> list[BaseRoute]:
    """``/pirs/ID.pdf``."""
    room = asyncio.Semaphore(AT_ONCE)

    async def show(request: Request) -> Response:
        pir_id = int(request.path_params["pir_id"])
        try:
            wanted = pir_pdf_link.verify(signing_key, pir_id, request.query_params, now())
            with deadline(SECONDS):
                postgres, request_id = request.state.stores.postgres, record_of(request.scope).id
                report = await pir_pdf_link.load_pir(postgres, installation, wanted, request_id, now())
        except InvalidLink as error:
            return PlainTextResponse(str(error), HTTPStatus.FORBIDDEN)
        except OutsideError:
            return PlainTextResponse("The records cannot be reached: try again.", HTTPStatus.SERVICE_UNAVAILABLE)
        if report is None:
            return PlainTextResponse("There is no such file.", HTTPStatus.NOT_FOUND)
        async with room:
            paper = await asyncio.to_thread(pir_pdf.render, report, wanted.language, wanted.paper)
        name = report.reference or f"PIR-{pir_id}"
        headers = {"Cache-Control": "no-store", "Content-Disposition": f'inline; filename="{name}.pdf"'}
        return Response(paper, media_type="application/pdf", headers=headers)

    return [Route("/pirs/{pir_id:int}.pdf", show)]
