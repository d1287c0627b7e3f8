"""A WorldTracer that speaks the contract of docs/EXTERNAL_SERVICES.md and remembers its files.

With a journal it remembers them across restarts: every message that changed something is a line of it, and is taken
again at the start.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integrations.partners.mocks.faults import Faults, mock_app
from integrations.partners.mocks.tracing_files import Elements, File, FileRefusal, Files, tag_of
from integrations.partners.mocks.tracing_matches import matches

READ_REPLIES = {
    "DELAYED": "WTR_DelayedBagRecReadRS",
    "DAMAGED": "WTR_DamagedBagRecReadRS",
    "ON-HAND": "WTR_OnhandBagRecReadRS",
    "RUSH": "WTR_RushBagRecReadRS",
}
# What stands around a message's own elements.
ENVELOPE = ("Version", "POS", "AgentID")

Handler = Callable[[Elements, datetime], dict[str, Any]]


def create_app(
    *, key: str | None = None, callback: str | None = None, latency: float = 0.0, journal: Path | None = None
) -> Starlette:
    """The mock.

    Args:
        key: the only API key that is taken; None takes any.
        callback: not used, since WorldTracer reports nothing by itself.
        latency: seconds that every answer takes.
        journal: the file that it remembers its files in.
    """
    _ = callback
    desk = WorldTracerDesk(journal)

    async def take(request: Request) -> Response:
        if key is not None and request.headers.get("x-api-key") != key:
            return Response(status_code=401)
        try:
            return JSONResponse(desk.take(request.path_params["message"], await request.body()))
        except FileRefusal as refusal:
            errors = {"Error": [{"Code": refusal.code, "ShortText": refusal.code.replace("_", " ").capitalize()}]}
            return JSONResponse({"Errors": errors}, refusal.status)

    routes = [Route("/{service}/{message}", take, methods=["POST"])]
    return mock_app("worldtracer", list(routes), Faults(latency), desk.forget)


class WorldTracerDesk:
    """Takes messages and answers them.

    Args:
        journal: of what changed; None keeps none.
    """

    def __init__(self, journal: Path | None) -> None:
        self._files = Files()
        self._journal = journal
        self._changes: Mapping[str, Handler] = {
            "WTR_DelayedBagsCreateRQ": self._create("DELAYED"),
            "WTR_DamagedBagsCreateRQ": self._create("DAMAGED"),
            "WTR_OnhandBagCreateRQ": self._create("ON-HAND"),
            "WTR_RushBagCreateRQ": self._forward,
            "WTR_DelayedBagsRecUpdateRQ": self._update,
            "WTR_DamagedBagsRecUpdateRQ": self._update,
            "WTR_OnhandBagRecUpdateRQ": self._update,
            "WTR_SuspendTracingRQ": self._trace("SUSPENDED"),
            "WTR_ReinstateTracingRQ": self._trace("TRACING"),
            "WTR_CloseRecordsRQ": self._close,
        }
        self._reads: Mapping[str, Handler] = {
            "WTR_PingRQ": lambda _elements, _at: _success("WTR_PingRS"),
            "WTR_ReadRecordRQ": self._read,
            "WTR_SearchRecordsRQ": self._search,
            "WTR_MatchBagsRQ": self._match,
        }
        if journal is not None and journal.exists():
            self._take_again(journal.read_bytes())

    def forget(self) -> None:
        """Forgets all files, those in the journal too."""
        self._files.clear()
        if self._journal is not None:
            self._journal.unlink(missing_ok=True)

    def take(self, message: str, body: bytes) -> dict[str, Any]:
        """The answer to a message.

        Raises:
            Refusal: it is refused, or no message.
        """
        handler = self._changes.get(message) or self._reads.get(message)
        if handler is None:
            raise FileRefusal("UNKNOWN_MESSAGE", 404)
        at = datetime.now(UTC)
        try:
            sent = orjson.loads(body)[message]
            elements = {name: value for name, value in sent.items() if name not in ENVELOPE}
            answer = handler(elements, at)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise FileRefusal("INVALID_MESSAGE") from None
        if message in self._changes:
            self._note(message, elements, at)
        return answer

    def _note(self, message: str, elements: Elements, at: datetime) -> None:
        if self._journal is not None:
            with self._journal.open("ab") as journal:
                journal.write(orjson.dumps([at, message, elements]) + b"\n")

    def _take_again(self, lines: bytes) -> None:
        # What follows the last line's end was cut off when we were killed.
        for line in lines[: lines.rfind(b"\n") + 1].splitlines():
            at, message, elements = orjson.loads(line)
            self._changes[message](elements, datetime.fromisoformat(at))

    def _create(self, record_type: str) -> Handler:
        def create(elements: Elements, at: datetime) -> dict[str, Any]:
            return _made(self._files.create(record_type, elements, at))

        return create

    def _forward(self, elements: Elements, at: datetime) -> dict[str, Any]:
        return _made(self._files.forward(elements, at))

    def _update(self, elements: Elements, _at: datetime) -> dict[str, Any]:
        self._files.update(elements)
        return _success("WTR_StatusRS")

    def _trace(self, state: str) -> Handler:
        def trace(elements: Elements, _at: datetime) -> dict[str, Any]:
            self._files.trace(elements, state)
            return _success("WTR_StatusRS")

        return trace

    def _close(self, elements: Elements, _at: datetime) -> dict[str, Any]:
        warnings = self._files.close(elements)
        return _success("WTR_StatusRS", **({"Warnings": {"Warning": warnings}} if warnings else {}))

    def _read(self, elements: Elements, _at: datetime) -> dict[str, Any]:
        file = self._files.one(elements["RecordID"])
        bags = [{**bag, "tracingStatus": state} for bag, state in zip(file.bags, file.tracing, strict=True)]
        content = {
            **file.elements,
            "RecordID": file.record_id,
            "RecordStatus": _status(file),
            "DelayedBagGroup": {"DelayedBags": {"DelayedBag": bags}},
        }
        return _success(READ_REPLIES[file.record_type], **content)

    def _search(self, elements: Elements, _at: datetime) -> dict[str, Any]:
        return _success("WTR_SearchRecordsRS", Record=[_summary(file) for file in self._files.search(elements)])

    def _match(self, elements: Elements, _at: datetime) -> dict[str, Any]:
        found = [
            {
                "RecordID": match.file.record_id,
                "BagSequence": match.bag,
                "Score": match.score,
                "MatchedElement": match.elements,
            }
            for match in matches(self._files, elements)
        ]
        return _success("WTR_MatchBagsRS", Match=found)


def _success(message: str, **elements: Any) -> dict[str, Any]:
    return {message: {"Success": {}, **elements}}


def _made(file: File) -> dict[str, Any]:
    return _success("WTR_BagsCreateRS", RecordID=file.record_id)


def _status(file: File) -> str:
    return "CLOSED" if file.closed else "OPEN"


def _summary(file: File) -> dict[str, Any]:
    tags = filter(None, map(tag_of, file.bags))
    return {
        "RecordID": file.record_id,
        "RecordStatus": _status(file),
        # As the public client sees it: without its leading zeros.
        "BagTag": [{"TagSequence": tag.lstrip("0")} for tag in tags],
        "PassengerName": file.elements.get("PassengerName", ""),
        "FurtherInfo": file.elements.get("FurtherInfo"),
        "CreateDateTime": file.created_at.isoformat(),
    }
