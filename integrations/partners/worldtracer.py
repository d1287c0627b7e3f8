"""WorldTracer over HTTP: the adapter of ``ports.WorldTracer``.

``docs/EXTERNAL_SERVICES.md`` holds the wire contract and says which parts are public and which are assumed. It is JSON
with the element names of the public traces: one POST per message, ``{"WTR_ReadRecordRQ": {...}}``.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from integrations.errors import Refused, Unavailable
from integrations.partners import worldtracer_wire as wire
from integrations.partners.transport import ErrorResponse, PartnerResponse, Transport
from integrations.partners.worldtracer_wire import PARTNER, non_empty, not_none
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
# With connecting, below the dispatcher's deadline for a call. The public client waited four minutes; a call that long
# would block the later calls of its file for as long.
READ_SECONDS = 12.0
ACCOUNT_REJECTED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
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
    """The tracing service over HTTPS. ``ports.WorldTracer`` describes the methods.

    Args:
        endpoint: base address of the services.
        api_key: key of every call.
        airline: designator of the calling airline.
        mock: whether a mock is at that address. A response that is labelled as a mock's counts as well.
        agent: agent of every call.
        connect_seconds: limit for establishing a connection.
        read_seconds: limit for a response.
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
        """Closes the connections."""
        await self._transport.close()

    async def ping(self) -> None:
        """Returns if WorldTracer responds and accepts our key."""
        response = await self._call(TRACING, "WTR_PingRQ", {}, repeatable=True)
        wire.content_of(response, "WTR_PingRS")

    async def create_pir(
        self, baggage_data: BaggageData, passenger_data: PassengerData, *, our_key: str
    ) -> TracingResult:
        """Creates a file."""
        service, message = _call_for(CREATES, baggage_data.file_type)
        old = baggage_data.recreated_from
        content = {
            "RefStationAirline": {"StationCode": baggage_data.station, "AirlineCode": baggage_data.airline},
            "TracingOption": baggage_data.tracing,
            "FurtherInfo": our_key,
            **wire.bags_group(baggage_data.bags),
            **non_empty(
                **wire.passenger_elements(passenger_data),
                BagItinerary=wire.itinerary(baggage_data.flights),
                RouteStations=list(baggage_data.routing),
                StorageLocation=baggage_data.storage_location,
                Remarks=baggage_data.remarks,
            ),
            **not_none(RecreatedFrom=None if old is None else wire.record_reference(old)),
        }
        return self._created(await self._call(service, message, content, repeatable=False))

    async def update_pir(
        self, pir_number: str, updates: FileUpdates, *, file_type: FileType = FileType.DELAYED
    ) -> TracingResult:
        """Changes the elements of a file."""
        service, message = _call_for(UPDATES, file_type)
        content = {
            "RecordID": wire.record_id(pir_number, file_type),
            **({} if updates.bags is None else wire.bags_group(updates.bags)),
            **({} if updates.passenger is None else wire.passenger_elements(updates.passenger)),
            **not_none(
                BagItinerary=None if updates.flights is None else wire.itinerary(updates.flights),
                StorageLocation=updates.storage_location,
                Remarks=updates.remarks,
                ReasonForLoss=updates.reason_for_loss,
                FaultStation=updates.fault_station,
            ),
        }
        return self._updated(await self._call(service, message, content, repeatable=True), pir_number)

    async def search_bags(self, criteria: SearchCriteria) -> list[TracedFile]:
        """Files that match all criteria."""
        content = {
            **not_none(
                BagTag=None if criteria.tag is None else {"TagSequence": criteria.tag},
                PassengerName=criteria.surname,
                FurtherInfo=criteria.our_key,
                StationCode=criteria.station,
            ),
            **non_empty(RecordType=[wire.RECORD_TYPES[file_type] for file_type in criteria.file_types]),
        }
        response = await self._call(TRACING, "WTR_SearchRecordsRQ", content, repeatable=True)
        with wire.parsing(response):
            records = wire.content_of(response, "WTR_SearchRecordsRS")["Record"]
            return [wire.file_found(found, mock=self._is_mock(response)) for found in records]

    async def match_found_bags(self, bag_description: BagDescription) -> list[TracingMatch]:
        """Open files that may be about a found bag."""
        bag = TracedBag(
            bag_description.tag, bag_description.colour_type, bag_description.brand, bag_description.contents
        )
        content = {
            "Bag": wire.bag_element(bag),
            **non_empty(
                PassengerName=bag_description.surname,
                BagItinerary=wire.itinerary(bag_description.flights),
                RouteStations=list(bag_description.routing),
            ),
        }
        response = await self._call(TRACING, "WTR_MatchBagsRQ", content, repeatable=True)
        with wire.parsing(response):
            matches = wire.content_of(response, "WTR_MatchBagsRS")["Match"]
            return [wire.match_found(found, mock=self._is_mock(response)) for found in matches]

    async def get_pir_status(self, pir_number: str, *, file_type: FileType = FileType.DELAYED) -> TracingStatus:
        """Status of a file."""
        service, reply_message = _call_for(READS, file_type)
        content = {"RecordID": wire.record_id(pir_number, file_type)}
        response = await self._call(service, "WTR_ReadRecordRQ", content, repeatable=True)
        with wire.parsing(response):
            return wire.status_found(wire.content_of(response, reply_message), mock=self._is_mock(response))

    async def suspend(self, pir_number: str, bags: Sequence[int]) -> TracingResult:
        """Suspends tracing of these bags."""
        return await self._set_tracing(pir_number, bags, "WTR_SuspendTracingRQ")

    async def reinstate(self, pir_number: str, bags: Sequence[int]) -> TracingResult:
        """Resumes tracing of these bags."""
        return await self._set_tracing(pir_number, bags, "WTR_ReinstateTracingRQ")

    async def forward(
        self, pir_number: str, forwarding: Forwarding, *, our_key: str, file_type: FileType = FileType.DELAYED
    ) -> TracingResult:
        """Creates a forward file."""
        rush_tag = forwarding.rush_tag
        content = {
            "RefStationAirline": {"StationCode": forwarding.station, "AirlineCode": forwarding.airline},
            "RecordID": wire.record_id(pir_number, file_type),
            "FurtherInfo": our_key,
            **wire.bags_group((TracedBag(forwarding.tag, forwarding.colour_type),)),
            **non_empty(PassengerName=forwarding.surname, BagItinerary=wire.itinerary(forwarding.flights)),
            **not_none(
                RushBagTag=None if rush_tag is None else {"TagSequence": rush_tag},
                ReasonForLoss=forwarding.reason_for_loss,
                FaultStation=forwarding.fault_station,
            ),
        }
        return self._created(await self._call(RUSH, "WTR_RushBagCreateRQ", content, repeatable=False))

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
        service, message = _call_for(CLOSES, file_type)
        content = {
            "RecordID": wire.record_id(pir_number, file_type),
            **not_none(ReasonForLoss=reason_for_loss, FaultStation=fault_station),
            **non_empty(Remarks=remarks),
        }
        return self._updated(await self._call(service, message, content, repeatable=False), pir_number)

    async def _set_tracing(self, pir_number: str, bags: Sequence[int], message: str) -> TracingResult:
        content = {"RecordID": wire.record_id(pir_number, FileType.DELAYED), "BagSequence": list(bags)}
        return self._updated(await self._call(DELAYED, message, content, repeatable=True), pir_number)

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
        except ErrorResponse as rejection:
            if rejection.response.status in ACCOUNT_REJECTED:
                # No file is at fault: pending calls succeed once the account is repaired.
                raise Unavailable(PARTNER, f"{rejection.reason}: the account was rejected", ACCOUNT_SECONDS) from None
            raise wire.refusal(rejection) from rejection

    def _is_mock(self, response: PartnerResponse) -> bool:
        return self.mock or "x-mock" in response.headers

    def _created(self, response: PartnerResponse) -> TracingResult:
        with wire.parsing(response):
            content = wire.content_of(response, "WTR_BagsCreateRS")
            reference = wire.reference(content["RecordID"]["RecordReference"])
            return TracingResult(reference, wire.warnings(content), self._is_mock(response))

    def _updated(self, response: PartnerResponse, reference: str) -> TracingResult:
        with wire.parsing(response):
            warnings = wire.warnings(wire.content_of(response, "WTR_StatusRS"))
            return TracingResult(reference, warnings, self._is_mock(response))


def _call_for(calls: Mapping[FileType, tuple[str, str]], file_type: FileType) -> tuple[str, str]:
    """Service and message for files of that type.

    Raises:
        Refused: no such call exists; a forward file is never created, updated or closed by these calls.
    """
    if file_type not in calls:
        raise Refused(PARTNER, f"not sent: no such call for a {file_type} file")
    return calls[file_type]
