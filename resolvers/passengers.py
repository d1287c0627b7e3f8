"""Passengers: reads, masking of personal data, and audited reveals (``docs/DOMAIN.md#personal-data``)."""

import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

from integrations.records.bags import Bag, BagWithPassenger, RelatedBag
from integrations.records.passengers import JoinedPassenger, Passenger, PassengerColumns, name_query
from integrations.records.pirs import Pir
from integrations.stores.postgres import passengers
from resolvers.audit import audit
from resolvers.context import Context
from resolvers.errors import Forbidden

# Records that hold the columns of a passenger.
WITH_PASSENGER = frozenset({BagWithPassenger, RelatedBag})


async def by_ids(context: Context, ids: Sequence[int]) -> list[Passenger | None]:
    """The passenger of each id; None for an unknown one."""
    found = await passengers.by_id(context.stores.postgres, context.airline_id, ids)
    return [found.get(passenger_id) for passenger_id in ids]


async def of_owned(context: Context, parents: Sequence[Bag | Pir]) -> list[Passenger | None]:
    """The passenger of each bag or PIR; None if unknown."""
    ids = {parent.passenger_id for parent in parents if parent.passenger_id is not None}
    found = await passengers.by_id(context.stores.postgres, context.airline_id, list(ids))
    return [found.get(parent.passenger_id) if parent.passenger_id else None for parent in parents]


def prefetched(parents: Sequence[Any]) -> Sequence[JoinedPassenger | None] | None:
    """The passengers of bags whose rows hold them; None if any row does not."""
    return [parent.passenger for parent in parents] if WITH_PASSENGER.issuperset(map(type, parents)) else None


def may_search_by_name(context: Context) -> bool:
    """Whether the caller may search by name: prefixes that find a passenger spell out a masked name."""
    return context.actor.sees_personal_data


async def by_name(context: Context, text: str, limit: int) -> list[Passenger]:
    """Passengers with a name as people type it, the best first: in either order, or any word of the surname.

    Case, accents, blanks, hyphens and apostrophes do not matter, nor do particles that the text leaves out
    (``docs/DOMAIN.md#rule-18``).
    """
    query = name_query(text)
    if query is None:
        return []
    return await passengers.by_name(context.stores.postgres, context.airline_id, query, limit)


async def by_locator(context: Context, locator: str, limit: int) -> list[Passenger]:
    """Passengers of the bookings with a locator, the newest booking first."""
    return await passengers.by_locator(context.stores.postgres, context.airline_id, locator, limit)


def initial(name: str) -> str:
    """The masked form of a name: its initial; a name of one sign has none."""
    composed = unicodedata.normalize("NFC", name)
    return f"{composed[:-1][:1]}***" if name else name


def surnames(context: Context) -> Callable[[PassengerColumns], str] | None:
    """Masks surnames for the caller; None if the caller may see them."""
    return None if context.actor.sees_personal_data else lambda passenger: initial(passenger.surname)


def given_names(context: Context) -> Callable[[PassengerColumns], str] | None:
    """Masks given names for the caller; None if the caller may see them."""
    return None if context.actor.sees_personal_data else lambda passenger: initial(passenger.given_names)


def personal(context: Context) -> Callable[[Any], None] | None:
    """Hides a personal value from the caller; None if the caller may see it."""
    return None if context.actor.sees_personal_data else lambda _record: None


def membership(passenger: PassengerColumns) -> PassengerColumns | None:
    """The passenger's row as a loyalty membership; None without one."""
    return passenger if passenger.loyalty_programme else None


def masked_phone(passenger: PassengerColumns) -> str | None:
    """The last two digits of the phone number, by which the passenger can confirm it."""
    return None if passenger.phone is None else f"***{passenger.phone[-2:]}"


def masked_email(passenger: PassengerColumns) -> str | None:
    """The first letter and the domain of the email address; a name of one letter is masked as a whole."""
    if passenger.email is None:
        return None
    name, _, domain = passenger.email.partition("@")
    return f"{initial(name)}@{domain}"


async def reveal(context: Context, parents: Sequence[PassengerColumns]) -> list[PassengerColumns]:
    """The passengers with their contacts; writes an audit row.

    Raises:
        Forbidden: the caller's role does not meet passengers.
    """
    if not context.actor.sees_personal_data:
        raise Forbidden("Contacts require the role AGENT, SUPERVISOR or ADMIN")
    ids = sorted({passenger.id for passenger in parents})
    await audit(context, context.stores.postgres, "REVEAL_CONTACT", "PASSENGER", ids)
    return list(parents)
