"""WorldTracer's elements on the wire: records to JSON, and responses to records.

``docs/EXTERNAL_SERVICES.md`` says which elements are public and which are assumed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import orjson

from integrations.errors import Refused
from integrations.partners.ports import FileClosed, UnknownFile
from integrations.partners.transport import ErrorResponse, PartnerResponse
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


def content_of(response: PartnerResponse, message: str) -> dict[str, Any]:
    """Content of the message in the response.

    Raises:
        Unsettled, Unavailable: the response has no such message, or the message is no success.
    """
    content = response.document().get(message)
    if not isinstance(content, dict) or "Success" not in content:
        raise response.outside_contract(f"no success in {message}")
    return content


@contextmanager
def parsing(response: PartnerResponse) -> Iterator[None]:
    """Translates errors while a response is parsed: a response that violates the contract counts as none."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # Without its cause, whose text may quote a passenger.
        raise response.outside_contract(f"{type(error).__name__} while parsing the response") from None


def refusal(rejection: ErrorResponse) -> Refused:
    """Rejection by WorldTracer's error code, if the response has one."""
    try:
        code = str(orjson.loads(rejection.response.body)["Errors"]["Error"][0]["Code"])
    except (ValueError, KeyError, IndexError, TypeError):
        return rejection
    if not ERROR_CODE.fullmatch(code):
        return rejection
    return REFUSALS.get(code, Refused)(PARTNER, f"{rejection.reason}: {code}")


def record_id(pir_number: str, file_type: FileType) -> dict[str, Any]:
    """Identity of a file.

    Raises:
        Refused: ``pir_number`` is not a file reference.
    """
    return {"RecordType": RECORD_TYPES[file_type], "RecordReference": record_reference(pir_number)}


def record_reference(pir_number: str) -> dict[str, Any]:
    """``PTYCM00345`` in its parts; the number is an integer on the wire.

    Raises:
        Refused: ``pir_number`` is not a file reference.
    """
    if not REFERENCE.fullmatch(pir_number):
        raise Refused(PARTNER, "not sent: pir_number is not a file reference")
    return {"StationCode": pir_number[:3], "AirlineCode": pir_number[3:5], "ReferenceNumber": int(pir_number[5:])}


def bags_group(bags: Sequence[TracedBag]) -> dict[str, Any]:
    """Bags of a file, in order."""
    return {"DelayedBagGroup": {"DelayedBags": {"DelayedBag": [bag_element(bag) for bag in bags]}}}


def bag_element(bag: TracedBag) -> dict[str, Any]:
    """Element of one bag."""
    return {
        **non_empty(BrandInfo=bag.brand, Contents=list(bag.contents), Damage=bag.damage),
        **not_none(
            BagTag=None if bag.tag is None else {"TagSequence": bag.tag},
            ColorTypeDesc=_colour_type(bag.colour_type) if bag.colour_type else None,
        ),
    }


def _colour_type(text: str) -> dict[str, Any]:
    """Colour, type and descriptors of ``BK22RHW``; the material letter is separate, and X is a filler."""
    letters = [letter for letter in text[4:] if letter != "X"]
    material = next((letter for letter in letters if letter in MATERIALS), None)
    return {
        "ColorCode": text[:2],
        "TypeCode": text[2:4],
        **not_none(MtrlElement=material),
        "OtherElement": [letter for letter in letters if letter != material],
    }


def itinerary(flights: Sequence[TracedFlight]) -> list[dict[str, Any]]:
    """Flights of a bag."""
    return [
        {
            "AirlineCode": flight.carrier,
            "FlightDate": flight.date.isoformat(),
            **not_none(FlightNumber=flight.number),
            **non_empty(DepartureAirport=flight.origin, ArrivalAirport=flight.destination),
        }
        for flight in flights
    ]


def passenger_elements(passenger: PassengerData) -> dict[str, Any]:
    """Elements of the passenger, empty ones included."""
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


def not_none(**elements: Any) -> dict[str, Any]:
    """Elements that are not None."""
    return {name: value for name, value in elements.items() if value is not None}


def non_empty(**elements: Any) -> dict[str, Any]:
    """Elements that are not empty."""
    return {name: value for name, value in elements.items() if value}


def reference(found: Mapping[str, Any]) -> str:
    """``PTYCM00345`` from its parts.

    Raises:
        ValueError: the parts make no file reference.
    """
    text = f"{found['StationCode']}{found['AirlineCode']}{int(found['ReferenceNumber']):05d}"
    if not REFERENCE.fullmatch(text):
        raise ValueError("not a file reference")
    return text


def warnings(found: Mapping[str, Any]) -> tuple[TracingWarning, ...]:
    """Warnings beside a success."""
    listed = found.get("Warnings", {}).get("Warning", [])
    return tuple(TracingWarning(int(warning["Code"]), warning["Text"]) for warning in listed)


def file_found(found: Mapping[str, Any], *, mock: bool) -> TracedFile:
    """File of a search result."""
    return TracedFile(
        reference=reference(found["RecordID"]["RecordReference"]),
        file_type=FILE_TYPES[found["RecordID"]["RecordType"]],
        closed=_closed(found),
        # The wire drops leading zeros.
        tags=tuple(str(tag["TagSequence"]).zfill(10) for tag in found["BagTag"]),
        surname=found["PassengerName"],
        our_key=found.get("FurtherInfo"),
        created_at=datetime.fromisoformat(found["CreateDateTime"]),
        mock=mock,
    )


def match_found(found: Mapping[str, Any], *, mock: bool) -> TracingMatch:
    """Match of an open file and a found bag."""
    return TracingMatch(
        reference=reference(found["RecordID"]["RecordReference"]),
        file_type=FILE_TYPES[found["RecordID"]["RecordType"]],
        bag=int(found["BagSequence"]),
        score=float(found["Score"]),
        elements=tuple(found["MatchedElement"]),
        mock=mock,
    )


def status_found(found: Mapping[str, Any], *, mock: bool) -> TracingStatus:
    """Status of a file that was read."""
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
        raise ValueError("RecordStatus must be OPEN or CLOSED")
    return bool(status == "CLOSED")
