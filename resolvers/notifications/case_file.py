"""Dossiers: a file with everything that a partner may have to be told of it, as it stands now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from integrations.records.airports import Airport
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
MOST_CONTENTS = 40
# WorldTracer's carrier of a flight that nobody knows: YY/20SEP.
UNKNOWN_FLIGHT = "YY"


@dataclass(frozen=True, slots=True)
class CaseFile:
    """One file, its bags and their flights, its passenger, and the places that they name.

    Args:
        itinerary: the flights that the first known bag was booked on, in travel order.
        issuers: designators of those who issued the tags, by accounting code.
        old_reference: of the closed file that this one takes the place of.
        deadlines: what the law counts for it.
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
        """What WorldTracer calls a file of this kind."""
        return FILE_TYPES[PirKind(self.pir.kind)]

    @property
    def language(self) -> str:
        """What the passenger is written to in; empty where nobody knows."""
        return self.pir.language or (self.passenger.language if self.passenger else "")

    @property
    def phone(self) -> str | None:
        """Where short messages go."""
        return self.pir.phone or (self.passenger.phone if self.passenger else None)

    @property
    def email(self) -> str | None:
        """Where emails go."""
        return self.pir.email or (self.passenger.email if self.passenger else None)

    @property
    def destination(self) -> str:
        """Where the passenger waits for the bag."""
        return self.pir.destination or self.pir.station

    @property
    def zone(self) -> ZoneInfo:
        """The clock of the passenger's place."""
        airport = self.airports.get(self.destination)
        return ZoneInfo(airport.time_zone if airport else "UTC")

    def chosen(self, seqs: Sequence[int] | None) -> Sequence[PirBag]:
        """The bags of these places in the file; all where none are named."""
        return [bag for bag in self.bags if bag.seq in seqs] if seqs else self.bags


async def load(records: Reader, installation: Installation, pir_id: int) -> CaseFile | None:
    """The dossier of a file, None where there is no such file. The number of statements does not depend on it."""
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


def baggage_data(dossier: CaseFile) -> BaggageData:
    """What a new WorldTracer file says of the bags."""
    route = [flight.origin for flight in dossier.itinerary] + [flight.destination for flight in dossier.itinerary[-1:]]
    found = dossier.flights.get(dossier.pir.found_flight_id) if dossier.pir.found_flight_id is not None else None
    named = [traced_flight(flight) for flight in ([found] if found else dossier.itinerary)]
    if dossier.file_type is FileType.ON_HAND:
        # A found bag's file needs a flight and a way, whether they are known or not.
        named = named or [TracedFlight(UNKNOWN_FLIGHT, None, dossier.pir.opened_at.astimezone(dossier.zone).date())]
        route = route or [dossier.pir.station]
    return BaggageData(
        file_type=dossier.file_type,
        station=dossier.pir.station,
        airline=dossier.installation.designator,
        bags=tuple(traced_bag(bag) for bag in dossier.bags),
        flights=tuple(named),
        routing=tuple(route),
        storage_location=dossier.pir.storage_location or "",
        recreated_from=dossier.old_reference if dossier.pir.link == "RECREATED" else None,
    )


def file_updates(dossier: CaseFile) -> FileUpdates:
    """What a WorldTracer file says now."""
    reason = dossier.pir.reason_for_loss
    return FileUpdates(
        bags=tuple(traced_bag(bag) for bag in dossier.bags),
        passenger=passenger_data(dossier),
        storage_location=dossier.pir.storage_location,
        reason_for_loss=int(reason) if reason else None,
        fault_station=dossier.pir.fault_station,
    )


def passenger_data(dossier: CaseFile) -> PassengerData:
    """Whose bags they are; all empty where nobody knows."""
    passenger = dossier.passenger
    if passenger is None:
        return PassengerData(surname=teletype(dossier.bags[0].name_on_bag) if dossier.bags else "")
    return PassengerData(
        surname=teletype(passenger.surname),
        given_names=teletype(passenger.given_names),
        locator=passenger.locator or "",
        frequent_flyer=passenger.loyalty_number or "",
        phone=dossier.phone or "",
        email=dossier.email or "",
        temporary_address=dossier.pir.delivery_address or "",
        language=dossier.language.lower(),
    )


def traced_bag(bag: PirBag) -> TracedBag:
    """A bag as WorldTracer describes it."""
    contents = tuple(part.strip() for part in bag.contents.replace("\n", ",").split(",") if part.strip())
    return TracedBag(
        tag=bag.tag,
        colour_type=bag.description,
        brand=bag.brand,
        contents=contents[:MOST_CONTENTS],
        damage=bag.damage,
    )


def traced_flight(flight: FlightColumns) -> TracedFlight:
    """A flight as WorldTracer names it."""
    return TracedFlight(flight.carrier, flight.number, flight.departure_date, flight.origin, flight.destination)


def forwarding(dossier: CaseFile, bag: PirBag) -> Forwarding:
    """A bag that is flown again without its passenger."""
    flight = dossier.flights.get(bag.forward_flight_id) if bag.forward_flight_id is not None else None
    reason = dossier.pir.reason_for_loss or dossier.pir.proposed_reason
    return Forwarding(
        station=flight.origin if flight else bag.located_airport or dossier.pir.station,
        airline=dossier.installation.designator,
        tag=bag.tag,
        rush_tag=bag.rush_tag,
        flights=(traced_flight(flight),) if flight else (),
        colour_type=bag.description,
        surname=passenger_data(dossier).surname,
        reason_for_loss=int(reason) if reason else None,
        fault_station=dossier.pir.fault_station or dossier.pir.proposed_station,
    )


def milestone(dossier: CaseFile, seqs: Sequence[int] | None) -> Milestone:
    """What the passenger is told of, for these bags of the file or all of them."""
    bags = dossier.chosen(seqs)
    last = bags[-1] if bags else None
    flight = dossier.flights.get(last.forward_flight_id) if last and last.forward_flight_id is not None else None
    station = dossier.airports.get(dossier.destination)
    place = dossier.airports.get(last.located_airport) if last and last.located_airport else None
    window = (last.window_start, last.window_end) if last and last.window_start and last.window_end else None
    return Milestone(
        airline=dossier.installation.brand,
        station=dossier.destination,
        zone=dossier.zone,
        tags=tuple(printed_form(bag.tag, dossier.issuers.get(bag.tag[1:4])) for bag in bags if bag.tag),
        reference=dossier.pir.reference,
        station_city=station.city if station else None,
        surname=dossier.passenger.surname if dossier.passenger else None,
        place=place.iata if place else None,
        place_city=place.city if place else None,
        flight=flight.designator if flight else None,
        flight_date=flight.departure_date if flight else None,
        window=window,
        courier=last.courier if last else None,
        damage_claim_by=_day(dossier.deadlines.damage_complaint),
        delay_claim_by=_day(dossier.deadlines.delay_complaint),
        suit_by=_day(dossier.deadlines.suit),
        liability_limit_sdr=dossier.deadlines.liability_limit_sdr,
        tracking_url=dossier.installation.tracking_url,
    )


def _day(deadline: Deadline | None) -> date | None:
    return deadline.date if deadline else None
