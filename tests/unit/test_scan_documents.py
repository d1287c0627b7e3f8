"""Scans as plain JSON and as Baggage XML."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.messages import baggage_xml, scans
from integrations.messages.scans import LARGEST_SCAN, ScanError
from integrations.records.events import EventKind, FlightKey, Scan, ScanMethod
from integrations.records.instructions import InstructionAction, MessageKind, NamedFlight, Source

MESSAGES = Path(__file__).parents[2] / "docs" / "MESSAGES.md"
AT = datetime(2026, 11, 24, 1, 12, 5, tzinfo=UTC)
ZONES = {"PTY": ZoneInfo("America/Panama"), "MIA": ZoneInfo("America/New_York")}
DOCUMENT: dict[str, Any] = {
    "tag": "0230456781",
    "kind": "LOADED",
    "at": "2026-11-23T20:12:05-05:00",
    "airport": "PTY",
    "place": "STAND208",
    "flight": {"designator": "CM0758", "departureDate": "2026-11-23"},
    "releasedBy": "HANDLER",
    "custodian": "CM",
    "method": "RFID",
    "device": "HHT112",
}


def without(*names: str, **changed: Any) -> bytes:
    return orjson.dumps({name: value for name, value in (DOCUMENT | changed).items() if name not in names})


def examples(language: str) -> list[str]:
    """The blocks of a language in docs/MESSAGES.md."""
    return re.findall(rf"```{language}\n(.*?)```", MESSAGES.read_text(), re.DOTALL)


def test_the_documented_scans_are_read_whole() -> None:
    smallest, whole = (scans.read(text) for text in examples("json") if '"airport"' in text)
    assert (smallest.kind, smallest.airport) == (EventKind.AT_CLAIM, "GRU")
    names = {name for text in examples("json") for name in orjson.loads(text)}
    assert names >= {*DOCUMENT}
    assert (whole.released_by, whole.custodian, whole.device) == ("UA", "CM", "GATE7")
    assert whole.at == datetime(2026, 11, 23, 20, 4, 30, tzinfo=UTC)


def test_the_documented_notification_is_read_whole() -> None:
    [text] = examples("xml")
    content = baggage_xml.read(text.encode(), ZONES.get)
    [instruction], [scan] = content.instructions, content.scans
    assert (scan.tag, scan.kind, scan.place, scan.device) == ("0230456781", EventKind.LOADED, "STAND208", "HHT112")
    assert scan.flight == FlightKey("CM", 758, "", date(2026, 11, 23), "PTY")
    assert (instruction.surname, instruction.given_names, instruction.locator) == ("GONZALEZ", "MARIA", "F7K2QX")
    assert instruction.weight == 21.5


def test_a_scan_as_json_is_read_whole() -> None:
    flight = FlightKey("CM", 758, "", date(2026, 11, 23), "PTY")
    whole = Scan(
        "0230456781", EventKind.LOADED, AT, "PTY", "STAND208", flight, "HANDLER", "CM", ScanMethod.RFID, "HHT112"
    )
    assert scans.read(orjson.dumps(DOCUMENT)) == whole
    bare = scans.read(without("place", "flight", "releasedBy", "custodian", "method", "device"))
    assert bare == Scan("0230456781", EventKind.LOADED, AT, "PTY")
    assert scans.read(without(tag="230456781", flight=None, place=None)).tag == "0230456781"


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"", ""),
        (b"{", ""),
        (b"[1]", ""),
        (without("tag"), "tag"),
        (without(tag=230456781), "tag"),
        (without(tag="CM456781"), "tag"),
        (without(tag="0230456781002"), "tag"),
        (without(kind="FLOWN"), "kind"),
        (without(at="2026-11-23T20:12:05"), "at"),
        (without(at="1926-11-23T20:12:05Z"), "at"),
        (without(at="9999-12-31T23:59:59-05:00"), "at"),
        (without(airport="pty"), "airport"),
        (without(place="x" * 41), "place"),
        (without(device="\u00d1"), "device"),
        (without(custodian="c m"), "custodian"),
        (without(method="EYES"), "method"),
        (without(flight="CM758"), "flight"),
        (without(flight={"designator": "YY", "departureDate": "2026-11-23"}), "flight.designator"),
        (without(flight={"designator": "CM758"}), "flight.departureDate"),
        (without(flight={"designator": "CM758", "departureDate": "23NOV"}), "flight.departureDate"),
        (without(flight={"designator": "CM758", "departureDate": "2026-11-23", "origin": "X"}), "flight.origin"),
        (without(colour="red"), ""),
    ],
)
def test_what_is_no_scan_names_the_field(data: bytes, field: str) -> None:
    with pytest.raises(ScanError) as caught:
        scans.read(data)
    assert caught.value.field == field


@given(st.binary(max_size=60) | st.recursive(st.none() | st.text(), st.lists).map(orjson.dumps))
def test_any_bytes_are_a_scan_or_the_documented_error(data: bytes) -> None:
    for read in (scans.read, lambda data: baggage_xml.read(data, ZONES.get)):
        with pytest.raises(ScanError):
            read(data)


NOTIFICATION = """<?xml version="1.0" encoding="UTF-8"?>
<n:IATA_BagEventNotifRQ xmlns:n="http://example.org/bag"><n:Bag>
  <n:BagOwner><n:GivenName>MARIA</n:GivenName><n:Surname>GONZALEZ</n:Surname>
    <n:Pax><n:Booking><n:BookingRefID>F7K2QX</n:BookingRefID></n:Booking></n:Pax></n:BagOwner>
  <n:BagTag><n:BagTagID>0230456781</n:BagTagID><n:TagExpediteInd>1</n:TagExpediteInd>
    <n:Scanner><n:ScannerDeviceID>HHT112</n:ScannerDeviceID></n:Scanner></n:BagTag>
  <n:BagLocation><n:IATALocationCode>PTY</n:IATALocationCode></n:BagLocation>
  <n:BagPosition><n:AreaID>STAND208</n:AreaID></n:BagPosition>
  <n:BagPhysicalProperty><n:WeightMeasure UnitCode="KGM">22.5</n:WeightMeasure></n:BagPhysicalProperty>
  <n:BagActivity><n:ActivityDateTime>2026-11-24T01:12:05Z</n:ActivityDateTime>
    <n:ProcessCode>T</n:ProcessCode><n:SubProcessCode>Load</n:SubProcessCode><n:TaskCode>Load</n:TaskCode></n:BagActivity>
  <n:BagSegment><n:DepStation><n:IATA_LocationCode>MIA</n:IATA_LocationCode></n:DepStation>
    <n:ArrivalStation><n:IATA_LocationCode>PTY</n:IATA_LocationCode></n:ArrivalStation>
    <n:OperatingCarrier><n:AirlineDesigCode>CM</n:AirlineDesigCode></n:OperatingCarrier>
    <n:OperatingCarrierFlightNumberText>0335</n:OperatingCarrierFlightNumberText>
    <n:AircraftScheduledDepDateTime>2026-11-23T13:00:00-05:00</n:AircraftScheduledDepDateTime></n:BagSegment>
  <n:BagSegment><n:DepStation><n:IATA_LocationCode>PTY</n:IATA_LocationCode></n:DepStation>
    <n:ArrivalStation><n:IATA_LocationCode>GRU</n:IATA_LocationCode></n:ArrivalStation>
    <n:OperatingCarrier><n:AirlineDesigCode>CM</n:AirlineDesigCode></n:OperatingCarrier>
    <n:OperatingCarrierFlightNumberText>758</n:OperatingCarrierFlightNumberText>
    <n:AircraftScheduledDepDateTime>2026-11-24T01:40:00</n:AircraftScheduledDepDateTime></n:BagSegment>
</n:Bag></n:IATA_BagEventNotifRQ>
"""
MIA_PTY = NamedFlight(FlightKey("CM", 335, "", date(2026, 11, 23), "MIA"), "PTY")
PTY_GRU = NamedFlight(FlightKey("CM", 758, "", date(2026, 11, 23), "PTY"), "GRU")


def test_a_notification_is_a_scan_and_a_change_of_what_it_names() -> None:
    content = baggage_xml.read(NOTIFICATION.encode(), ZONES.get)
    key, laser = PTY_GRU.key, ScanMethod.LASER
    assert content.scans == (
        Scan("0230456781", EventKind.LOADED, AT, "PTY", "STAND208", key, method=laser, device="HHT112"),
    )
    (instruction,) = content.instructions
    assert (instruction.kind, instruction.change, instruction.source, instruction.at) == (
        MessageKind.XML,
        InstructionAction.CHG,
        Source.TRANSFER,
        AT,
    )
    assert (instruction.inbound, instruction.outbound, instruction.onward) == (MIA_PTY, PTY_GRU, ())
    assert (instruction.surname, instruction.given_names, instruction.locator) == ("GONZALEZ", "MARIA", "F7K2QX")
    assert (instruction.weight_unit, instruction.weight, instruction.pieces, instruction.exceptions) == (
        "K",
        22.5,
        1,
        ("RUSH",),
    )
    assert (instruction.seat, instruction.authorised, instruction.remarks) == (None, None, None)
    assert content.flights == (MIA_PTY, PTY_GRU)


@pytest.mark.parametrize(
    ("process", "sub_process", "task", "kind"),
    [
        ("L", "Acquire", "", EventKind.ACCEPTED),
        ("L", "Package", "Route", EventKind.SORTED),
        ("T", "Acquire", "", EventKind.TRANSFER_IN),
        ("F", "Unload", "", EventKind.ARRIVED),
        ("X", "Deliver", "", EventKind.DELIVERED),
        ("X", "Inspect", "Route", EventKind.POSITION),
    ],
)
def test_codes_say_what_happened(process: str, sub_process: str, task: str, kind: EventKind) -> None:
    text = NOTIFICATION.replace(">T</n:Pro", f">{process}</n:Pro").replace(">Load</n:Sub", f">{sub_process}</n:Sub")
    (scan,) = baggage_xml.read(text.replace(">Load</n:Task", f">{task}</n:Task").encode(), ZONES.get).scans
    arriving = kind == EventKind.ARRIVED or process == "X"
    assert (scan.kind, scan.flight) == (kind, (MIA_PTY if arriving else PTY_GRU).key)


BOMB = '<!DOCTYPE b [<!ENTITY a "x"><!ENTITY c "&a;&a;">]><IATA_BagEventNotif>&c;</IATA_BagEventNotif>'
FETCH = '<!DOCTYPE b SYSTEM "file:///etc/hostname"><IATA_BagEventNotif/>'


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (BOMB, ""),
        (FETCH, ""),
        ("<IATA_BagEventNotif>", ""),
        ('<?xml version="1.0" encoding="big5"?><IATA_BagEventNotif/>', ""),
        ('<?xml version="1.0" encoding="none"?><IATA_BagEventNotif/>', ""),
        ("<Other/>", ""),
        ("<IATA_BagEventNotif/>", "Bag"),
        (NOTIFICATION.replace("0230456781", "456781"), "Bag[0].BagTag.BagTagID"),
        (NOTIFICATION.replace("IATALocationCode>PTY", "IATALocationCode>"), "Bag[0].BagLocation.IATALocationCode"),
        (NOTIFICATION.replace(":05Z", ":05"), "Bag[0].BagActivity.ActivityDateTime"),
        (NOTIFICATION.replace(">T</n:Pro", ">Q</n:Pro"), "Bag[0].BagActivity.ProcessCode"),
        (NOTIFICATION.replace("0335", "ONE"), "Bag[0].BagSegment[0]"),
        (NOTIFICATION.replace("DepStation><n:IATA_LocationCode>MIA", "DepStation><n:IATA_LocationCode>LHR"),
         "Bag[0].BagSegment[0].DepStation"),
        (NOTIFICATION.replace("T01:40:00", "T25"), "Bag[0].BagSegment[1].AircraftScheduledDepDateTime"),
    ],
)  # fmt: skip
def test_what_is_no_notification_names_the_part(text: str, field: str) -> None:
    with pytest.raises(ScanError) as caught:
        baggage_xml.read(text.encode(), ZONES.get)
    assert caught.value.field == field


def test_documents_are_bounded_before_they_are_read() -> None:
    with pytest.raises(ScanError, match="at most 1048576 bytes"):
        baggage_xml.read(b" " * (baggage_xml.LARGEST_DOCUMENT + 1), ZONES.get)
    with pytest.raises(ScanError, match="at most 32 deep"):
        baggage_xml.read(b"<a>" * 33, ZONES.get)
    with pytest.raises(ScanError, match="at most 16384 bytes"):
        scans.read(b"[" * (LARGEST_SCAN + 1))
