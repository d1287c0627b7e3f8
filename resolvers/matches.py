"""Matches of found bags with missed bags: reads."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from integrations.records.matches import Match, MatchElement
from integrations.records.pirs import Pir
from integrations.stores.postgres import matches, pirs
from resolvers.context import Context
from resolvers.errors import BadInput

MAX_MATCHES = 50


# Elements that are masked as personal data.
PERSONAL = frozenset({MatchElement.SURNAME, MatchElement.GIVEN_NAMES, MatchElement.CONTENTS})


async def by_ids(context: Context, ids: Sequence[int]) -> list[Match | None]:
    """The match of each id, None for an unknown one."""
    found = await matches.by_id(context.stores.postgres, context.airline_id, ids)
    return [found.get(match_id) for match_id in ids]


async def of_pirs(context: Context, parents: Sequence[Pir], *, first: int = 20) -> list[list[Match]]:
    """The matches of each file, from either side: the confirmed one, then proposals by score, then rejected ones.

    Raises:
        BadInput: ``first`` is out of bounds.
    """
    if not 1 <= first <= MAX_MATCHES:
        raise BadInput("first", f"Ask for 1 to {MAX_MATCHES} matches.")
    found: dict[int, list[Match]] = {pir.id: [] for pir in parents}
    for match in await matches.of_pirs(context.stores.postgres, context.airline_id, list(found), first):
        found[match.parent_id].append(match)
    return [found[pir.id] for pir in parents]


async def on_hand_pirs(context: Context, parents: Sequence[Match]) -> list[Pir | None]:
    """The file of each match's found bag."""
    found = await pirs.by_id(
        context.stores.postgres, context.airline_id, sorted({match.on_hand_pir_id for match in parents})
    )
    return [found.get(match.on_hand_pir_id) for match in parents]


async def delayed_pirs(context: Context, parents: Sequence[Match]) -> list[Pir | None]:
    """The file of each match's missed bag."""
    found = await pirs.by_id(
        context.stores.postgres, context.airline_id, sorted({match.delayed_pir_id for match in parents})
    )
    return [found.get(match.delayed_pir_id) for match in parents]


def shown(side: str) -> Callable[[Context], Callable[[Mapping[str, Any]], str | None]]:
    """Reader of one side of compared elements. Personal elements are null for roles that do not meet passengers."""

    def value(row: Mapping[str, Any]) -> str:
        return str(row[side])

    def masked(row: Mapping[str, Any]) -> str | None:
        return None if row["element"] in PERSONAL else value(row)

    return lambda context: value if context.actor.sees_personal_data else masked
