"""The recount on small texts whose answers were worked out by hand from the domain's rules (numbers: section 12).

Were it wrong, its agreement with the product would say nothing; did it share code with the product, as little.
"""

import ast
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bank.reading import Flight
from benchmarks.bank.recount import Recount

BANK = Path(__file__).parents[2] / "benchmarks" / "bank"
TOLD_AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
CM335, CM758, CM702 = ("CM335", "2026-11-23", "MIA"), ("CM758", "2026-11-23", "PTY"), ("CM702", "2026-11-24", "PTY")
LEG_335, LEG_758, LEG_702 = [*CM335, "PTY"], [*CM758, "GRU"], [*CM702, "GRU"]
TAG = "0230456781"

LOCAL = """\
MIAKMCM
.MIAKMCM 231205
BSM
.V/1LMIA
.F/CM335/23NOV/PTY/Y
.O/CM758/23NOV/GRU/Y
.N/0230456781001
.S/Y/21C/C/045/045//Y/A
.P/1GONZALEZ/MARIAMRS
ENDBSM
"""
TRANSFER = """\
.PTYKMCM 231207
BSM
.V/1TPTY
.F/CM0758/23NOV/GRU/Y
.I/CM335/23NOV/MIA/Y
.N/0230456781001
.S/Y/21C/C/112/112//Y/A
.P/1GONZALEZ/MARIAMRS
ENDBSM
"""


def processed(
    station: str, scan: str, *elements: str, flights: tuple[str, ...] = (".F/CM758/23NOV/GRU/Y",), tags: str = ""
) -> str:
    lines = ["BPM", f".V/{station}", f".J/{scan}", *flights, tags or ".N/0230456781001", *elements, "ENDBPM"]
    return "\n".join(lines) + "\n"


SCREENED = processed("1LMIA", "H/AG1/D1/23NOV/0730L/S2", ".X/SEL/CLR/D", flights=(".F/CM335/23NOV/PTY/Y",))
SORTED_MIA = processed("1LMIA", "S/AG1/D1/23NOV/0740L/SO1", flights=(".F/CM335/23NOV/PTY/Y",))
LOADED_MIA = processed("1LMIA", "R/AG1/D1/23NOV/084500L/ST4", flights=(".F/CM335/23NOV/PTY/Y",))
BOTH = (".F/CM758/23NOV/GRU/Y", ".I/CM335/23NOV/MIA/Y")
OFF_335 = processed("1TPTY", "R/AG2/D2/23NOV/171000Z/ST8", flights=BOTH, tags=".B/NOF/0230456781001")
IN = processed("1TPTY", "S/AG2/D3/23NOV/172000Z/TB1", flights=BOTH)
SORTED = processed("1TPTY", "S/AG2/D4/23NOV/173000Z/SO1", flights=BOTH)
LOADED_PTY = processed("1TPTY", "R/AG2/D5/23NOV/134000L/ST9", flights=BOTH)
INBOUND_758 = (".I/CM758/23NOV/PTY/Y",)
OFF_758 = processed("1XGRU", "R/AG3/D6/24NOV/0210Z/ST1", flights=INBOUND_758, tags=".B/NOF/0230456781001")
ON_BELT = processed("1XGRU", "G/AG3/D7/24NOV/0220Z/CL1", flights=INBOUND_758)
HANDED_OVER = processed("1XGRU", "H/AG3/D8/24NOV/0230Z/CL1", flights=INBOUND_758)
WHOLE_WAY = (
    *(LOCAL, TRANSFER, SCREENED, LOADED_MIA, OFF_335, IN, SORTED, LOADED_PTY),
    *(OFF_758, ON_BELT, HANDED_OVER),
)


def counted(*texts: str, departed: tuple[tuple[str, str, str], ...] = ()) -> Recount:
    recount = Recount(TOLD_AT, [Flight(*flight) for flight in departed])
    recount.listen("".join(texts).splitlines(keepends=True))
    return recount


def answers(*texts: str, departed: tuple[tuple[str, str, str], ...] = ()) -> dict[str, dict[str, Any]]:
    return {answer.tag: answer.comparable() for answer in counted(*texts, departed=departed).answers()}


def answer(*texts: str, departed: tuple[tuple[str, str, str], ...] = ()) -> dict[str, Any]:
    return answers(*texts, departed=departed)[TAG]


def test_it_knows_nothing_of_the_product() -> None:
    ours = {"integrations", "resolvers", "schema", "gateway", "migrations", "seeds"}
    for name in ("reading.py", "recount.py"):
        for node in ast.walk(ast.parse((BANK / name).read_text())):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {one.partition(".")[0] for one in names} & ours


def test_a_bag_that_changes_flights_and_is_delivered() -> None:
    expected = {
        "tag": TAG,
        "tags": [TAG],
        "state": "DELIVERED",
        "airport": "GRU",
        "planned": [LEG_335, LEG_758],
        "flown": [list(CM335), list(CM758)],
        "events": 11,
        "authorised": True,
        "deleted": False,
        "proved": [
            ["ACCEPTANCE", "MIA", 1],
            ["ARRIVAL", "GRU", 2],
            ["LOADING", "MIA", 1],
            ["LOADING", "PTY", 2],
            ["TRANSFER", "PTY", 1],
        ],
    }
    assert answer(*WHOLE_WAY) == expected
    assert answer(*reversed(WHOLE_WAY)) == expected
    assert answer(*WHOLE_WAY, *WHOLE_WAY) == expected


def test_a_message_relayed_is_one_and_sent_again_is_two() -> None:
    relayed = LOCAL.replace("MIAKMCM\n.", "ATLXTXS BOGKPCM\n.")
    again = LOCAL.replace("231205", "231206")
    recount = counted(LOCAL, relayed, again)
    assert (recount.reader.tally.messages, recount.reader.tally.duplicates) == (2, 1)
    assert [one.events for one in recount.answers()] == [2]


@pytest.mark.parametrize(
    ("scans", "state", "airport"),
    [
        ((LOCAL,), "ACCEPTED", "MIA"),
        ((TRANSFER,), "EXPECTED", None),
        ((LOCAL, SCREENED), "SCREENED", "MIA"),
        ((LOCAL, SORTED_MIA), "SORTED", "MIA"),
        ((LOCAL, LOADED_MIA, OFF_335), "ARRIVED", "PTY"),
        ((LOCAL, IN), "TRANSFER_IN", "PTY"),
        ((LOCAL, SORTED, IN), "SORTED", "PTY"),
        ((LOCAL, OFF_758), "ARRIVED", "GRU"),
        ((LOCAL, ON_BELT), "AT_CLAIM", "GRU"),
    ],
)
def test_states_of_a_journey(scans: tuple[str, ...], state: str, airport: str | None) -> None:
    found = answer(*scans)
    assert (found["state"], found["airport"]) == (state, airport)


def test_it_flies_when_its_flight_has_left_and_not_before() -> None:
    """``docs/DOMAIN.md#rule-10``."""
    closed = ".PTYKMCM 231900\nBCM\nFCM\n.V/1LPTY\n.F/CM758/23NOV/GRU\nENDBCM\n"
    assert answer(LOCAL, LOADED_PTY)["state"] == "LOADED"
    assert answer(LOCAL, LOADED_PTY, departed=(CM335,))["state"] == "LOADED"
    for flying in (answer(LOCAL, LOADED_PTY, departed=(CM758,)), answer(closed, LOCAL, LOADED_PTY)):
        assert (flying["state"], flying["airport"]) == ("IN_FLIGHT", None)


def test_loaded_beats_not_seen_on_the_same_flight_whichever_is_later() -> None:
    """``docs/DOMAIN.md#rule-9``."""
    scan = "R///23NOV/{}Z/ST9"
    earlier, later = (
        processed("1TPTY", scan.format(time), flights=BOTH, tags=".B/UNS/0230456781001") for time in ("1745", "1850")
    )
    assert answer(LOCAL, SORTED, later)["state"] == "NOT_SEEN"
    assert answer(LOCAL, SORTED, later, LOADED_PTY)["state"] == "LOADED"
    assert answer(LOCAL, SORTED, earlier, LOADED_PTY)["state"] == "LOADED"
    assert answer(LOCAL, LOADED_MIA, later)["state"] == "NOT_SEEN"


def test_a_no_show_has_not_flown() -> None:
    """``docs/DOMAIN.md#rule-9``: offloaded; the instruction alone changes nothing, and authority stays withdrawn."""
    withdrawn = TRANSFER.replace("231207", "231830").replace("BSM\n.V", "BSM\nCHG\n.V").replace(".S/Y", ".S/N")
    order = ".PTYKMCM 231831\nBUM\n.V/1TPTY\n.F/CM758/23NOV/GRU\n.N/0230456781001\nENDBUM\n"
    off = processed("1TPTY", "R/AG2/D5/23NOV/1840Z/ST9", flights=BOTH, tags=".B/OFF/0230456781001")
    assert answer(LOCAL, order)["authorised"] is False
    ordered = answer(LOCAL, TRANSFER, LOADED_MIA, LOADED_PTY, withdrawn, order)
    assert (ordered["state"], ordered["authorised"], ordered["events"]) == ("LOADED", False, 4)
    taken_off = answer(LOCAL, TRANSFER, LOADED_MIA, LOADED_PTY, withdrawn, order, off)
    assert (taken_off["state"], taken_off["flown"]) == ("OFFLOADED", [list(CM335)])


def test_a_message_does_not_bring_back_a_bag_that_has_moved() -> None:
    """Section 8: a scan beats what is only said; both are events all the same."""
    late = TRANSFER.replace("231207", "231900"), LOCAL.replace("231205", "231901")
    found = answer(LOCAL, LOADED_MIA, *late)
    assert (found["state"], found["airport"], found["events"]) == ("LOADED", "MIA", 4)
    assert answer(LOCAL, late[0])["state"] == "ACCEPTED"
    assert answer(TRANSFER, late[1])["state"] == "ACCEPTED"


def test_deleted_is_the_last_word_by_origin_time() -> None:
    """``docs/DOMAIN.md#rule-4``, in whatever order they arrive."""
    gone = LOCAL.replace("231205", "231230").replace("BSM\n.V", "BSM\nDEL\n.V").replace(".S/Y", ".S/N")
    back = LOCAL.replace("231205", "231300")
    for texts in ((LOCAL, gone), (gone, LOCAL)):
        found = answer(*texts, SCREENED)
        assert (found["state"], found["deleted"], found["authorised"]) == ("DELETED", True, False)
        assert (found["airport"], found["events"]) == ("MIA", 2)
    reinstated = answer(back, gone, LOCAL)
    assert (reinstated["state"], reinstated["authorised"], reinstated["events"]) == ("ACCEPTED", True, 2)


def test_a_change_replaces_what_it_names_and_keeps_the_rest() -> None:
    """``docs/DOMAIN.md#rule-6``: another onward flight from the hub; no authority is named, so it stays."""
    change = (
        ".PTYKMCM 231530\nBSM\nCHG\n.V/1TPTY\n.F/CM702/24NOV/GRU/Y\n.N/0230456781001\n.P/1GONZALEZ/MARIAMRS\nENDBSM\n"
    )
    found = answer(change, TRANSFER, LOCAL)
    assert (found["planned"], found["authorised"]) == ([LEG_335, LEG_702], True)
    assert answer(TRANSFER)["planned"] == [LEG_335, LEG_758]
    withdrawn = change.replace(".F/CM702/24NOV/GRU/Y\n", "").replace(".P/", ".S/N\n.P/")
    found = answer(LOCAL, TRANSFER, withdrawn)
    assert (found["planned"], found["authorised"]) == ([LEG_335, LEG_758], False)


RUSH = """\
.PTYKMCM 240900
BSM
.V/1LPTY
.F/CM702/24NOV/GRU
.N/2230000457001
.S/Y
.P/1GONZALEZ/MARIAMRS
.E/RUSH
.R/ORIG 0230456781 FILE GRUCM12345
ENDBSM
"""
RUSH_LOADED = processed("1LPTY", "R/AG2/D5/24NOV/1000Z/ST9", flights=(".F/CM702/24NOV/GRU",), tags=".N/2230000457001")


def test_a_rush_tag_is_another_tag_of_the_same_bag() -> None:
    """``docs/DOMAIN.md#rule-11``, also where its scans or its message come first."""
    left = processed("1TPTY", "H/AG2/D9/23NOV/1900Z/STORE", flights=BOTH, tags=".B/ONA/0230456781001")
    texts = (LOCAL, TRANSFER, LOADED_MIA, OFF_335, IN, left, RUSH)
    tagged = answer(*texts)
    assert (tagged["state"], tagged["airport"], tagged["events"]) == ("RUSH_TAGGED", "PTY", 7)
    assert tagged["tags"] == [TAG, "2230000457"]
    for order in ((*texts, RUSH_LOADED), (RUSH_LOADED, RUSH, *texts[:-1])):
        found = answers(*order)
        assert list(found) == [TAG]
        assert found[TAG]["state"] == "LOADED"
        assert found[TAG]["planned"] == [LEG_335, LEG_758, LEG_702]
        assert found[TAG]["flown"] == [list(CM335), list(CM702)]
        assert ["LOADING", "PTY", 3] in found[TAG]["proved"]
        assert ["TRANSFER", "PTY", 1] in found[TAG]["proved"]


def test_a_flight_that_was_missed_is_no_part_of_the_way() -> None:
    """``docs/DOMAIN.md#rule-14``: loaded on it and taken off again, then sent with another one from there."""
    off = processed("1TPTY", "R/AG2/D5/23NOV/1840Z/ST9", flights=BOTH, tags=".B/OFF/0230456781001")
    found = answer(LOCAL, TRANSFER, LOADED_MIA, IN, LOADED_PTY, off, RUSH, RUSH_LOADED)
    assert found["proved"] == [
        *(["ACCEPTANCE", "MIA", 1], ["LOADING", "MIA", 1], ["LOADING", "PTY", 3], ["TRANSFER", "PTY", 1]),
    ]


def test_a_rush_bag_without_its_first_tag_stands_by_itself() -> None:
    """``docs/DOMAIN.md#rule-11``."""
    alone = answers(LOCAL, RUSH.replace(".R/ORIG 0230456781 FILE GRUCM12345\n", ""))
    assert {tag: one["state"] for tag, one in alone.items()} == {TAG: "ACCEPTED", "2230000457": "RUSH_TAGGED"}
    assert alone["2230000457"]["planned"] == [LEG_702]


def test_a_station_off_the_plan_is_a_misroute_and_an_unknown_bag_has_no_plan() -> None:
    """``docs/DOMAIN.md#rule-12``."""
    wrong = processed(
        "1XBOG", "R/AG3/D6/23NOV/2100Z/ST1", flights=(".I/CM150/23NOV/PTY/Y",), tags=".B/NOF/0230456781001"
    )
    assert answer(LOCAL, TRANSFER, LOADED_MIA, wrong)["state"] == "MISROUTED"
    unknown = answer(wrong)
    assert (unknown["state"], unknown["planned"], unknown["proved"]) == ("ARRIVED", [], [])
    assert unknown["flown"] == [["CM150", "2026-11-23", "PTY"]]


def test_a_message_without_time_stands_before_every_scan() -> None:
    """``docs/DOMAIN.md#rule-2``."""
    untimed = LOCAL.partition("\n")[2].partition("\n")[2]
    assert untimed.startswith("BSM")
    found = answer(SCREENED, untimed)
    assert (found["state"], found["events"]) == ("SCREENED", 2)


GROUPS = """\
.PTYKMCM 231205
BSM
.V/1TPTY
.I/CM335/23NOV/MIA/Y
.F/CM758/23NOV/GRU/Y
.N/0230000001002
.S/Y/21C
.P/1ONE/A
.N/0230000003001
.S/N/21D
.P/1TWO/B
.F/CM702/24NOV/GRU/Y
.N/0230000004001
.N/0230000005001
.S/Y/21E
.P/1THREE/C
ENDBSM
"""


def test_groups_of_passengers_inherit_what_they_should() -> None:
    """``docs/DOMAIN.md#rule-5``: a group begins with tags behind a name, or with a flight."""
    found = answers(GROUPS)
    assert {tag: (one["planned"], one["authorised"]) for tag, one in found.items()} == {
        "0230000001": ([LEG_335, LEG_758], True),
        "0230000002": ([LEG_335, LEG_758], True),
        "0230000003": ([LEG_335, LEG_758], False),
        "0230000004": ([LEG_335, LEG_702], True),
        "0230000005": ([LEG_335, LEG_702], True),
    }


HARM = processed("1TPTY", "R/AG2/D5/23NOV/2300Z/ST9", flights=BOTH, tags=".B/OFF/0230456781001")


@pytest.mark.parametrize(
    "broken",
    [
        HARM.replace("ENDBPM\n", ""),
        HARM.replace("ENDBPM", "ENDBSM"),
        HARM.replace(".V/1TPTY\n", ""),
        HARM.replace(".B/OFF/0230456781001\n", ""),
        HARM.replace("CM758/23NOV", "CM758/31FEB"),
        HARM.replace("2300Z", "2561Z"),
        HARM.replace("456781001", "456781"),
        HARM.replace("456781001", "456781000"),
        HARM.replace("0230456781001", "0230999999002"),
        HARM.replace("BPM", "BXM"),
    ],
)
def test_what_cannot_be_read_leaves_no_trace(broken: str) -> None:
    """``docs/DOMAIN.md#rule-13``, with another message and its origin line behind it, and the same bytes again."""
    recount = counted(LOADED_PTY, broken, LOCAL, "MVT\nCM335/23\nAD1205/1218\n", broken, TRANSFER)
    assert recount.reader.tally.dead == 1
    (found,) = recount.answers()
    assert (found.state, found.events, found.authorised) == ("LOADED", 3, True)


def test_a_bad_date_that_nobody_uses_does_no_harm() -> None:
    """``docs/DOMAIN.md#rule-13``."""
    assert answer(LOCAL.replace(".P/", ".D/DTN/HOTEL/99XXX/2561L\n.P/"))["state"] == "ACCEPTED"


def test_days_are_of_the_year_nearest_to_receipt() -> None:
    recount = Recount(datetime(2027, 1, 2, tzinfo=UTC))
    recount.listen(LOCAL.replace("23NOV", "31DEC").replace("231205", "312305").splitlines())
    (found,) = recount.answers()
    assert found.planned[0].date == "2026-12-31"
