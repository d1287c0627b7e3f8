"""Search over tags, flights, PIRs, locators and names."""

from typing import Any

import pytest

from resolvers.actor import Role
from tests.gateway import Api
from tests.world import Builder, World

SEARCH = """
    query($text: String!, $first: Int) { search(text: $text, first: $first) {
      readAs
      found { __typename ... on Node { id } ... on Passenger { surname } }
    } }
"""


def full_width(text: str) -> str:
    """Text in the full-width forms that keyboards for Chinese and Japanese write."""
    return "".join(chr(ord(sign) + 0xFEE0) for sign in text)


@pytest.mark.parametrize(
    ("text", "read_as", "found"),
    [
        ("CM456781", ["TAG"], [("Bag", "delivered")]),
        ("0230456782", ["TAG"], [("Bag", "missed")]),
        ("2230000457", ["TAG"], [("Bag", "missed")]),
        ("F7K2QX", ["LOCATOR"], [("Passenger", "gonzalez")]),
        ("f7k2qx", ["LOCATOR"], [("Passenger", "gonzalez")]),
        ("GRUCM12345", ["PIR"], [("Pir", "GRUCM12345")]),
        ("CM0758", ["FLIGHT", "LOCATOR"], [("Flight", "CM758")]),
        ("gonz", ["NAME"], [("Passenger", "gonzalez")]),
        ("González", ["NAME"], [("Passenger", "gonzalez")]),
        ("PENA", ["NAME"], [("Passenger", "penha")]),
        ("Peña/J", ["NAME"], [("Passenger", "penha")]),
        ("Pena/Maria", ["NAME"], []),
        ("gon-zalez", ["NAME"], [("Passenger", "gonzalez")]),
        ("SILVAS", ["LOCATOR", "NAME"], []),
        ("P2M4ZT", ["LOCATOR"], [("Passenger", "silva")]),
        ("日本", ["NAME"], []),
        ("12", [], []),
        (full_width("CM456781"), ["TAG"], [("Bag", "delivered")]),
        ("CM\u2011456\u2011781", ["TAG"], [("Bag", "delivered")]),
        (full_width("F7K2QX"), ["LOCATOR"], [("Passenger", "gonzalez")]),
        (full_width("GRUCM12345"), ["PIR"], [("Pir", "GRUCM12345")]),
        (full_width("CM0758"), ["FLIGHT", "LOCATOR"], [("Flight", "CM758")]),
        (full_width("gonz"), ["NAME"], [("Passenger", "gonzalez")]),
        ("María González", ["NAME"], [("Passenger", "gonzalez")]),
    ],
)
async def test_a_text_is_read_as_whatever_it_can_be(
    api: Api, world: World, text: str, read_as: list[str], found: list[tuple[str, str]]
) -> None:
    results = (await api.ask(SEARCH, text=text))["search"]
    assert results["readAs"] == read_as
    assert [(one["__typename"], one["id"]) for one in results["found"]] == [
        (kind, world.ours.id(kind, name)) for kind, name in found
    ]


async def test_a_search_finds_at_most_so_many(api: Api, airline: Builder) -> None:
    await airline.record(*(airline.scan(f"{digit}230333333", "POSITION", "PTY", "12:00") for digit in (0, 3, 4, 5)))

    async def found(**first: Any) -> int:
        data = await api.ask(SEARCH, airline_id=airline.airline_id, text="CM333333", **first)
        return len(data["search"]["found"])

    assert (await found(), await found(first=3)) == (4, 3)


@pytest.mark.parametrize("text", ["", " ", "a", "--", "%%", "  /", "\t\n"])
async def test_too_little_text_is_refused(api: Api, world: World, text: str) -> None:
    answer = (await api.send(SEARCH, text=text)).json()
    assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": "text"}


@pytest.mark.parametrize("first", [0, -1, 101])
async def test_the_number_of_results_has_bounds(api: Api, world: World, first: int) -> None:
    answer = (await api.send(SEARCH, text="CM456781", first=first)).json()
    assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": "first"}


@pytest.mark.parametrize("text", ["%", "_", "\\", "'; DROP TABLE bags; --", "gonz%", "GONZ_LEZ"])
async def test_signs_that_mean_something_to_databases_mean_nothing(api: Api, world: World, text: str) -> None:
    answer = (await api.send(SEARCH, text=f"xx{text}")).json()
    assert answer["data"]["search"]["found"] == []


async def test_a_found_name_is_masked_by_role(api: Api, world: World) -> None:
    found = (await api.ask(SEARCH, Role.ANALYST, text="F7K2QX"))["search"]["found"]
    assert [one["surname"] for one in found] == ["G***"]


@pytest.mark.parametrize("role", [Role.ANALYST, Role.SERVICE])
async def test_roles_without_names_do_not_search_by_name(api: Api, world: World, role: Role) -> None:
    """A prefix that finds a passenger would spell the masked name out."""
    for text in ("gonz", "GONZALEZ", "Gonzalez/Maria"):
        results = (await api.ask(SEARCH, role, text=text))["search"]
        assert "NAME" not in results["readAs"]
        assert results["found"] == []


@pytest.mark.parametrize(
    ("surname", "texts"),
    [
        ("da Silva", ["silva", "da silva", "DASILVA", "Silva/Ana"]),
        ("Müller", ["muller", "MUELLER", "Müll", "müller/ana"]),
        ("García López", ["garcia", "GARCIALOPEZ", "garcia-lopez", "García López/ANA"]),
        ("MUELLER", ["Müller", "Muller"]),
        ("O'Neill", ["oneill", "O-NEILL", "neill"]),
        ("Peña", ["pena", "PEÑA"]),
        ("Sørensen", ["Sorensen", "soerensen"]),
        ("Åkesson", ["AAKESSON", "Akesson", "åkesson"]),
        ("OEDEGAARD", ["Ødegård", "Odegard", "Oedegaard"]),
        ("GARCIA-MARQUEZ", ["marquez", "garcia marquez", "Márquez/A", "García"]),
        ("LOPEZ DOS SANTOS", ["dos santos", "santos", "lopez", "Dos Santos, Ana"]),
        ("DE LA CRUZ", ["la cruz", "cruz", "de la cruz", "Ana de la Cruz"]),
        ("Римский-Корсаков", ["Корсаков", "korsakov", "RIMSKIY-KORSAKOV"]),
        ("محمد", ["محمد", "MHMD"]),
    ],
)
async def test_a_name_is_found_in_any_spelling(api: Api, airline: Builder, surname: str, texts: list[str]) -> None:
    await airline.passenger("one", "QB2B2B", surname, "Ana", None, None, None, "ES", None, None)
    for text in texts:
        results = (await api.ask(SEARCH, airline_id=airline.airline_id, text=text))["search"]
        assert [one["surname"] for one in results["found"]] == [surname], text


@pytest.mark.parametrize(
    ("surname", "given_names", "texts"),
    [
        ("Müller", "Jürgen", ["Jürgen Müller", "MULLER JURGEN", "Mueller, Juergen", "jurgen,muller", "J Müller"]),
        ("NUNEZ", "ALBA", ["NUNEZ ALBA", "NUNEZ,ALBA", "Alba Núñez", "Nuñez/Alba", "NUNEZ\u3000ALBA"]),
        ("Ødegård-Straße", "Åse", ["Åse Ødegård-Straße", "AASE OEDEGAARD", "Strasse Ase", "Ødegård-Straße, Åse"]),
        ("García López", "María José", ["Maria Garcia", "Garcia Lopez Maria Jose", "José García López", "Lopez/Jose"]),
        ("李", "明", ["李", "明", "李明", "李 明", "LI MING", "Ming Li", "LI/MING"]),
        ("王", "小明", ["王小明", "小明", "Wang Xiaoming", "xiaoming wang"]),
        ("LI", "MING", ["李", "李明", "李/明"]),
        ("김", "민준", ["김", "김민준", "민준 김"]),
    ],
)
async def test_a_full_name_is_found_in_either_order(
    api: Api, airline: Builder, surname: str, given_names: str, texts: list[str]
) -> None:
    await airline.passenger("one", "QB2B2B", surname, given_names, None, None, None, "ES", None, None)
    await airline.passenger("two", "QB2B2C", "Rojas", "Pedro", None, None, None, "ES", None, None)
    for text in texts:
        results = (await api.ask(SEARCH, airline_id=airline.airline_id, text=text))["search"]
        assert [one["surname"] for one in results["found"]] == [surname], text


async def test_surnames_that_begin_with_the_text_come_first(api: Api, airline: Builder) -> None:
    people = [("Alvarez Lima", "Eva"), ("Lima", "Eva"), ("Li", "Ming"), ("Abad", "Li"), ("Bravo", "Cruz La")]
    for number, (surname, given_names) in enumerate((*people, ("de la Cruz", "Ana"))):
        more = (None, None, None, "ES", None, None)
        await airline.passenger(f"{number}", f"QB2B2{number}", surname, given_names, *more)

    async def found(text: str) -> list[str]:
        results = (await api.ask(SEARCH, airline_id=airline.airline_id, text=text))["search"]
        return [one["surname"] for one in results["found"]]

    assert await found("li") == ["Li", "Lima", "Alvarez Lima"]
    assert await found("la cruz") == ["de la Cruz"]
    assert await found("Bravo") == ["Bravo"]


async def test_results_of_several_types_resolve_by_type(api: Api, airline: Builder) -> None:
    """A text that is both a flight and a locator finds both, the flight first."""
    await airline.passenger("booked", "CM0758", "Rios", "Eva", None, None, None, "ES", None, None)
    data = await api.ask(
        """
        { search(text: "CM0758") { found {
          __typename
          ... on Flight { designator } ... on Passenger { locator } ... on Bag { tag } ... on Pir { reference }
        } } }
        """,
        airline_id=airline.airline_id,
    )
    assert data["search"]["found"] == [
        {"__typename": "Flight", "designator": "CM758"},
        {"__typename": "Passenger", "locator": "CM0758"},
    ]
