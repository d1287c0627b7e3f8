"""Root of mutations. Each takes one input and returns a payload: the changed entity, or user errors."""

from collections.abc import Sequence
from typing import NamedTuple, Self, cast

import strawberry

from integrations.records.events import Scan
from resolvers import bags, flights
from resolvers.context import Context
from resolvers.errors import BadInput
from resolvers.ingestion import events
from resolvers.ingestion.events import CLOCK_TOLERANCE, RecordedScan, ScanOutcome
from resolvers.ingestion.flight_updates import UpdatedFlight
from schema.fields.batching import batched
from schema.fields.commands import Payload, command
from schema.fields.user_errors import user_error
from schema.inputs.flights import UpdateFlightInput
from schema.inputs.scans import RecordScansInput
from schema.roots.effects import EffectMutations
from schema.roots.messages import IngestionMutations
from schema.roots.pirs import PirMutations
from schema.roots.transfers import TransferMutations
from schema.runtime.permissions import SCANNERS, SENDERS
from schema.types.bag import Bag
from schema.types.flight import Flight

_TOLERANCE = f"{CLOCK_TOLERANCE.total_seconds() / 60:g} minutes"
# Part of the scan and its constraint, by the outcome of a scan that was rejected.
CONSTRAINTS = {
    ScanOutcome.UNKNOWN_FLIGHT: ("flight", "name an existing flight by designator, departureDate and origin"),
    ScanOutcome.IN_THE_FUTURE: ("at", f"be at most {_TOLERANCE} in the future"),
}


class ScanReport(NamedTuple):
    """What became of scans.

    Args:
        results: one for each scan, in order.
        errors: why scans were rejected.
    """

    results: Sequence[RecordedScan]
    errors: Sequence[BadInput]


@strawberry.type(description="What became of one scan.")
class ScanResult:
    """Values are ``resolvers.ingestion.events.RecordedScan``."""

    outcome: ScanOutcome = strawberry.field(description="Whether it was stored.")
    event_id: strawberry.ID | None = strawberry.field(description="Id of the event; null if the scan was rejected.")
    bag: Bag | None = batched(
        bags.of_recorded, description="The bag after the scan; null if it was rejected or its tag was unreadable."
    )


@strawberry.type(description="Result of `recordScans`.")
class RecordScansPayload(Payload):
    """Values are ``ScanReport``."""

    results: list[ScanResult] = strawberry.field(
        description="One for each scan, in order; empty if the command was rejected.", default_factory=list
    )

    @classmethod
    def of(cls, report: ScanReport) -> Self:
        """Makes the payload of scans, some of which may have been rejected."""
        return cls(
            results=cast("list[ScanResult]", report.results), user_errors=[user_error(error) for error in report.errors]
        )


@strawberry.type(description="Result of `updateFlight`.")
class UpdateFlightPayload(Payload):
    """Values are ``resolvers.ingestion.flight_updates.UpdatedFlight``."""

    flight: Flight | None = strawberry.field(
        description="The flight after the command; null if the command was rejected.", default=None
    )
    changed: bool = strawberry.field(description="Whether the command changed a value.", default=False)
    changed_bags: int = strawberry.field(description="Number of bags whose status changed with the flight.", default=0)

    @classmethod
    def of(cls, updated: UpdatedFlight) -> Self:
        """Makes the payload of a command that succeeded."""
        return cls(flight=cast(Flight, updated.flight), changed=updated.changed, changed_bags=updated.changed_bags)


async def _record_scans(context: Context, scans: Sequence[Scan | BadInput]) -> ScanReport:
    """Records the scans that can be used; the others keep their place and their error."""
    recorded = iter(await events.record_scans(context, [scan for scan in scans if isinstance(scan, Scan)]))
    results = [next(recorded) if isinstance(scan, Scan) else RecordedScan(ScanOutcome.INVALID) for scan in scans]
    errors = [
        scan if isinstance(scan, BadInput) else _rejected(index, result.outcome)
        for index, (scan, result) in enumerate(zip(scans, results, strict=True))
        if isinstance(scan, BadInput) or result.outcome in CONSTRAINTS
    ]
    return ScanReport(results, errors)


def _rejected(index: int, outcome: ScanOutcome) -> BadInput:
    part, constraint = CONSTRAINTS[outcome]
    field = f"scans[{index}].{part}"
    return BadInput(field, f"{field} must {constraint}")


@strawberry.type(description="Everything that can be changed.")
class Mutation(PirMutations, EffectMutations, TransferMutations, IngestionMutations):
    """The root of mutations."""

    record_scans = command(
        RecordScansPayload,
        RecordScansInput,
        _record_scans,
        roles=SCANNERS,
        description="Records scans of bags. Safe to repeat: a scan is identified by its content. Scans may arrive "
        "late, twice and in any order. A scan of an unknown tag creates the bag. A rejected scan does not reject the "
        "others.",
    )
    update_flight = command(
        UpdateFlightPayload,
        UpdateFlightInput,
        flights.update,
        roles=SENDERS,
        description="Updates times, status or gate of a flight, and the status of its bags. "
        "Safe to repeat: the same values change nothing.",
    )
