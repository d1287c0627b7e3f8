"""WorldTracer over HTTP: the adapter of ``ports.WorldTracer``.

The wire contract, with what is public of it and what is assumed, is in docs/EXTERNAL_SERVICES.md. It is JSON with the
element names of the public traces: one POST per message, ``{"WTR_ReadRecordRQ": {...}}``.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from integrations.errors import Refused, Unavailable
from integrations.partners import worldtracer_wire as wire
from integrations.partners.transport import PartnerResponse, RefusedAnswer, Transport
from integrations.partners.worldtracer_wire import PARTNER, given, known
from integrations.records.tracing import (
    BagDescription,
    BaggageData,
    FileType,
    FileUpdates,
    Forwarding,
    PassengerData,
    SearchCriteria,
    TracedBag,
    TracedFile,
    TracingMatch,
    TracingResult,
    TracingStatus,
)

VERSION = "0.1"
# The public client waited four minutes; a call that takes so long would block its file's lane all the while.
READ_SECONDS = 30.0
ACCOUNT_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
ACCOUNT_SECONDS = 60.0

DELAYED, DAMAGED, ON_HAND, RUSH = "DelayedBagService", "DamagedBagService", "OnhandBagService", "RushBagService"
TRACING = "TracingService"

CREATES = {
    FileType.DELAYED: (DELAYED, "WTR_DelayedBagsCreateRQ"),
    FileType.DAMAGED: (DAMAGED, "WTR_DamagedBagsCreateRQ"),
    FileType.ON_HAND: (ON_HAND, "WTR_OnhandBagCreateRQ"),
}
UPDATES = {
    FileType.DELAYED: (DELAYED, "WTR_DelayedBagsRecUpdateRQ"),
    FileType.DAMAGED: (DAMAGED, "WTR_DamagedBagsRecUpdateRQ"),
    FileType.ON_HAND: (ON_HAND, "WTR_OnhandBagRecUpdateRQ"),
}
CLOSES = {
    FileType.DELAYED: (DELAYED, "WTR_CloseRecordsRQ"),
    FileType.DAMAGED: (DAMAGED, "WTR_CloseRecordsRQ"),
    FileType.ON_HAND: (ON_HAND, "WTR_CloseRecordsRQ"),
}
READS = {
    FileType.DELAYED: (DELAYED, "WTR_DelayedBagRecReadRS"),
    FileType.DAMAGED: (DAMAGED, "WTR_DamagedBagRecReadRS"),
    FileType.ON_HAND: (ON_HAND, "WTR_OnhandBagRecReadRS"),
    FileType.FORWARDED: (RUSH, "WTR_RushBagRecReadRS"),
}


class WorldTracerClient:
    """The tracing service over HTTPS; the methods are described by ``ports.WorldTracer``.

    Args:
        endpoint: the address that services are put behind.
        api_key: sent with every call.
        airline: whose calls they are, by its designator.
        mock: a stand-in is at that address. One that says so itself is believed, too.
        agent: named as the agent of every call.
        connect_seconds: to make a connection.
        read_seconds: for an answer.
    """

    def __init__(
        self,
        endpoint: str,
        api_key: str,
        airline: str,
        *,
        mock: bool = False,
        agent: str = "GATEWAY",
        connect_seconds: float = 3.0,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self.mock = mock
        self._airline = airline
        self._agent = agent
        self._transport = Transport(
            PARTNER,
            endpoint,
            headers={"x-api-key": api_key},
            connect_seconds=connect_seconds,
            read_seconds=read_seconds,
        )

    async def close_connections(self) -> None:
        """Lets go of the connections."""
        await self._transport.close()

    async def ping(self) -> None:
        """Returns if it answers and takes our key."""
        answer = await self._call(TRACING, "WTR_PingRQ", {}, repeatable=True)
        wire.reply(answer, "WTR_PingRS")

    async def create_pir(
        self, baggage_data: BaggageData, passenger_data: PassengerData, *, our_key: str
    ) -> TracingResult:
        """Makes a file."""
        service, message = _possible(CREATES, baggage_data.file_type)
        old = baggage_data.recreated_from
        content = {
            "RefStationAirline": {"StationCode": baggage_data.station, "AirlineCode": baggage_data.airline},
            "TracingOption": baggage_data.tracing,
            "FurtherInfo": our_key,
            **wire.bags_group(baggage_data.bags),
            **given(
                **wire.passenger_elements(passenger_data),
                BagItinerary=wire.itinerary(baggage_data.flights),
                RouteStations=list(baggage_data.routing),
                StorageLocation=baggage_data.storage_location,
                Remarks=baggage_data.remarks,
            ),
            **known(RecreatedFrom=None if old is None else wire.record_reference(old)),
        }
        return self._made(await self._call(service, message, content, repeatable=False))

    async def update_pir(
        self, pir_number: str, updates: FileUpdates, *, file_type: FileType = FileType.DELAYED
    ) -> TracingResult:
        """Changes a file."""
        service, message = _possible(UPDATES, file_type)
        content = {
            "RecordID": wire.record_id(pir_number, file_type),
            **({} if updates.bags is None else wire.bags_group(updates.bags)),
            **({} if updates.passenger is None else wire.passenger_elements(updates.passenger)),
            **known(
                BagItinerary=None if updates.flights is None else wire.itinerary(updates.flights),
                StorageLocation=updates.storage_location,
                Remarks=updates.remarks,
                ReasonForLoss=updates.reason_for_loss,
                FaultStation=updates.fault_station,
            ),
        }
        return self._changed(await self._call(service, message, content, repeatable=True), pir_number)

    async def search_bags(self, criteria: SearchCriteria) -> list[TracedFile]:
        """The files that meet all criteria."""
        content = {
            **known(
                BagTag=None if criteria.tag is None else {"TagSequence": criteria.tag},
                PassengerName=criteria.surname,
                FurtherInfo=criteria.our_key,
                StationCode=criteria.station,
            ),
            **given(RecordType=[wire.RECORD_TYPES[file_type] for file_type in criteria.file_types]),
        }
        answer = await self._call(TRACING, "WTR_SearchRecordsRQ", content, repeatable=True)
        with wire.agreed(answer):
            records = wire.reply(answer, "WTR_SearchRecordsRS")["Record"]
            return [wire.file_found(found, mock=self._is_mock(answer)) for found in records]

    async def match_found_bags(self, bag_description: BagDescription) -> list[TracingMatch]:
        """The open files that may be about a found bag."""
        bag = TracedBag(
            bag_description.tag, bag_description.colour_type, bag_description.brand, bag_description.contents
        )
        content = {
            "Bag": wire.bag_element(bag),
            **given(
                PassengerName=bag_description.surname,
                BagItinerary=wire.itinerary(bag_description.flights),
                RouteStations=list(bag_description.routing),
            ),
        }
        answer = await self._call(TRACING, "WTR_MatchBagsRQ", content, repeatable=True)
        with wire.agreed(answer):
            matches = wire.reply(answer, "WTR_MatchBagsRS")["Match"]
            return [wire.match_found(found, mock=self._is_mock(answer)) for found in matches]

    async def get_pir_status(self, pir_number: str, *, file_type: FileType = FileType.DELAYED) -> TracingStatus:
        """How a file stands."""
        service, reply = _possible(READS, file_type)
        content = {"RecordID": wire.record_id(pir_number, file_type)}
        answer = await self._call(service, "WTR_ReadRecordRQ", content, repeatable=True)
        with wire.agreed(answer):
            return wire.status_found(wire.reply(answer, reply), mock=self._is_mock(answer))

    async def suspend(self, pir_number: str, bags: Sequence[int]) -> TracingResult:
        """Stops looking for these bags."""
        return await self._tracing_of(pir_number, bags, "WTR_SuspendTracingRQ")

    async def reinstate(self, pir_number: str, bags: Sequence[int]) -> TracingResult:
        """Looks for these bags again."""
        return await self._tracing_of(pir_number, bags, "WTR_ReinstateTracingRQ")

    async def forward(
        self, pir_number: str, forwarding: Forwarding, *, our_key: str, file_type: FileType = FileType.DELAYED
    ) -> TracingResult:
        """Makes a forward file."""
        rush_tag = forwarding.rush_tag
        content = {
            "RefStationAirline": {"StationCode": forwarding.station, "AirlineCode": forwarding.airline},
            "RecordID": wire.record_id(pir_number, file_type),
            "FurtherInfo": our_key,
            **wire.bags_group((TracedBag(forwarding.tag, forwarding.colour_type),)),
            **given(PassengerName=forwarding.surname, BagItinerary=wire.itinerary(forwarding.flights)),
            **known(
                RushBagTag=None if rush_tag is None else {"TagSequence": rush_tag},
                ReasonForLoss=forwarding.reason_for_loss,
                FaultStation=forwarding.fault_station,
            ),
        }
        return self._made(await self._call(RUSH, "WTR_RushBagCreateRQ", content, repeatable=False))

    async def close(
        self,
        pir_number: str,
        reason_for_loss: int | None,
        fault_station: str | None,
        *,
        remarks: str = "",
        file_type: FileType = FileType.DELAYED,
    ) -> TracingResult:
        """Closes a file."""
        service, message = _possible(CLOSES, file_type)
        content = {
            "RecordID": wire.record_id(pir_number, file_type),
            **known(ReasonForLoss=reason_for_loss, FaultStation=fault_station),
            **given(Remarks=remarks),
        }
        return self._changed(await self._call(service, message, content, repeatable=False), pir_number)

    async def _tracing_of(self, pir_number: str, bags: Sequence[int], message: str) -> TracingResult:
        content = {"RecordID": wire.record_id(pir_number, FileType.DELAYED), "BagSequence": list(bags)}
        return self._changed(await self._call(DELAYED, message, content, repeatable=True), pir_number)

    async def _call(
        self, service: str, message: str, content: Mapping[str, Any], *, repeatable: bool
    ) -> PartnerResponse:
        envelope = {
            "Version": VERSION,
            "POS": {"Source": {"AirlineVendorID": self._airline}},
            "AgentID": self._agent,
            **content,
        }
        try:
            return await self._transport.request(
                "POST", f"/{service}/{message}", repeatable=repeatable, json={message: envelope}
            )
        except RefusedAnswer as refused:
            if refused.answer.status in ACCOUNT_REFUSED:
                # No file is at fault: what waits goes out once the account is put in order.
                raise Unavailable(PARTNER, f"{refused.reason}: the account was not accepted", ACCOUNT_SECONDS) from None
            raise wire.refusal(refused) from refused

    def _is_mock(self, answer: PartnerResponse) -> bool:
        return self.mock or "x-mock" in answer.headers

    def _made(self, answer: PartnerResponse) -> TracingResult:
        with wire.agreed(answer):
            reply = wire.reply(answer, "WTR_BagsCreateRS")
            reference = wire.reference(reply["RecordID"]["RecordReference"])
            return TracingResult(reference, wire.warnings(reply), self._is_mock(answer))

    def _changed(self, answer: PartnerResponse, reference: str) -> TracingResult:
        with wire.agreed(answer):
            warnings = wire.warnings(wire.reply(answer, "WTR_StatusRS"))
            return TracingResult(reference, warnings, self._is_mock(answer))


def _possible(calls: Mapping[FileType, tuple[str, str]], file_type: FileType) -> tuple[str, str]:
    """The service and the message for files of that type.

    Raises:
        Refused: there is none; a forward file is neither made so, updated nor closed.
    """
    if file_type not in calls:
        raise Refused(PARTNER, f"not asked: there is no such call for a {file_type} file")
    return calls[file_type]
