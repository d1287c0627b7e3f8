"""Instructions of messages about bags in PostgreSQL. The content of an instruction never changes."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from integrations.records.instructions import Instruction, InstructionAction, MessageKind, NamedFlight, Source
from integrations.stores.postgres.manager import Reader

INSERT_INSTRUCTIONS = """
INSERT INTO instructions (bag_id, at, message_id, tag, airline_id, said)
SELECT bag_id, at, message_id, tag, $1, said
FROM unnest($2::bigint[], $3::timestamptz[], $4::uuid[], $5::text[], $6::jsonb[])
     AS new(bag_id, at, message_id, tag, said)
ON CONFLICT DO NOTHING
"""

INSTRUCTIONS_OF_BAGS = """
SELECT bag_id, message_id, tag, at, said
FROM instructions
WHERE airline_id = $1 AND bag_id = ANY($2::bigint[])
ORDER BY bag_id, at, message_id, tag
"""

_COLUMNS = frozenset({"tag", "at"})
_NAMES = tuple(field.name for field in fields(Instruction) if field.name not in _COLUMNS)


class BagInstruction(NamedTuple):
    """An instruction for one bag, with the message that it was read from."""

    bag_id: int
    message_id: UUID
    instruction: Instruction


async def insert(records: Reader, airline_id: int, new: Sequence[BagInstruction]) -> None:
    """Insert instructions; existing ones stay unchanged."""
    await records.execute(
        INSERT_INSTRUCTIONS,
        airline_id,
        [one.bag_id for one in new],
        [one.instruction.at for one in new],
        [one.message_id for one in new],
        [one.instruction.tag for one in new],
        [_as_json(one.instruction) for one in new],
        name="INSERT_INSTRUCTIONS",
    )


async def of_bags(records: Reader, airline_id: int, bag_ids: Sequence[int]) -> dict[int, list[BagInstruction]]:
    """All instructions of each bag, in an order without meaning; empty for bags that no message names."""
    rows = await records.fetch(INSTRUCTIONS_OF_BAGS, airline_id, bag_ids, name="INSTRUCTIONS_OF_BAGS")
    found: dict[int, list[BagInstruction]] = {bag_id: [] for bag_id in bag_ids}
    for bag_id, message_id, tag, at, values in rows:
        found[bag_id].append(BagInstruction(bag_id, message_id, Instruction(tag=tag, at=at, **_from_json(values))))
    return found


def _as_json(instruction: Instruction) -> dict[str, Any]:
    values = {name: getattr(instruction, name) for name in _NAMES}
    return {name: _plain(value) for name, value in values.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, NamedFlight):
        day = value.departure_date.isoformat()
        return [value.carrier, value.number, value.suffix, day, value.origin, value.destination, value.travel_class]
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def _from_json(stored: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(stored)
    values["kind"], values["change"] = MessageKind(values["kind"]), InstructionAction(values["change"])
    values["source"] = Source(values["source"])
    for name in ("outbound", "inbound"):
        if name in values:
            values[name] = _flight(values[name])
    if "onward" in values:
        values["onward"] = tuple(_flight(part) for part in values["onward"])
    for name in ("exceptions", "remarks"):
        if name in values:
            values[name] = tuple(values[name])
    return values


def _flight(stored: Sequence[Any]) -> NamedFlight:
    carrier, number, suffix, day, origin, destination, travel_class = stored
    return NamedFlight(carrier, number, suffix, date.fromisoformat(day), origin, destination, travel_class)
