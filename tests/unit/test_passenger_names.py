"""Names as messages write them: titles, parties, shortened names and spellings (``docs/DOMAIN.md#rule-18``)."""

from itertools import permutations

import pytest

from integrations.records.passengers import particle_free_name, search_name
from resolvers.rules.passenger_names import PassengerName, can_be_same, merge_names, read_name


@pytest.mark.parametrize(
    ("written", "given_names", "title"),
    [
        ("MARIAMRS", "MARIA", "MRS"),
        ("MARIA MRS", "MARIA", "MRS"),
        ("JUAN CARLOSMR", "JUAN CARLOS", "MR"),
        ("TOMMSTR", "TOM", "MSTR"),
        ("LEAMISSCHD", "LEA", "MISS CHD"),
        ("LEA MISS CHD", "LEA", "MISS CHD"),
        ("DR LEA", "LEA", "DR"),
        ("SMRS", "S", "MRS"),
        ("LSRA", "L", "SRA"),
        ("ANADRMRS", "ANA", "DR MRS"),
        ("PEDRO SR", "PEDRO", "SR"),
        ("EVASRA", "EVA", "SRA"),
        ("MRS", "", "MRS"),
        ("BABYINF", "BABY", "INF"),
        # Names that end as a title does.
        ("WILLIAMSMR", "WILLIAMS", "MR"),
        ("AMR", "A", "MR"),
        ("OMAR", "OMAR", ""),
        ("S", "S", ""),
        ("", "", ""),
        # Two titles at most.
        ("LEA MISS CHD DR", "LEA MISS", "CHD DR"),
    ],
)
def test_titles_are_no_part_of_the_name(written: str, given_names: str, title: str) -> None:
    assert read_name("PAGE", written) == PassengerName("PAGE", given_names, title)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("FERREIRA/SOFIA", "FERREIRA/S", True),
        ("FERREIRA/SOFIA", "FERREIRA/", True),
        ("FERREIRA/SOFIA", "Ferreira/Sofía", True),
        ("FERREIRA/SOFIA MARIA", "FERREIRA/SOF", True),
        ("GOMEZ/JUAN CARLOS", "GOMEZ/J C", True),
        ("GOMEZ/JUAN CARLOS", "GOMEZ/JUANCARLOS", True),
        ("Müller/Jörg", "MUELLER/JOERG", True),
        ("Müller/Jörg", "MULLER/JORG", True),
        ("da Silva/Ana", "DASILVA/ANA", True),
        ("O'Neill/Pat", "ONEILL/PAT", True),
        ("García López/Ana", "GARCIALOPEZ/ANA", True),
        ("Peña/Ana", "PENA/ANA", True),
        ("FERREIRA/SOFIA", "FERREIRA/SARA", False),
        ("FERREIRA/SOFIA", "FERREIRO/SOFIA", False),
        ("GOMEZ/JUAN CARLOS", "GOMEZ/C J", False),
        ("GOMEZ/ANA", "GOMEZ/EVA", False),
    ],
)
def test_names_match_when_one_can_be_the_other(one: str, other: str, *, same: bool) -> None:
    names = [PassengerName(*text.split("/")) for text in (one, other)]
    assert [can_be_same(*order) for order in permutations(names)] == [same, same]


def test_a_poorer_name_never_replaces_a_fuller_one() -> None:
    names = [read_name("FERREIRA", "SOFIAMRS"), read_name("FERREIRA", "S"), read_name("FERREIRA", "")]
    assert {merge_names(order) for order in permutations(names)} == {PassengerName("FERREIRA", "SOFIA", "MRS")}
    assert merge_names([*names, read_name("ROJAS", "EVA")]) == PassengerName("ROJAS", "EVA")


@pytest.mark.parametrize(
    ("surname", "key", "without_particles"),
    [
        ("da Silva", "DASILVA/ANA", "SILVA/ANA"),
        ("van der Berg", "VANDERBERG/ANA", "BERG/ANA"),
        ("O\u2019Neill", "ONEILL/ANA", "NEILL/ANA"),
        ("al-Masri", "ALMASRI/ANA", "MASRI/ANA"),
        ("Strauß", "STRAUSS/ANA", None),
        ("Sørensen", "SORENSEN/ANA", None),
        ("García-López", "GARCIALOPEZ/ANA", None),
        ("Иванова", "IVANOVA/ANA", None),
        ("De", "DE/ANA", None),
    ],
)
def test_a_search_compares_letters(surname: str, key: str, without_particles: str | None) -> None:
    assert (search_name(surname, "Ana"), particle_free_name(surname, "Ana")) == (key, without_particles)
