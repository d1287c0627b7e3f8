"""Property irregularity reports."""

from datetime import date as day  # a field is called `date`
from datetime import datetime
from operator import itemgetter
from typing import Annotated

import strawberry

from integrations.records import pirs as records
from integrations.records.passengers import Language
from integrations.records.pirs import LiabilityRegime, PirAction, PirBagState, PirKind, PirLink, PirStatus
from resolvers import airports, bags, effects, flights, local_times, matches, passengers, pirs
from resolvers.context import Context
from resolvers.documents import pir_pdf_link
from resolvers.documents.pir_pdf import PaperSize
from resolvers.rules import fault
from resolvers.rules.fault import FactName
from schema.fields.batching import batched, masked, read
from schema.fields.node import Node
from schema.types.airport import Airport, LocalTime
from schema.types.effect import Effect
from schema.types.flight import Flight
from schema.types.match import Match
from schema.types.passenger import Passenger
from schema.types.refs import LazyBag, LazyPir

Info = strawberry.Info[Context, None]


@strawberry.type(description="One bag of a file: as it was described, and where it stands in the file's work.")
class DescribedBag:
    """Values are ``integrations.records.pirs.PirBag``."""

    seq: int = strawberry.field(description="Place in the file, from 1.")
    state: PirBagState = strawberry.field(description="Where it stands in the file's work.")
    tag: str | None = strawberry.field(description="The tag that the file cites: ten digits; null where unknown.")
    rush_tag: str | None = strawberry.field(description="The tag it is forwarded under.")
    description: str = strawberry.field(
        description="Colour, type and descriptors as CCTTDDD (IATA Resolution 743b): BK22RHW."
    )
    brand: str = strawberry.field(description="Brand; empty where unknown.")
    damage: str = strawberry.field(description="What is damaged or missing; empty for other files.")
    located_airport: str | None = strawberry.field(description="IATA code of the airport where it was found.")
    courier: str | None = strawberry.field(description="Who delivers it.")
    window_start: datetime | None = strawberry.field(description="When its delivery begins.")
    window_end: datetime | None = strawberry.field(description="When its delivery ends.")
    delivered_at: datetime | None = strawberry.field(description="When the passenger got it.")

    contents: str | None = masked(
        passengers.personal, description="What is inside; null for roles that do not meet passengers."
    )
    name_on_bag: str | None = masked(
        passengers.personal, description="The name on the bag; null for roles that do not meet passengers."
    )
    bag: LazyBag | None = batched(bags.of_described, description="The bag itself, where it is known.")
    forward_flight: Flight | None = batched(flights.of_forwarded, description="The flight that brings it.")
    matched_pir: LazyPir | None = batched(
        pirs.matched, description="The file it was found to belong to: of a found bag the delayed one's, or back."
    )


@strawberry.type(description="A legal deadline: the last day, on the clock of the destination.")
class Deadline:
    """Values are ``resolvers.rules.deadlines.Deadline``."""

    date: day = strawberry.field(description="The last day.")
    ends_at: datetime = strawberry.field(description="When that day is over.")
    zone: str = strawberry.field(description="The zone whose days are counted: America/Panama.")


@strawberry.type(description="What the law counts for a file; null where it does not count, or not yet.")
class Deadlines:
    """Values are ``resolvers.rules.deadlines.Deadlines``."""

    damage_complaint: Deadline | None = strawberry.field(description="For a complaint about damage: 7 days.")
    delay_complaint: Deadline | None = strawberry.field(
        description="For a complaint about the delay: 21 days from delivery; null until then."
    )
    deemed_lost: Deadline | None = strawberry.field(description="After it the bag counts as lost: 21 days.")
    suit: Deadline | None = strawberry.field(description="For legal action: two years.")
    regime: LiabilityRegime = strawberry.field(description="Which law governs the carriage.")
    note: str = strawberry.field(description="The same in a sentence.")
    liability_limit_sdr: int | None = strawberry.field(description="Limit of liability in special drawing rights.")


@strawberry.type(description="One thing that the records say of a loss.")
class ReasonEvidence:
    """Values are entries of ``integrations.records.pirs.Pir.evidence``."""

    name: FactName = read(itemgetter("name"), description="What it is about.")
    value: str = read(itemgetter("value"), description="A flight, a station, a number of minutes.")
    at: datetime | None = read(fault.fact_time, description="When it happened; null for what has no moment.")


@strawberry.type(description="Why a bag was lost, proposed from its journey.")
class ProposedReason:
    """Values are ``integrations.records.pirs.Pir`` with a proposal."""

    reason_for_loss: str = read(
        lambda pir: pir.proposed_reason or "", description="Reason for loss: a code of IATA's list."
    )
    fault_station: str = read(
        lambda pir: pir.proposed_station or "", description="IATA code of the station that is at fault."
    )
    evidence: list[ReasonEvidence] = strawberry.field(description="Every fact that it rests on.")


@strawberry.type(description="One entry of a file's history.")
class PirEntry:
    """Values are ``integrations.records.pirs.PirEvent``."""

    seq: int = strawberry.field(description="Its place, which is the version that the file got by it.")
    at: datetime = strawberry.field(description="When it was done.")
    actor: str = strawberry.field(description="Who did it, by technical name.")
    action: PirAction = strawberry.field(description="What was done.")
    bags: list[int] = strawberry.field(description="Places of the bags that it moved.")
    to_state: PirBagState | None = strawberry.field(description="What they became.")

    comment: str | None = masked(
        passengers.personal, description="What was said; null for roles that do not meet passengers."
    )


@strawberry.type(description="A property irregularity report: the file of a delayed, damaged, pilfered or found bag.")
class Pir(Node, record=records.Pir, load=pirs.by_ids):
    """Values are ``integrations.records.pirs.Pir``."""

    reference: str | None = strawberry.field(
        description="WorldTracer reference: station, airline and five digits; null until WorldTracer has given it."
    )
    kind: PirKind = strawberry.field(description="What it is about.")
    status: PirStatus = strawberry.field(description="Whether it is being worked on.")
    version: int = strawberry.field(description="Counts its changes; give it back in a change to be told of others'.")
    station: str = strawberry.field(description="IATA code of the station that opened it.")
    destination: str | None = strawberry.field(description="IATA code of the airport where the passenger waits.")
    opened_at: datetime = strawberry.field(description="When it was opened.")
    updated_at: datetime = strawberry.field(description="When it was changed last.")
    closed_at: datetime | None = strawberry.field(description="When it was closed; null while it is open.")
    expected_arrival_at: datetime | None = strawberry.field(description="When the bags should have arrived.")
    delivered_at: datetime | None = strawberry.field(description="When the passenger had all of them.")
    due_at: datetime | None = strawberry.field(
        description="When the next legal deadline that matters for what is still to be done is over."
    )
    assignee: str | None = strawberry.field(description="The agent who works on it.")
    reason_for_loss: str | None = strawberry.field(description="Why the bags were lost, as an agent decided.")
    fault_station: str | None = strawberry.field(description="IATA code of the station at fault, likewise.")
    storage_location: str | None = strawberry.field(description="Where a found bag lies.")
    link: PirLink | None = strawberry.field(description="Why it follows an earlier file.")

    remarks: str | None = masked(
        passengers.personal, description="The file's local remarks; null for roles that do not meet passengers."
    )
    delivery_address: str | None = masked(
        passengers.personal, description="Where it is delivered; null for roles that do not meet passengers."
    )
    proposal: ProposedReason | None = read(
        pirs.proposed, description="Why the bags were lost, as the journey shows; null where it shows nothing."
    )

    @strawberry.field(
        description="Where the file can be printed from (PDF), as a path of this service; good for 15 minutes. "
        "Null for roles that do not meet passengers."
    )
    def printable(
        parent: strawberry.Parent[records.Pir],
        info: Info,
        language: Annotated[Language, strawberry.argument(description="The language of the form.")] = Language.ES,
        paper: Annotated[PaperSize, strawberry.argument(description="The paper.")] = PaperSize.A4,
    ) -> str | None:
        """A signed link."""
        if not info.context.actor.sees_personal_data:
            return None
        return pir_pdf_link.link(info.context, parent.id, language, paper)

    opened_at_local: LocalTime | None = batched(local_times.of_pirs, description="When, on the clock of the station.")
    station_airport: Airport | None = batched(airports.of_stations, description="The station.")
    passenger: Passenger | None = batched(passengers.of_owned, description="Whose bag it is, where known.")
    bags: list[LazyBag] = batched(bags.of_pirs, description="The bags of the file that are known, in its order.")
    described_bags: list[DescribedBag] = batched(pirs.descriptions, description="The bags of the file, in its order.")
    deadlines: Deadlines = batched(pirs.deadlines_of, description="What the law counts for it.")
    history: list[PirEntry] = batched(pirs.history, description="What was done with it, in order.")
    effects: list[Effect] = batched(effects.of_pirs, description="What leaves the product because of it, in order.")
    matches: list[Match] = batched(
        matches.of_pirs,
        description="Found bags that may be its own, or files that a found bag may belong to; the best first.",
        arguments={"first": "The most, 1 to 50."},
    )
    previous: LazyPir | None = batched(pirs.previous, description="The file that it follows.")
    followed_by: list[LazyPir] = batched(pirs.followed_by, description="The files that follow it.")
