"""Signed links to printable PIRs: valid for 15 minutes without authentication; each use is audited."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from integrations.records.passengers import Language
from integrations.records.pirs import PirKind
from integrations.stores.postgres.manager import PostgresManager
from resolvers.actor import Actor, Role
from resolvers.audit import audit_actor
from resolvers.context import Context
from resolvers.documents import pir_pdf
from resolvers.documents.pir_pdf import PaperSize, PrintedPir
from resolvers.installation import Installation
from resolvers.notifications import case_file

LINK_LIFETIME = timedelta(minutes=15)
PATH = "/pirs/{pir_id}.pdf"


class InvalidLink(ValueError):
    """The link is incomplete, is not signed by this service, or has expired."""


@dataclass(frozen=True, slots=True)
class PrintRequest:
    """The content of a link.

    Args:
        actor: id of the actor that requested the link, for the audit trail.
        role: role of that actor; empty for none.
        expires_at: UTC.
    """

    pir_id: int
    airline_id: int
    actor: str
    role: str
    language: Language
    paper: PaperSize
    expires_at: datetime

    def values(self) -> dict[str, str]:
        """The parameters of the link's query."""
        return {
            "airline": str(self.airline_id),
            "actor": self.actor,
            "role": self.role,
            "language": self.language.value,
            "paper": self.paper.value,
            "expires": str(int(self.expires_at.timestamp())),
        }


def link(context: Context, pir_id: int, language: Language, paper: PaperSize) -> str:
    """The link to the printable form of a PIR, relative to the root of this service."""
    actor, role = context.actor.id, context.actor.role or ""
    request = PrintRequest(pir_id, context.airline_id, actor, role, language, paper, context.now() + LINK_LIFETIME)
    signed = {**request.values(), "signature": _signature(context.signing_key, pir_id, request.values())}
    return f"{PATH.format(pir_id=pir_id)}?{urlencode(signed)}"


def verify(signing_key: bytes, pir_id: int, query: Mapping[str, str], now: datetime) -> PrintRequest:
    """Verifies a link and returns its content.

    Raises:
        InvalidLink: the link is incomplete, is not signed by this service, or has expired.
    """
    try:
        request = PrintRequest(
            pir_id=pir_id,
            airline_id=int(query["airline"]),
            actor=query["actor"],
            role=query["role"],
            language=Language(query["language"]),
            paper=PaperSize(query["paper"]),
            expires_at=datetime.fromtimestamp(int(query["expires"]), UTC),
        )
    except (KeyError, ValueError, OverflowError, OSError):
        raise InvalidLink("The link is incomplete. Request a new one.") from None
    signature = _signature(signing_key, pir_id, request.values())
    if not hmac.compare_digest(signature.encode(), query.get("signature", "").encode()):
        raise InvalidLink("The signature of the link is invalid. Request a new one.")
    if now > request.expires_at:
        raise InvalidLink("The link has expired. Request a new one.")
    return request


def _signature(signing_key: bytes, pir_id: int, values: Mapping[str, str]) -> str:
    text = f"print/{pir_id}?{urlencode(values)}"
    return hmac.new(signing_key, text.encode(), hashlib.sha256).hexdigest()


async def load_pir(
    postgres: PostgresManager, installation: Installation, request: PrintRequest, request_id: str, now: datetime
) -> PrintedPir | None:
    """Loads the values of the report and writes an audit row; returns None if there is no such PIR."""
    case = await case_file.load(postgres, replace(installation, airline_id=request.airline_id), request.pir_id)
    if case is None:
        return None
    actor = Actor(request.actor, Role(request.role) if request.role else None, request.airline_id)
    detail = {"language": request.language}
    await audit_actor(postgres, request.airline_id, actor, request_id, "PRINT_PIR", "PIR", [request.pir_id], detail)
    deadlines = None if case.pir.kind == PirKind.ON_HAND else case.deadlines
    return pir_pdf.printed_pir(case, installation.brand, deadlines, now)
