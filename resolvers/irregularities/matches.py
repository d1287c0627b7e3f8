"""Matches of found bags with missed bags (docs/DOMAIN.md#matching-of-found-bags): proposals and decisions."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import timedelta
from itertools import chain
from typing import Any

from integrations.records.matches import Match, MatchState
from integrations.records.pirs import PirKind
from integrations.stores.postgres import matches, pirs
from integrations.stores.postgres.manager import Reader
from integrations.stores.postgres.matches import NewKey
from resolvers.audit import audit
from resolvers.context import Context
from resolvers.errors import InvalidState, NotFound
from resolvers.rules.fault import TagSwitch
from resolvers.rules.matching import (
    MAX_CANDIDATES,
    MAX_PER_KEY,
    ElementComparison,
    Traits,
    agreements,
    keys,
    rate,
    score,
    traits,
    wanted_keys,
)

# Proposals below these limits are not shown: a low score, or one that rests on little more than route and date. On the
# generated set that the weights were tuned on, 3 in 1,000 of the true matches are below them.
LEAST_SCORE = 50.0
LEAST_POINTS = 15.0
MOST_PROPOSALS = 20

# Tags are switched between bags that are checked in side by side. The limit is an assumption.
CHECKED_IN_TOGETHER = timedelta(hours=1)

# Applies a confirmed match to its two PIRs, in the transaction of the decision.
Locate = Callable[[Context, Reader, Match], Awaitable[None]]


async def propose(context: Context, records: Reader, pir_id: int) -> None:
    """Compares the bags of a PIR with those of the other side; part of the transaction that opened or changed it.

    It is the last call of the transaction, since it blocks other comparisons until the transaction ends. It is safe to
    repeat: proposals are replaced and decisions are kept. Proposals and keys of a PIR that is no longer traced are
    deleted.
    """
    airline_id = context.airline_id
    own = [traits(bag) for bag in await matches.traced(records, airline_id, [pir_id])]
    found = bool(own) and own[0].bag.kind == PirKind.ON_HAND
    await matches.lock_matching(records, airline_id, exclusive=found)
    await matches.replace_keys(records, airline_id, [pir_id], list(chain.from_iterable(map(_keys, own))))
    others = await _others(records, airline_id, own, PirKind.DELAYED if found else PirKind.ON_HAND) if own else []
    proposals = [proposal for one in own for proposal in _best(one, others, found=found)]
    await matches.replace_proposals(records, airline_id, pir_id, context.now(), proposals)


async def index(records: Reader, airline_id: int, pir_ids: Sequence[int]) -> None:
    """Writes the keys of PIRs that were inserted without ``propose``, so that later PIRs find them."""
    known = [traits(bag) for bag in await matches.traced(records, airline_id, pir_ids)]
    await matches.replace_keys(records, airline_id, pir_ids, list(chain.from_iterable(map(_keys, known))))


def _keys(one: Traits) -> Iterable[NewKey]:
    bag = one.bag
    return (NewKey(bag.pir_id, bag.seq, key, bag.at) for key in keys(one))


async def _others(records: Reader, airline_id: int, own: Sequence[Traits], kind: PirKind) -> list[Traits]:
    """Returns the bags of the other side to compare with: all if they are few, else those that share most keys."""
    ids = await matches.newest(records, airline_id, kind, MAX_CANDIDATES + 1)
    if len(ids) > MAX_CANDIDATES:
        wanted: dict[str, int] = {}
        for one in own:
            wanted |= wanted_keys(one)
        ids = await matches.candidates(records, airline_id, kind, wanted, MAX_PER_KEY, MAX_CANDIDATES)
    return [traits(bag) for bag in await matches.traced(records, airline_id, ids)]


def _best(one: Traits, others: Iterable[Traits], *, found: bool) -> list[dict[str, Any]]:
    """Returns the proposals for one bag that reach the limits, best first.

    Args:
        found: whether it is a found bag.
    """
    pairs = ((one, other) if found else (other, one) for other in others)
    rated = [(*rate(agreements(*pair)), pair) for pair in pairs]
    good = [match for match in rated if match[0] >= LEAST_SCORE and match[1] >= LEAST_POINTS]
    good.sort(key=lambda match: match[:2], reverse=True)
    return [_proposal(*pair) for _, _, pair in good[:MOST_PROPOSALS]]


def _proposal(found: Traits, missed: Traits) -> dict[str, Any]:
    agreed = score(found, missed)
    return {
        "on_hand_pir_id": found.bag.pir_id,
        "delayed_pir_id": missed.bag.pir_id,
        "seq": missed.bag.seq,
        "score": agreed.percentage,
        "matched": _rows(agreed.matched),
        "contradicting": _rows(agreed.contradicting),
    }


def _rows(compared: Iterable[ElementComparison]) -> list[dict[str, Any]]:
    return [asdict(one) for one in compared]


async def confirm(context: Context, match_id: int, locate: Locate) -> Match:
    """Confirms that the found bag is the missed one. Safe to repeat.

    Args:
        locate: applies the match to its two PIRs; an error of it undoes the decision.

    Raises:
        NotFound: the match does not exist.
        InvalidState: it was rejected, or one of its bags has another confirmed match.
    """
    async with context.stores.postgres.transaction() as records:
        match = await _locked(context, records, match_id)
        if match.state == MatchState.CONFIRMED:
            return match
        if match.state == MatchState.REJECTED:
            raise InvalidState("matchId", "matchId must be a match that is PROPOSED or CONFIRMED, not REJECTED")
        if await matches.has_rival(records, context.airline_id, match_id):
            limits = "without a confirmed match of its bags; reinstate tracing of the bag first"
            raise InvalidState("matchId", f"matchId must be a match {limits}")
        decided = await _decide(context, records, match, MatchState.CONFIRMED)
        await locate(context, records, decided)
        return decided


async def reject(context: Context, match_id: int) -> Match:
    """Rejects a match: the found bag is not the missed one. Safe to repeat.

    Raises:
        NotFound: the match does not exist.
        InvalidState: it was confirmed.
    """
    async with context.stores.postgres.transaction() as records:
        match = await _locked(context, records, match_id)
        if match.state == MatchState.REJECTED:
            return match
        if match.state == MatchState.CONFIRMED:
            limits = "PROPOSED or REJECTED, not CONFIRMED; reinstate tracing of the bag instead"
            raise InvalidState("matchId", f"matchId must be a match that is {limits}")
        return await _decide(context, records, match, MatchState.REJECTED)


async def release(context: Context, records: Reader, pir_id: int, seqs: Sequence[int]) -> None:
    """Releases confirmed matches of bags of a PIR that turned out to be wrong.

    Part of the transaction that reinstates tracing.
    """
    released = await matches.release(records, context.airline_id, pir_id, seqs, context.actor.id, context.now())
    if released:
        await audit(context, records, "RELEASE_MATCH", "MATCH", released, {"pir": pir_id})


async def tag_switch(records: Reader, airline_id: int, pir_id: int) -> TagSwitch | None:
    """Returns the evidence of a tag switch of a bag of a delayed PIR, for ``fault.propose``."""
    row = await matches.switched_tag(records, airline_id, pir_id, CHECKED_IN_TOGETHER)
    return TagSwitch(row.own_tag, row.found_tag, row.station, row.at) if row else None


async def _locked(context: Context, records: Reader, match_id: int) -> Match:
    """Locks the match and its two PIRs, so that no other match of these PIRs is decided at the same time.

    The PIRs are locked first, as in every command on a PIR: it holds the PIR while it writes proposals.
    """
    match = (await matches.by_id(records, context.airline_id, [match_id])).get(match_id)
    for pir_id in sorted((match.on_hand_pir_id, match.delayed_pir_id)) if match else ():
        await pirs.lock(records, context.airline_id, pir_id)
    match = await matches.lock(records, context.airline_id, match_id)
    if match is None:
        raise NotFound("matchId", "matchId must be the id of an existing match")
    return match


async def _decide(context: Context, records: Reader, match: Match, state: MatchState) -> Match:
    decided = await matches.decide(records, context.airline_id, match.id, state, context.actor.id, context.now())
    assert decided is not None, "the match is locked"
    action = "CONFIRM_MATCH" if state == MatchState.CONFIRMED else "REJECT_MATCH"
    detail = {"onHand": match.on_hand_pir_id, "file": match.delayed_pir_id, "bag": match.seq, "score": match.score}
    await audit(context, records, action, "MATCH", [match.id], detail)
    return decided
