"""The files behind the WorldTracer mock, by WorldTracer's rules as far as they are public.

A file holds the elements that it was made with, as they came over the wire. Making one is not idempotent, a closed one
is never changed again, and what is missing to close one is told by a warning beside a success.
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


class FileRefusal(Exception):
    """The call is refused.

    Args:
        code: WorldTracer's, as the mock has it.
        status: of HTTP.
    """

    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


@dataclass(slots=True)
class File:
    """One file. ``tracing`` has a state for each of its bags."""

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
        """What names it."""
        return self.record_type, self.station, self.airline, self.number

    @property
    def bags(self) -> list[dict[str, Any]]:
        """Its bags, in order."""
        return bags_of(self.elements)

    @property
    def record_reference(self) -> dict[str, Any]:
        """Its reference, with the number as an integer."""
        return {"StationCode": self.station, "AirlineCode": self.airline, "ReferenceNumber": self.number}

    @property
    def record_id(self) -> dict[str, Any]:
        """Its type and its reference."""
        return {"RecordType": self.record_type, "RecordReference": self.record_reference}


class Files:
    """All files, the newest last; the oldest gives way when there are too many."""

    def __init__(self) -> None:
        self._files: dict[Key, File] = {}
        self._last_numbers: dict[tuple[str, str], int] = {}

    def clear(self) -> None:
        """Forgets all."""
        self._files.clear()
        self._last_numbers.clear()

    def __iter__(self) -> Iterator[File]:
        return iter(self._files.values())

    def create(self, record_type: str, elements: Elements, at: datetime) -> File:
        """Makes a file, another one each time.

        Raises:
            Refusal: something mandatory is missing, or it would take the place of a file that is open.
        """
        if not bags_of(elements):
            raise FileRefusal("MISSING_BAG")
        if record_type == "ON-HAND":
            _check_on_hand(elements)
        if old := elements.get("RecreatedFrom"):
            found = self._files.get((record_type, *_reference(old)))
            if found is not None and not found.closed:
                raise FileRefusal("RECORD_NOT_CLOSED", 409)
        return self._add(record_type, elements, at)

    def forward(self, elements: Elements, at: datetime) -> File:
        """Makes a forward file; the on-hand file that it quotes is closed by it."""
        quoted = self.open_one(elements["RecordID"])
        made = self._add("RUSH", elements, at)
        quoted.closed = quoted.record_type == "ON-HAND"
        return made

    def update(self, elements: Elements) -> None:
        """Puts elements into the place of those that the file has."""
        file = self.open_one(elements["RecordID"])
        changed = {**file.elements, **_apart_from_id(elements)}
        bags = len(bags_of(changed))
        file.tracing = [*file.tracing[:bags], *["TRACING"] * (bags - len(file.tracing))]
        file.elements = changed

    def trace(self, elements: Elements, state: str) -> None:
        """Sets the tracing of some bags of a file, numbered from 1."""
        file = self.open_one(elements["RecordID"])
        numbers = elements["BagSequence"]
        if not numbers or not all(1 <= number <= len(file.tracing) for number in numbers):
            raise FileRefusal("NO_SUCH_BAG")
        for number in numbers:
            file.tracing[number - 1] = state

    def close(self, elements: Elements) -> list[dict[str, Any]]:
        """Closes a file, or says in a warning why it stays open."""
        file = self.open_one(elements["RecordID"])
        file.elements.update(_apart_from_id(elements))
        complete = file.elements.get("ReasonForLoss") and file.elements.get("FaultStation")
        if file.record_type == "DELAYED" and not complete:
            reference = f"{file.station}{file.airline}{file.number:05d}"
            return [{"RecordID": reference, **NOT_CLOSED}]
        file.closed = True
        return []

    def one(self, record_id: Elements) -> File:
        """The file of that name.

        Raises:
            Refusal: there is none.
        """
        file = self._files.get((record_id["RecordType"], *_reference(record_id["RecordReference"])))
        if file is None:
            raise FileRefusal("RECORD_NOT_FOUND", 404)
        return file

    def open_one(self, record_id: Elements) -> File:
        """The file of that name, if it may be changed.

        Raises:
            Refusal: there is none, or it is closed.
        """
        file = self.one(record_id)
        if file.closed:
            raise FileRefusal("RECORD_CLOSED", 409)
        return file

    def search(self, criteria: Elements) -> list[File]:
        """The files that meet all criteria, the newest first.

        Raises:
            Refusal: nothing is given that tells files apart.
        """
        if not any(criteria.get(name) for name in ("BagTag", "PassengerName", "FurtherInfo")):
            raise FileRefusal("MISSING_CRITERIA")
        return [file for file in reversed(self._files.values()) if _meets(file, criteria)][:MOST_FOUND]

    def _add(self, record_type: str, elements: Elements, at: datetime) -> File:
        place = elements["RefStationAirline"]
        station, airline = place["StationCode"], place["AirlineCode"]
        number = self._last_numbers.get((station, airline), 0) % LAST_NUMBER + 1
        self._last_numbers[station, airline] = number
        state = "SUSPENDED" if elements.get("TracingOption") == "SUSPENDED" else "TRACING"
        file = File(record_type, station, airline, number, at, dict(elements), [state] * len(bags_of(elements)))
        self._files.pop(file.key, None)  # numbers are used again, and the newest stands last
        self._files[file.key] = file
        if len(self._files) > MOST_FILES:
            del self._files[next(iter(self._files))]
        return file


def bags_of(elements: Elements) -> list[dict[str, Any]]:
    """The bags of a message or a file."""
    bags: list[dict[str, Any]] = elements["DelayedBagGroup"]["DelayedBags"]["DelayedBag"]
    return bags


def tag_of(bag: Elements) -> str | None:
    """The tag of a bag in ten digits."""
    tag = bag.get("BagTag")
    return None if tag is None else str(tag["TagSequence"]).zfill(10)


def _apart_from_id(elements: Elements) -> dict[str, Any]:
    return {name: value for name, value in elements.items() if name != "RecordID"}


def _check_on_hand(elements: Elements) -> None:
    """One bag a file; colour and type, routing, storage location and flight are mandatory."""
    bags = bags_of(elements)
    if len(bags) != 1:
        raise FileRefusal("ONE_BAG_PER_ON_HAND_FILE")
    named = (elements.get("RouteStations"), elements.get("StorageLocation"), elements.get("BagItinerary"))
    if "ColorTypeDesc" not in bags[0] or not all(named):
        raise FileRefusal("MISSING_MANDATORY_ELEMENT")


def _meets(file: File, criteria: Elements) -> bool:
    tag = criteria.get("BagTag")
    surname = criteria.get("PassengerName")
    return (
        (tag is None or tag_of({"BagTag": tag}) in map(tag_of, _tagged(file)))
        and (surname is None or file.elements.get("PassengerName", "").upper() == surname.upper())
        and criteria.get("FurtherInfo", file.elements.get("FurtherInfo")) == file.elements.get("FurtherInfo")
        and file.record_type in criteria.get("RecordType", [file.record_type])
        and criteria.get("StationCode", file.station) == file.station
    )


def _tagged(file: File) -> list[Elements]:
    """What of a file may have a tag: its bags, and the rush tag of a forward file."""
    rush = file.elements.get("RushBagTag")
    return [*file.bags, *([] if rush is None else [{"BagTag": rush}])]


def _reference(found: Elements) -> tuple[str, str, int]:
    return found["StationCode"], found["AirlineCode"], int(found["ReferenceNumber"])
