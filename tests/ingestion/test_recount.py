"""The recount on small texts with results worked out by hand from the domain's rules.

The recount must be correct and share no code with the product: otherwise its agreement proves nothing.
"""

import ast
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bank.message_reader import FlightName
from benchmarks.bank.recount import Recount

BANK = Path(__file__).parents[2] / "benchmarks" / "bank"
RECEIVED_AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
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


def bpm(
    station: str, scan: str, *elements: str, flights: tuple[str, ...] = (".F/CM758/23NOV/GRU/Y",), tags: str = ""
) -> str:
    lines = ["BPM", f".V/{station}", f".J/{scan}", *flights, tags or ".N/0230456781001", *elements, "ENDBPM"]
    return "\n".join(lines) + "\n"


SCREENED = bpm("1LMIA", "H/AG1/D1/23NOV/0730L/S2", ".X/SEL/CLR/D", flights=(".F/CM335/23NOV/PTY/Y",))
SORTED_MIA = bpm("1LMIA", "S/AG1/D1/23NOV/0740L/SO1", flights=(".F/CM335/23NOV/PTY/Y",))
LOADED_MIA = bpm("1LMIA", "R/AG1/D1/23NOV/084500L/ST4", flights=(".F/CM335/23NOV/PTY/Y",))
BOTH = (".F/CM758/23NOV/GRU/Y", ".I/CM335/23NOV/MIA/Y")
OFF_335 = bpm("1TPTY", "R/AG2/D2/23NOV/171000Z/ST8", flights=BOTH, tags=".B/NOF/0230456781001")
IN = bpm("1TPTY", "S/AG2/D3/23NOV/172000Z/TB1", flights=BOTH)
SORTED = bpm("1TPTY", "S/AG2/D4/23NOV/173000Z/SO1", flights=BOTH)
LOADED_PTY = bpm("1TPTY", "R/AG2/D5/23NOV/134000L/ST9", flights=BOTH)
INBOUND_758 = (".I/CM758/23NOV/PTY/Y",)
OFF_758 = bpm("1XGRU", "R/AG3/D6/24NOV/0210Z/ST1", flights=INBOUND_758, tags=".B/NOF/0230456781001")
ON_BELT = bpm("1XGRU", "G/AG3/D7/24NOV/0220Z/CL1", flights=INBOUND_758)
HANDED_OVER = bpm("1XGRU", "H/AG3/D8/24NOV/0230Z/CL1", flights=INBOUND_758)
WHOLE_WAY = (
    *(LOCAL, TRANSFER, SCREENED, LOADED_MIA, OFF_335, IN, SORTED, LOADED_PTY),
    *(OFF_758, ON_BELT, HANDED_OVER),
)


def recount_of(*texts: str, departed: tuple[tuple[str, str, str], ...] = ()) -> Recount:
    recount = Recount(RECEIVED_AT, [FlightName(*flight) for flight in departed])
    recount.read("".join(texts).splitlines(keepends=True))
    return recount


def results(*texts: str, departed: tuple[tuple[str, str, str], ...] = ()) -> dict[str, dict[str, Any]]:
    return {result.tag: result.comparable() for result in recount_of(*texts, departed=departed).bags()}


def result(*texts: str, departed: tuple[tuple[str, str, str], ...] = ()) -> dict[str, Any]:
    return results(*texts, departed=departed)[TAG]


def test_it_imports_nothing_of_the_product() -> None:
    ours = {"integrations", "resolvers", "schema", "gateway", "migrations", "seeds"}
    for name in ("message_reader.py", "recount.py"):
        for node in ast.walk(ast.parse((BANK / name).read_text())):
            names = [entry.name for entry in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {entry.partition(".")[0] for entry in names} & ours


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
        "surname": "GONZALEZ",
        "given": "MARIA",
        "locator": None,
    }
    assert result(*WHOLE_WAY) == expected
    assert result(*reversed(WHOLE_WAY)) == expected
    assert result(*WHOLE_WAY, *WHOLE_WAY) == expected


def test_a_relayed_message_is_one_and_a_new_origin_time_is_another() -> None:
    relayed = LOCAL.replace("MIAKMCM\n.", "ATLXTXS BOGKPCM\n.")
    repeated = LOCAL.replace("231205", "231206")
    recount = recount_of(LOCAL, relayed, repeated)
    assert (recount.reader.tally.messages, recount.reader.tally.duplicates) == (2, 1)
    assert [entry.events for entry in recount.bags()] == [2]


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
    bag = result(*scans)
    assert (bag["state"], bag["airport"]) == (state, airport)


def test_a_bag_is_in_flight_once_its_flight_has_departed() -> None:
    """``docs/DOMAIN.md#rule-10``."""
    closed = ".PTYKMCM 231900\nBCM\nFCM\n.V/1LPTY\n.F/CM758/23NOV/GRU\nENDBCM\n"
    assert result(LOCAL, LOADED_PTY)["state"] == "LOADED"
    assert result(LOCAL, LOADED_PTY, departed=(CM335,))["state"] == "LOADED"
    for flying in (result(LOCAL, LOADED_PTY, departed=(CM758,)), result(closed, LOCAL, LOADED_PTY)):
        assert (flying["state"], flying["airport"]) == ("IN_FLIGHT", None)


def test_loaded_beats_not_seen_on_the_same_flight_whichever_is_later() -> None:
    """``docs/DOMAIN.md#rule-9``."""
    scan = "R///23NOV/{}Z/ST9"
    earlier, later = (
        bpm("1TPTY", scan.format(time), flights=BOTH, tags=".B/UNS/0230456781001") for time in ("1745", "1850")
    )
    assert result(LOCAL, SORTED, later)["state"] == "NOT_SEEN"
    assert result(LOCAL, SORTED, later, LOADED_PTY)["state"] == "LOADED"
    assert result(LOCAL, SORTED, earlier, LOADED_PTY)["state"] == "LOADED"
    assert result(LOCAL, LOADED_MIA, later)["state"] == "NOT_SEEN"


def test_a_no_show_has_not_flown() -> None:
    """``docs/DOMAIN.md#rule-9``: offloaded. The BUM alone changes no state; the withdrawn authority counts."""
    withdrawn = TRANSFER.replace("231207", "231830").replace("BSM\n.V", "BSM\nCHG\n.V").replace(".S/Y", ".S/N")
    order = ".PTYKMCM 231831\nBUM\n.V/1TPTY\n.F/CM758/23NOV/GRU\n.N/0230456781001\nENDBUM\n"
    off = bpm("1TPTY", "R/AG2/D5/23NOV/1840Z/ST9", flights=BOTH, tags=".B/OFF/0230456781001")
    assert result(LOCAL, order)["authorised"] is False
    ordered = result(LOCAL, TRANSFER, LOADED_MIA, LOADED_PTY, withdrawn, order)
    assert (ordered["state"], ordered["authorised"], ordered["events"]) == ("LOADED", False, 4)
    taken_off = result(LOCAL, TRANSFER, LOADED_MIA, LOADED_PTY, withdrawn, order, off)
    assert (taken_off["state"], taken_off["flown"]) == ("OFFLOADED", [list(CM335)])


def test_an_announcement_does_not_reset_a_bag_that_has_moved() -> None:
    """``docs/DOMAIN.md#bag-states``: a scan beats an announcement; both are events."""
    late = TRANSFER.replace("231207", "231900"), LOCAL.replace("231205", "231901")
    bag = result(LOCAL, LOADED_MIA, *late)
    assert (bag["state"], bag["airport"], bag["events"]) == ("LOADED", "MIA", 4)
    assert result(LOCAL, late[0])["state"] == "ACCEPTED"
    assert result(TRANSFER, late[1])["state"] == "ACCEPTED"


def test_the_last_message_by_origin_time_decides_about_deletion() -> None:
    """``docs/DOMAIN.md#rule-4``, in any order of arrival."""
    gone = LOCAL.replace("231205", "231230").replace("BSM\n.V", "BSM\nDEL\n.V").replace(".S/Y", ".S/N")
    back = LOCAL.replace("231205", "231300")
    for texts in ((LOCAL, gone), (gone, LOCAL)):
        bag = result(*texts, SCREENED)
        assert (bag["state"], bag["deleted"], bag["authorised"]) == ("DELETED", True, False)
        assert (bag["airport"], bag["events"]) == ("MIA", 2)
    reinstated = result(back, gone, LOCAL)
    assert (reinstated["state"], reinstated["authorised"], reinstated["events"]) == ("ACCEPTED", True, 2)


def test_a_change_replaces_what_it_names_and_keeps_the_rest() -> None:
    """``docs/DOMAIN.md#rule-6``: another onward flight from the hub; the authority is absent, so it stays."""
    change = (
        ".PTYKMCM 231530\nBSM\nCHG\n.V/1TPTY\n.F/CM702/24NOV/GRU/Y\n.N/0230456781001\n.P/1GONZALEZ/MARIAMRS\nENDBSM\n"
    )
    bag = result(change, TRANSFER, LOCAL)
    assert (bag["planned"], bag["authorised"]) == ([LEG_335, LEG_702], True)
    assert result(TRANSFER)["planned"] == [LEG_335, LEG_758]
    withdrawn = change.replace(".F/CM702/24NOV/GRU/Y\n", "").replace(".P/", ".S/N\n.P/")
    bag = result(LOCAL, TRANSFER, withdrawn)
    assert (bag["planned"], bag["authorised"]) == ([LEG_335, LEG_758], False)


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
RUSH_LOADED = bpm("1LPTY", "R/AG2/D5/24NOV/1000Z/ST9", flights=(".F/CM702/24NOV/GRU",), tags=".N/2230000457001")


def test_a_rush_tag_is_another_tag_of_the_same_bag() -> None:
    """``docs/DOMAIN.md#rule-11``, even if its scans or its message arrive first."""
    left = bpm("1TPTY", "H/AG2/D9/23NOV/1900Z/STORE", flights=BOTH, tags=".B/ONA/0230456781001")
    texts = (LOCAL, TRANSFER, LOADED_MIA, OFF_335, IN, left, RUSH)
    tagged = result(*texts)
    assert (tagged["state"], tagged["airport"], tagged["events"]) == ("RUSH_TAGGED", "PTY", 7)
    assert tagged["tags"] == [TAG, "2230000457"]
    for order in ((*texts, RUSH_LOADED), (RUSH_LOADED, RUSH, *texts[:-1])):
        bag = results(*order)
        assert list(bag) == [TAG]
        assert bag[TAG]["state"] == "LOADED"
        assert bag[TAG]["planned"] == [LEG_335, LEG_702]
        assert bag[TAG]["flown"] == [list(CM335), list(CM702)]
        assert ["LOADING", "PTY", 2] in bag[TAG]["proved"]
        assert ["TRANSFER", "PTY", 1] in bag[TAG]["proved"]


def test_a_missed_flight_is_not_part_of_the_journey() -> None:
    """``docs/DOMAIN.md#rule-14``: loaded and offloaded, then sent on another flight from the same airport."""
    off = bpm("1TPTY", "R/AG2/D5/23NOV/1840Z/ST9", flights=BOTH, tags=".B/OFF/0230456781001")
    bag = result(LOCAL, TRANSFER, LOADED_MIA, IN, LOADED_PTY, off, RUSH, RUSH_LOADED)
    assert bag["proved"] == [
        *(["ACCEPTANCE", "MIA", 1], ["LOADING", "MIA", 1], ["LOADING", "PTY", 2], ["TRANSFER", "PTY", 1]),
    ]


def test_a_rush_bag_without_its_first_tag_stands_by_itself() -> None:
    """``docs/DOMAIN.md#rule-11``."""
    alone = results(LOCAL, RUSH.replace(".R/ORIG 0230456781 FILE GRUCM12345\n", ""))
    assert {tag: entry["state"] for tag, entry in alone.items()} == {TAG: "ACCEPTED", "2230000457": "RUSH_TAGGED"}
    assert alone["2230000457"]["planned"] == [LEG_702]


def test_a_rush_tag_without_time_was_issued_at_its_receipt() -> None:
    rush = TRANSFER.split("\n", 1)[1].replace("ENDBSM", ".E/RUSH\nENDBSM")
    assert result(LOCAL, LOADED_MIA, rush)["state"] == "RUSH_TAGGED"


@pytest.mark.parametrize(
    ("between", "is_one"), [("", True), ("\n", False), ("NNNN\n", False), ("PTYKMCM\n", False), (IN, False)]
)
def test_the_origin_line_of_a_telegram_is_that_of_all_its_messages(between: str, is_one: bool) -> None:
    """Given an earlier deletion in a telegram that comes last, then it counts only by its receipt."""
    deleted = LOCAL.split("\n", 2)[2].replace("BSM\n", "BSM\nDEL\n", 1)
    text = [LOCAL.replace("231205", "231210"), LOCAL, between, deleted]
    assert result(*text)["deleted"] is not is_one
    assert result(*text[1:], text[0])["deleted"] is not is_one
    other = deleted.replace("1LMIA", "1TPTY")
    assert result(*text[:3], other)["deleted"] is True


def test_a_station_off_the_plan_is_a_misroute_and_an_unknown_bag_has_no_plan() -> None:
    """``docs/DOMAIN.md#rule-12``."""
    wrong = bpm("1XBOG", "R/AG3/D6/23NOV/2100Z/ST1", flights=(".I/CM150/23NOV/PTY/Y",), tags=".B/NOF/0230456781001")
    assert result(LOCAL, TRANSFER, LOADED_MIA, wrong)["state"] == "MISROUTED"
    unknown = result(wrong)
    assert (unknown["state"], unknown["planned"], unknown["proved"]) == ("ARRIVED", [], [])
    assert unknown["flown"] == [["CM150", "2026-11-23", "PTY"]]


def test_a_message_without_time_sorts_before_every_scan() -> None:
    """``docs/DOMAIN.md#rule-2``."""
    untimed = LOCAL.partition("\n")[2].partition("\n")[2]
    assert untimed.startswith("BSM")
    bag = result(SCREENED, untimed)
    assert (bag["state"], bag["events"]) == ("SCREENED", 2)


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
    """``docs/DOMAIN.md#rule-5``: begun by tags, with the flights; begun by a flight, with the first inbound one."""
    bag = results(GROUPS)
    assert {tag: (entry["planned"], entry["authorised"]) for tag, entry in bag.items()} == {
        "0230000001": ([LEG_335, LEG_758], True),
        "0230000002": ([LEG_335, LEG_758], True),
        "0230000003": ([LEG_335, LEG_758], False),
        "0230000004": ([LEG_335, LEG_702], True),
        "0230000005": ([LEG_335, LEG_702], True),
    }


HARM = bpm("1TPTY", "R/AG2/D5/23NOV/2300Z/ST9", flights=BOTH, tags=".B/OFF/0230456781001")


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
def test_an_unreadable_message_leaves_no_trace(broken: str) -> None:
    """``docs/DOMAIN.md#rule-13``, followed by a message with an origin line, and with the same bytes repeated."""
    recount = recount_of(LOADED_PTY, broken, LOCAL, "MVT\nCM335/23\nAD1205/1218\n", broken, TRANSFER)
    assert recount.reader.tally.dead == 1
    (bag,) = recount.bags()
    assert (bag.state, bag.events, bag.authorised) == ("LOADED", 3, True)


def test_a_bad_date_in_an_unused_element_does_not_matter() -> None:
    """``docs/DOMAIN.md#rule-13``."""
    assert result(LOCAL.replace(".P/", ".D/DTN/HOTEL/99XXX/2561L\n.P/"))["state"] == "ACCEPTED"


def test_days_are_of_the_year_nearest_to_receipt() -> None:
    recount = Recount(datetime(2027, 1, 2, tzinfo=UTC))
    recount.read(LOCAL.replace("23NOV", "31DEC").replace("231205", "312305").splitlines())
    (bag,) = recount.bags()
    assert bag.planned[0].date == "2026-12-31"
