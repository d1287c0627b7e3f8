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


@strawberry.type(description="Bag of a PIR, as described by the passenger, and its state in the PIR.")
class DescribedBag:
    """Values are ``integrations.records.pirs.PirBag``."""

    seq: int = strawberry.field(description="Position in the PIR, from 1.")
    state: PirBagState = strawberry.field(description="State of the bag in the PIR.")
    tag: str | None = strawberry.field(description="Ten-digit tag number that the PIR cites; null if unknown.")
    rush_tag: str | None = strawberry.field(
        description="Ten-digit number of the rush tag that the bag is forwarded under; null if it has none."
    )
    description: str = strawberry.field(
        description="Colour, type and descriptors as CCTTDDD (IATA Resolution 743b): BK22RHW."
    )
    brand: str = strawberry.field(description="Brand; empty if unknown.")
    damage: str = strawberry.field(description="Damage or missing contents; empty for other PIRs.")
    located_airport: str | None = strawberry.field(
        description="IATA code of the airport where the bag was found; null until then."
    )
    courier: str | None = strawberry.field(description="Delivery company; null until a delivery is arranged.")
    window_start: datetime | None = strawberry.field(
        description="Start of the delivery window; null until a delivery is arranged."
    )
    window_end: datetime | None = strawberry.field(
        description="End of the delivery window; null until a delivery is arranged."
    )
    delivered_at: datetime | None = strawberry.field(
        description="When the passenger received the bag; null until then."
    )

    contents: str | None = masked(
        passengers.personal, description="Contents of the bag; null for roles without access to personal data."
    )
    name_on_bag: str | None = masked(
        passengers.personal, description="Name on the bag; null for roles without access to personal data."
    )
    bag: LazyBag | None = batched(bags.of_described, description="The bag; null if it is unknown.")
    forward_flight: Flight | None = batched(
        flights.of_forwarded, description="Flight that the bag is forwarded on; null until it is forwarded."
    )
    matched_pir: LazyPir | None = batched(
        pirs.matched,
        description="PIR of the confirmed match: the delayed bag's for a found bag, and the found bag's for a "
        "delayed one; null without a confirmed match.",
    )


@strawberry.type(description="Legal deadline, in local calendar days of the destination.")
class Deadline:
    """Values are ``resolvers.rules.deadlines.Deadline``."""

    date: day = strawberry.field(description="Last day.")
    ends_at: datetime = strawberry.field(description="End of the last day.")
    zone: str = strawberry.field(
        description="Time zone in which the days are counted: America/Panama; UTC if the destination is unknown."
    )


@strawberry.type(description="Legal deadlines of a PIR.")
class Deadlines:
    """Values are ``resolvers.rules.deadlines.Deadlines``."""

    damage_complaint: Deadline | None = strawberry.field(
        description="Deadline for a complaint about damage: 7 days from delivery; null for a PIR of another kind."
    )
    delay_complaint: Deadline | None = strawberry.field(
        description="Deadline for a complaint about delay: 21 days from delivery; null until delivery, and for a "
        "PIR of another kind."
    )
    deemed_lost: Deadline | None = strawberry.field(
        description="Day after which the bag counts as lost: 21 days from expected arrival; null for a PIR of "
        "another kind."
    )
    suit: Deadline | None = strawberry.field(
        description="Deadline for legal action: two years from expected arrival; null for a found bag."
    )
    regime: LiabilityRegime = strawberry.field(description="Law that governs the carriage.")
    note: str = strawberry.field(description="Explanation of the governing law in a sentence.")
    liability_limit_sdr: int | None = strawberry.field(
        description="Limit of liability in special drawing rights; null for domestic carriage, and if unknown."
    )


@strawberry.type(description="Fact that supports a proposed reason for loss.")
class ReasonEvidence:
    """Values are entries of ``integrations.records.pirs.Pir.evidence``."""

    name: FactName = read(itemgetter("name"), description="Kind of fact.")
    value: str = read(itemgetter("value"), description="Value: a flight, a station, a number of minutes.")
    at: datetime | None = read(fault.fact_time, description="When it happened; null if the fact has no timestamp.")


@strawberry.type(description="Reason for loss proposed from the journey of a bag.")
class ProposedReason:
    """Values are ``integrations.records.pirs.Pir`` with a proposal."""

    reason_for_loss: str = read(
        lambda pir: pir.proposed_reason or "", description="Reason for loss: a code of the IATA list."
    )
    fault_station: str = read(lambda pir: pir.proposed_station or "", description="IATA code of the station at fault.")
    evidence: list[ReasonEvidence] = strawberry.field(description="Facts that support the proposal.")


@strawberry.type(description="Entry of the history of a PIR.")
class PirEntry:
    """Values are ``integrations.records.pirs.PirEvent``."""

    seq: int = strawberry.field(description="Version of the PIR after the entry.")
    at: datetime = strawberry.field(description="When the entry was made.")
    actor: str = strawberry.field(description="Actor who made the entry.")
    action: PirAction = strawberry.field(description="Action of the entry.")
    bags: list[int] = strawberry.field(description="Positions of the bags whose state changed.")
    to_state: PirBagState | None = strawberry.field(description="New state of these bags; null if no state changed.")

    comment: str | None = masked(
        passengers.personal, description="Comment; null for roles without access to personal data."
    )


@strawberry.type(description="Property irregularity report (PIR) about a delayed, damaged, pilfered or found bag.")
class Pir(Node, record=records.Pir, load=pirs.by_ids):
    """Values are ``integrations.records.pirs.Pir``."""

    reference: str | None = strawberry.field(
        description="WorldTracer reference of station, airline and five digits; null until WorldTracer has assigned it."
    )
    kind: PirKind = strawberry.field(description="Kind of irregularity.")
    status: PirStatus = strawberry.field(description="Status of the PIR.")
    version: int = strawberry.field(
        description="Version of the PIR, from 1; each change increments it. Send it with a change to have a "
        "conflict rejected."
    )
    station: str = strawberry.field(description="IATA code of the station that opened the PIR.")
    destination: str | None = strawberry.field(
        description="IATA code of the airport where the passenger waits; null for a found bag, and if unknown."
    )
    opened_at: datetime = strawberry.field(description="When the PIR was opened.")
    updated_at: datetime = strawberry.field(description="When the PIR was last changed.")
    closed_at: datetime | None = strawberry.field(description="When the PIR was closed; null while it is open.")
    expected_arrival_at: datetime | None = strawberry.field(
        description="When the bags should have arrived; null if unknown."
    )
    delivered_at: datetime | None = strawberry.field(
        description="When the passenger had received all bags; null until then."
    )
    due_at: datetime | None = strawberry.field(
        description="End of the next legal deadline that still matters; null for a closed PIR and a found bag."
    )
    assignee: str | None = strawberry.field(description="Agent who works on the PIR; null if it is not assigned.")
    reason_for_loss: str | None = strawberry.field(
        description="Reason for loss decided by an agent: a code of the IATA list; null until then."
    )
    fault_station: str | None = strawberry.field(
        description="IATA code of the station at fault, decided by an agent; null until then."
    )
    storage_location: str | None = strawberry.field(description="Storage location of a found bag; null if unknown.")
    link: PirLink | None = strawberry.field(description="Why the PIR follows an earlier one; null if it follows none.")

    remarks: str | None = masked(
        passengers.personal, description="Local remarks; null for roles without access to personal data."
    )
    delivery_address: str | None = masked(
        passengers.personal,
        description="Delivery address; null if unknown, and for roles without access to personal data.",
    )
    proposal: ProposedReason | None = read(
        pirs.proposed, description="Reason for loss proposed from the journey; null if the journey proves none."
    )

    @strawberry.field(
        description="Path of a printable form (PDF), valid for 15 minutes; null for roles without access to personal "
        "data."
    )
    def printable(
        parent: strawberry.Parent[records.Pir],
        info: Info,
        language: Annotated[Language, strawberry.argument(description="Language of the form.")] = Language.ES,
        paper: Annotated[PaperSize, strawberry.argument(description="Paper size.")] = PaperSize.A4,
    ) -> str | None:
        """Returns a signed link."""
        if not info.context.actor.sees_personal_data:
            return None
        return pir_pdf_link.link(info.context, parent.id, language, paper)

    opened_at_local: LocalTime | None = batched(
        local_times.of_pirs,
        description="When the PIR was opened, in the local time of the station; null if the station is unknown.",
    )
    station_airport: Airport | None = batched(
        airports.of_stations, description="Airport of the station; null if its code is unknown."
    )
    passenger: Passenger | None = batched(
        passengers.of_owned, description="Passenger; null for a found bag, and if unknown."
    )
    bags: list[LazyBag] = batched(bags.of_pirs, description="Known bags of the PIR, in its order.")
    described_bags: list[DescribedBag] = batched(
        pirs.descriptions, description="Bags of the PIR as described, in its order."
    )
    deadlines: Deadlines = batched(pirs.deadlines_of, description="Legal deadlines.")
    history: list[PirEntry] = batched(pirs.history, description="History in order.")
    effects: list[Effect] = batched(effects.of_pirs, description="Effects of the PIR, in order of request.")
    matches: list[Match] = batched(
        matches.of_pirs,
        description="Proposed, confirmed and rejected matches with found or missing bags, best first.",
        arguments={"first": "Number of matches, 1 to 50."},
    )
    previous: LazyPir | None = batched(pirs.previous, description="PIR that this one follows; null if it follows none.")
    followed_by: list[LazyPir] = batched(pirs.followed_by, description="PIRs that follow this one.")
