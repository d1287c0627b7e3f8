"""Whether a message begins a new bag under a tag that another bag carried (``docs/DOMAIN.md#rule-12``)."""

from datetime import datetime, timedelta

from integrations.records.bags import BagState, TagCarrier
from integrations.records.instructions import Instruction, InstructionAction, MessageKind, Source
from integrations.records.passengers import readable_locator
from resolvers.rules.itinerary import RUSH
from resolvers.rules.passenger_names import PassengerName, can_be_same, read_name

# How long after the departure of its last planned flight a bag may still travel under its tag.
JOURNEY_ENDS_AFTER = timedelta(hours=72)

_FINISHED = frozenset({BagState.DELIVERED, BagState.CLOSED, BagState.DELETED})


def is_check_in(instruction: Instruction) -> bool:
    """Whether a message is a new BSM of the first station, which may begin a new bag."""
    return (
        instruction.kind == MessageKind.BSM
        and instruction.change == InstructionAction.NEW
        and instruction.source == Source.LOCAL
        and instruction.outbound is not None
        and instruction.original_tag is None
        and RUSH not in (instruction.exceptions or ())
    )


def names_another_booking(instruction: Instruction, earlier: Instruction) -> bool:
    """Whether two messages name different bookings; False where one of them names none."""
    return _differ(instruction, earlier.locator, _name_of(earlier))


def is_another_journey(instruction: Instruction, carrier: TagCarrier, first_flight_id: int | None) -> bool:
    """Whether a message names another booking and another first flight than the bag that carries its tag.

    Args:
        first_flight_id: the first flight of the message.
    """
    name = PassengerName(carrier.surname, carrier.given_names, carrier.title)
    return first_flight_id != carrier.first_flight_id and _differ(instruction, carrier.locator, name)


def is_free(carrier: TagCarrier, at: datetime) -> bool:
    """Whether a tag may begin a new bag, because the journey of the bag that carries it has ended.

    Args:
        at: time of the message, UTC: of one without an origin line its receipt.
    """
    if carrier.has_open_pir:
        return False
    finished = carrier.state in _FINISHED and carrier.state_at <= at
    return finished or (carrier.last_departure is not None and carrier.last_departure + JOURNEY_ENDS_AFTER < at)


def _differ(instruction: Instruction, locator: str | None, name: PassengerName | None) -> bool:
    """Whether the locators differ; where one is missing, whether the names cannot be of one person."""
    ours, theirs = readable_locator(instruction.locator), readable_locator(locator)
    if ours and theirs:
        return ours != theirs
    new_name = _name_of(instruction)
    return new_name is not None and name is not None and not can_be_same(name, new_name)


def _name_of(instruction: Instruction) -> PassengerName | None:
    return read_name(instruction.surname, instruction.given_names or "") if instruction.surname else None
