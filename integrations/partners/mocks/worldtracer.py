"""Mock of WorldTracer with the contract of ``docs/EXTERNAL_SERVICES.md``; it keeps its files.

With a journal the files survive a restart: every message that changed something is a line of the journal, and the mock
replays them when it starts.
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

from integrations.partners.mocks.faults import FaultInjector, mock_app
from integrations.partners.mocks.journal import append_to_journal, read_journal
from integrations.partners.mocks.tracing_files import Elements, TracingFile, TracingFileStore, WorldTracerError, tag_of
from integrations.partners.mocks.tracing_matches import matches

READ_REPLIES = {
    "DELAYED": "WTR_DelayedBagRecReadRS",
    "DAMAGED": "WTR_DamagedBagRecReadRS",
    "ON-HAND": "WTR_OnhandBagRecReadRS",
    "RUSH": "WTR_RushBagRecReadRS",
}
# Elements of the envelope.
ENVELOPE = ("Version", "POS", "AgentID")

Handler = Callable[[Elements, datetime], dict[str, Any]]


def create_app(
    *, key: str | None = None, callback: str | None = None, latency: float = 0.0, journal: Path | None = None
) -> Starlette:
    """Creates the mock.

    Args:
        key: the only API key to accept; None accepts any.
        callback: unused, since WorldTracer reports nothing by itself.
        latency: seconds before every response.
        journal: path of the journal.
    """
    _ = callback
    service = WorldTracerService(journal)

    async def process(request: Request) -> Response:
        if key is not None and request.headers.get("x-api-key") != key:
            return Response(status_code=401)
        try:
            return JSONResponse(service.process(request.path_params["message"], await request.body()))
        except WorldTracerError as error:
            errors = {"Error": [{"Code": error.code, "ShortText": error.code.replace("_", " ").capitalize()}]}
            return JSONResponse({"Errors": errors}, error.status)

    routes = [Route("/{service}/{message}", process, methods=["POST"])]
    return mock_app("worldtracer", list(routes), FaultInjector(latency), service.clear)


class WorldTracerService:
    """State and messages of the mock.

    Args:
        journal: path of the journal; None keeps none.
    """

    def __init__(self, journal: Path | None) -> None:
        self._files = TracingFileStore()
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
        for at, message, elements in read_journal(journal):
            self._changes[message](elements, datetime.fromisoformat(at))

    def clear(self) -> None:
        """Removes all files, those in the journal included."""
        self._files.clear()
        if self._journal is not None:
            self._journal.unlink(missing_ok=True)

    def process(self, message: str, body: bytes) -> dict[str, Any]:
        """Processes a message and returns its response.

        Raises:
            WorldTracerError: the message is rejected or unknown.
        """
        handler = self._changes.get(message) or self._reads.get(message)
        if handler is None:
            raise WorldTracerError("UNKNOWN_MESSAGE", 404)
        at = datetime.now(UTC)
        try:
            content = orjson.loads(body)[message]
            elements = {name: value for name, value in content.items() if name not in ENVELOPE}
            response = handler(elements, at)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise WorldTracerError("INVALID_MESSAGE") from None
        if message in self._changes:
            self._record(message, elements, at)
        return response

    def _record(self, message: str, elements: Elements, at: datetime) -> None:
        append_to_journal(self._journal, [at, message, elements])

    def _create(self, record_type: str) -> Handler:
        def create(elements: Elements, at: datetime) -> dict[str, Any]:
            return _created(self._files.create(record_type, elements, at))

        return create

    def _forward(self, elements: Elements, at: datetime) -> dict[str, Any]:
        return _created(self._files.forward(elements, at))

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
        file = self._files.get(elements["RecordID"])
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


def _created(file: TracingFile) -> dict[str, Any]:
    return _success("WTR_BagsCreateRS", RecordID=file.record_id)


def _status(file: TracingFile) -> str:
    return "CLOSED" if file.closed else "OPEN"


def _summary(file: TracingFile) -> dict[str, Any]:
    tags = filter(None, map(tag_of, file.bags))
    return {
        "RecordID": file.record_id,
        "RecordStatus": _status(file),
        # As the public client receives it: without leading zeros.
        "BagTag": [{"TagSequence": tag.lstrip("0")} for tag in tags],
        "PassengerName": file.elements.get("PassengerName", ""),
        "FurtherInfo": file.elements.get("FurtherInfo"),
        "CreateDateTime": file.created_at.isoformat(),
    }
