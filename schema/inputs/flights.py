"""Input of ``updateFlight``."""

from datetime import datetime

import strawberry

from integrations.records.flights import FlightStatus
from resolvers.ingestion.flight_updates import FlightChange
from schema.fields.commands import CommandInput
from schema.inputs.common import check_place
from schema.types.flight import Flight


@strawberry.input(description="New times, status or gate of a flight. An absent or null field keeps its value.")
class UpdateFlightInput(CommandInput):
    """Input of ``updateFlight``."""

    flight_id: strawberry.ID = strawberry.field(description="The flight's global id.")
    estimated_departure: datetime | None = strawberry.field(default=None, description="Expected off-block time.")
    estimated_arrival: datetime | None = strawberry.field(default=None, description="Expected on-block time.")
    actual_departure: datetime | None = strawberry.field(
        default=None, description="Off-block time: bags loaded on the flight are in flight from then on."
    )
    actual_arrival: datetime | None = strawberry.field(default=None, description="On-block time.")
    status: FlightStatus | None = strawberry.field(
        default=None, description="Status; follows from the actual times if absent."
    )
    gate: str | None = strawberry.field(default=None, description="Gate or stand of departure, at most 40 characters.")

    def arguments(self) -> tuple[int, FlightChange]:
        """Returns the flight's id and its new values.

        Raises:
            BadInput: the id is none of a flight, or the gate cannot be used.
        """
        flight_id = Flight.key_of(self.flight_id, "flightId")
        check_place(self.gate, "gate")
        change = FlightChange(
            self.estimated_departure,
            self.estimated_arrival,
            self.actual_departure,
            self.actual_arrival,
            self.status,
            self.gate,
        )
        return flight_id, change
