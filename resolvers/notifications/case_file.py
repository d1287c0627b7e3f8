"""Case files: the current content of a PIR with everything that a partner may need of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from integrations.records.airports import Airport, zone_at
from integrations.records.flights import FlightColumns
from integrations.records.passengers import Passenger, teletype
from integrations.records.pirs import Pir, PirBag, PirKind
from integrations.records.tags import printed_form
from integrations.records.tracing import (
    BaggageData,
    FileType,
    FileUpdates,
    Forwarding,
    PassengerData,
    TracedBag,
    TracedFlight,
)
from integrations.stores.postgres import airports, flights, liability, passengers, pirs
from integrations.stores.postgres.manager import Reader
from resolvers.installation import Installation
from resolvers.notifications.render import Milestone
from resolvers.rules import deadlines
from resolvers.rules.deadlines import Deadline, Deadlines

FILE_TYPES = {
    PirKind.DELAYED: FileType.DELAYED,
    PirKind.DAMAGED: FileType.DAMAGED,
    PirKind.PILFERED: FileType.DAMAGED,
    PirKind.ON_HAND: FileType.ON_HAND,
}
MAX_CONTENTS = 40
# WorldTracer's carrier code for an unknown flight: YY/20SEP.
UNKNOWN_FLIGHT = "YY"


@dataclass(frozen=True, slots=True)
class CaseFile:
    """One PIR with its bags and their flights, its passenger, and the airports that they name.

    Args:
        itinerary: planned flights of the first known bag, in travel order.
        flights: by id.
        airports: by IATA code.
        issuers: designators of the issuers of the tags, by accounting code.
        old_reference: reference of the closed PIR that this one replaces; None without one.
        deadlines: legal deadlines of the PIR.
    """

    installation: Installation
    pir: Pir
    bags: Sequence[PirBag]
    passenger: Passenger | None
    itinerary: Sequence[FlightColumns]
    flights: Mapping[int, FlightColumns]
    airports: Mapping[str, Airport]
    issuers: Mapping[str, str]
    old_reference: str | None
    deadlines: Deadlines

    @property
    def file_type(self) -> FileType:
        """WorldTracer's file type for this kind of PIR."""
        return FILE_TYPES[PirKind(self.pir.kind)]

    @property
    def language(self) -> str:
        """The passenger's language; empty if unknown."""
        return self.pir.language or (self.passenger.language if self.passenger else "")

    @property
    def phone(self) -> str | None:
        """Phone number for SMS."""
        return self.pir.phone or (self.passenger.phone if self.passenger else None)

    @property
    def email(self) -> str | None:
        """Email address."""
        return self.pir.email or (self.passenger.email if self.passenger else None)

    @property
    def destination(self) -> str:
        """IATA code of the airport where the passenger waits for the bag."""
        return self.pir.destination or self.pir.station

    @property
    def zone(self) -> ZoneInfo:
        """Time zone of the destination; UTC if the airport is unknown."""
        return zone_at(self.airports, self.destination)

    def chosen(self, seqs: Sequence[int] | None) -> Sequence[PirBag]:
        """The bags with these numbers in the PIR; all bags if none are given."""
        return [bag for bag in self.bags if bag.seq in seqs] if seqs else self.bags


async def load(records: Reader, installation: Installation, pir_id: int) -> CaseFile | None:
    """Loads the case file of a PIR; None if there is no such PIR. The number of statements is constant."""
    airline_id = installation.airline_id
    found = await pirs.by_id(records, airline_id, [pir_id])
    if pir_id not in found:
        return None
    pir = found[pir_id]
    bags = await pirs.descriptions(records, airline_id, [pir_id])
    owner = pir.passenger_id
    passenger = (await passengers.by_id(records, airline_id, [owner])).get(owner) if owner is not None else None
    known = [bag.bag_id for bag in bags if bag.bag_id is not None]
    legs = await flights.legs_of_bags(records, airline_id, known[:1])
    others = {bag.forward_flight_id for bag in bags if bag.forward_flight_id is not None}
    others |= {pir.found_flight_id} if pir.found_flight_id is not None else set()
    named: dict[int, FlightColumns] = dict(await flights.by_id(records, airline_id, sorted(others)))
    previous = await pirs.by_id(records, airline_id, [pir.previous_id]) if pir.previous_id is not None else {}
    places = {
        pir.station,
        pir.destination or pir.station,
        *filter(None, (pir.origin, *(bag.located_airport for bag in bags))),
    }
    named_places = await airports.by_code(records, sorted(places))
    return CaseFile(
        installation=installation,
        pir=pir,
        bags=bags,
        passenger=passenger,
        itinerary=legs,
        flights=named,
        airports=named_places,
        issuers=await airports.issuers(records, sorted({bag.tag[1:4] for bag in bags if bag.tag})),
        old_reference=next((old.reference for old in previous.values()), None),
        deadlines=await _deadlines(records, pir, named_places),
    )


async def _deadlines(records: Reader, pir: Pir, places: Mapping[str, Airport]) -> Deadlines:
    bound = await liability.parties(records, sorted({place.country_code for place in places.values()}))
    return deadlines.of_pir(pir, places, bound, await liability.limits(records))


def baggage_data(case: CaseFile) -> BaggageData:
    """The bags of a new WorldTracer file."""
    route = [flight.origin for flight in case.itinerary] + [flight.destination for flight in case.itinerary[-1:]]
    found = case.flights.get(case.pir.found_flight_id) if case.pir.found_flight_id is not None else None
    named = [traced_flight(flight) for flight in ([found] if found else case.itinerary)]
    if case.file_type is FileType.ON_HAND:
        # The file of a found bag needs a flight and a routing even if they are unknown.
        named = named or [TracedFlight(UNKNOWN_FLIGHT, None, case.pir.opened_at.astimezone(case.zone).date())]
        route = route or [case.pir.station]
    return BaggageData(
        file_type=case.file_type,
        station=case.pir.station,
        airline=case.installation.designator,
        bags=tuple(traced_bag(bag) for bag in case.bags),
        flights=tuple(named),
        routing=tuple(route),
        storage_location=case.pir.storage_location or "",
        recreated_from=case.old_reference if case.pir.link == "RECREATED" else None,
    )


def file_updates(case: CaseFile) -> FileUpdates:
    """The current content of a WorldTracer file."""
    reason = case.pir.reason_for_loss
    return FileUpdates(
        bags=tuple(traced_bag(bag) for bag in case.bags),
        passenger=passenger_data(case),
        storage_location=case.pir.storage_location,
        reason_for_loss=int(reason) if reason else None,
        fault_station=case.pir.fault_station,
    )


def passenger_data(case: CaseFile) -> PassengerData:
    """The passenger of a WorldTracer file; empty if unknown, except for a name on the bag."""
    passenger = case.passenger
    if passenger is None:
        return PassengerData(surname=teletype(case.bags[0].name_on_bag) if case.bags else "")
    return PassengerData(
        surname=teletype(passenger.surname),
        given_names=teletype(passenger.given_names),
        locator=passenger.locator or "",
        frequent_flyer=passenger.loyalty_number or "",
        phone=case.phone or "",
        email=case.email or "",
        temporary_address=case.pir.delivery_address or "",
        language=case.language.lower(),
    )


def traced_bag(bag: PirBag) -> TracedBag:
    """A bag in WorldTracer's form."""
    contents = tuple(part.strip() for part in bag.contents.replace("\n", ",").split(",") if part.strip())
    return TracedBag(
        tag=bag.tag,
        colour_type=bag.description,
        brand=bag.brand,
        contents=contents[:MAX_CONTENTS],
        damage=bag.damage,
    )


def traced_flight(flight: FlightColumns) -> TracedFlight:
    """A flight in WorldTracer's form."""
    return TracedFlight(flight.carrier, flight.number, flight.departure_date, flight.origin, flight.destination)


def forwarding(case: CaseFile, bag: PirBag) -> Forwarding:
    """The forwarding of a bag, which flies again without its passenger."""
    flight = case.flights.get(bag.forward_flight_id) if bag.forward_flight_id is not None else None
    reason = case.pir.reason_for_loss or case.pir.proposed_reason
    return Forwarding(
        station=flight.origin if flight else bag.located_airport or case.pir.station,
        airline=case.installation.designator,
        tag=bag.tag,
        rush_tag=bag.rush_tag,
        flights=(traced_flight(flight),) if flight else (),
        colour_type=bag.description,
        surname=passenger_data(case).surname,
        reason_for_loss=int(reason) if reason else None,
        fault_station=case.pir.fault_station or case.pir.proposed_station,
    )


def milestone(case: CaseFile, seqs: Sequence[int] | None) -> Milestone:
    """The content of a message to the passenger about some bags of the PIR, or about all of them."""
    bags = case.chosen(seqs)
    last = bags[-1] if bags else None
    flight = case.flights.get(last.forward_flight_id) if last and last.forward_flight_id is not None else None
    station = case.airports.get(case.destination)
    place = case.airports.get(last.located_airport) if last and last.located_airport else None
    window = (last.window_start, last.window_end) if last and last.window_start and last.window_end else None
    return Milestone(
        airline=case.installation.brand,
        station=case.destination,
        zone=case.zone,
        tags=tuple(printed_form(bag.tag, case.issuers.get(bag.tag[1:4])) for bag in bags if bag.tag),
        reference=case.pir.reference,
        station_city=station.city if station else None,
        surname=case.passenger.surname if case.passenger else None,
        place=last.located_airport if last else None,
        place_city=place.city if place else None,
        flight=flight.designator if flight else None,
        flight_date=flight.departure_date if flight else None,
        window=window,
        courier=last.courier if last else None,
        damage_claim_by=_day(case.deadlines.damage_complaint),
        delay_claim_by=_day(case.deadlines.delay_complaint),
        suit_by=_day(case.deadlines.suit),
        liability_limit_sdr=case.deadlines.liability_limit_sdr,
        tracking_url=case.installation.tracking_url,
    )


def _day(deadline: Deadline | None) -> date | None:
    return deadline.date if deadline else None
