"""The fault matrix as data: which faults there are, how long each lasts, and what is expected. Pure.

A row is one fault of one subject. Faults of partners do not affect one another, so the rows of the same fault of all
partners run at the same time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Subject(StrEnum):
    """What fails."""

    RECORDS = "PostgreSQL"
    GRAPH = "Neo4j"
    CACHE = "Redis"
    WORLDTRACER = "WORLDTRACER"
    TWILIO = "TWILIO"
    SENDGRID = "SENDGRID"
    PRODUCT = "product"


class Fault(StrEnum):
    """How it fails."""

    KILLED = "killed"
    FROZEN = "frozen"
    LATE = "300 ms late"
    VERY_LATE = "3 s late"
    CUT = "cut in mid-response"
    REFUSING = "refuses connections"
    DISK_FULL = "out of disk"
    READ_ONLY = "read-only"
    FAILOVER = "fails over"
    CLOCK_FORWARD = "clock 1 h forward"
    CLOCK_BACK = "clock 1 h back"
    FULL_OUTBOX = "full outbox"
    TWO_VERSIONS = "two versions"


STORES = (Subject.RECORDS, Subject.GRAPH, Subject.CACHE)
PARTNERS = (Subject.WORLDTRACER, Subject.TWILIO, Subject.SENDGRID)
# Services of ``effects`` by partner.
SERVICES: Mapping[Subject, str] = {
    Subject.WORLDTRACER: "WORLDTRACER",
    Subject.TWILIO: "SMS",
    Subject.SENDGRID: "EMAIL",
}
NETWORK_FAULTS = (Fault.KILLED, Fault.FROZEN, Fault.LATE, Fault.VERY_LATE, Fault.CUT, Fault.REFUSING)

# Deadlines of requests in seconds, by kind, and how much later a response may come.
QUERY, MUTATION, INGEST = "query", "mutation", "ingest"
DEADLINES: Mapping[str, float] = {QUERY: 10.0, MUTATION: 10.0, INGEST: 20.0}
SLACK_SECONDS = 0.5

# A store's probes pause for 5 s at most, the workers for 10 s; Neo4j plans its statements again after a restart.
STORE_RECOVERY_SECONDS = 60.0
# A breaker stays open for 60 s. A call with unknown outcome is looked up, and repeated 60 s after its start at the
# earliest; an effect that could not be sent may have its next attempt a minute later.
PARTNER_RECOVERY_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Row:
    """One fault of one subject.

    Args:
        subject: what fails.
        fault: how it fails.
        seconds: duration of the fault.
        recovery_seconds: limit for the time from the end of the fault to full service.
    """

    subject: Subject
    fault: Fault
    seconds: float
    recovery_seconds: float

    @property
    def name(self) -> str:
        """The row's name in tables and on the command line."""
        return f"{self.subject}, {self.fault}"


def _rows() -> Iterator[Row]:
    for subject in STORES:
        for fault in (*NETWORK_FAULTS, Fault.DISK_FULL, Fault.READ_ONLY):
            yield Row(subject, fault, 12.0, STORE_RECOVERY_SECONDS)
    yield Row(Subject.CACHE, Fault.FAILOVER, 5.0, STORE_RECOVERY_SECONDS)
    # The second step leads back to the right time.
    yield Row(Subject.RECORDS, Fault.CLOCK_FORWARD, 2.0, PARTNER_RECOVERY_SECONDS)
    yield Row(Subject.RECORDS, Fault.CLOCK_BACK, 2.0, PARTNER_RECOVERY_SECONDS)
    for fault in (*NETWORK_FAULTS, Fault.DISK_FULL, Fault.READ_ONLY):
        for subject in PARTNERS:
            yield Row(subject, fault, 20.0, PARTNER_RECOVERY_SECONDS)
    yield Row(Subject.PRODUCT, Fault.CLOCK_FORWARD, 2.0, PARTNER_RECOVERY_SECONDS)
    yield Row(Subject.PRODUCT, Fault.CLOCK_BACK, 2.0, PARTNER_RECOVERY_SECONDS)
    yield Row(Subject.PRODUCT, Fault.FULL_OUTBOX, 40.0, PARTNER_RECOVERY_SECONDS)
    yield Row(Subject.PRODUCT, Fault.TWO_VERSIONS, 20.0, STORE_RECOVERY_SECONDS)
    # Last, since the standby stays the primary. Neo4j Community has none, and an HTTP partner shows none.
    yield Row(Subject.RECORDS, Fault.FAILOVER, 5.0, STORE_RECOVERY_SECONDS)


MATRIX = tuple(_rows())


def simultaneous(rows: Sequence[Row]) -> list[list[Row]]:
    """Returns the rows in groups that run at the same time: a fault of all partners, or a single row."""
    groups: dict[object, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.fault if row.subject in PARTNERS else row, []).append(row)
    return list(groups.values())


@dataclass(slots=True)
class LoadFigures:
    """What the callers of a load saw.

    Args:
        requests: number of requests.
        writes: number of acknowledged writes.
        errors: number of requests by code of the error, where it says that a retry may succeed.
        wrong: a line for each wrong response.
        longest: seconds of the longest wait, by kind of request.
    """

    requests: int = 0
    writes: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    longest: dict[str, float] = field(default_factory=dict)

    def faults(self) -> list[str]:
        """Returns what is not as it must be, a sentence each."""
        late = [
            f"the longest wait of a {kind} is {seconds:.1f} s"
            for kind, seconds in self.longest.items()
            if seconds > DEADLINES[kind] + SLACK_SECONDS
        ]
        return [*(f"wrong response: {line}" for line in self.wrong), *late]


@dataclass(frozen=True, slots=True)
class WriteFigures:
    """What became of the acknowledged writes.

    Args:
        lost: a line for each that is missing.
        doubled: a line for each that exists more than once.
        unknown: number of emails whose outcome SendGrid cannot tell yet.
    """

    lost: Sequence[str] = ()
    doubled: Sequence[str] = ()
    unknown: int = 0

    def faults(self) -> list[str]:
        """Returns what is not as it must be, a sentence each."""
        return [*(f"lost: {line}" for line in self.lost), *(f"doubled: {line}" for line in self.doubled)]


@dataclass(frozen=True, slots=True)
class RowResult:
    """What happened in a row.

    Args:
        load: what callers saw.
        written: what became of their writes.
        recovered: seconds from the end of the fault to full service; None if that did not happen.
        skipped: why the row did not run; empty if it did.
    """

    row: Row
    load: LoadFigures = field(default_factory=LoadFigures)
    written: WriteFigures = field(default_factory=WriteFigures)
    recovered: float | None = None
    skipped: str = ""

    def faults(self) -> list[str]:
        """Returns what is not as it must be, a sentence each; nothing for a row that did not run."""
        if self.skipped:
            return []
        return [*self.load.faults(), *self.written.faults(), *self._not_recovered()]

    def _not_recovered(self) -> list[str]:
        if self.recovered is None:
            return ["no recovery"]
        if self.recovered > self.row.recovery_seconds:
            return [f"recovery takes {self.recovered:.0f} s, not {self.row.recovery_seconds:.0f} s"]
        return []
