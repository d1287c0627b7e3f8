"""What messages say of bags, in PostgreSQL: written once, never changed."""

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
    """An instruction of one bag, and the message it stands in."""

    bag_id: int
    message_id: UUID
    instruction: Instruction


async def insert(records: Reader, airline_id: int, said: Sequence[BagInstruction]) -> None:
    """Adds instructions; those that are there stay as they are."""
    await records.execute(
        INSERT_INSTRUCTIONS,
        airline_id,
        [one.bag_id for one in said],
        [one.instruction.at for one in said],
        [one.message_id for one in said],
        [one.instruction.tag for one in said],
        [_as_json(one.instruction) for one in said],
        name="INSERT_INSTRUCTIONS",
    )


async def of_bags(records: Reader, airline_id: int, bag_ids: Sequence[int]) -> dict[int, list[BagInstruction]]:
    """All instructions of each bag, in no order that counts; bags of which no message spoke have none."""
    rows = await records.fetch(INSTRUCTIONS_OF_BAGS, airline_id, bag_ids, name="INSTRUCTIONS_OF_BAGS")
    found: dict[int, list[BagInstruction]] = {bag_id: [] for bag_id in bag_ids}
    for bag_id, message_id, tag, at, said in rows:
        found[bag_id].append(BagInstruction(bag_id, message_id, Instruction(tag=tag, at=at, **_from_json(said))))
    return found


def _as_json(instruction: Instruction) -> dict[str, Any]:
    said = {name: getattr(instruction, name) for name in _NAMES}
    return {name: _plain(value) for name, value in said.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, NamedFlight):
        day = value.departure_date.isoformat()
        return [value.carrier, value.number, value.suffix, day, value.origin, value.destination, value.travel_class]
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def _from_json(said: Mapping[str, Any]) -> dict[str, Any]:
    known = dict(said)
    known["kind"], known["change"] = MessageKind(known["kind"]), InstructionAction(known["change"])
    known["source"] = Source(known["source"])
    for name in ("outbound", "inbound"):
        if name in known:
            known[name] = _flight(known[name])
    if "onward" in known:
        known["onward"] = tuple(_flight(part) for part in known["onward"])
    for name in ("exceptions", "remarks"):
        if name in known:
            known[name] = tuple(known[name])
    return known


def _flight(said: Sequence[Any]) -> NamedFlight:
    carrier, number, suffix, day, origin, destination, travel_class = said
    return NamedFlight(carrier, number, suffix, date.fromisoformat(day), origin, destination, travel_class)
