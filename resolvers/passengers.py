"""Passengers, and who may see what of them."""

from collections.abc import Callable, Sequence
from typing import Any

from integrations.records.bags import Bag, BagWithPassenger, RelatedBag
from integrations.records.passengers import JoinedPassenger, Passenger, PassengerColumns, teletype
from integrations.records.pirs import Pir
from integrations.stores.postgres import passengers
from resolvers.audit import audit
from resolvers.context import Context
from resolvers.errors import Forbidden

# Rows with the columns of a passenger.
WITH_PASSENGER = frozenset({BagWithPassenger, RelatedBag})


async def by_ids(context: Context, ids: Sequence[int]) -> list[Passenger | None]:
    """The passenger of each id, None for an unknown one."""
    found = await passengers.by_id(context.stores.postgres, context.airline_id, ids)
    return [found.get(passenger_id) for passenger_id in ids]


async def of_owned(context: Context, parents: Sequence[Bag | Pir]) -> list[Passenger | None]:
    """The passenger that each bag or file belongs to, None where nobody is known."""
    ids = {parent.passenger_id for parent in parents if parent.passenger_id is not None}
    found = await passengers.by_id(context.stores.postgres, context.airline_id, list(ids))
    return [found.get(parent.passenger_id) if parent.passenger_id else None for parent in parents]


def prefetched(parents: Sequence[Any]) -> Sequence[JoinedPassenger | None] | None:
    """The passengers that bags prefetched, if all have."""
    return [parent.passenger for parent in parents] if WITH_PASSENGER.issuperset(map(type, parents)) else None


async def by_name(context: Context, text: str, limit: int) -> list[Passenger]:
    """Passengers whose surname begins so; ``SURNAME/GIVEN`` narrows it. Accents and case do not matter."""
    surname, _, given_names = teletype(text).partition("/")
    prefix = f"{surname.strip()}/{given_names.strip()}" if given_names else surname.strip()
    return await passengers.by_name(context.stores.postgres, context.airline_id, prefix, limit)


async def by_locator(context: Context, locator: str, limit: int) -> list[Passenger]:
    """Passengers of the bookings with this locator, the newest booking first."""
    return await passengers.by_locator(context.stores.postgres, context.airline_id, locator, limit)


def initial(name: str) -> str:
    """What of a name is shown to those who do not meet passengers."""
    return f"{name[0]}***" if name else name


def surnames(context: Context) -> Callable[[PassengerColumns], str] | None:
    """How the caller reads family names: None for as they are."""
    return None if context.actor.sees_personal_data else lambda passenger: initial(passenger.surname)


def given_names(context: Context) -> Callable[[PassengerColumns], str] | None:
    """How the caller reads given names: None for as they are."""
    return None if context.actor.sees_personal_data else lambda passenger: initial(passenger.given_names)


def personal(context: Context) -> Callable[[Any], None] | None:
    """How the caller reads what is personal: None for as it is; those who do not meet passengers read nothing."""
    return None if context.actor.sees_personal_data else lambda _record: None


def membership(passenger: PassengerColumns) -> PassengerColumns | None:
    """The same row, seen as a membership, if there is one."""
    return passenger if passenger.loyalty_programme else None


def masked_phone(passenger: PassengerColumns) -> str | None:
    """The last two digits: enough to ask the passenger whether it is theirs."""
    return None if passenger.phone is None else f"***{passenger.phone[-2:]}"


def masked_email(passenger: PassengerColumns) -> str | None:
    """First letter and domain."""
    if passenger.email is None:
        return None
    name, _, domain = passenger.email.partition("@")
    return f"{name[:1]}***@{domain}"


async def reveal(context: Context, parents: Sequence[PassengerColumns]) -> list[PassengerColumns]:
    """The passengers themselves, for those who may see contacts; each reveal is written to the audit trail.

    Raises:
        Forbidden: the caller's role does not work with passengers.
    """
    if not context.actor.sees_personal_data:
        raise Forbidden("Contacts are shown to agents, supervisors and administrators only.")
    ids = sorted({passenger.id for passenger in parents})
    await audit(context, context.stores.postgres, "REVEAL_CONTACT", "PASSENGER", ids)
    return list(parents)
