"""Inputs that identify objects in one of several ways. Each is a OneOf input object and the argument ``by``."""

from datetime import date, datetime

import strawberry


@strawberry.input(description="A tag number and the time at which a bag carried it. Airlines reuse tag numbers.")
class TagAtInput:
    """Part of ``BagBy``."""

    tag: str = strawberry.field(description="Tag in any written form: 0230456781, CM456781, CM 456 781, 230456781.")
    at: datetime = strawberry.field(description="Time at which the bag carried the tag.")


@strawberry.input(one_of=True, description="Identifies one bag. Set exactly one field.")
class BagBy:
    """Argument of ``bag``."""

    id: strawberry.ID | None = strawberry.field(description="Global id of the bag.")
    tag: str | None = strawberry.field(
        description="Tag in any written form: 0230456781, CM456781, CM 456 781, 230456781. Finds the bag that carries "
        "the tag now, or else the last bag that carried it."
    )
    tag_at: TagAtInput | None = strawberry.field(description="Tag and the time at which the bag carried it.")


@strawberry.input(one_of=True, description="Identifies bags. Set exactly one field.")
class BagsBy:
    """Argument of ``bagUpdated``."""

    ids: list[strawberry.ID] | None = strawberry.field(description="Global ids of the bags, 1 to 200.")
    tag: str | None = strawberry.field(
        description="Tag of one bag in any written form: CM456781. Finds the bag that carries the tag now, or else the "
        "last bag that carried it."
    )


@strawberry.input(description="A flight's designator and departure date.")
class DepartureInput:
    """Part of ``FlightBy``."""

    designator: str = strawberry.field(description="Carrier and flight number, zero-padded or not: CM758, CM0758.")
    departure_date: date = strawberry.field(description="Scheduled local departure date at the flight's origin.")


@strawberry.input(one_of=True, description="Identifies one flight. Set exactly one field.")
class FlightBy:
    """Argument of ``flight``."""

    id: strawberry.ID | None = strawberry.field(description="Global id of the flight.")
    designator: str | None = strawberry.field(
        description="Carrier and flight number, zero-padded or not: CM758, CM0758. Finds the departure nearest to the "
        "current time."
    )
    departure: DepartureInput | None = strawberry.field(description="Designator and departure date.")


@strawberry.input(one_of=True, description="Identifies one PIR. Set exactly one field.")
class PirBy:
    """Argument of ``pir`` and ``pirUpdated``."""

    id: strawberry.ID | None = strawberry.field(description="Global id of the PIR.")
    reference: str | None = strawberry.field(
        description="WorldTracer reference: PTYCM12345. Finds the newest PIR where the reference was reused."
    )
