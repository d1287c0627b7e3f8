"""Files behind the WorldTracer mock, by WorldTracer's rules as far as they are public.

A file holds the elements of its creation as they came over the wire. Creation is not idempotent, a closed file is never
changed, and a close that lacks an element succeeds with a warning and leaves the file open.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

MOST_FILES = 50_000
MOST_FOUND = 50
LAST_NUMBER = 99_999
NOT_CLOSED = {"Code": "4065", "Text": "Record not closed: it lacks required mandatory elements to close"}

Elements = Mapping[str, Any]
Key = tuple[str, str, str, int]


class WorldTracerError(Exception):
    """Rejection by WorldTracer.

    Args:
        code: error code; the codes are the mock's own.
        status: HTTP status.
    """

    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


@dataclass(slots=True)
class TracingFile:
    """One file. ``tracing`` holds a state for each of its bags."""

    record_type: str
    station: str
    airline: str
    number: int
    created_at: datetime
    elements: dict[str, Any]
    tracing: list[str] = field(default_factory=list)
    closed: bool = False

    @property
    def key(self) -> Key:
        """Identity of the file."""
        return self.record_type, self.station, self.airline, self.number

    @property
    def bags(self) -> list[dict[str, Any]]:
        """Bags of the file, in order."""
        return bags_of(self.elements)

    @property
    def record_reference(self) -> dict[str, Any]:
        """Reference of the file, with the number as an integer."""
        return {"StationCode": self.station, "AirlineCode": self.airline, "ReferenceNumber": self.number}

    @property
    def record_id(self) -> dict[str, Any]:
        """Type and reference of the file."""
        return {"RecordType": self.record_type, "RecordReference": self.record_reference}


class TracingFileStore:
    """All files, the newest last. Beyond ``MOST_FILES`` the oldest is dropped."""

    def __init__(self) -> None:
        self._files: dict[Key, TracingFile] = {}
        self._last_numbers: dict[tuple[str, str], int] = {}

    def clear(self) -> None:
        """Removes all files."""
        self._files.clear()
        self._last_numbers.clear()

    def __iter__(self) -> Iterator[TracingFile]:
        return iter(self._files.values())

    def create(self, record_type: str, elements: Elements, at: datetime) -> TracingFile:
        """Creates a file, another one with each call.

        Raises:
            WorldTracerError: a mandatory element is missing, or the file would replace one that is open.
        """
        if not bags_of(elements):
            raise WorldTracerError("MISSING_BAG")
        if record_type == "ON-HAND":
            _check_on_hand(elements)
        if old := elements.get("RecreatedFrom"):
            found = self._files.get((record_type, *_reference(old)))
            if found is not None and not found.closed:
                raise WorldTracerError("RECORD_NOT_CLOSED", 409)
        return self._add(record_type, elements, at)

    def forward(self, elements: Elements, at: datetime) -> TracingFile:
        """Creates a forward file. A quoted on-hand file is closed."""
        quoted = self.get_open(elements["RecordID"])
        forward_file = self._add("RUSH", elements, at)
        quoted.closed = quoted.record_type == "ON-HAND"
        return forward_file

    def update(self, elements: Elements) -> None:
        """Replaces elements of a file."""
        file = self.get_open(elements["RecordID"])
        changed = {**file.elements, **_apart_from_id(elements)}
        bags = len(bags_of(changed))
        file.tracing = [*file.tracing[:bags], *["TRACING"] * (bags - len(file.tracing))]
        file.elements = changed

    def trace(self, elements: Elements, state: str) -> None:
        """Sets the tracing state of some bags of a file, numbered from 1."""
        file = self.get_open(elements["RecordID"])
        numbers = elements["BagSequence"]
        if not numbers or not all(1 <= number <= len(file.tracing) for number in numbers):
            raise WorldTracerError("NO_SUCH_BAG")
        for number in numbers:
            file.tracing[number - 1] = state

    def close(self, elements: Elements) -> list[dict[str, Any]]:
        """Closes a file, or returns a warning that says why it stays open."""
        file = self.get_open(elements["RecordID"])
        file.elements.update(_apart_from_id(elements))
        complete = file.elements.get("ReasonForLoss") and file.elements.get("FaultStation")
        if file.record_type == "DELAYED" and not complete:
            reference = f"{file.station}{file.airline}{file.number:05d}"
            return [{"RecordID": reference, **NOT_CLOSED}]
        file.closed = True
        return []

    def get(self, record_id: Elements) -> TracingFile:
        """File with this identity.

        Raises:
            WorldTracerError: there is none.
        """
        file = self._files.get((record_id["RecordType"], *_reference(record_id["RecordReference"])))
        if file is None:
            raise WorldTracerError("RECORD_NOT_FOUND", 404)
        return file

    def get_open(self, record_id: Elements) -> TracingFile:
        """File with this identity, which must be open.

        Raises:
            WorldTracerError: there is none, or it is closed.
        """
        file = self.get(record_id)
        if file.closed:
            raise WorldTracerError("RECORD_CLOSED", 409)
        return file

    def search(self, criteria: Elements) -> list[TracingFile]:
        """Files that match all criteria, the newest first.

        Raises:
            WorldTracerError: no criterion identifies a file.
        """
        if not any(criteria.get(name) for name in ("BagTag", "PassengerName", "FurtherInfo")):
            raise WorldTracerError("MISSING_CRITERIA")
        return [file for file in reversed(self._files.values()) if _meets(file, criteria)][:MOST_FOUND]

    def _add(self, record_type: str, elements: Elements, at: datetime) -> TracingFile:
        place = elements["RefStationAirline"]
        station, airline = place["StationCode"], place["AirlineCode"]
        number = self._last_numbers.get((station, airline), 0) % LAST_NUMBER + 1
        self._last_numbers[station, airline] = number
        state = "SUSPENDED" if elements.get("TracingOption") == "SUSPENDED" else "TRACING"
        file = TracingFile(record_type, station, airline, number, at, dict(elements), [state] * len(bags_of(elements)))
        self._files.pop(file.key, None)  # numbers are reused, and the newest file is last
        self._files[file.key] = file
        if len(self._files) > MOST_FILES:
            del self._files[next(iter(self._files))]
        return file


def bags_of(elements: Elements) -> list[dict[str, Any]]:
    """Bags of a message or a file."""
    bags: list[dict[str, Any]] = elements["DelayedBagGroup"]["DelayedBags"]["DelayedBag"]
    return bags


def tag_of(bag: Elements) -> str | None:
    """Tag of a bag in ten digits."""
    tag = bag.get("BagTag")
    return None if tag is None else str(tag["TagSequence"]).zfill(10)


def _apart_from_id(elements: Elements) -> dict[str, Any]:
    return {name: value for name, value in elements.items() if name != "RecordID"}


def _check_on_hand(elements: Elements) -> None:
    """Checks an on-hand file: one bag; colour and type, routing, storage location and flight are mandatory."""
    bags = bags_of(elements)
    if len(bags) != 1:
        raise WorldTracerError("ONE_BAG_PER_ON_HAND_FILE")
    named = (elements.get("RouteStations"), elements.get("StorageLocation"), elements.get("BagItinerary"))
    if "ColorTypeDesc" not in bags[0] or not all(named):
        raise WorldTracerError("MISSING_MANDATORY_ELEMENT")


def _meets(file: TracingFile, criteria: Elements) -> bool:
    tag = criteria.get("BagTag")
    surname = criteria.get("PassengerName")
    return (
        (tag is None or tag_of({"BagTag": tag}) in map(tag_of, _tagged(file)))
        and (surname is None or file.elements.get("PassengerName", "").upper() == surname.upper())
        and criteria.get("FurtherInfo", file.elements.get("FurtherInfo")) == file.elements.get("FurtherInfo")
        and file.record_type in criteria.get("RecordType", [file.record_type])
        and criteria.get("StationCode", file.station) == file.station
    )


def _tagged(file: TracingFile) -> list[Elements]:
    """Elements of a file that may have a tag: its bags, and the rush tag of a forward file."""
    rush = file.elements.get("RushBagTag")
    return [*file.bags, *([] if rush is None else [{"BagTag": rush}])]


def _reference(found: Elements) -> tuple[str, str, int]:
    return found["StationCode"], found["AirlineCode"], int(found["ReferenceNumber"])
