"""HTTP to a partner: bounded in connections, time and size. Every failure says whether a repeat is safe.

The question after a failed call is whether the partner may have acted on it. How far the request came decides: if its
first byte was never sent, the partner was not reached (``Unavailable``). Once it was sent, a call that must not be
repeated is ``Unsettled`` unless the partner says that it did nothing; a read, or a call that may be repeated, is
``Unavailable``. A 4xx is a rejection (``ErrorResponse``).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import httpx
import orjson
from opentelemetry.trace import SpanKind

from integrations.deadline import expired, remaining
from integrations.errors import DeadlineExceeded, OutsideError, Refused, Unavailable, Unsettled
from integrations.tracing import child_span

CONNECTIONS = 10
LONGEST_RESPONSE_BYTES = 1_000_000
# Servers commonly close an idle connection after 5 s; a request that reuses it just then is lost.
IDLE_SECONDS = 3.0
RETRY_AFTER_SECONDS = 5.0
LONGEST_RETRY_AFTER_SECONDS = 3600.0

# With these statuses a server says that it did not begin to process the request.
NOT_PROCESSED = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
)


@dataclass(frozen=True, slots=True)
class PartnerResponse:
    """Response of a partner.

    Args:
        partner: name of the partner.
        status: the HTTP status.
        headers: by name in lower case.
        body: the whole body; may hold personal data.
        repeatable: whether the call may be repeated without harm.
    """

    partner: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    repeatable: bool

    def document(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            Unsettled: the body is not a JSON object, so the outcome of the call is unknown.
            Unavailable: likewise, for a call that may be repeated.
        """
        try:
            document = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise self.outside_contract("the response is not JSON") from None
        if not isinstance(document, dict):
            raise self.outside_contract("the response is not a JSON object")
        return document

    def outside_contract(self, reason: str) -> OutsideError:
        """Error for a response that violates the contract."""
        return _no_response_error(self.partner, f"HTTP {self.status}: {reason}", self.repeatable)


class ErrorResponse(Refused):
    """Rejection by the partner (4xx). Adapters read the partner's error code from ``http_response``."""

    def __init__(self, response: PartnerResponse) -> None:
        super().__init__(response.partner, f"HTTP {response.status}")
        self.response = response


class Transport:
    """Connections to one partner.

    Args:
        partner: ``worldtracer``, ``twilio`` or ``sendgrid``, for errors.
        url: base address of every path; a path of its own is kept.
        headers: headers of every call.
        auth: user and password of basic authentication.
        connect_seconds: limit for a free connection, and for establishing one.
        read_seconds: limit for the whole response once connected, however slowly it arrives.
    """

    def __init__(
        self,
        partner: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        connect_seconds: float = 3.0,
        read_seconds: float = 10.0,
    ) -> None:
        self.partner = partner
        self._total_seconds = connect_seconds + read_seconds
        self._client = httpx.AsyncClient(
            base_url=url,
            # A compressed response could expand to any size.
            headers={"accept": "application/json", "accept-encoding": "identity", **(headers or {})},
            auth=auth,
            timeout=httpx.Timeout(read_seconds, connect=connect_seconds, pool=connect_seconds),
            limits=httpx.Limits(max_connections=CONNECTIONS, keepalive_expiry=IDLE_SECONDS),
            follow_redirects=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        repeatable: bool,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> PartnerResponse:
        """Makes one call and returns its response, which has a 2xx status.

        Args:
            method: HTTP method.
            path: path below the base address.
            repeatable: True for a read, or a call that may be repeated without harm.
            json: the body, as JSON.
            form: the body, as a form; a value may be a list.
            params: parameters of the query.
            headers: further headers.

        Raises:
            Unavailable: the call was not done, or may be repeated; ``retry_after_seconds`` is the partner's if it gave
                one.
            DeadlineExceeded: the call was not sent, because the caller's deadline had passed.
            Unsettled: the call was sent and its outcome is unknown.
            ErrorResponse: the partner rejected the call.
        """
        request = self._client.build_request(
            method,
            path,
            content=None if json is None else orjson.dumps(json),
            data=None if form is None else dict(form),
            params=params,
            headers={**({} if json is None else {"content-type": "application/json"}), **(headers or {})},
        )
        # No path: it may hold a number or a reference.
        with child_span(f"{self.partner} {method}", SpanKind.CLIENT, {"peer.service": self.partner}):
            response = await self._exchange(request, repeatable)
        if response.status in NOT_PROCESSED:
            raise Unavailable(self.partner, f"HTTP {response.status}", _retry_after(response.headers))
        if 400 <= response.status < 500:
            raise ErrorResponse(response)
        if not 200 <= response.status < 300:
            raise response.outside_contract("not a success")
        return response

    async def _exchange(self, request: httpx.Request, repeatable: bool) -> PartnerResponse:
        sent = False

        async def trace(event: str, _info: Mapping[str, Any]) -> None:
            nonlocal sent
            sent = sent or event.endswith("send_request_headers.started")

        request.extensions["trace"] = trace
        try:
            async with asyncio.timeout(remaining(self._total_seconds, self.partner)):
                http_response = await self._client.send(request, stream=True)
                try:
                    body = await _read(http_response)
                finally:
                    await http_response.aclose()
        except (httpx.HTTPError, TimeoutError) as error:
            if not sent and expired():
                raise DeadlineExceeded(self.partner, "the caller's deadline passed before the call") from error
            raise _no_response_error(self.partner, _summary(error), repeatable or not sent) from error
        response = PartnerResponse(
            self.partner, http_response.status_code, http_response.headers, body or b"", repeatable
        )
        if body is None:
            raise response.outside_contract("the response is too long")
        return response


async def _read(http_response: httpx.Response) -> bytes | None:
    """Reads the body; None if it is longer than ``LONGEST_RESPONSE_BYTES``."""
    body = bytearray()
    async for part in http_response.aiter_raw():
        body += part
        if len(body) > LONGEST_RESPONSE_BYTES:
            return None
    return bytes(body)


def _no_response_error(partner: str, reason: str, repeatable: bool) -> OutsideError:
    return Unavailable(partner, reason) if repeatable else Unsettled(partner, reason)


def _summary(error: Exception) -> str:
    # Only the kind of error: a driver's text may quote an address, and with it a number or a key.
    return "no response in time" if isinstance(error, TimeoutError) else type(error).__name__


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds of ``Retry-After``, from a number or a date (RFC 9110, 10.2.3)."""
    text = headers.get("retry-after", "")
    try:
        seconds = float(text) if text.isdecimal() else _seconds_until(parsedate_to_datetime(text))
    except ValueError:
        return RETRY_AFTER_SECONDS
    return min(max(seconds, 0.1), LONGEST_RETRY_AFTER_SECONDS)


def _seconds_until(timestamp: datetime) -> float:
    aware = timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)
    return (aware - datetime.now(UTC)).total_seconds()
