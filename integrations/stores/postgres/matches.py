"""Matches of found and missed bags in PostgreSQL: search keys, candidates, proposals and decisions."""

import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from integrations.records.matches import Match, MatchOf, MatchState, MissedBag, SwitchedTag
from integrations.stores.postgres.manager import Reader

# Matching of a found bag takes the lock alone, matching of missed bags shares it: of two that come at the same time the
# second one sees the first.
LOCK_MATCHING = "SELECT pg_advisory_xact_lock($1, $2)"
LOCK_MATCHING_SHARED = "SELECT pg_advisory_xact_lock_shared($1, $2)"

TRACED_BAGS = """
SELECT pir_bags.pir_id, pir_bags.seq, kind,
       CASE kind WHEN 'DELAYED' THEN coalesce(expected_arrival_at, opened_at) ELSE opened_at END AS at,
       array_remove(array_remove(ARRAY[tag, rush_tag] || ARRAY(SELECT number FROM bag_tags
                                                               WHERE airline_id = $1 AND bag_id = pir_bags.bag_id
                                                               ORDER BY valid_from), NULL), '0000000000') AS tags,
       coalesce(surname, '') AS surname, coalesce(given_names, '') AS given_names, name_on_bag, description, brand,
       contents, array_remove(ARRAY[origin] || way.stations || ARRAY[destination, station], NULL) AS stations,
       coalesce(way.flights, '{}') AS flights
FROM pirs
JOIN pir_bags ON pir_bags.pir_id = pirs.id
LEFT JOIN passengers ON passengers.id = pirs.passenger_id AND passengers.airline_id = $1
LEFT JOIN LATERAL (SELECT array_agg(flights.origin ORDER BY scheduled_departure)
                              || (array_agg(coalesce(named.off_point, flights.destination)
                                            ORDER BY scheduled_departure DESC))[1] AS stations,
                          array_agg(carrier || number || suffix || '/' || departure_date
                                    ORDER BY scheduled_departure) AS flights
                   FROM (SELECT flight_id, bag_legs.off_point FROM bag_legs WHERE bag_id = pir_bags.bag_id
                         UNION SELECT found_flight_id, NULL) AS named
                   JOIN flights ON flights.id = named.flight_id AND flights.airline_id = $1) AS way ON true
WHERE pirs.airline_id = $1 AND pirs.id = ANY($2::bigint[]) AND closed_at IS NULL
  AND kind IN ('DELAYED', 'ON_HAND') AND state IN ('TRACING', 'ON_HAND')
ORDER BY pir_bags.pir_id, pir_bags.seq
"""

NEWEST_TRACED = """
SELECT id FROM pirs WHERE airline_id = $1 AND kind = $2 AND closed_at IS NULL ORDER BY opened_at DESC LIMIT $3
"""

# The newest PIRs of each key, and of all of these the ones that share the most weight.
MATCH_CANDIDATES = """
SELECT pir_id
FROM (SELECT found.pir_id, found.seq, sum(wanted.weight) AS weight
      FROM unnest($3::text[], $4::integer[]) AS wanted(key, weight)
      CROSS JOIN LATERAL (SELECT pir_id, seq
                          FROM match_keys
                          WHERE airline_id = $1 AND kind = $2 AND key = wanted.key
                          ORDER BY at DESC
                          LIMIT $5) AS found
      GROUP BY found.pir_id, found.seq
      ORDER BY weight DESC, found.pir_id DESC
      LIMIT $6) AS best
GROUP BY pir_id
"""

DELETE_KEYS = "DELETE FROM match_keys WHERE airline_id = $1 AND pir_id = ANY($2::bigint[])"

INSERT_KEYS = """
INSERT INTO match_keys (airline_id, pir_id, seq, key, kind, at)
SELECT $1, pir_id, seq, key, kind, at
FROM unnest($2::bigint[], $3::smallint[], $4::text[], $5::timestamptz[]) AS new(pir_id, seq, key, at)
JOIN pirs ON pirs.id = new.pir_id AND pirs.airline_id = $1
"""

# An agent's decision stays unchanged. A proposal that no longer holds is deleted.
REPLACE_PROPOSALS = """
WITH new AS (
    SELECT found.on_hand_pir_id, found.delayed_pir_id, found.seq, found.score, found.matched, found.contradicting
    FROM jsonb_to_recordset($4::jsonb)
         AS found(on_hand_pir_id bigint, delayed_pir_id bigint, seq smallint, score double precision, matched jsonb,
                  contradicting jsonb)
    JOIN pirs AS on_hand ON on_hand.id = found.on_hand_pir_id AND on_hand.airline_id = $1
    JOIN pirs AS delayed ON delayed.id = found.delayed_pir_id AND delayed.airline_id = $1
), gone AS (
    DELETE FROM pir_matches
    WHERE airline_id = $1 AND state = 'PROPOSED' AND (on_hand_pir_id = $2 OR delayed_pir_id = $2)
      AND (on_hand_pir_id, delayed_pir_id, seq) NOT IN (SELECT on_hand_pir_id, delayed_pir_id, seq FROM new)
)
INSERT INTO pir_matches (airline_id, on_hand_pir_id, delayed_pir_id, seq, score, matched, contradicting, proposed_at)
SELECT $1, on_hand_pir_id, delayed_pir_id, seq, score, matched, contradicting, $3 FROM new
ON CONFLICT (on_hand_pir_id, delayed_pir_id, seq) DO UPDATE
SET score = excluded.score, matched = excluded.matched, contradicting = excluded.contradicting
WHERE pir_matches.state = 'PROPOSED'
"""

MATCHES_BY_ID = """
SELECT id, airline_id, on_hand_pir_id, delayed_pir_id, seq, score, matched, contradicting, state, proposed_at,
       decided_by, decided_at
FROM pir_matches
WHERE airline_id = $1 AND id = ANY($2::bigint[])
"""

LOCK_MATCH = """
SELECT id, airline_id, on_hand_pir_id, delayed_pir_id, seq, score, matched, contradicting, state, proposed_at,
       decided_by, decided_at
FROM pir_matches
WHERE airline_id = $1 AND id = $2
FOR NO KEY UPDATE
"""

MATCHES_OF_PIRS = """
SELECT parent.id AS parent_id, match.id, airline_id, on_hand_pir_id, delayed_pir_id, seq, score, matched,
       contradicting, state, proposed_at, decided_by, decided_at
FROM unnest($2::bigint[]) AS parent(id)
CROSS JOIN LATERAL (SELECT *
                    FROM (SELECT * FROM pir_matches WHERE on_hand_pir_id = parent.id
                          UNION ALL
                          SELECT * FROM pir_matches WHERE delayed_pir_id = parent.id) AS either
                    WHERE airline_id = $1
                    ORDER BY state <> 'CONFIRMED', state = 'REJECTED', score DESC, either.id
                    LIMIT $3) AS match
ORDER BY parent.id, state <> 'CONFIRMED', state = 'REJECTED', score DESC, match.id
"""

# Another confirmed match of the same found bag, or of the same missed one.
RIVAL_OF_MATCH = """
SELECT rival.id
FROM pir_matches
JOIN pir_matches AS rival ON rival.airline_id = $1 AND rival.state = 'CONFIRMED' AND rival.id <> pir_matches.id
                         AND (rival.on_hand_pir_id = pir_matches.on_hand_pir_id
                              OR (rival.delayed_pir_id, rival.seq) = (pir_matches.delayed_pir_id, pir_matches.seq))
WHERE pir_matches.airline_id = $1 AND pir_matches.id = $2
LIMIT 1
"""

DECIDE_MATCH = """
UPDATE pir_matches SET state = $3, decided_by = $4, decided_at = $5
WHERE airline_id = $1 AND id = $2
RETURNING id, airline_id, on_hand_pir_id, delayed_pir_id, seq, score, matched, contradicting, state, proposed_at,
          decided_by, decided_at
"""

RELEASE_MATCHES = """
UPDATE pir_matches SET state = 'REJECTED', decided_by = $4, decided_at = $5
WHERE airline_id = $1 AND state = 'CONFIRMED'
  AND (on_hand_pir_id = $2 OR (delayed_pir_id = $2 AND seq = ANY($3::smallint[])))
RETURNING id
"""

# The found bag carries the tag of another known bag, which was checked in at the same station at about the same time.
SWITCHED_TAG = """
SELECT missed.tag AS own_tag, found.tag AS found_tag, accepted.airport AS station, pir_matches.decided_at AS at
FROM pir_matches
JOIN pir_bags AS missed ON missed.pir_id = pir_matches.delayed_pir_id AND missed.seq = pir_matches.seq
JOIN pir_bags AS found ON found.pir_id = pir_matches.on_hand_pir_id AND found.tag <> missed.tag
JOIN bag_tags ON bag_tags.airline_id = $1 AND bag_tags.number = found.tag AND bag_tags.bag_id <> missed.bag_id
JOIN events AS accepted ON accepted.airline_id = $1 AND accepted.bag_id = missed.bag_id AND accepted.kind = 'ACCEPTED'
JOIN events AS other ON other.airline_id = $1 AND other.bag_id = bag_tags.bag_id AND other.kind = 'ACCEPTED'
                    AND other.airport = accepted.airport
                    AND other.at BETWEEN accepted.at - $3::interval AND accepted.at + $3::interval
WHERE pir_matches.airline_id = $1 AND pir_matches.delayed_pir_id = $2 AND pir_matches.state = 'CONFIRMED'
ORDER BY pir_matches.seq, accepted.at, other.at
LIMIT 1
"""

MATCHING_LOCK_KEY = zlib.crc32(b"matches") - 2**31


async def lock_matching(records: Reader, airline_id: int, *, exclusive: bool) -> None:
    """Lock the matching of the airline's bags until the transaction ends.

    Args:
        exclusive: whether the lock excludes all other transactions; otherwise it is shared.
    """
    if exclusive:
        await records.execute(LOCK_MATCHING, airline_id, MATCHING_LOCK_KEY, name="LOCK_MATCHING")
    else:
        await records.execute(LOCK_MATCHING_SHARED, airline_id, MATCHING_LOCK_KEY, name="LOCK_MATCHING_SHARED")


async def traced(records: Reader, airline_id: int, pir_ids: Sequence[int]) -> list[MissedBag]:
    """The bags of these PIRs that are being traced, and found bags without a match; of open PIRs only."""
    return await records.fetch(TRACED_BAGS, airline_id, pir_ids, name="TRACED_BAGS", record_class=MissedBag)


async def newest(records: Reader, airline_id: int, kind: str, limit: int) -> list[int]:
    """The ids of the newest open PIRs of a kind."""
    rows = await records.fetch(NEWEST_TRACED, airline_id, kind, limit, name="NEWEST_TRACED")
    return [row["id"] for row in rows]


async def candidates(
    records: Reader, airline_id: int, kind: str, weights: Mapping[str, int], per_key: int, limit: int
) -> list[int]:
    """The ids of the PIRs of a kind whose bags share the most keys.

    Args:
        weights: weight of each key.
        per_key: newest PIRs that are considered for each key.
        limit: bags that are considered in all, those with the most weight.
    """
    rows = await records.fetch(
        MATCH_CANDIDATES,
        airline_id,
        kind,
        list(weights),
        list(weights.values()),
        per_key,
        limit,
        name="MATCH_CANDIDATES",
        custom_plan=True,
    )
    return [row["pir_id"] for row in rows]


class NewKey(NamedTuple):
    """A search key of a bag. The fields are the columns of ``INSERT_KEYS``, in order."""

    pir_id: int
    seq: int
    key: str
    at: datetime


async def replace_keys(records: Reader, airline_id: int, pir_ids: Sequence[int], keys: Sequence[NewKey]) -> None:
    """Replace all search keys of these PIRs' bags; PIRs that are no longer traced have none."""
    await records.execute(DELETE_KEYS, airline_id, pir_ids, name="DELETE_KEYS")
    if keys:
        await records.execute(INSERT_KEYS, airline_id, *zip(*keys, strict=True), name="INSERT_KEYS")


async def replace_proposals(
    records: Reader, airline_id: int, pir_id: int, at: datetime, proposals: Sequence[Mapping[str, Any]]
) -> None:
    """Replace all proposals of one PIR.

    Args:
        at: when the proposals are made.
        proposals: the columns ``on_hand_pir_id``, ``delayed_pir_id``, ``seq``, ``score``, ``matched`` and
            ``contradicting`` of each.
    """
    await records.execute(REPLACE_PROPOSALS, airline_id, pir_id, at, list(proposals), name="REPLACE_PROPOSALS")


async def by_id(records: Reader, airline_id: int, ids: Sequence[int]) -> dict[int, Match]:
    """The matches with these ids; unknown ones are absent."""
    rows = await records.fetch(MATCHES_BY_ID, airline_id, ids, name="MATCHES_BY_ID", record_class=Match)
    return {match.id: match for match in rows}


async def lock(records: Reader, airline_id: int, match_id: int) -> Match | None:
    """Lock the match until the transaction ends; None if it is unknown."""
    return await records.fetchrow(LOCK_MATCH, airline_id, match_id, name="LOCK_MATCH", record_class=Match)


async def of_pirs(records: Reader, airline_id: int, pir_ids: Sequence[int], limit: int) -> list[MatchOf]:
    """The matches of each PIR, from either side: the confirmed one, then proposals by score, then rejected ones."""
    return await records.fetch(
        MATCHES_OF_PIRS, airline_id, pir_ids, limit, name="MATCHES_OF_PIRS", record_class=MatchOf
    )


async def has_rival(records: Reader, airline_id: int, match_id: int) -> bool:
    """Whether the found or the missed bag of a match belongs to another, confirmed match."""
    return await records.fetchval(RIVAL_OF_MATCH, airline_id, match_id, name="RIVAL_OF_MATCH") is not None


async def decide(
    records: Reader, airline_id: int, match_id: int, state: MatchState, actor: str, at: datetime
) -> Match | None:
    """Store an agent's decision and return the match; None if it is unknown."""
    return await records.fetchrow(
        DECIDE_MATCH, airline_id, match_id, state.value, actor, at, name="DECIDE_MATCH", record_class=Match
    )


async def release(
    records: Reader, airline_id: int, pir_id: int, seqs: Sequence[int], actor: str, at: datetime
) -> list[int]:
    """Reject the confirmed match of a found bag, or of these bags of a delayed PIR, and return the matches' ids."""
    rows = await records.fetch(RELEASE_MATCHES, airline_id, pir_id, seqs, actor, at, name="RELEASE_MATCHES")
    return [row["id"] for row in rows]


async def switched_tag(records: Reader, airline_id: int, pir_id: int, apart: timedelta) -> SwitchedTag | None:
    """The evidence that a bag of a delayed PIR was found under another bag's tag; None if there is none.

    Args:
        apart: time between the two check-ins at most.
    """
    return await records.fetchrow(
        SWITCHED_TAG, airline_id, pir_id, apart, name="SWITCHED_TAG", record_class=SwitchedTag
    )
