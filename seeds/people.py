"""Passengers: common names put together by chance, and contacts that reach nobody.

Phone numbers come from ranges that are kept free for fiction: 555-0100 to 555-0199 of North American area codes (NANPA)
and 07700 900000 to 900999 of the United Kingdom (Ofcom). Mail addresses are of the domains reserved by RFC 2606.
"""

from random import Random

from integrations.records.passengers import Language, search_name, teletype
from integrations.stores.passengers import NewPassenger
from seeds.chance import chance

GIVEN_NAMES = {
    Language.ES: "María José Ana Luis Carmen Carlos Lucía Jorge Elena Andrés Rosa Miguel Sofía Pedro Paula Diego".split(),
    Language.EN: "Mary James Anna John Emily Robert Laura David Susan Thomas Helen Peter Alice George Karen Paul".split(),
    Language.PT: "Maria João Ana Pedro Beatriz Tiago Inês Rui Marta Nuno Sofia Bruno Clara Hugo Luísa Otávio".split(),
}
SURNAMES = {
    Language.ES: "González Rodríguez Pérez Gómez Fernández López Díaz Martínez Sánchez Romero Torres Castillo Herrera "
    "Vargas Peña Núñez".split(),
    Language.EN: "Smith Johnson Brown Taylor Wilson Clark Walker Hall Young King Wright Green Baker Carter Turner "
    "Parker".split(),
    Language.PT: "Silva Santos Oliveira Souza Pereira Costa Almeida Ferreira Ribeiro Carvalho Gomes Martins Araújo "
    "Barbosa Conceição Moreira".split(),
}
LANGUAGE_WEIGHTS = {Language.ES: 60, Language.EN: 25, Language.PT: 15}

AREA_CODES = ("305", "212", "202", "312", "416", "514", "407", "713")
MAIL_DOMAINS = ("example.com", "example.org", "example.net")

# Programme, its tier, what Star Alliance partners see of it, and how many of a hundred passengers have it.
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
PRIORITY_TIER = "Star Alliance Gold"

LOCATOR_SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def passenger(seed: int, passenger_id: int, booking_id: int) -> NewPassenger:
    """The passenger of that id; people of one booking share a family name, which is the booking's."""
    numbers = chance(seed, "passenger", passenger_id)
    language, surname = _family(chance(seed, "booking", booking_id))
    return _passenger(numbers, passenger_id, booking_id, language, surname, numbers.choice(GIVEN_NAMES[language]))


def protagonist(seed: int, passenger_id: int) -> NewPassenger:
    """The passenger of the demo's first story, called as in the message samples."""
    numbers = chance(seed, "passenger", passenger_id)
    return _passenger(numbers, passenger_id, passenger_id, Language.ES, "González", "María")


def locator(seed: int, booking_id: int) -> str:
    """The record locator of that booking."""
    return "".join(chance(seed, "locator", booking_id).choices(LOCATOR_SIGNS, k=6))


def _family(numbers: Random) -> tuple[Language, str]:
    language = numbers.choices(tuple(LANGUAGE_WEIGHTS), tuple(LANGUAGE_WEIGHTS.values()))[0]
    return language, numbers.choice(SURNAMES[language])


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
