"""Content of Type B messages, by the rules of ``docs/DOMAIN.md#the-rules``."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from integrations.messages.typeb import IDENTIFIERS, TypeBError, parse
from integrations.messages.typeb_reader import MOST_TAGS, MessageContent, divided, read
from integrations.records.events import EventKind, FlightKey, Scan, ScanMethod
from integrations.records.instructions import Instruction, InstructionAction, MessageKind, NamedFlight, Source
from tests import type_b_messages

RECEIVED = datetime(2026, 11, 23, 19, 30, tzinfo=UTC)
SENT = datetime(2026, 11, 23, 12, 5, tzinfo=UTC)
ORIGIN = ".MIAKMCM 231205"
ZONES = {"PTY": ZoneInfo("America/Panama"), "MIA": ZoneInfo("America/New_York")}
DAY = date(2026, 11, 23)
MIA_PTY = NamedFlight(FlightKey("CM", 335, "", DAY, "MIA"), "PTY", "Y")
PTY_GRU = NamedFlight(FlightKey("CM", 758, "", DAY, "PTY"), "GRU", "Y")
LOADED, LASER = EventKind.LOADED, ScanMethod.LASER


def reading(text: str, received_at: datetime = RECEIVED) -> MessageContent:
    return read(parse(text), received_at, ZONES.get)


def bpm(
    *lines: str, source: str = "1TPTY", processed: str = ".J/R/AG1/HHT1/23NOV/141205L/STAND208/CM758"
) -> MessageContent:
    body = "\n".join((f".V/{source}", *([processed] if processed else ()), *lines))
    return reading(f"BPM\n{body}\nENDBPM")


def bsm(*lines: str, source: str = "1LMIA", change: str = "", origin: str = ORIGIN) -> MessageContent:
    return reading("\n".join(filter(None, (origin, "BSM", change, f".V/{source}", *lines, "ENDBSM"))))


def fault_of(text: str, received_at: datetime = RECEIVED) -> tuple[int, int, str]:
    with pytest.raises(TypeBError) as caught:
        reading(text, received_at)
    return caught.value.line, caught.value.column, caught.value.reason


# Samples of docs/DOMAIN.md#samples


def test_a_local_bsm_accepts_each_of_its_bags_and_names_their_passenger() -> None:
    content = reading(f"{ORIGIN}\n{type_b_messages.LOCAL_BSM}")
    first = Instruction(
        tag="0230456781", kind=MessageKind.BSM, change=InstructionAction.NEW, at=SENT, airport="MIA",
        source=Source.LOCAL,
        ordinal=1, bags_in_group=2, outbound=MIA_PTY, onward=(PTY_GRU,), authorised=True, seat="21C",
        passenger_status="C", sequence="045", security="045", authorised_to_transport=True, tag_active=True,
        weight_unit="K", pieces=2, weight=43.0, party=1, surname="GONZALEZ", given_names="MARIAMRS", locator="F7K2QX",
    )  # fmt: skip
    assert content.instructions[0] == first
    assert [(one.tag, one.ordinal) for one in content.instructions] == [("0230456781", 1), ("0230456782", 2)]
    assert content.scans[0] == Scan(
        "0230456781", EventKind.ACCEPTED, SENT, "MIA", flight=MIA_PTY.key, method=ScanMethod.MESSAGE
    )
    assert [scan.tag for scan in content.scans] == ["0230456781", "0230456782"]
    assert (content.flights, content.sent_at) == ((MIA_PTY, PTY_GRU), SENT)


def test_a_transfer_bsm_expects_its_bags_from_the_inbound_flight() -> None:
    content = reading(f"{ORIGIN}\n{type_b_messages.TRANSFER_BSM}")
    assert {scan.kind for scan in content.scans} == {EventKind.EXPECTED}
    instruction = content.instructions[0]
    assert (instruction.outbound, instruction.inbound, instruction.onward, instruction.exceptions) == (
        PTY_GRU,
        MIA_PTY,
        None,
        ("PRIO",),
    )


def test_changes_and_deletions_are_instructions_without_events() -> None:
    changed, deleted = (
        reading(f"{ORIGIN}\n{text}") for text in (type_b_messages.CHANGED_BSM, type_b_messages.DELETED_BSM)
    )
    assert (changed.scans, deleted.scans) == ((), ())
    instruction = changed.instructions[0]
    assert (instruction.change, instruction.authorised, instruction.seat, instruction.passenger_status) == (
        InstructionAction.CHG,
        False,
        "",
        "N",
    )
    assert (instruction.weight, instruction.exceptions, instruction.onward, instruction.remarks) == (
        None,
        None,
        None,
        None,
    )
    assert [(one.tag, one.change) for one in deleted.instructions] == [("0230456782", InstructionAction.DEL)]


def test_a_bpm_is_an_event_at_a_place_by_a_method() -> None:
    at = datetime(2026, 11, 23, 19, 12, 5, tzinfo=UTC)
    assert reading(type_b_messages.LOADED_BPM) == MessageContent(
        scans=(Scan("0230456781", LOADED, at, "PTY", "STAND208", PTY_GRU.key, None, None, LASER, "HHT112"),),
        flights=(PTY_GRU,),
    )
    (unseen,) = reading(type_b_messages.UNSEEN_BPM).scans
    assert (unseen.kind, unseen.flight, unseen.method) == (EventKind.NOT_SEEN, PTY_GRU.key, ScanMethod.MESSAGE)


def test_a_bum_is_an_instruction_and_no_event() -> None:
    content = reading(f"{ORIGIN}\n{type_b_messages.BUM}")
    assert content.scans == ()
    assert [(one.kind, one.tag, one.remarks) for one in content.instructions] == [
        (MessageKind.BUM, "0230456781", ("PAX NOT BOARDED",))
    ]


def test_a_rush_bsm_names_the_tag_it_replaces() -> None:  # docs/DOMAIN.md#rule-11
    content = reading(f"{ORIGIN}\n{type_b_messages.RUSH_BSM}")
    assert [(scan.tag, scan.kind) for scan in content.scans] == [("2230000457", EventKind.RUSH_TAGGED)]
    assert content.instructions[0].original_tag == "0230456782"


@pytest.mark.parametrize(
    "remark",
    [
        "ORIG 0230456782001",
        "ORIG: 0230456782",
        "ORIG0230456782",
        "ORIG TAG 0230456782",
        "ORIGINAL BAG TAG: 0230456782",
        "ORIG/0230456782/0230456782001 FILE GRUCM12345",
    ],
)
def test_the_tag_that_a_rush_tag_replaces_is_read_in_any_usual_form(remark: str) -> None:
    (instruction,) = bsm(".F/CM702/24NOV/GRU", ".N/2230000457001", ".E/RUSH", f".R/{remark}").instructions
    assert instruction.original_tag == "0230456782"


@pytest.mark.parametrize(
    "remark",
    [
        "ORIG CM456782",
        "ORIG 0230456782002",
        "ORIG 0230456782 0230456783",
        "ORIG 0230456782X",
        "ORIGIN 0230456782",
        "ORIG 023045678",
        "ORIG 02304567821",
        "BAG 0230456782",
        "ORIG 0000000000",
        "ORIG 0230456782 OR ORIG 0230456783",
    ],
)
def test_what_is_not_one_whole_tag_is_not_guessed(remark: str) -> None:
    (instruction,) = bsm(".F/CM702/24NOV/GRU", ".N/2230000457001", ".E/RUSH", f".R/{remark}").instructions
    assert instruction.original_tag is None


# Time


@pytest.mark.parametrize(
    ("received", "written", "meant"),
    [
        ("2026-11-23", "23NOV", "2026-11-23"),
        ("2026-11-23", "20NOV", "2026-11-20"),
        ("2027-01-01", "30DEC", "2026-12-30"),
        ("2026-12-31", "02JAN", "2027-01-02"),
        ("2026-11-23", "19OCT", "2027-10-19"),
        ("2027-11-23", "29FEB", "2028-02-29"),
    ],
)
def test_a_flight_is_of_the_year_that_is_nearest(received: str, written: str, meant: str) -> None:
    content = reading(
        f"BSM\n.V/1LMIA\n.F/CM335/{written}/PTY\n.N/0230456781001\nENDBSM", datetime.fromisoformat(f"{received}T12:00Z")
    )
    assert content.flights[0].key.departure_date == date.fromisoformat(meant)


@pytest.mark.parametrize("written", ["19NOV", "20OCT", "29FEB", "31NOV", "00NOV", "3NOV", "23NVO", "23NOV26", ""])
def test_a_flight_date_that_fits_no_year_is_a_dead_letter(written: str) -> None:  # docs/DOMAIN.md#rule-13
    line, column, reason = fault_of(f"BSM\n.V/1LMIA\n.F/CM335/{written}/PTY\n.N/0230456781001\nENDBSM")
    assert (line, column) == (3, 10)
    assert "a flight" in reason


@pytest.mark.parametrize(
    ("lines", "departure"),
    [
        ((".J/R/A/B/20NOV/1300Z", ".F/CM335/20NOV/PTY"), "2026-11-20"),
        ((".J/R/A/B/20NOV/1300Z", ".F/CM335/22OCT/PTY"), "2026-10-22"),
        ((".J/R/A/B/01JUN/1300Z", ".F/CM335/31MAY/PTY"), "2026-05-31"),
        ((".J/R/A/B/23NOV/1300Z", ".F/CM335/19OCT/PTY"), "2027-10-19"),
    ],
)
def test_the_flight_of_a_scan_is_near_the_scan(lines: tuple[str, ...], departure: str) -> None:
    (scan,) = bpm(*lines, ".N/0230456781001", processed="").scans
    assert scan.flight is not None
    assert scan.flight.departure_date == date.fromisoformat(departure)


def test_the_flight_of_a_scan_is_not_of_long_before() -> None:
    found = fault_of("BPM\n.V/1LPTY\n.J/R/A/B/20NOV/1300Z\n.F/CM335/20OCT/PTY\n.N/0230456781001\nENDBPM")
    assert found == (4, 10, "The date of a flight must be -30 to +330 days from its scan.")


@pytest.mark.parametrize(
    ("dated", "before"),
    [
        ("23NOV", "2026-11-20T00:00Z"),
        ("20NOV", "2026-11-17T00:00Z"),
        ("26NOV", "2026-11-23T00:00Z"),
        ("27NOV", "2026-11-20T19:30Z"),
        ("30JAN", "2026-11-20T19:30Z"),
        ("", "2026-11-20T19:30Z"),
    ],
)
def test_a_message_of_unknown_time_comes_before_every_scan(dated: str, before: str) -> None:
    """Given no origin line, then it orders at its receipt; what it implies is three days older than flight or receipt.

    ``docs/DOMAIN.md#rule-2``.
    """
    flight = f".F/CM335/{dated}/PTY\n" if dated else ""
    content = reading(f"BSM\n.V/1LMIA\n{flight}{N1}\nENDBSM")
    assert content.sent_at is None
    assert [(one.at, one.assumed) for one in content.instructions] == [(RECEIVED, True)]
    assert [(scan.at, scan.assumed) for scan in content.scans] == [(datetime.fromisoformat(before), True)]


@pytest.mark.parametrize("text", ["BSM\nCHG", "BSM\nDEL", "BSM", "BTM", "BTM\nCHG", "BUM"])
def test_a_message_needs_neither_an_origin_line_nor_a_flight(text: str) -> None:
    """``docs/DOMAIN.md#rule-2``, ``docs/DOMAIN.md#rule-6``."""
    (instruction,) = reading(f"{text}\n.V/1LMIA\n{N1}\n.S/N\nEND{text[:3]}").instructions
    assert (instruction.at, instruction.authorised) == (RECEIVED, False)


def test_a_rush_tag_of_unknown_time_was_issued_at_its_receipt() -> None:  # docs/DOMAIN.md#rule-11
    (scan,) = bsm(".F/CM702/24NOV/GRU", N1, ".E/RUSH", origin="").scans
    assert (scan.kind, scan.at, scan.assumed) == (EventKind.RUSH_TAGGED, RECEIVED, False)


@pytest.mark.parametrize(
    ("received", "origin", "sent"),
    [
        ("2026-11-23T19:30Z", "231205", "2026-11-23T12:05Z"),
        ("2026-12-01T00:10Z", "302350", "2026-11-30T23:50Z"),
        ("2026-11-30T23:50Z", "010010", "2026-12-01T00:10Z"),
        ("2027-01-01T00:01Z", "312359", "2026-12-31T23:59Z"),
        ("2027-02-20T00:00Z", "310000", "2027-01-31T00:00Z"),
        ("2027-02-20T00:00Z", "300000", "2027-01-30T00:00Z"),
    ],
)
def test_the_time_of_an_origin_line_is_the_one_nearest_to_receipt(received: str, origin: str, sent: str) -> None:
    content = reading(
        f".MIAKMCM {origin} NOV\n{type_b_messages.BUM}".replace("23NOV", "01JAN"), datetime.fromisoformat(received)
    )
    assert content.sent_at == datetime.fromisoformat(sent)


@pytest.mark.parametrize("origin", ["001205", "321205", "232405", "231260"])
def test_an_origin_line_without_a_time_is_a_dead_letter(origin: str) -> None:
    assert fault_of(f"QU PTYKPCM\n.MIAKMCM {origin}\n{type_b_messages.BUM}")[:2] == (2, 10)


@pytest.mark.parametrize(
    ("airport", "time", "utc"),
    [
        ("PTY", "23NOV/1412L", "2026-11-23T19:12:00Z"),
        ("PTY", "23NOV/191205Z", "2026-11-23T19:12:05Z"),
        ("ZZZ", "23NOV/191205Z", "2026-11-23T19:12:05Z"),
        ("PTY", "22NOV/235959L", "2026-11-23T04:59:59Z"),
        ("PTY", "10NOV/120000Z", "2026-11-10T12:00:00Z"),
        ("MIA", "01NOV/005959L", "2026-11-01T04:59:59Z"),
        ("MIA", "01NOV/013000L", "2026-11-01T05:30:00Z"),  # twice that night: the first
        ("MIA", "01NOV/020000L", "2026-11-01T07:00:00Z"),
        ("MIA", "08MAR/013000L", "2026-03-08T06:30:00Z"),
        ("MIA", "08MAR/023000L", "2026-03-08T07:30:00Z"),  # never that night: by the clock before
        ("MIA", "08MAR/030000L", "2026-03-08T07:00:00Z"),
    ],
)
def test_scan_times_are_local_or_utc(airport: str, time: str, utc: str) -> None:
    at = datetime.fromisoformat(utc)
    received = max(at, RECEIVED) if airport != "MIA" else at + timedelta(hours=1)
    text = f"BPM\n.V/1L{airport}\n.J/S///{time}\n.N/0230456781001\nENDBPM"
    assert [scan.at for scan in reading(text, received).scans] == [at]


@pytest.mark.parametrize(
    ("source", "processed", "column"),
    [
        ("1LPTY", ".J/S///23NOV/2412L", 14),
        ("1LPTY", ".J/S///23NOV/1412", 14),
        ("1LPTY", ".J/S///23NOV", 13),
        ("1LPTY", ".J/S////1412L", 8),
        ("1LPTY", ".J/S///31FEB/1412L", 8),
        ("1LXXX", ".J/S///23NOV/1412L", 14),
        ("1LPTY", "", 1),
    ],
)
def test_a_scan_without_a_readable_time_is_a_dead_letter(source: str, processed: str, column: int) -> None:
    text = "\n".join(filter(None, ("BPM", f".V/{source}", processed, ".N/0230456781001", "ENDBPM")))
    line, found, _ = fault_of(text)
    assert (line, found) == (3, column)


def test_a_scan_without_j_has_the_time_of_the_origin_line() -> None:
    (scan,) = reading(f"{ORIGIN}\nBPM\n.V/1LPTY\n.J/S\n.N/0230456781001\nENDBPM").scans
    assert (scan.at, scan.kind) == (SENT, EventKind.SORTED)


# Events: docs/DOMAIN.md#rule-8


@pytest.mark.parametrize(
    ("source", "lines", "kind", "flight"),
    [
        ("1TPTY", ".B/OFF/0230456781001", EventKind.OFFLOADED, PTY_GRU),
        ("1TPTY", ".B/NAL/0230456781001", LOADED, PTY_GRU),
        ("1TPTY", ".B/LOD/0230456781001", LOADED, PTY_GRU),
        ("1TPTY", ".B/NOF/0230456781001", EventKind.ARRIVED, MIA_PTY),
        ("1TPTY", ".B/ONA/0230456781001", EventKind.LEFT_BEHIND, PTY_GRU),
        ("1TPTY", ".B/LBA/0230456781001", EventKind.LEFT_BEHIND, PTY_GRU),
        ("1TPTY", ".B/LBN/0230456781001", EventKind.LEFT_BEHIND, PTY_GRU),
        ("1TPTY", ".B/OND/0230456781001", EventKind.ON_HAND, PTY_GRU),
        ("1TPTY", ".B/UNS/0230456781001", EventKind.NOT_SEEN, PTY_GRU),
        ("1TPTY", ".B/XYZ/0230456781001", EventKind.POSITION, PTY_GRU),
        ("1TPTY", ".J/S///23NOV/1412L .U/AKE1 .B/OFF/0230456781001", EventKind.OFFLOADED, PTY_GRU),
        ("1TPTY", ".J/S///23NOV/1412L .U/AKE1/2 .X//CLR .N/0230456781001", LOADED, PTY_GRU),
        ("1TPTY", ".J/R///23NOV/1412L .X/SEL/CLR/D .N/0230456781001", EventKind.SCREENED, PTY_GRU),
        ("1TPTY", ".J/R///23NOV/1412L .X/CLR .N/0230456781001", EventKind.SCREENED, PTY_GRU),
        ("1TPTY", ".J/R///23NOV/1412L .X//REJ .N/0230456781001", EventKind.POSITION, PTY_GRU),
        ("1TPTY", ".J/R///23NOV/1412L .X/SEL .N/0230456781001", LOADED, PTY_GRU),
        ("1TPTY", ".J/R///23NOV/1412L .N/0230456781001", LOADED, PTY_GRU),
        ("1TPTY", ".J/S///23NOV/1412L .N/0230456781001", EventKind.SORTED, PTY_GRU),
        ("1LPTY", ".J/S///23NOV/1412L .N/0230456781001", EventKind.SORTED, PTY_GRU),
        ("1LPTY", ".J/G///23NOV/1412L .N/0230456781001", EventKind.POSITION, PTY_GRU),
        ("1LPTY", ".J/H///23NOV/1412L .N/0230456781001", EventKind.POSITION, PTY_GRU),
        ("1LPTY", ".J/Z///23NOV/1412L .N/0230456781001", EventKind.POSITION, PTY_GRU),
        ("1LPTY", ".N/0230456781001", EventKind.POSITION, PTY_GRU),
        ("1XPTY", ".J/G///23NOV/1412L .N/0230456781001", EventKind.AT_CLAIM, MIA_PTY),
        ("1XPTY", ".J/H///23NOV/1412L .N/0230456781001", EventKind.DELIVERED, MIA_PTY),
        ("1XPTY", ".J/S///23NOV/1412L .N/0230456781001", EventKind.ARRIVED, MIA_PTY),
        ("1XPTY", ".J/R///23NOV/1412L .N/0230456781001", EventKind.ARRIVED, MIA_PTY),
    ],
)
def test_the_first_of_b_u_x_and_j_decides_the_event(
    source: str, lines: str, kind: EventKind, flight: NamedFlight
) -> None:
    body = "\n".join((f".V/{source}", *lines.split(" "), ".F/CM758/23NOV/GRU/Y", ".I/CM335/23NOV/MIA/Y"))
    (scan,) = reading(f"{ORIGIN}\nBPM\n{body}\nENDBPM").scans
    assert (scan.kind, scan.flight) == (kind, flight.key)
    assert scan.unauthorised == (".B/NAL" in lines)
    assert scan.transfer == (kind == EventKind.SORTED and source == "1TPTY")
    assert scan.container == ("AKE1/2" if kind == LOADED and ".U" in lines else "")
    by_laser = (".J/S" in lines or ".J/R" in lines) and kind != EventKind.NOT_SEEN
    assert scan.method == (LASER if by_laser else ScanMethod.MESSAGE)


@pytest.mark.parametrize(
    ("source", "kind"), [("1L", "ACCEPTED"), ("1T", "EXPECTED"), ("1R", "EXPECTED"), ("1X", "EXPECTED")]
)
def test_a_btm_expects_and_a_bsm_of_local_bags_accepts(source: str, kind: str) -> None:
    body = f".V/{source}PTY\n.F/CM758/23NOV/GRU\n.N/0230456781001"
    assert [scan.kind for scan in reading(f"{ORIGIN}\nBSM\n{body}\nENDBSM").scans] == [kind]
    content = reading(f"{ORIGIN}\nBTM\n{body}\nENDBTM")
    assert [scan.kind for scan in content.scans] == [EventKind.EXPECTED]
    assert [one.kind for one in content.instructions] == [MessageKind.BTM]


def test_a_bns_reports_bags_that_were_not_seen() -> None:
    text = "BNS\n.V/1LPTY\n.F/CM758/23NOV/GRU\n.N/0230456781002\nENDBNS"
    for content, at in ((reading(f"{ORIGIN}\n{text}"), SENT), (reading(text), RECEIVED)):
        assert [(scan.tag, scan.kind, scan.at, scan.assumed) for scan in content.scans] == [
            (tag, EventKind.NOT_SEEN, at, False) for tag in ("0230456781", "0230456782")
        ]


def test_a_close_out_names_the_flight_that_left() -> None:  # docs/DOMAIN.md#rule-10
    text = "BCM\n{}\n.V/1LPTY\n.F/CM758/23NOV/GRU/Y\nENDBCM"
    closed = reading(f"{ORIGIN}\n{text.format('FCM')}")
    assert (closed.flight_closed, closed.sent_at, closed.flights) == (PTY_GRU, SENT, (PTY_GRU,))
    for opened in (reading(f"{ORIGIN}\n{text.format('FOM')}"), reading(text.format("FCM"))):
        assert (opened.flight_closed, opened.instructions, opened.scans) == (None, (), ())


def test_every_kind_but_bmm_and_brq_has_content() -> None:  # docs/MESSAGES.md#what-is-read
    body = f".V/1LPTY\n.J/S///23NOV/1200Z\n{F1}\n{N1}\nFCM"
    contents = {kind: reading(f"{ORIGIN}\n{kind}\n{body}\nEND{kind}") for kind in IDENTIFIERS}
    assert {kind for kind, found in contents.items() if found == MessageContent(sent_at=SENT)} == {"BMM", "BRQ"}


def test_a_scan_is_no_type_b_message() -> None:
    with pytest.raises(ValueError, match="no kind of Type B"):
        read(replace(parse(type_b_messages.BUM), kind=MessageKind.SCAN), RECEIVED, ZONES.get)


@pytest.mark.parametrize("kind", ["BMM", "BRQ", "BCM"])
def test_messages_about_no_single_bag_are_kept_by_structure(kind: str) -> None:
    assert reading(f"{kind}\n.V/1LPTY/1\n.F/NOT READ/99XXX\n.N/1\nWORDS\nEND{kind}") == MessageContent()


# Passenger groups: docs/DOMAIN.md#rule-5


def groups(*lines: str) -> list[tuple[str, Any, Any, Any, Any]]:
    return [
        (
            one.tag[-2:],
            one.surname,
            one.outbound and one.outbound.key.number,
            one.inbound and one.inbound.key.number,
            one.onward and tuple(flight.key.number for flight in one.onward),
        )
        for one in bsm(*lines, source="1TPTY").instructions
    ]


F1, F2, I1, I2, O1 = ".F/CM1/23NOV/MIA", ".F/CM2/23NOV/BOG", ".I/CM8/23NOV/GRU", ".I/CM9/23NOV/EZE", ".O/CM5/24NOV/LAX"
N1, N2, N3 = ".N/0230000011001", ".N/0230000022001", ".N/0230000033001"
P1, P2 = ".P/1ONE/A", ".P/1TWO/B"


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ((F1, N1, N2, P1), [("11", "ONE", 1, None, None), ("22", "ONE", 1, None, None)]),
        ((P1, N1, N2, I1, O1, F1), [("11", "ONE", 1, 8, (5,)), ("22", "ONE", 1, 8, (5,))]),
        ((F1, I1, O1, N1, P1, N2, P2), [("11", "ONE", 1, 8, (5,)), ("22", "TWO", 1, 8, (5,))]),
        ((F1, N1, P1, N2), [("11", "ONE", 1, None, None), ("22", None, 1, None, None)]),
        ((F1, N1, P1, F2, N2, P2), [("11", "ONE", 1, None, None), ("22", "TWO", 2, None, None)]),
        ((F1, I1, O1, N1, P1, F2, N2, P2), [("11", "ONE", 1, 8, (5,)), ("22", "TWO", 2, None, None)]),
        ((I1, F1, N1, P1, F2, N2, P2), [("11", "ONE", 1, 8, None), ("22", "TWO", 2, 8, None)]),
        ((I1, F1, N1, P1, F2, I2, N2, P2), [("11", "ONE", 1, 8, None), ("22", "TWO", 2, 9, None)]),
        (
            (I1, F1, N1, P1, N2, I2, P2, N3),
            [("11", "ONE", 1, 8, None), ("22", "TWO", 1, 9, None), ("33", None, 1, 9, None)],
        ),
        ((F1, N1, F2, N2), [("11", None, 1, None, None), ("22", None, 2, None, None)]),
        ((F1, N1, N1, P1, N1), [("11", "ONE", 1, None, None), ("11", None, 1, None, None)]),
        ((F1, P1, N1, P2, N2), [("11", "ONE", 1, None, None), ("22", "TWO", 1, None, None)]),
        ((F1, N1, P1, P2, N2), [("11", "ONE", 1, None, None), ("22", "TWO", 1, None, None)]),
        ((F1, I1, O1, P1, N1, P2, N2), [("11", "ONE", 1, 8, (5,)), ("22", "TWO", 1, 8, (5,))]),
        ((F1, N1, P1, O1, N2, P2), [("11", "ONE", 1, None, None), ("22", "TWO", 1, None, (5,))]),
        ((F1, N1, P1, I1, F2, N2, P2), [("11", "ONE", 1, None, None), ("22", "TWO", 2, 8, None)]),
        ((N1, P1, F1), [("11", "ONE", 1, None, None)]),
        ((F1, N1, P1, I1, O1), [("11", "ONE", 1, 8, (5,))]),
        ((F1, N1, P1, F2, P2, N2, O1), [("11", "ONE", 1, None, None), ("22", "TWO", 2, None, (5,))]),
        ((F1, P1, P1, N1), [("11", "ONE", 1, None, None)]),
        ((F1, F1, N1, P1), [("11", "ONE", 1, None, None)]),
        ((F1, N1, P1, F1), [("11", "ONE", 1, None, None)]),
        ((F1, N1, F1, P1), [("11", "ONE", 1, None, None)]),
        ((F1, ".F/CM0001/23NOV/MIA/Y", N1, P1, N2, P2), [("11", "ONE", 1, None, None), ("22", "TWO", 1, None, None)]),
        ((F1, N1, P1, F1, N2, P2), [("11", "ONE", 1, None, None), ("22", "TWO", 1, None, None)]),
        ((F1, I1, ".I/CM0008/23NOV/GRU/Y", N1, P1), [("11", "ONE", 1, 8, None)]),
        ((F1, N1, P1, F1, N1, P1), [("11", "ONE", 1, None, None)] * 2),
    ],
)
def test_passenger_groups(lines: tuple[str, ...], found: list[Any]) -> None:
    assert groups(*lines) == found


@pytest.mark.parametrize(
    "lines",
    [
        (F1, P1, N1, N2, P2),
        (P1, N1, F1, P2, N2),
        (F1, P1, P2, N1),
        (F1, N1, P1, P2),
        (F1, N1, P1, P2, F2, N2),
        (F1, ".S/Y", N1, P1, ".S/N", N2, P2),
        (F1, ".L/AAAAAA", N1, P1, ".L/BBBBBB", N2, P2),
        (F1, ".L/AAAAAA", N1, P1, ".L/BBBBBB"),
        (F1, I1, I2, N1, P1),
        (F1, ".W/K/1/20", N1, P1, ".W/K/1/21"),
        (F1, N1, P1, F2, N1, P2),
        (F1, N1, P1, N1, P2),
        (F1, ".N/0230000011002", P1, F2, ".N/0230000012001", P1),
    ],
)
def test_what_could_belong_to_two_groups_is_a_dead_letter(lines: tuple[str, ...]) -> None:
    with pytest.raises(TypeBError, match="without doubt"):
        groups(*lines)


@pytest.mark.parametrize("second", [".J/S/A/B/23NOV/141000L", ".I/CM9/23NOV/EZE", ".U/AKE2", ".X/SEL/REJ"])
def test_a_bpm_that_could_mean_two_scans_is_a_dead_letter(second: str) -> None:
    own = (F1, ".I/CM8/23NOV/GRU", ".U/AKE1", ".X/SEL/CLR", N1)
    with pytest.raises(TypeBError, match=rf"The \.{second[1]} cannot be assigned"):
        bpm(*own, second, N2)
    assert len(bpm(*own, *own[1:4], ".W/K/1/20", ".W/K/1/21", ".L/AAAAAA", ".L/BBBBBB", N2).scans) == 2, "unused"


def test_a_group_in_doubt_is_not_stored_by_itself() -> None:
    text = f"{ORIGIN}\nBSM\n.V/1TPTY\n{F1}\n{N1}\n{P1}\n{F2}\n{N1}\n{P2}\nENDBSM"
    with pytest.raises(TypeBError, match="without doubt"):
        divided(parse(text), text)
    broken = text.replace(N1, ".N/1", 1)
    assert len(divided(parse(broken), broken)) == 2, "an unreadable tag costs only its group"


def test_many_groups_and_flights_take_time_in_proportion() -> None:
    lines = [F1, N1, P1, *[I1] * 8_000]
    started = perf_counter()
    assert len(groups(*lines)) == 1
    with pytest.raises(TypeBError, match="at most 12 onward"):
        groups(F1, *[O1] * 4_000, *[N1, P1] * 900)
    assert perf_counter() - started < 2


@pytest.mark.parametrize("kind", ["BSM", "BTM", "BPM"])
def test_parts_are_messages_of_their_own(kind: str) -> None:
    def part(number: str, end: str) -> str:
        body = f".V/1TPTY/{number}/REF1\n.J/S//S1/23NOV/1200L/B1\n{F1}\n{N1}\n{P1}"
        return f"{ORIGIN}\n{kind}\n{body}\nEND{end}"

    for number, end in (("PART1", "PART1"), ("1", "PART1"), ("PART02", "PART2"), ("PART2", kind)):
        content = reading(part(number, end))
        assert len(content.scans) == 1
    for number, end in (("PART1", "PART2"), ("", "PART1"), ("PART1", "PART0")):
        assert fault_of(part(number, end))[1] == 1


@pytest.mark.parametrize(
    ("body", "change"),
    [
        (("ADD", ".V/1LPTY", F1, N1), "NEW"),
        ((".V/1LPTY", "ADD", F1, N1), "NEW"),
        (("DEL", ".V/1LPTY", F1, N1), "DEL"),
        ((".V/1LPTY", "DEL", F1, N1), "DEL"),
        ((".V/1LPTY", "CHG", F1, N1, "SOME WORDS"), "CHG"),
    ],
)
def test_a_status_stands_anywhere_before_the_first_element(body: tuple[str, ...], change: str) -> None:
    for kind in ("BSM", "BTM"):
        content = reading("\n".join((ORIGIN, kind, *body, f"END{kind}")))
        assert [one.change for one in content.instructions] == [change]


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        ("BSM", ("CAN", ".V/1LPTY", F1, N1), "status is unknown"),
        ("BTM", (".V/1LPTY", "DELETE", F1, N1), "status is unknown"),
        ("BSM", (".V/1LPTY", F1, N1, "DEL"), "one status at most, before"),
        ("BSM", ("CHG", ".V/1LPTY", "DEL", F1, N1), "one status at most"),
        ("BUM", ("DEL", ".V/1LPTY", F1, N1), "status is unknown"),
        ("BPM", ("DEL", ".V/1LPTY", F1, N1), "status is unknown"),
        ("BSM", (".V/1LPTY", F1, N1, "BSM", F2, N2), "Another message"),
        ("BSM", (".V/1LPTY", F1, N1, "N/0230000022001"), "no element"),
        ("BPM", (".V/1LPTY", F1, N1, P1 + N2), "must begin its line"),
    ],
)
def test_an_unknown_status_is_never_a_new_message(kind: str, body: tuple[str, ...], reason: str) -> None:
    assert reason in fault_of("\n".join((ORIGIN, kind, *body, f"END{kind}")))[2]


@pytest.mark.parametrize("change", ["DEL", "BUM"])
def test_a_withdrawal_needs_no_other_flights(change: str) -> None:
    kind = "BUM" if change == "BUM" else "BSM"
    status = ("DEL",) if change == "DEL" else ()
    broken = (".I/CM335/31FEB/MIA", ".O/CM1/99XXX/GRU")
    content = reading("\n".join((ORIGIN, kind, *status, ".V/1LPTY", F1, *broken, N1, f"END{kind}")))
    assert [(one.tag, one.inbound, one.onward) for one in content.instructions] == [("0230000011", None, None)]


def test_groups_become_messages_of_their_own() -> None:
    text = "\n".join(("QU PTYKPCM", ORIGIN, "BSM", "CHG", ".V/1TPTY", I1, F1, N1, P1, "WORDS", F2, N2, P2, "ENDBSM"))
    first, second = divided(parse(text), text)
    assert first.split("\n")[2:] == ["BSM", "CHG", ".V/1TPTY", I1, F1, N1, P1, "WORDS", "ENDBSM"]
    assert second.split("\n")[2:] == ["BSM", "CHG", ".V/1TPTY", I1, F2, N2, P2, "ENDBSM"]
    together = reading(first).instructions + reading(second).instructions
    assert together == tuple(replace(one, group=1) for one in reading(text).instructions)
    assert divided(parse(first), first) == []


def test_a_later_group_has_the_processing_of_the_first_and_its_own_facts() -> None:
    content = bpm(F1, ".U/AKE1", N1, P1, N2, P2, F2, N3, P1, F1, ".J/S///23NOV/1500L", ".N/0230000044001")
    assert [(scan.tag[-2:], scan.kind, scan.at.minute) for scan in content.scans] == [
        ("11", LOADED, 12),
        ("22", LOADED, 12),
        ("33", LOADED, 12),
        ("44", EventKind.SORTED, 0),
    ]
    assert [scan.container for scan in content.scans] == ["AKE1", "", "", ""]
    instruction = bsm(F1, N1, ".S/Y", ".E/CREW", P1, N2).instructions
    assert [(one.authorised, one.exceptions) for one in instruction] == [(True, ("CREW",)), (None, None)]


def test_a_group_may_hold_named_and_irregular_bags() -> None:
    content = bpm(".F/CM758/23NOV/GRU", ".N/0230456781001", ".B/UNS/0230456790001", ".B/NAL/0230456795002")
    assert [(scan.tag[-2:], scan.kind) for scan in content.scans] == [
        ("81", LOADED), ("90", EventKind.NOT_SEEN), ("95", LOADED), ("96", LOADED),
    ]  # fmt: skip


# Elements


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (".S/N//N", {"authorised": False, "seat": "", "passenger_status": "N", "security": "", "tag_active": None}),
        (".S//05A/C/051/051//N/I", {"authorised": None, "authorised_to_transport": False, "tag_active": False}),
        (".W/K/1/22.5", {"weight_unit": "K", "pieces": 1, "weight": 22.5}),
        (".W/P/3", {"weight_unit": "P", "pieces": 3, "weight": None}),
        (".W/K/ONE/HEAVY", {"pieces": None, "weight": None}),
        (".P/2PAGE/L/B", {"party": 2, "surname": "PAGE", "given_names": "L", "companions": ("B",)}),
        (".P/2PAGE/L/MRS/B/MR", {"given_names": "L MRS", "companions": ("B MR",)}),
        (".P/1PAGE/L/B", {"party": 1, "given_names": "L B"}),
        (".P//", {"party": None, "surname": "", "given_names": ""}),
        (".P/LOMBARDO", {"party": None, "surname": "LOMBARDO", "given_names": ""}),
        (".L/F7K2QX", {"locator": "F7K2QX"}),
        (".Y/CM123456789/G", {"frequent_flyer": "CM123456789/G"}),
        (".E/RUSH\n.E/CREW/PRIO", {"exceptions": ("RUSH", "CREW", "PRIO")}),
        (".R/VIP/ADULT\n.R/DIVERTEDOK", {"remarks": ("VIP/ADULT", "DIVERTEDOK"), "original_tag": None}),
        (".O/LA0808A/24NOV/EZE/J\n.O/P51/25NOV/COR", {
            "onward": (
                NamedFlight(FlightKey("LA", 808, "A", date(2026, 11, 24), "PTY"), "EZE", "J"),
                NamedFlight(FlightKey("P5", 1, "", date(2026, 11, 25), "EZE"), "COR"),
            ),
        }),
        (".K/1\n.M/31FEB\n.D/X/99XXX\n.U/AKE/////Y/CM/1/31FEB/X", {"exceptions": None}),
    ],
)  # fmt: skip
def test_elements_say_what_they_hold_and_absent_ones_nothing(line: str, expected: dict[str, Any]) -> None:
    (instruction,) = bsm(".F/CM335/23NOV/PTY", ".N/0230456781001", line).instructions
    assert {name: getattr(instruction, name) for name in expected} == expected


@pytest.mark.parametrize("written", ["CM758", "CM0758", "CM00758"])
def test_padded_flight_numbers_are_the_same_flight(written: str) -> None:
    (scan,) = bpm(f".F/{written}/23NOV/GRU", ".N/0230456781001").scans
    assert scan.flight == FlightKey("CM", 758, "", DAY, "PTY")


@pytest.mark.parametrize(
    "elements", [(".F/CM758/23NOV", ".I/CM335/23NOV", ".O/CM9/24NOV/LAX"), (".F/CM758/23NOV//", ".I/CM335/23NOV/")]
)
def test_a_flight_without_an_origin_is_not_named(elements: tuple[str, ...]) -> None:
    (instruction,) = bsm(*elements, ".N/0230456781001", source="1TPTY").instructions
    assert instruction.outbound == NamedFlight(FlightKey("CM", 758, "", DAY, "PTY"), "")
    assert (instruction.inbound, instruction.onward or ()) == (None, ())


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        (".F/YY/23NOV/GRU", 4, "carrier and number"),
        (".F/COP758/23NOV/GRU", 4, "carrier and number"),
        (".F/CM0000/23NOV/GRU", 4, "carrier and number"),
        (".F/CM758/23NOV/GRUX", 16, "three letters"),
        (".I/CM335/31FEB/MIA", 10, "date"),
        (".O/CM335/XX/MIA", 10, "date"),
        (".N/0230456781", 4, "count of three"),
        (".N/CM456781001", 4, "count of three"),
        (".N/", 4, "count of three"),
        (".P/1", 4, "surname"),
        (".P/1/JUAN", 4, "surname"),
        (".P//JUAN", 4, "surname"),
        (".N/0230456781001/12", 18, "count of three"),
        (".B/UNS", 7, "count of three"),
        (".N/0230456781000", 4, "at least 001"),
        (".N/0230999999002", 4, "999999"),
        (".N/0000000000002", 4, "count of 001"),
        (".N/0000000000001", 4, "identifies no bag"),
    ],
)
def test_what_cannot_be_applied_is_a_dead_letter(line: str, column: int, reason: str) -> None:  # docs/DOMAIN.md#rule-13
    kept = () if line.startswith((".N", ".B")) else (".N/0230456781001",)
    found = fault_of(
        "\n".join((ORIGIN, "BSM", ".V/1TPTY", *([".F/CM758/23NOV"] if line[1] in "ONB" else []), line, *kept, "ENDBSM"))
    )
    assert found[0] == (5 if line[1] in "ONB" else 4)
    assert found[1] == column
    assert reason in found[2]


@pytest.mark.parametrize("kind", ["BSM", "BPM", "BTM", "BUM", "BNS"])
def test_a_message_about_bags_without_a_tag_is_a_dead_letter(kind: str) -> None:
    assert fault_of(f"{ORIGIN}\n{kind}\n.V/1TPTY\n.F/CM758/23NOV/GRU\nEND{kind}") == (
        4,
        1,
        "A passenger group must have a tag in .N or .B.",
    )
    assert fault_of(f"{ORIGIN}\n{kind}\n.V/1TPTY\n{F1}\n{N1}\n{F2}\n{P2}\nEND{kind}")[0] == 7


def test_a_bad_date_in_what_is_not_used_sinks_nothing() -> None:  # docs/DOMAIN.md#rule-13
    assert len(bpm(".F/CM758/23NOV/GRU", ".I/CM335/31FEB/MIA", ".M/0230456781/31FEB", ".N/0230456781001").scans) == 1


def test_an_unreadable_tag_is_a_scan_of_no_bag() -> None:
    assert [scan.tag for scan in bpm(".N/0000000000001").scans] == ["0000000000"]


def test_counts_reach_the_last_serial_and_a_message_names_so_many_bags() -> None:
    assert [scan.tag for scan in bpm(".N/0230999998002").scans] == ["0230999998", "0230999999"]
    lines = [f".N/023000{serial:04d}001" for serial in range(MOST_TAGS)]
    assert len(bpm(*lines).scans) == MOST_TAGS
    with pytest.raises(TypeBError, match=f"at most {MOST_TAGS} bags"):
        bpm(*lines, ".N/0230900000001")
    with pytest.raises(TypeBError, match=f"at most {MOST_TAGS} bags"):
        bpm(".N/0230000001999", ".N/0231000001002")


def test_long_places_are_cut() -> None:
    (scan,) = bpm(".N/0230456781001", processed=f".J/S//{'D' * 90}/23NOV/1412L/{'P' * 90}").scans
    assert (scan.device, scan.place) == ("D" * 40, "P" * 40)


def test_identities_of_scans_that_say_no_more_than_before_stay() -> None:
    scan = Scan("0230456781", LOADED, SENT, "PTY", "STAND208", PTY_GRU.key, None, "CM", LASER, "HHT112")
    assert str(scan.identity(1)) == "ff1bfa6e-be27-01b7-d74f-0d2233926a6a"
