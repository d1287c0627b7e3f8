"""Changes: each takes one input and answers with a payload: what changed, and refusals that the caller can act on."""

from typing import Annotated, cast

import strawberry

from integrations.records.events import Scan
from resolvers import bags, flights
from resolvers.actor import Role
from resolvers.context import Context
from resolvers.errors import BadInput, NotFound
from resolvers.ingestion import events
from resolvers.ingestion.events import RecordedScan, ScanOutcome
from schema.fields.batching import batched
from schema.fields.user_errors import UserError, told
from schema.inputs.common import MOST_SCANS, RecordScansInput, ScanInput, UpdateFlightInput
from schema.roots.effects import EffectMutations
from schema.roots.messages import IngestionMutations
from schema.roots.pirs import IrregularityMutations
from schema.roots.transfers import ConnectionMutations
from schema.runtime.errors import ErrorCode
from schema.runtime.permissions import allow
from schema.types.bag import Bag
from schema.types.flight import Flight

Info = strawberry.Info[Context, None]

REFUSALS = {
    ScanOutcome.UNKNOWN_FLIGHT: ("flight", "There is no such flight: check designator, date and origin."),
    ScanOutcome.IN_THE_FUTURE: ("at", "The time lies in the future: check the scanner's clock."),
}


@strawberry.type(description="What became of one scan.")
class ScanResult:
    """Values are ``resolvers.ingestion.events.RecordedScan``."""

    outcome: ScanOutcome = strawberry.field(description="Whether it was stored.")
    event_id: strawberry.ID | None = strawberry.field(description="The event's id; null where the scan was refused.")
    bag: Bag | None = batched(
        bags.of_recorded, description="The bag as it stands now; null where refused or where the tag was unreadable."
    )


@strawberry.type(description="Answer of `recordScans`.")
class RecordScansPayload:
    """One result for each scan."""

    results: list[ScanResult] = strawberry.field(description="One for each scan, in order.")
    user_errors: list[UserError] = strawberry.field(description="Why scans were refused; the others are stored.")
    client_mutation_id: str | None = strawberry.field(description="As it was given.")


@strawberry.type(description="Answer of `updateFlight`.")
class UpdateFlightPayload:
    """The flight after the change."""

    flight: Flight | None = strawberry.field(description="The flight as it is now; null where it was refused.")
    changed: bool = strawberry.field(description="Whether anything was new.")
    moved_bags: int = strawberry.field(description="How many bags stand elsewhere because of it.")
    user_errors: list[UserError] = strawberry.field(description="Why it was refused.")
    client_mutation_id: str | None = strawberry.field(description="As it was given.")


@strawberry.type(description="Everything that can be changed.")
class Mutation(IrregularityMutations, EffectMutations, ConnectionMutations, IngestionMutations):
    """The root of mutations."""

    @strawberry.mutation(
        description="Records scans of bags. Safe to repeat: a scan is known by its content. "
        "Scans may come late, twice and in any order; one of an unknown tag makes the bag.",
        metadata=allow(Role.AGENT, Role.SUPERVISOR, Role.SERVICE, Role.ADMIN),
    )
    async def record_scans(
        self, info: Info, input: Annotated[RecordScansInput, strawberry.argument(description="The scans.")]
    ) -> RecordScansPayload:
        """Stores what can be stored and says what cannot."""
        if not 1 <= len(input.scans) <= MOST_SCANS:
            refusal = BadInput("scans", f"Give between 1 and {MOST_SCANS} scans.")
            return RecordScansPayload(
                results=[], user_errors=[told(refusal)], client_mutation_id=input.client_mutation_id
            )
        read = [_read(part, f"scans[{index}]") for index, part in enumerate(input.scans)]
        outcomes = iter(await events.record(info.context, [scan for scan in read if isinstance(scan, Scan)]))
        results = [next(outcomes) if isinstance(scan, Scan) else RecordedScan(ScanOutcome.INVALID) for scan in read]
        errors = [
            told(scan) if isinstance(scan, BadInput) else _refused(index, result.outcome)
            for index, (scan, result) in enumerate(zip(read, results, strict=True))
            if isinstance(scan, BadInput) or result.outcome in REFUSALS
        ]
        return RecordScansPayload(
            results=cast("list[ScanResult]", results), user_errors=errors, client_mutation_id=input.client_mutation_id
        )

    @strawberry.mutation(
        description="Changes a flight's times, status or gate, and moves the bags that this moves. "
        "Safe to repeat: the same values again change nothing.",
        metadata=allow(Role.SUPERVISOR, Role.SERVICE, Role.ADMIN),
    )
    async def update_flight(
        self, info: Info, input: Annotated[UpdateFlightInput, strawberry.argument(description="The new values.")]
    ) -> UpdateFlightPayload:
        """Changes one flight."""
        try:
            updated = await flights.update(info.context, Flight.key_of(input.flight_id, "flightId"), input.change())
        except (BadInput, NotFound) as refusal:
            return UpdateFlightPayload(
                flight=None,
                changed=False,
                moved_bags=0,
                user_errors=[told(refusal)],
                client_mutation_id=input.client_mutation_id,
            )
        return UpdateFlightPayload(
            flight=cast(Flight, updated.flight),
            changed=updated.changed,
            moved_bags=updated.moved_bags,
            user_errors=[],
            client_mutation_id=input.client_mutation_id,
        )


def _read(part: ScanInput, field: str) -> Scan | BadInput:
    try:
        return part.scan(field)
    except BadInput as refusal:
        return refusal


def _refused(index: int, outcome: ScanOutcome) -> UserError:
    part, message = REFUSALS[outcome]
    return UserError(code=ErrorCode.BAD_USER_INPUT, field=f"scans[{index}].{part}", message=message)
