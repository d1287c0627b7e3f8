"""Mock of SendGrid with the contract of ``docs/EXTERNAL_SERVICES.md``: emails, their activity, and signed events.

Beside the control endpoints of ``faults`` and ``delivery_simulator``, ``GET /_mock/public-key`` returns the
verification key of its events in the form of SendGrid's mail settings. It is derived from the accepted API key; without
one it is different at each start.
"""

import re
import time
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integrations.partners.mocks.delivery_simulator import NO_REPORT, DeliveryOutcome, DeliverySimulator, is_loopback
from integrations.partners.mocks.faults import FaultInjector, mock_app

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
LONGEST_ADDRESS = 254
ACTIVITY_QUERY = re.compile(r"msg_id LIKE '([A-Za-z0-9._-]+)%'")
# Curve of SendGrid's signatures (NIST P-256), and the order of its group (FIPS 186-5).
CURVE = ec.SECP256R1()
CURVE_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# SendGrid repeats for 24 hours.
TRIES = 60
OUTCOMES = ("delivered", "bounce", "dropped", "deferred", "spamreport", "unsubscribe")
STATUSES = {
    "dropped": ("dropped",),
    "deferred": ("processed", "deferred"),
    "delivered": ("processed", "delivered"),
    "bounce": ("processed", "bounce"),
    "spamreport": ("processed", "delivered", "spamreport"),
    "unsubscribe": ("processed", "delivered", "unsubscribe"),
}
REASONS = {"bounce": "550 5.1.1 The address does not exist", "dropped": "Bounced Address"}
NOT_DELIVERED = ("bounce", "dropped")


class SendGridError(Exception):
    """Rejection by SendGrid: message, wrong field and HTTP status."""

    def __init__(self, message: str, field: str | None, status: int = 400) -> None:
        super().__init__(message)
        self.field = field
        self.status = status


def create_app(
    *, key: str | None = None, callback: str | None = None, latency: float = 0.0, journal: Path | None = None
) -> Starlette:
    """Creates the mock.

    Args:
        key: the only API key to accept; None accepts any.
        callback: address of the event webhook.
        latency: seconds before every response.
        journal: file in which messages survive a restart; None keeps none.

    Raises:
        ValueError: the callback is not on this machine.
    """
    if callback is not None and not is_loopback(callback):
        raise ValueError("callback must be a loopback address")
    service = SendGridService(key, callback, journal)

    async def endpoint(request: Request) -> Response:
        try:
            service.check_key(request)
            return await service.respond(request)
        except SendGridError as error:
            body = {"errors": [{"message": str(error), "field": error.field, "help": None}]}
            return JSONResponse(body, error.status)

    async def verification_key(_request: Request) -> Response:
        return JSONResponse({"publicKey": service.public_key})

    routes = [
        Route("/v3/mail/send", endpoint, methods=["POST"]),
        Route("/v3/messages", endpoint),
        Route("/v3/scopes", endpoint),
        Route("/_mock/public-key", verification_key),
        *service.simulator.routes("SendGrid"),
    ]
    return mock_app("sendgrid", list(routes), FaultInjector(latency), service.simulator.clear)


def public_key(key: str) -> str:
    """Verification key of a mock that accepts this API key alone, as base64 of its DER form."""
    return _encoded_key(_signing_key(key))


class SendGridService:
    """State and endpoints of the mock: takes emails, delivers them and reports events.

    Args:
        key: the only API key to accept.
        callback: address of the event webhook.
        journal: file in which messages survive a restart.
    """

    def __init__(self, key: str | None, callback: str | None, journal: Path | None = None) -> None:
        self.simulator = DeliverySimulator(OUTCOMES, TRIES, journal)
        self._key = key
        self._callback = callback
        self._signing_key = ec.generate_private_key(CURVE) if key is None else _signing_key(key)

    @property
    def public_key(self) -> str:
        """Verification key of the events."""
        return _encoded_key(self._signing_key)

    def check_key(self, request: Request) -> None:
        """Rejects a request without the right API key."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token or self._key not in (None, token):
            raise SendGridError("The provided authorization grant is invalid, expired, or revoked", None, 401)

    async def respond(self, request: Request) -> Response:
        """Processes a request."""
        match request.url.path:
            case "/v3/scopes":
                return JSONResponse({"scopes": ["mail.send"]})
            case "/v3/messages":
                return JSONResponse({"messages": self._activity(request.query_params.get("query", ""))})
            case _:
                return self._send(await request.body())

    def _send(self, body: bytes) -> Response:
        mail = _read(body)
        message_id = uuid4().hex[:22]
        for to in mail["recipients"]:
            message = {
                "id": f"{message_id}.recvd-mock-1-{uuid4().hex[:8].upper()}-1.0",
                "to": to,
                "subject": mail["subject"],
                "status": "processed",
                "our_key": mail["custom_args"].get("our_key"),
                "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "attachments": mail["attachments"],
                **mail["content"],
            }
            self.simulator.take(message)
            self.simulator.start(self._deliver(message, mail["custom_args"]))
        return Response(status_code=202, headers={"x-message-id": message_id})

    def _activity(self, query: str) -> list[dict[str, Any]]:
        match = ACTIVITY_QUERY.fullmatch(query)
        if match is None:
            raise SendGridError("this mock knows queries of the form msg_id LIKE 'ID%'", "query")
        return [
            {"msg_id": message["id"], "to_email": message["to"], "status": _activity_status(message["status"])}
            for message in self.simulator.messages
            if message["id"].startswith(match[1])
        ]

    async def _deliver(self, message: dict[str, Any], custom_args: Mapping[str, str]) -> None:
        outcome = self.simulator.outcome_for(message["to"])

        def set_status(status: str) -> None:
            message["status"] = status
            events[status] = _event(message, status, custom_args)

        async def send(status: str) -> None:
            if self._callback is not None:
                body = orjson.dumps([events[status]])
                await self.simulator.call(self._callback, body, lambda: self.signed(body))

        events: dict[str, dict[str, Any]] = {}
        await self.simulator.run(outcome, _statuses(outcome), set_status, send)

    def signed(self, body: bytes) -> dict[str, str]:
        """Headers of a signed batch of events."""
        timestamp = str(int(time.time()))
        signature = self._signing_key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {
            "content-type": "application/json",
            "x-twilio-email-event-webhook-timestamp": timestamp,
            "x-twilio-email-event-webhook-signature": b64encode(signature).decode(),
        }


def _signing_key(key: str) -> ec.EllipticCurvePrivateKey:
    number = int.from_bytes(sha256(key.encode()).digest(), "big")
    return ec.derive_private_key(number % (CURVE_ORDER - 1) + 1, CURVE)


def _encoded_key(signing_key: ec.EllipticCurvePrivateKey) -> str:
    der = signing_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b64encode(der).decode()


def _statuses(outcome: DeliveryOutcome) -> tuple[str, ...]:
    return () if outcome.outcome == NO_REPORT else STATUSES[outcome.outcome]


def _event(message: Mapping[str, Any], status: str, custom_args: Mapping[str, str]) -> dict[str, Any]:
    # Custom arguments stand beside the event's own fields and do not replace them.
    return {
        **custom_args,
        "email": message["to"],
        "timestamp": int(time.time()),
        "smtp-id": f"<{message['id']}@mock>",
        "event": status,
        "sg_event_id": b64encode(uuid4().bytes).decode(),
        "sg_message_id": message["id"],
        **({"reason": REASONS[status]} if status in REASONS else {}),
    }


def _activity_status(status: str) -> str:
    if status in NOT_DELIVERED:
        return "not_delivered"
    return "processing" if status in ("processed", "deferred") else "delivered"


def _read(body: bytes) -> dict[str, Any]:
    """Parses a body of ``mail/send`` into what the mock keeps."""
    try:
        mail = orjson.loads(body)
        _check(mail)
        return {
            "recipients": _recipients(mail),
            "subject": mail.get("subject", ""),
            "custom_args": {str(name): str(value) for name, value in mail.get("custom_args", {}).items()},
            "attachments": [attachment["filename"] for attachment in mail.get("attachments", [])],
            "content": _content(mail),
        }
    except (AttributeError, KeyError, TypeError, orjson.JSONDecodeError):
        raise SendGridError("Bad Request", None) from None


def _check(mail: Mapping[str, Any]) -> None:
    if not mail.get("personalizations"):
        raise SendGridError("The personalizations field is required.", "personalizations")
    for place, to in enumerate(_recipients(mail)):
        if not ADDRESS.fullmatch(to) or len(to) > LONGEST_ADDRESS:
            raise SendGridError("Does not contain a valid address.", f"personalizations.{place}.to.0.email")
    if not ADDRESS.fullmatch(mail.get("from", {}).get("email", "")):
        raise SendGridError("The from email does not contain a valid address.", "from.email")
    if mail.get("template_id"):
        return
    if not mail.get("subject"):
        raise SendGridError("The subject is required.", "subject")
    if not mail.get("content") or not all(part["value"] for part in mail["content"]):
        raise SendGridError("The content value must be a string at least one character in length.", "content.0.value")


def _recipients(mail: Mapping[str, Any]) -> list[str]:
    return [to["email"] for block in mail["personalizations"] for to in block["to"]]


def _content(mail: Mapping[str, Any]) -> dict[str, Any]:
    if template := mail.get("template_id"):
        return {"template": template, "data": mail["personalizations"][0].get("dynamic_template_data")}
    names = {"text/plain": "text", "text/html": "html"}
    return {names[part["type"]]: part["value"] for part in mail["content"]}
