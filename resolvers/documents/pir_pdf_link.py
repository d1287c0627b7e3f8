"""Links to printable files: good for whoever holds one, for a quarter of an hour, and each print is audited."""

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

GOOD_FOR = timedelta(minutes=15)
PATH = "/pirs/{pir_id}.pdf"


class InvalidLink(ValueError):
    """The link was not made here, was changed, or has expired."""


@dataclass(frozen=True, slots=True)
class Print:
    """What a link is to.

    Args:
        actor: who asked for it, for the audit trail.
    """

    pir_id: int
    airline_id: int
    actor: str
    role: str
    language: Language
    paper: PaperSize
    expires_at: datetime

    def values(self) -> dict[str, str]:
        """The parts of the link's query."""
        return {
            "airline": str(self.airline_id),
            "actor": self.actor,
            "role": self.role,
            "language": self.language.value,
            "paper": self.paper.value,
            "expires": str(int(self.expires_at.timestamp())),
        }


def link(context: Context, pir_id: int, language: Language, paper: PaperSize) -> str:
    """The address of a file's printable form, from the root of this service."""
    actor, role = context.actor.id, context.actor.role or ""
    wanted = Print(pir_id, context.airline_id, actor, role, language, paper, context.now() + GOOD_FOR)
    signed = {**wanted.values(), "signature": _signature(context.signing_key, pir_id, wanted.values())}
    return f"{PATH.format(pir_id=pir_id)}?{urlencode(signed)}"


def read(signing_key: bytes, pir_id: int, query: Mapping[str, str], now: datetime) -> Print:
    """What a link asks for.

    Raises:
        InvalidLink: it is not one of ours, or not any more.
    """
    try:
        wanted = Print(
            pir_id=pir_id,
            airline_id=int(query["airline"]),
            actor=query["actor"],
            role=query["role"],
            language=Language(query["language"]),
            paper=PaperSize(query["paper"]),
            expires_at=datetime.fromtimestamp(int(query["expires"]), UTC),
        )
    except (KeyError, ValueError, OverflowError, OSError):
        raise InvalidLink("The link is incomplete: ask for a new one.") from None
    signature = _signature(signing_key, pir_id, wanted.values())
    if not hmac.compare_digest(signature.encode(), query.get("signature", "").encode()):
        raise InvalidLink("The link was not made here: ask for a new one.")
    if now > wanted.expires_at:
        raise InvalidLink("The link has expired: ask for a new one.")
    return wanted


def _signature(signing_key: bytes, pir_id: int, values: Mapping[str, str]) -> str:
    text = f"print/{pir_id}?{urlencode(values)}"
    return hmac.new(signing_key, text.encode(), hashlib.sha256).hexdigest()


async def report(
    postgres: PostgresManager, installation: Installation, wanted: Print, request_id: str, now: datetime
) -> PrintedPir | None:
    """What is printed, with a word in the audit trail; None where there is no such file."""
    dossier = await case_file.load(postgres, replace(installation, airline_id=wanted.airline_id), wanted.pir_id)
    if dossier is None:
        return None
    actor = Actor(wanted.actor, Role(wanted.role) if wanted.role else None, wanted.airline_id)
    detail = {"language": wanted.language}
    await audit_actor(postgres, wanted.airline_id, actor, request_id, "PRINT_PIR", "PIR", [wanted.pir_id], detail)
    deadlines = None if dossier.pir.kind == PirKind.ON_HAND else dossier.deadlines
    return pir_pdf.of_dossier(dossier, installation.brand, deadlines, now)
