"""Printable PIRs over HTTP, by signed links that GraphQL returns."""

import asyncio
import re
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
# Within PostgreSQL's bigint.
PIR_ID = re.compile(r"[0-9]{1,18}")
# Rendering takes CPU, so the number of concurrent renderings is limited.
CONCURRENT_RENDERINGS = 2


def pir_pdf_routes(installation: Installation, signing_key: bytes, now: Callable[[], datetime]) -> list[BaseRoute]:
    """Returns ``/pirs/ID.pdf``."""
    renderings = asyncio.Semaphore(CONCURRENT_RENDERINGS)

    async def show(request: Request) -> Response:
        text = request.path_params["pir_id"]
        if not PIR_ID.fullmatch(text):
            return PlainTextResponse("The PIR does not exist.", HTTPStatus.NOT_FOUND)
        pir_id = int(text)
        try:
            link = pir_pdf_link.verify(signing_key, pir_id, request.query_params, now())
            with deadline(SECONDS):
                postgres, request_id = request.state.stores.postgres, record_of(request.scope).id
                report = await pir_pdf_link.load_pir(postgres, installation, link, request_id, now())
        except InvalidLink as error:
            return PlainTextResponse(str(error), HTTPStatus.FORBIDDEN)
        except OutsideError:
            return PlainTextResponse("PostgreSQL is unavailable: try again later.", HTTPStatus.SERVICE_UNAVAILABLE)
        if report is None:
            return PlainTextResponse("The PIR does not exist.", HTTPStatus.NOT_FOUND)
        async with renderings:
            pdf = await asyncio.to_thread(pir_pdf.render, report, link.language, link.paper)
        name = report.reference or f"PIR-{pir_id}"
        headers = {"Cache-Control": "no-store", "Content-Disposition": f'inline; filename="{name}.pdf"'}
        return Response(pdf, media_type="application/pdf", headers=headers)

    return [Route("/pirs/{pir_id}.pdf", show)]
