"""Passengers: random combinations of common names, with contacts that reach no person.

Phone numbers come from ranges reserved for fiction: 555-0100 to 555-0199 of North American area codes (NANPA) and 07700
900000 to 900999 of the United Kingdom (Ofcom). Mail addresses use the domains reserved by RFC 2606.
"""

from random import Random

from integrations.records.passengers import Language, name_words, search_name, teletype
from integrations.stores.postgres.passengers import NewPassenger
from seeds.network import read_rows
from seeds.seeded_random import random_for

# Per hundred passengers.
LANGUAGES = {Language.ES: 60, Language.EN: 25, Language.PT: 15}

AREA_CODES = ("305", "212", "202", "312", "416", "514", "407", "713")
MAIL_DOMAINS = ("example.com", "example.org", "example.net")

# Programme, its tier, and the tier that Star Alliance partners see; per hundred passengers.
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
# Bags of its members have priority, whichever programme they belong to.
PRIORITY_TIER = "Star Alliance Gold"

LOCATOR_CHARACTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

# The passenger of the demo's first scenario, named as in the message samples.
PROTAGONIST = 1
PROTAGONIST_NAME = ("González", "María")
PROTAGONIST_LOCATOR = "F7K2QX"


class People:
    """Passengers and locators by id, always the same for a seed.

    Args:
        seed: seed of the random numbers.
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
        """The passenger with that id. Passengers of one booking have one surname."""
        rng = random_for(self._seed, "passenger", passenger_id)
        if passenger_id == PROTAGONIST:
            return _passenger(rng, passenger_id, booking_id, Language.ES, *PROTAGONIST_NAME)
        family = random_for(self._seed, "family", booking_id)
        language = family.choices(tuple(LANGUAGES), tuple(LANGUAGES.values()))[0]
        surname = family.choice(self._surnames[language])
        given_name = self._given_name(rng, passenger_id, booking_id, language)
        return _passenger(rng, passenger_id, booking_id, language, surname, given_name)

    def _given_name(self, rng: Random, passenger_id: int, booking_id: int, language: Language) -> str:
        """A random given name, but not that of the booking's first passenger: messages identify passengers by it."""
        names = self._given_names[language]
        name = rng.choice(names)
        if passenger_id == booking_id:
            return name
        first = random_for(self._seed, "passenger", booking_id).choice(names)
        return names[(names.index(name) + 1) % len(names)] if name == first else name

    def locator(self, booking_id: int) -> str:
        """Record locator of a booking."""
        if booking_id == PROTAGONIST:
            return PROTAGONIST_LOCATOR
        return "".join(random_for(self._seed, "locator", booking_id).choices(LOCATOR_CHARACTERS, k=6))


def _passenger(
    rng: Random, passenger_id: int, booking_id: int, language: Language, surname: str, given_name: str
) -> NewPassenger:
    programme, tier, alliance_tier = rng.choices(tuple(TIERS), tuple(TIERS.values()))[0]
    return NewPassenger(
        id=passenger_id,
        booking_id=booking_id,
        surname=surname,
        given_names=given_name,
        title="",
        search_name=search_name(surname, given_name),
        name_words=name_words(surname, given_name),
        loyalty_programme=programme,
        loyalty_number=f"000{passenger_id:06d}" if programme else None,
        loyalty_tier=tier,
        alliance_tier=alliance_tier,
        language=language,
        phone=_phone(rng, language),
        email=f"{teletype(given_name)}.{teletype(surname)}.{passenger_id}@{rng.choice(MAIL_DOMAINS)}".lower(),
    )


def _phone(rng: Random, language: Language) -> str:
    if language == Language.EN and rng.random() < 0.25:
        return f"+447700900{rng.randrange(1000):03d}"
    return f"+1{rng.choice(AREA_CODES)}55501{rng.randrange(100):02d}"
