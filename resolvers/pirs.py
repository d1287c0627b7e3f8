"""Property irregularity reports (PIRs): reads."""

from collections.abc import Sequence
from typing import Any

from integrations.records.bags import Bag, BagWithPassenger
from integrations.records.effects import Effect
from integrations.records.page import Page
from integrations.records.pirs import REFERENCE, Pir, PirBag, PirEvent, PirFilter, PirOf
from integrations.records.transliteration import code_form
from integrations.stores.postgres import airports, liability, pirs
from resolvers.context import Context
from resolvers.errors import BadInput
from resolvers.rules import deadlines
from resolvers.rules.deadlines import Deadlines


def read_reference(text: str) -> str | None:
    """A PIR reference in its canonical form, ``PTYCM12345``; None for any other text."""
    plain = code_form(text)
    return plain if REFERENCE.fullmatch(plain) else None


async def by_ids(context: Context, ids: Sequence[int]) -> list[Pir | None]:
    """The PIR of each id; None for an unknown one."""
    found = await pirs.by_id(context.stores.postgres, context.airline_id, ids)
    return [found.get(pir_id) for pir_id in ids]


async def by_reference(context: Context, text: str, limit: int) -> list[Pir]:
    """PIRs with a reference, the newest first.

    Raises:
        BadInput: the text is not a PIR reference.
    """
    reference = read_reference(text)
    if reference is None:
        raise BadInput("reference", "reference must be a station, an airline and five digits, such as PTYCM12345")
    return await pirs.by_reference(context.stores.postgres, context.airline_id, reference, limit)


async def page(context: Context, which: PirFilter, page: Page) -> list[Pir]:
    """A page of PIRs, the newest first."""
    return await pirs.page(context.stores.postgres, context.airline_id, which, page)


async def by_urgency(context: Context, which: PirFilter, page: Page) -> list[Pir]:
    """A page of the work list: PIRs by their next deadline, those without one last."""
    return await pirs.by_urgency(context.stores.postgres, context.airline_id, which, page)


async def of_bags(context: Context, parents: Sequence[Bag]) -> list[Pir | None]:
    """The current PIR of each bag: an open one before a closed one, then the newest; None without one."""
    found = await pirs.of_bags(context.stores.postgres, context.airline_id, list({bag.id for bag in parents}))
    return [found.get(bag.id) for bag in parents]


def prefetched(parents: Sequence[Any]) -> Sequence[None] | None:
    """Nulls for bags whose rows hold that none of them has a PIR; None otherwise.

    Most bags never have a PIR, so this saves a statement.
    """
    if set(map(type, parents)) != {BagWithPassenger} or any(parent.has_pir for parent in parents):
        return None
    return [None] * len(parents)


async def descriptions(context: Context, parents: Sequence[Pir]) -> list[list[PirBag]]:
    """The bags of each PIR, as the passenger described them."""
    found: dict[int, list[PirBag]] = {pir.id: [] for pir in parents}
    for described in await pirs.descriptions(context.stores.postgres, context.airline_id, list(found)):
        found[described.pir_id].append(described)
    return [found[pir.id] for pir in parents]


async def of_effects(context: Context, parents: Sequence[Effect]) -> list[Pir | None]:
    """The PIR of each effect."""
    found = await pirs.by_id(context.stores.postgres, context.airline_id, list({effect.pir_id for effect in parents}))
    return [found.get(effect.pir_id) for effect in parents]


async def history(context: Context, parents: Sequence[Pir]) -> list[list[PirEvent]]:
    """The history of each PIR, in order."""
    found: dict[int, list[PirEvent]] = {pir.id: [] for pir in parents}
    for event in await pirs.history(context.stores.postgres, context.airline_id, list(found)):
        found[event.pir_id].append(event)
    return [found[pir.id] for pir in parents]


async def previous(context: Context, parents: Sequence[Pir]) -> list[Pir | None]:
    """The PIR that each PIR follows; None without one."""
    ids = list({pir.previous_id for pir in parents if pir.previous_id is not None})
    found = await pirs.by_id(context.stores.postgres, context.airline_id, ids) if ids else {}
    return [found.get(pir.previous_id) if pir.previous_id is not None else None for pir in parents]


async def followed_by(context: Context, parents: Sequence[Pir]) -> list[list[PirOf]]:
    """The PIRs that follow each PIR."""
    found: dict[int, list[PirOf]] = {pir.id: [] for pir in parents}
    for pir in await pirs.after(context.stores.postgres, context.airline_id, list(found)):
        found[pir.parent_id].append(pir)
    return [found[pir.id] for pir in parents]


async def matched(context: Context, parents: Sequence[PirBag]) -> list[Pir | None]:
    """The PIR on the other side of each bag's confirmed match; None without a match."""
    ids = list({bag.matched_pir_id for bag in parents if bag.matched_pir_id is not None})
    found = await pirs.by_id(context.stores.postgres, context.airline_id, ids) if ids else {}
    return [found.get(bag.matched_pir_id) if bag.matched_pir_id is not None else None for bag in parents]


async def deadlines_of(context: Context, parents: Sequence[Pir]) -> list[Deadlines]:
    """The legal deadlines of each PIR; three statements for any number of PIRs."""
    records = context.stores.postgres
    codes = {code for pir in parents for code in (pir.station, pir.destination, pir.origin) if code}
    places = await airports.by_code(records, sorted(codes))
    bound = await liability.parties(records, sorted({place.country_code for place in places.values()}))
    limits = await liability.limits(records)
    return [deadlines.of_pir(pir, places, bound, limits) for pir in parents]


def proposed(pir: Pir) -> Pir | None:
    """The PIR's row as a proposed reason for loss; None without one. A decision does not remove the proposal."""
    return pir if pir.proposed_reason else None
