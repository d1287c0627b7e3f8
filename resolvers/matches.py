"""Matches of found bags with missed bags: reads."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from integrations.records.matches import Match, MatchElement
from integrations.records.pirs import Pir
from integrations.stores.postgres import matches, pirs
from resolvers.context import Context
from resolvers.errors import check_range

MAX_MATCHES = 50


# Elements that are masked as personal data (docs/DOMAIN.md#personal-data).
PERSONAL = frozenset({MatchElement.SURNAME, MatchElement.GIVEN_NAMES, MatchElement.CONTENTS})


async def by_ids(context: Context, ids: Sequence[int]) -> list[Match | None]:
    """The match of each id; None for an unknown one."""
    found = await matches.by_id(context.stores.postgres, context.airline_id, ids)
    return [found.get(match_id) for match_id in ids]


async def of_pirs(context: Context, parents: Sequence[Pir], *, first: int = 20) -> list[list[Match]]:
    """The matches of each PIR, from either side: the confirmed one, then proposals by score, then rejected ones.

    Args:
        first: maximum number of matches of a PIR, 1 to 50.

    Raises:
        BadInput: ``first`` is out of bounds.
    """
    check_range("first", first, 1, MAX_MATCHES)
    found: dict[int, list[Match]] = {pir.id: [] for pir in parents}
    for match in await matches.of_pirs(context.stores.postgres, context.airline_id, list(found), first):
        found[match.parent_id].append(match)
    return [found[pir.id] for pir in parents]


async def on_hand_pirs(context: Context, parents: Sequence[Match]) -> list[Pir | None]:
    """The PIR of the found bag of each match."""
    found = await pirs.by_id(
        context.stores.postgres, context.airline_id, sorted({match.on_hand_pir_id for match in parents})
    )
    return [found.get(match.on_hand_pir_id) for match in parents]


async def delayed_pirs(context: Context, parents: Sequence[Match]) -> list[Pir | None]:
    """The PIR of the missed bag of each match."""
    found = await pirs.by_id(
        context.stores.postgres, context.airline_id, sorted({match.delayed_pir_id for match in parents})
    )
    return [found.get(match.delayed_pir_id) for match in parents]


def shown(side: str) -> Callable[[Context], Callable[[Mapping[str, Any]], str | None]]:
    """Reads one side of compared elements; personal data is null for roles that do not meet passengers.

    Args:
        side: ``found`` or ``reported``.
    """

    def value(row: Mapping[str, Any]) -> str:
        return str(row[side])

    def masked(row: Mapping[str, Any]) -> str | None:
        return None if row["element"] in PERSONAL else value(row)

    return lambda context: value if context.actor.sees_personal_data else masked
