"""Acknowledged writes, and what became of them: in PostgreSQL, in the graph, and at the partners."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.crash import EFFECTS, arrivals
from benchmarks.faults.matrix import WriteFigures
from benchmarks.installation import AIRLINE_ID
from benchmarks.partner_installation import PartnerInstallation
from integrations.stores.neo4j.manager import Neo4jManager
from schema.fields.node import join

EVENTS_OF_TAGS = """
SELECT tag, place, array_agg(CAST(id AS text)) AS ids FROM events
WHERE airline_id = $1 AND tag = ANY($2::text[])
GROUP BY tag, place
"""
PIRS_OF_BAGS = """
SELECT bag_id, array_agg(pir_id) AS pirs FROM pir_bags WHERE bag_id = ANY($1::bigint[]) GROUP BY bag_id
"""
LAST_EFFECT = "SELECT coalesce(max(id), 0) AS id FROM effects"
BAGS_OF_EVENTS = """
UNWIND $ids AS id
OPTIONAL MATCH (:Bag)-[:HAD]->(event:Event {id: id})
RETURN id, count(event) AS bags
"""

SENT = ("ACCEPTED", "DELIVERED")
# Effects of a mutation: service and action.
OF_OPENING = (("WORLDTRACER", "CREATE"), ("SMS", "FILE_OPENED"), ("EMAIL", "FILE_OPENED"))
OF_LOCATING = (("SMS", "BAG_LOCATED"), ("EMAIL", "BAG_LOCATED"))


@dataclass(slots=True)
class Places:
    """Places at which one tag was scanned: each that was ever sent, and those that were acknowledged."""

    sent: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Ledger:
    """Writes of one row.

    Args:
        tags: scans by tag.
        opened: id of the PIR by bag, where its opening was acknowledged.
        tried: bags whose PIR was requested.
        located: PIRs whose bag was located, acknowledged.
    """

    tags: dict[str, Places] = field(default_factory=lambda: defaultdict(Places))
    opened: dict[int, str] = field(default_factory=dict)
    tried: set[int] = field(default_factory=set)
    located: set[str] = field(default_factory=set)

    @property
    def acknowledged(self) -> int:
        """Number of acknowledged writes."""
        return sum(len(places.acknowledged) for places in self.tags.values()) + len(self.opened) + len(self.located)


async def last_effect(installation: PartnerInstallation) -> int:
    """Highest id of an effect."""
    return int((await installation.rows(LAST_EFFECT))[0]["id"])


async def look_up(
    ledger: Ledger, installation: PartnerInstallation, graph: Neo4jManager, first_effect: int
) -> WriteFigures:
    """Looks up every acknowledged write, once nothing is pending.

    Args:
        first_effect: effects of the row have higher ids.
    """
    events = await installation.rows(EVENTS_OF_TAGS, AIRLINE_ID, list(ledger.tags))
    ids = {(row["tag"], row["place"]): row["ids"] for row in events}
    every_id = [one for of_place in ids.values() for one in of_place]
    in_graph = await graph.execute_read(BAGS_OF_EVENTS, {"ids": every_id}, name="BAGS_OF_EVENTS", timeout=60.0)
    opened = await installation.rows(PIRS_OF_BAGS, list(ledger.tried))
    pirs = {row["bag_id"]: row["pirs"] for row in opened}
    effects = await installation.rows(EFFECTS, first_effect)
    arrived, cut = await arrivals(installation, [row for row in effects if row["state"] in SENT])
    lost = [
        *_missing_scans(ledger, ids),
        *(f"event {row['id']} is not in the graph" for row in in_graph if not row["bags"]),
        *(f"PIR of bag {bag}" for bag, pir in ledger.opened.items() if pir not in _node_ids(pirs.get(bag, ()))),
        *missing_effects(ledger, effects),
        *_not_arrived(effects, arrived),
    ]
    several = [
        f"effect {effect_id} arrived {len(places)} times" for effect_id, places in arrived.items() if len(places) > 1
    ]
    doubled = [
        *(f"scan of {tag} at {place}" for (tag, place), of_place in ids.items() if len(of_place) > 1),
        *(f"event {row['id']} has {row['bags']} bags in the graph" for row in in_graph if row["bags"] > 1),
        *(f"PIRs of bag {bag}" for bag, of_bag in pirs.items() if len(of_bag) > 1),
        # A partner whose reply was cut off by its own mock may have taken an effect again.
        *several[cut["cut"] :],
    ]
    unknown = sum(row["state"] not in SENT for row in _emails_of_unknown(effects))
    return WriteFigures(lost, doubled, unknown)


def _missing_scans(ledger: Ledger, ids: Mapping[tuple[str, str], Sequence[str]]) -> Iterator[str]:
    for tag, places in ledger.tags.items():
        yield from (f"scan of {tag} at {place}" for place in places.acknowledged if (tag, place) not in ids)


def missing_effects(ledger: Ledger, effects: Sequence[Any]) -> Iterator[str]:
    """Effects that a mutation requested and the records do not have, or that ended in another way than sent."""
    known = {(join("Pir", row["pir_id"]), row["service"], row["action"]): row for row in effects}
    expected = [
        *((pir, *kind) for pir in ledger.opened.values() for kind in OF_OPENING),
        *((pir, *kind) for pir in ledger.located for kind in OF_LOCATING),
    ]
    tolerated = _emails_of_unknown(effects)
    for key in expected:
        if (row := known.get(key)) is None:
            yield f"effect {' '.join(key[1:])} of {key[0]}"
        elif row["state"] not in SENT and row not in tolerated:
            yield f"effect {' '.join(key[1:])} is {row['state']} {row['reason'] or ''}"


def _emails_of_unknown(effects: Sequence[Any]) -> list[Any]:
    """Emails of PIRs that have one whose outcome SendGrid cannot tell: the later ones wait for it."""
    emails = [row for row in effects if row["service"] == "EMAIL"]
    pirs = {row["pir_id"] for row in emails if row["state"] not in SENT and row["reason"] == "OUTCOME_UNKNOWN"}
    return [row for row in emails if row["pir_id"] in pirs]


def _not_arrived(effects: Sequence[Any], arrived: Mapping[int, Sequence[int]]) -> Iterator[str]:
    for row in effects:
        known_by_key = row["service"] != "WORLDTRACER" or row["action"] == "CREATE"
        if known_by_key and row["state"] in SENT and not arrived.get(row["id"]):
            yield f"effect {row['id']} {row['service']} is {row['state']} and did not arrive"


def _node_ids(pirs: Sequence[int]) -> list[str]:
    return [join("Pir", pir) for pir in pirs]
