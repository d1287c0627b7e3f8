"""HTTP to a partner: bounded in connections, time and size, and every failure told by whether a repeat is safe.

What matters about a failed call is whether the partner may have acted on it. That is known from how far the request
came: where its first byte was never sent, the partner was not reached (``Unavailable``). Once it was sent, a call that
must not happen twice is ``Unsettled`` unless the partner said that it did nothing; a read, or a call that may be
repeated, is ``Unavailable``. A 4xx is the partner's no (``RefusedAnswer``).
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

from integrations.deadline import expired, remaining
from integrations.errors import DeadlineExceeded, OutsideError, Refused, Unavailable, Unsettled

CONNECTIONS = 10
LONGEST_ANSWER_BYTES = 1_000_000
# Servers commonly close an idle connection after 5 s: one that is reused just then loses its request.
IDLE_SECONDS = 3.0
RETRY_AFTER_SECONDS = 5.0
LONGEST_RETRY_AFTER_SECONDS = 3600.0

# By these a server says that it did not begin to work on the request.
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
    """What a partner answered.

    Args:
        partner: who.
        status: the HTTP status.
        headers: by their names in lower case.
        body: all of it; may hold personal data.
        repeatable: whether the call may be made again without harm.
    """

    partner: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    repeatable: bool

    def document(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            Unsettled: it is none, so that nobody knows whether the call was done.
            Unavailable: the same of a call that may be repeated.
        """
        try:
            found = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise self.outside_contract("the answer is not JSON") from None
        if not isinstance(found, dict):
            raise self.outside_contract("the answer is not a JSON object")
        return found

    def outside_contract(self, reason: str) -> OutsideError:
        """The error for an answer that is not what was agreed on."""
        return _unanswered(self.partner, f"HTTP {self.status}: {reason}", self.repeatable)


class RefusedAnswer(Refused):
    """The partner answered no (4xx). An adapter reads the partner's own code from ``answer``; the reason holds none."""

    def __init__(self, answer: PartnerResponse) -> None:
        super().__init__(answer.partner, f"HTTP {answer.status}")
        self.answer = answer


class Transport:
    """The connections to one partner.

    Args:
        partner: ``worldtracer``, ``twilio`` or ``sendgrid``, for errors.
        url: what every path is put behind; a path of its own is kept.
        headers: sent with every call.
        auth: user and password of basic authentication.
        connect_seconds: for a free connection, and for making one.
        read_seconds: for the whole answer once connected, however slowly it comes.
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
        self._patience = connect_seconds + read_seconds
        self._client = httpx.AsyncClient(
            base_url=url,
            # An answer that comes packed could unpack to any size.
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
        """Makes one call and returns its answer with a status of 2xx.

        Args:
            repeatable: a read, or a call whose repetition does no harm.
            json: the body, as JSON; or ``form``, the body as a form (a value may be a list).

        Raises:
            Unavailable: it was not done, or may be repeated; ``retry_after_seconds`` is the partner's if it gave one.
            DeadlineExceeded: it was not sent, since the caller's own time was used up.
            Unsettled: it was sent and nobody knows whether it was done.
            RefusedAnswer: the partner said no.
        """
        request = self._client.build_request(
            method,
            path,
            content=None if json is None else orjson.dumps(json),
            data=None if form is None else dict(form),
            params=params,
            headers={**({} if json is None else {"content-type": "application/json"}), **(headers or {})},
        )
        answer = await self._exchange(request, repeatable)
        if answer.status in NOT_PROCESSED:
            raise Unavailable(self.partner, f"HTTP {answer.status}", _retry_after(answer.headers))
        if 400 <= answer.status < 500:
            raise RefusedAnswer(answer)
        if not 200 <= answer.status < 300:
            raise answer.outside_contract("no success")
        return answer

    async def _exchange(self, request: httpx.Request, repeatable: bool) -> PartnerResponse:
        sent = False

        async def trace(event: str, _info: Mapping[str, Any]) -> None:
            nonlocal sent
            sent = sent or event.endswith("send_request_headers.started")

        request.extensions["trace"] = trace
        try:
            async with asyncio.timeout(remaining(self._patience, self.partner)):
                response = await self._client.send(request, stream=True)
                try:
                    body = await _read(response)
                finally:
                    await response.aclose()
        except (httpx.HTTPError, TimeoutError) as error:
            if not sent and expired():
                raise DeadlineExceeded(self.partner, "the caller's time was used up before the call") from error
            raise _unanswered(self.partner, _in_short(error), repeatable or not sent) from error
        answer = PartnerResponse(self.partner, response.status_code, response.headers, body or b"", repeatable)
        if body is None:
            raise answer.outside_contract("the answer is too long")
        return answer


async def _read(response: httpx.Response) -> bytes | None:
    """The body, None where it is longer than an answer may be."""
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > LONGEST_ANSWER_BYTES:
            return None
    return bytes(body)


def _unanswered(partner: str, reason: str, repeatable: bool) -> OutsideError:
    return Unavailable(partner, reason) if repeatable else Unsettled(partner, reason)


def _in_short(error: Exception) -> str:
    # Only the kind: a driver's words may quote an address, and with it a number or a key.
    return "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds, from a number or a date (RFC 9110, 10.2.3)."""
    text = headers.get("retry-after", "")
    try:
        seconds = float(text) if text.isdecimal() else _seconds_until(parsedate_to_datetime(text))
    except ValueError:
        return RETRY_AFTER_SECONDS
    return min(max(seconds, 0.1), LONGEST_RETRY_AFTER_SECONDS)


def _seconds_until(moment: datetime) -> float:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - datetime.now(UTC)).total_seconds()
