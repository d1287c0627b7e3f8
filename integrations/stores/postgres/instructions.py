"""Instructions of messages about bags in PostgreSQL. Only the receipts of an instruction change, not its content."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any
from uuid import UUID

from integrations.records.events import FlightKey
from integrations.records.instructions import (
    BagInstruction,
    Instruction,
    InstructionAction,
    MessageKind,
    NamedFlight,
    Receipt,
    Source,
)
from integrations.stores.postgres.manager import Reader

UPSERT_INSTRUCTIONS = """
INSERT INTO instructions (bag_id, at, message_id, tag, airline_id, said, received_at, position, text_id, repeated_at,
                          repeated_position, repeated_text_id)
SELECT bag_id, at, message_id, tag, $1, said, received_at, position, text_id, repeated_at, repeated_position,
       repeated_text_id
FROM unnest($2::bigint[], $3::timestamptz[], $4::uuid[], $5::text[], $6::jsonb[], $7::timestamptz[], $8::integer[],
            $9::bigint[], $10::timestamptz[], $11::integer[], $12::bigint[])
     AS new(bag_id, at, message_id, tag, said, received_at, position, text_id, repeated_at, repeated_position,
            repeated_text_id)
ON CONFLICT (bag_id, at, message_id, tag) DO UPDATE
SET received_at = excluded.received_at, position = excluded.position, text_id = excluded.text_id,
    repeated_at = excluded.repeated_at, repeated_position = excluded.repeated_position,
    repeated_text_id = excluded.repeated_text_id
"""

INSTRUCTIONS_OF_BAGS = """
SELECT bag_id, message_id, tag, at, said, received_at, position, text_id, repeated_at, repeated_position,
       repeated_text_id
FROM instructions
WHERE airline_id = $1 AND bag_id = ANY($2::bigint[])
ORDER BY bag_id, at, message_id, tag
"""

# A bag may carry a number twice.
STORED_INSTRUCTIONS = """
SELECT DISTINCT wanted.seq, instructions.bag_id, instructions.received_at, instructions.repeated_at
FROM unnest($2::text[], $3::uuid[]) WITH ORDINALITY AS wanted(number, message_id, seq)
JOIN bag_tags ON bag_tags.airline_id = $1 AND bag_tags.number = wanted.number
JOIN instructions ON instructions.airline_id = $1 AND instructions.bag_id = bag_tags.bag_id
                 AND instructions.message_id = wanted.message_id AND instructions.tag = wanted.number
ORDER BY wanted.seq, instructions.bag_id
"""

_COLUMNS = frozenset({"tag", "at"})
_NAMES = tuple(field.name for field in fields(Instruction) if field.name not in _COLUMNS)


async def upsert(records: Reader, airline_id: int, new: Sequence[BagInstruction]) -> None:
    """Insert instructions of locked bags, each at most once; of existing ones only the receipts change."""
    await records.execute(
        UPSERT_INSTRUCTIONS,
        airline_id,
        [one.bag_id for one in new],
        [one.instruction.at for one in new],
        [one.message_id for one in new],
        [one.instruction.tag for one in new],
        [_as_json(one.instruction) for one in new],
        [one.received.at for one in new],
        [one.received.position for one in new],
        [one.received.text_id for one in new],
        [one.repeated and one.repeated.at for one in new],
        [one.repeated and one.repeated.position for one in new],
        [one.repeated.text_id if one.repeated else 0 for one in new],
        name="UPSERT_INSTRUCTIONS",
    )


async def of_bags(records: Reader, airline_id: int, bag_ids: Sequence[int]) -> dict[int, list[BagInstruction]]:
    """All instructions of each bag, in an order without meaning; empty for bags that no message names."""
    rows = await records.fetch(INSTRUCTIONS_OF_BAGS, airline_id, bag_ids, name="INSTRUCTIONS_OF_BAGS")
    found: dict[int, list[BagInstruction]] = {bag_id: [] for bag_id in bag_ids}
    for bag_id, message_id, tag, at, values, *first, repeated_at, position, text_id in rows:
        instruction = Instruction(tag=tag, at=at, **_from_json(values))
        repeated = Receipt(repeated_at, position, text_id) if repeated_at else None
        found[bag_id].append(BagInstruction(bag_id, message_id, instruction, Receipt(*first), repeated))
    return found


async def receipts(
    records: Reader, airline_id: int, instructions: Sequence[tuple[str, UUID]]
) -> dict[int, list[tuple[int, datetime, datetime]]]:
    """The bags that instructions are stored with, by index, each with the first and the last time of receipt.

    Args:
        instructions: tag and message of each.
    """
    numbers, message_ids = zip(*instructions, strict=True)
    rows = await records.fetch(STORED_INSTRUCTIONS, airline_id, numbers, message_ids, name="STORED_INSTRUCTIONS")
    found: dict[int, list[tuple[int, datetime, datetime]]] = {}
    for seq, bag_id, received_at, repeated_at in rows:
        found.setdefault(seq - 1, []).append((bag_id, received_at, repeated_at or received_at))
    return found


def _as_json(instruction: Instruction) -> dict[str, Any]:
    return {name: _plain(value) for name in _NAMES if (value := getattr(instruction, name)) is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, NamedFlight):
        carrier, number, suffix, day, origin = value.key
        return [carrier, number, suffix, day.isoformat(), origin, value.destination, value.travel_class]
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
    for name in ("companions", "exceptions", "remarks"):
        if name in values:
            values[name] = tuple(values[name])
    return values


def _flight(stored: Sequence[Any]) -> NamedFlight:
    carrier, number, suffix, day, origin, destination, travel_class = stored
    return NamedFlight(FlightKey(carrier, number, suffix, date.fromisoformat(day), origin), destination, travel_class)
