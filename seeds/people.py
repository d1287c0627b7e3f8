"""Passengers: common names put together by chance, and contacts that reach nobody.

Phone numbers come from ranges that are kept free for fiction: 555-0100 to 555-0199 of North American area codes (NANPA)
and 07700 900000 to 900999 of the United Kingdom (Ofcom). Mail addresses are of the domains reserved by RFC 2606.
"""

from random import Random

from integrations.records.passengers import Language, search_name, teletype
from integrations.stores.postgres.passengers import NewPassenger
from seeds.network import read_rows
from seeds.seeded_random import chance

# Of a hundred passengers.
LANGUAGES = {Language.ES: 60, Language.EN: 25, Language.PT: 15}

AREA_CODES = ("305", "212", "202", "312", "416", "514", "407", "713")
MAIL_DOMAINS = ("example.com", "example.org", "example.net")

# Programme, its tier, what Star Alliance partners see of it; of a hundred passengers.
TIERS: dict[tuple[str | None, str | None, str | None], int] = {
    (None, None, None): 50,
    ("ConnectMiles", "Member", None): 28,
    ("ConnectMiles", "Silver", "Star Alliance Silver"): 8,
    ("ConnectMiles", "Gold", "Star Alliance Gold"): 6,
    ("ConnectMiles", "Platinum", "Star Alliance Gold"): 3,
    ("ConnectMiles", "Presidential", "Star Alliance Gold"): 1,
    ("MileagePlus", "Premier Gold", "Star Alliance Gold"): 2,
    ("LifeMiles", "Silver", "Star Alliance Silver"): 2,
}
# Its members' bags have priority, whichever partner's members they are.
PRIORITY_TIER = "Star Alliance Gold"

LOCATOR_SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

# The passenger of the demo's first story, called as in the message samples.
PROTAGONIST = 1
PROTAGONIST_NAME = ("González", "María")
PROTAGONIST_LOCATOR = "F7K2QX"


class People:
    """Whoever has an id, always the same.

    Args:
        seed: another seed, other people.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        rows = read_rows("names.csv")
        self._given_names = {
            language: [row["given_name"] for row in rows if row["language"] == language] for language in Language
        }
        self._surnames = {
            language: [row["surname"] for row in rows if row["language"] == language] for language in Language
        }

    def passenger(self, passenger_id: int, booking_id: int) -> NewPassenger:
        """The passenger of that id; people of one booking are of one family."""
        numbers = chance(self._seed, "passenger", passenger_id)
        if passenger_id == PROTAGONIST:
            return _passenger(numbers, passenger_id, booking_id, Language.ES, *PROTAGONIST_NAME)
        family = chance(self._seed, "family", booking_id)
        language = family.choices(tuple(LANGUAGES), tuple(LANGUAGES.values()))[0]
        surname = family.choice(self._surnames[language])
        given_name = self._given_name(numbers, passenger_id, booking_id, language)
        return _passenger(numbers, passenger_id, booking_id, language, surname, given_name)

    def _given_name(self, numbers: Random, passenger_id: int, booking_id: int, language: Language) -> str:
        """Chance picks; another name than that of the first of the booking, since messages tell them by it."""
        names = self._given_names[language]
        name = numbers.choice(names)
        if passenger_id == booking_id:
            return name
        first = chance(self._seed, "passenger", booking_id).choice(names)
        return names[(names.index(name) + 1) % len(names)] if name == first else name

    def locator(self, booking_id: int) -> str:
        """The record locator of that booking."""
        if booking_id == PROTAGONIST:
            return PROTAGONIST_LOCATOR
        return "".join(chance(self._seed, "locator", booking_id).choices(LOCATOR_SIGNS, k=6))


def _passenger(
    numbers: Random, passenger_id: int, booking_id: int, language: Language, surname: str, given_name: str
) -> NewPassenger:
    programme, tier, alliance_tier = numbers.choices(tuple(TIERS), tuple(TIERS.values()))[0]
    return NewPassenger(
        id=passenger_id,
        booking_id=booking_id,
        surname=surname,
        given_names=given_name,
        search_name=search_name(surname, given_name),
        loyalty_programme=programme,
        loyalty_number=f"000{passenger_id:06d}" if programme else None,
        loyalty_tier=tier,
        alliance_tier=alliance_tier,
        language=language,
        phone=_phone(numbers, language),
        email=f"{teletype(given_name)}.{teletype(surname)}.{passenger_id}@{numbers.choice(MAIL_DOMAINS)}".lower(),
    )


def _phone(numbers: Random, language: Language) -> str:
    if language == Language.EN and numbers.random() < 0.25:
        return f"+447700900{numbers.randrange(1000):03d}"
    return f"+1{numbers.choice(AREA_CODES)}55501{numbers.randrange(100):02d}"
