"""WorldTracer's elements on the wire: our records as JSON, and its answers as our records.

What is public of them and what is assumed is in docs/EXTERNAL_SERVICES.md.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import orjson

from integrations.errors import Refused
from integrations.partners.ports import FileClosed, UnknownFile
from integrations.partners.transport import PartnerResponse, RefusedAnswer
from integrations.records.pirs import REFERENCE
from integrations.records.tracing import (
    FileType,
    PassengerData,
    TracedBag,
    TracedBagState,
    TracedFile,
    TracedFlight,
    TracingMatch,
    TracingStatus,
    TracingWarning,
)

PARTNER = "worldtracer"

RECORD_TYPES = {
    FileType.DELAYED: "DELAYED",
    FileType.DAMAGED: "DAMAGED",
    FileType.ON_HAND: "ON-HAND",
    FileType.FORWARDED: "RUSH",
}
FILE_TYPES = {record_type: file_type for file_type, record_type in RECORD_TYPES.items()}

REFUSALS: Mapping[str, type[Refused]] = {"RECORD_NOT_FOUND": UnknownFile, "RECORD_CLOSED": FileClosed}
ERROR_CODE = re.compile(r"[A-Z0-9_]{1,40}")
MATERIALS = "DLMRT"


def reply(answer: PartnerResponse, message: str) -> dict[str, Any]:
    """The content of the message that was agreed on.

    Raises:
        Unsettled, Unavailable: the answer is something else.
    """
    content = answer.document().get(message)
    if not isinstance(content, dict) or "Success" not in content:
        raise answer.outside_contract(f"no success in a {message}")
    return content


@contextmanager
def agreed(answer: PartnerResponse) -> Iterator[None]:
    """Around the reading of an answer: one with other elements than agreed is as good as none."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # Without its cause, whose words may quote a passenger.
        raise answer.outside_contract(f"{type(error).__name__} while reading it") from None


def refusal(refused: RefusedAnswer) -> Refused:
    """The refusal by WorldTracer's own code, where it gives one."""
    try:
        code = str(orjson.loads(refused.answer.body)["Errors"]["Error"][0]["Code"])
    except (ValueError, KeyError, IndexError, TypeError):
        return refused
    if not ERROR_CODE.fullmatch(code):
        return refused
    return REFUSALS.get(code, Refused)(PARTNER, f"{refused.reason}: {code}")


def record_id(pir_number: str, file_type: FileType) -> dict[str, Any]:
    """What names a file.

    Raises:
        Refused: ``pir_number`` is no file reference.
    """
    return {"RecordType": RECORD_TYPES[file_type], "RecordReference": record_reference(pir_number)}


def record_reference(pir_number: str) -> dict[str, Any]:
    """``PTYCM00345`` in its parts; the number is an integer on the wire.

    Raises:
        Refused: ``pir_number`` is no file reference.
    """
    if not REFERENCE.fullmatch(pir_number):
        raise Refused(PARTNER, "not asked: that is no file reference")
    return {"StationCode": pir_number[:3], "AirlineCode": pir_number[3:5], "ReferenceNumber": int(pir_number[5:])}


def bags_group(bags: Sequence[TracedBag]) -> dict[str, Any]:
    """The bags of a file, in order."""
    return {"DelayedBagGroup": {"DelayedBags": {"DelayedBag": [bag_element(bag) for bag in bags]}}}


def bag_element(bag: TracedBag) -> dict[str, Any]:
    """One bag."""
    return {
        **given(BrandInfo=bag.brand, Contents=list(bag.contents), Damage=bag.damage),
        **known(
            BagTag=None if bag.tag is None else {"TagSequence": bag.tag},
            ColorTypeDesc=_colour_type(bag.colour_type) if bag.colour_type else None,
        ),
    }


def _colour_type(text: str) -> dict[str, Any]:
    """``BK22RHW``: colour, type, and of the descriptor's letters the one for the material apart; X is a filler."""
    letters = [letter for letter in text[4:] if letter != "X"]
    material = next((letter for letter in letters if letter in MATERIALS), None)
    return {
        "ColorCode": text[:2],
        "TypeCode": text[2:4],
        **known(MtrlElement=material),
        "OtherElement": [letter for letter in letters if letter != material],
    }


def itinerary(flights: Sequence[TracedFlight]) -> list[dict[str, Any]]:
    """The flights of a bag."""
    return [
        {
            "AirlineCode": flight.carrier,
            "FlightDate": flight.date.isoformat(),
            **known(FlightNumber=flight.number),
            **given(DepartureAirport=flight.origin, ArrivalAirport=flight.destination),
        }
        for flight in flights
    ]


def passenger_elements(passenger: PassengerData) -> dict[str, Any]:
    """Whose bags they are, empty elements included."""
    return {
        "PassengerName": passenger.surname,
        "GivenNames": passenger.given_names,
        "Title": passenger.title,
        "PNR": passenger.locator,
        "TicketNumber": passenger.ticket,
        "FrequentFlyerID": passenger.frequent_flyer,
        "CellPhone": passenger.phone,
        "EmailAddress": passenger.email,
        "PermanentAddress": passenger.permanent_address,
        "TemporaryAddress": passenger.temporary_address,
        "LanguageCode": passenger.language,
    }


def known(**elements: Any) -> dict[str, Any]:
    """Those that are not None."""
    return {name: value for name, value in elements.items() if value is not None}


def given(**elements: Any) -> dict[str, Any]:
    """Those that are not empty."""
    return {name: value for name, value in elements.items() if value}


def reference(found: Mapping[str, Any]) -> str:
    """``PTYCM00345`` from its parts.

    Raises:
        ValueError: they make no file reference.
    """
    text = f"{found['StationCode']}{found['AirlineCode']}{int(found['ReferenceNumber']):05d}"
    if not REFERENCE.fullmatch(text):
        raise ValueError("no file reference")
    return text


def warnings(found: Mapping[str, Any]) -> tuple[TracingWarning, ...]:
    """What was added to a success."""
    listed = found.get("Warnings", {}).get("Warning", [])
    return tuple(TracingWarning(int(warning["Code"]), warning["Text"]) for warning in listed)


def file_found(found: Mapping[str, Any], *, mock: bool) -> TracedFile:
    """A file as a search finds it."""
    return TracedFile(
        reference=reference(found["RecordID"]["RecordReference"]),
        file_type=FILE_TYPES[found["RecordID"]["RecordType"]],
        closed=_closed(found),
        # The wire may have eaten leading zeros.
        tags=tuple(str(tag["TagSequence"]).zfill(10) for tag in found["BagTag"]),
        surname=found["PassengerName"],
        our_key=found.get("FurtherInfo"),
        created_at=datetime.fromisoformat(found["CreateDateTime"]),
        mock=mock,
    )


def match_found(found: Mapping[str, Any], *, mock: bool) -> TracingMatch:
    """A file that may be about a bag."""
    return TracingMatch(
        reference=reference(found["RecordID"]["RecordReference"]),
        file_type=FILE_TYPES[found["RecordID"]["RecordType"]],
        bag=int(found["BagSequence"]),
        score=float(found["Score"]),
        elements=tuple(found["MatchedElement"]),
        mock=mock,
    )


def status_found(found: Mapping[str, Any], *, mock: bool) -> TracingStatus:
    """A file as it was read."""
    old = found.get("RecreatedFrom")
    return TracingStatus(
        reference=reference(found["RecordID"]["RecordReference"]),
        file_type=FILE_TYPES[found["RecordID"]["RecordType"]],
        closed=_closed(found),
        bags=tuple(
            TracedBagState(bag["tracingStatus"]) for bag in found["DelayedBagGroup"]["DelayedBags"]["DelayedBag"]
        ),
        reason_for_loss=found.get("ReasonForLoss"),
        fault_station=found.get("FaultStation"),
        recreated_from=None if old is None else reference(old),
        mock=mock,
    )


def _closed(found: Mapping[str, Any]) -> bool:
    status = found["RecordStatus"]
    if status not in ("OPEN", "CLOSED"):
        raise ValueError("neither open nor closed")
    return bool(status == "CLOSED")
