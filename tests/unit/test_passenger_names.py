"""Names as messages write them: titles, parties, shortened names and spellings (``docs/DOMAIN.md#rule-18``)."""

from itertools import permutations

import pytest

from integrations.records.passengers import MAX_KEY, NameQuery, name_query, name_words, search_name, teletype
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
        ("Ødegård/Åse", "OEDEGAARD/AASE", True),
        ("Ødegård/Åse", "ODEGARD/ASE", True),
        ("Åkesson/Jan", "AAKESSON/J", True),
        ("Sjöåe/Jan", "SJOEAAE/JAN", True),
        ("李/明", "LI/MING", True),
        ("Мусоргский/Модест", "MUSORGSKIY/MODEST", True),
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
    ("surname", "key", "words"),
    [
        ("da Silva", "DASILVA", "sDASILVA sSILVA"),
        ("van der Berg", "VANDERBERG", "sVANDERBERG sDERBERG sBERG"),
        ("O\u2019Neill", "ONEILL", "sONEILL sNEILL"),
        ("al-Masri", "ALMASRI", "sALMASRI sMASRI"),
        ("Strauß", "STRAUSS", "sSTRAUSS"),
        ("Sørensen", "SORENSEN", "sSORENSEN"),
        ("AAKESSON", "AKESSON", "sAKESSON"),
        ("García-Márquez", "GARCIAMARQUZ", "sGARCIAMARQUZ sMARQUZ"),
        ("Римский-Корсаков", "RIMSKIYKORSAKOV", "sRIMSKIYKORSAKOV sKORSAKOV"),
        ("Ольга", "OLGA", "sOLGA"),
        ("देवी", "DEVI", "sDEVI"),
        ("欧阳", "OUYANG", "sOUYANG sYANG"),
        ("De", "DE", "sDE"),
        ("", "", ""),
    ],
)
def test_a_search_compares_letters(surname: str, key: str, words: str) -> None:
    assert (search_name(surname, "Ana"), name_words(surname, "Ana")) == (f"{key}/ANA", f"{words} gANA".strip())


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("muller", "sMULLER:*"),
        ("NUNEZ/ALBA", "sNUNEZ:* & gALBA:*"),
        ("NUNEZ\uff0fALBA", "sNUNEZ:* & gALBA:*"),
        ("/ALBA", "gALBA:*"),
        ("Nuñez, Alba", "sNUNEZ:* & gALBA:* | sALBA:* & gNUNEZ:*"),
        ("Alba Nuñez", "sALBANUNEZ:* | sALBA:* & gNUNEZ:* | sNUNEZ:* & gALBA:*"),
        ("李明", "sLIMING:* | sLI:* & gMING:* | gLIMING:* | sMING:* & gLI:*"),
        ("阿", "sA | gA:*"),
    ],
)
def test_a_name_is_searched_in_each_order_that_it_can_have(text: str, term: str) -> None:
    query = name_query(text)
    assert query is not None
    assert set(query.name.split(" | ")) == set(term.split(" | "))


@pytest.mark.parametrize("text", ["", "  ", "/", ",", "'", "12", "😀"])
def test_a_text_without_letters_is_no_name(text: str) -> None:
    assert name_query(text) is None


def test_a_search_by_name_has_bounds() -> None:
    query = name_query("Aa bb " * 50_000)
    assert query is not None
    assert len(query.name.split(" | ")) == 11
    assert len(query.beginning) == MAX_KEY
    assert len(name_words("x " * 50_000, "y" * 50_000)) < 600
    assert name_query("x" * 5_000) == NameQuery("X" * MAX_KEY, f"s{'X' * MAX_KEY}:*", f"s{'X' * MAX_KEY}:*")


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("Ødegård-Straße", "ODEGARDSTRASSE"),
        ("李", "LI"),
        ("Мусоргский", "MUSORGSKIY"),
        ("محمد", "MHMD"),
        ("김", "GIM"),
        ("サトウ", "SATOU"),
        ("Pen\u0303a", "PENA"),
        ("\uff21\uff4e\uff41", "ANA"),
        ("María José", "MARIA JOSE"),
        ("Ana😀", "ANA"),
        ("O'Neill", "ONEILL"),
    ],
)
def test_letters_of_every_script_reach_teletype(written: str, sent: str) -> None:
    assert teletype(written) == sent
