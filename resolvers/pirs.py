"""Property irregularity reports: finding them, and what belongs to each of many."""

import re
from collections.abc import Sequence

from integrations.records.bags import Bag
from integrations.records.page import Page
from integrations.records.pirs import REFERENCE, Pir, PirBag
from integrations.stores import pirs
from resolvers.context import Context
from resolvers.errors import BadInput


def read_reference(text: str) -> str | None:
    """A file reference in its usual form, ``PTYCM12345``; None for anything else."""
    plain = re.sub(r"[\s\-]", "", text).upper()
    return plain if REFERENCE.fullmatch(plain) else None


async def by_ids(context: Context, ids: Sequence[int]) -> list[Pir | None]:
    """The file of each id, None for an unknown one."""
    found = await pirs.by_id(context.stores.postgres, context.airline_id, ids)
    return [found.get(pir_id) for pir_id in ids]


async def by_reference(context: Context, text: str, limit: int) -> list[Pir]:
    """Files of that reference, the newest first.

    Raises:
        BadInput: the text is no file reference.
    """
    reference = read_reference(text)
    if reference is None:
        raise BadInput("reference", "A file reference is a station, an airline and five digits: PTYCM12345.")
    return await pirs.by_reference(context.stores.postgres, context.airline_id, reference, limit)


async def page(
    context: Context,
    statuses: Sequence[str] | None,
    kinds: Sequence[str] | None,
    station: str | None,
    page: Page,
) -> list[Pir]:
    """The newest files first."""
    return await pirs.page(context.stores.postgres, context.airline_id, statuses, kinds, station, page)


async def of_bags(context: Context, parents: Sequence[Bag]) -> list[Pir | None]:
    """The file that matters for each bag: an open one before a closed one, then the newest."""
    found = await pirs.of_bags(context.stores.postgres, context.airline_id, list({bag.id for bag in parents}))
    return [found.get(bag.id) for bag in parents]


async def descriptions(context: Context, parents: Sequence[Pir]) -> list[list[PirBag]]:
    """The bags of each file as the passenger described them."""
    found: dict[int, list[PirBag]] = {pir.id: [] for pir in parents}
    for described in await pirs.descriptions(context.stores.postgres, context.airline_id, list(found)):
        found[described.pir_id].append(described)
    return [found[pir.id] for pir in parents]
