"""One change of one file, inside one transaction: the file is locked, checked, written, and its history told."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self
from zoneinfo import ZoneInfo

from integrations.records.effects import TracingCall, Trigger
from integrations.records.events import EventKind, FlightKey, Scan, ScanMethod
from integrations.records.flights import Flight
from integrations.records.pirs import Pir, PirAction, PirBag, PirBagState, PirKind, PirStatus
from integrations.stores.postgres import airports, pirs
from integrations.stores.postgres.manager import Reader
from integrations.stores.postgres.pirs import NewPirEvent, PirBagValues, PirValues
from resolvers.audit import audit
from resolvers.context import Context
from resolvers.errors import BadInput, NotFound, VersionConflict
from resolvers.ingestion import events
from resolvers.irregularities import effects
from resolvers.rules import pir_lifecycle
from resolvers.rules.deadlines import LiabilityCase, due_at


@dataclass(frozen=True, slots=True)
class Target:
    """The file that a command is for.

    Args:
        version: the one that the caller has read; None to change the file whatever it has become.
    """

    pir_id: int
    version: int | None = None


@dataclass(slots=True)
class PirUnit:
    """A locked file and what it becomes.

    Args:
        pir: the file as it was.
        bags: its bags as they were, by their place.
        at: the moment of the change.
        values: what the file becomes.
        changed: what bags become, by their place.
    """

    context: Context
    records: Reader
    pir: Pir
    bags: Mapping[int, PirBag]
    at: datetime
    values: PirValues
    changed: dict[int, PirBagValues] = field(default_factory=dict)

    @classmethod
    async def of(cls, context: Context, records: Reader, target: Target) -> Self:
        """Locks the file until the transaction ends.

        Raises:
            NotFound: there is no such file.
            VersionConflict: it is not the version that the caller has read.
        """
        pir = await pirs.lock(records, context.airline_id, target.pir_id)
        if pir is None:
            raise NotFound("pirId", "There is no such file.")
        if target.version not in (None, pir.version):
            raise VersionConflict("version", f"The file has version {pir.version} now: read it again.")
        bags = {bag.seq: bag for bag in await pirs.descriptions(records, context.airline_id, [pir.id])}
        return cls(context, records, pir, bags, context.now(), pirs.values_of(pir))

    @classmethod
    async def of_open(cls, context: Context, records: Reader, target: Target) -> Self:
        """As ``of``, for a file that must be open.

        Raises:
            PirClosed: it is closed.
        """
        change = await cls.of(context, records, target)
        pir_lifecycle.check_open(PirStatus(change.pir.status))
        return change

    @property
    def kind(self) -> PirKind:
        """What the file is about."""
        return PirKind(self.pir.kind)

    @property
    def occurrence(self) -> int:
        """The version that the file gets, and the place of the entry in its history."""
        return self.pir.version + 1

    @property
    def place(self) -> str:
        """IATA code of the airport where the passenger waits for the bags; of the station for a found bag."""
        return self.values.destination or self.pir.station

    def set(self, **values: Any) -> None:
        """New values of the file."""
        self.values = self.values._replace(**values)

    def set_bag(self, seq: int, **values: Any) -> None:
        """New values of one of its bags."""
        self.changed[seq] = (self.changed.get(seq) or pirs.bag_values_of(self.bags[seq]))._replace(**values)

    def chosen(self, seqs: Sequence[int] | None) -> list[PirBag]:
        """The bags in these places of the file; all of them for None.

        Raises:
            BadInput: no bag, or one that the file does not have, or one twice.
        """
        if seqs is None:
            return list(self.bags.values())
        if not seqs or len(set(seqs)) < len(seqs):
            raise BadInput("bags", "Name each bag once by its place in the file, or leave `bags` out for all of them.")
        if unknown := [seq for seq in seqs if seq not in self.bags]:
            raise BadInput("bags", f"The file has no bag {unknown[0]}: its bags are numbered 1 to {len(self.bags)}.")
        return [self.bags[seq] for seq in seqs]

    def move(self, action: PirAction, bags: Iterable[PirBag], **values: Any) -> None:
        """Moves bags on, with the values that go with it.

        Raises:
            InvalidState: one of them cannot be moved so; names what is allowed.
        """
        for bag in bags:
            state = pir_lifecycle.move(self.kind, bag.seq, PirBagState(bag.state), action)
            self.set_bag(bag.seq, state=state.value, **values)

    async def write(self, action: PirAction, *, comment: str = "", detail: Mapping[str, Any] | None = None) -> None:
        """Writes file, bags, history and audit trail.

        Args:
            comment: for the history; may hold personal data.
            detail: for history and audit trail: never personal data.
        """
        await self._settle()
        airline_id, actor, said = self.context.airline_id, self.context.actor, dict(detail or {})
        moved = {seq: bag.state for seq, bag in self.changed.items() if self._was(seq) != bag.state}
        await pirs.update(self.records, airline_id, self.pir.id, self.occurrence, self.at, self.values)
        if self.changed:
            await pirs.update_bags(self.records, airline_id, self.pir.id, list(self.changed.values()))
        entry = NewPirEvent(
            seq=self.occurrence,
            at=self.at,
            actor=actor.id,
            role=actor.role or "",
            action=action.value,
            bags=list(moved),
            from_states=[self._was(seq) for seq in moved],
            to_state=next(iter(moved.values()), None),
            comment=comment,
            detail=said,
        )
        await pirs.insert_event(self.records, airline_id, self.pir.id, entry)
        detail = {"version": self.occurrence, **said}
        await audit(self.context, self.records, f"{action}_PIR", "PIR", [self.pir.id], detail)

    def _was(self, seq: int) -> str:
        return self.bags[seq].state

    async def _settle(self) -> None:
        """Works out what follows from the bags: status, delivery, and the next deadline."""
        bags = [self.changed.get(seq) or pirs.bag_values_of(bag) for seq, bag in self.bags.items()]
        if self.values.status != PirStatus.CLOSED:
            status = pir_lifecycle.status(self.kind, (PirBagState(bag.state) for bag in bags))
            self.set(status=status.value, closed_at=self.at if status == PirStatus.CLOSED else None)
        if self.kind == PirKind.DELAYED:
            delivered = [bag.delivered_at for bag in bags if bag.delivered_at is not None]
            self.set(delivered_at=max(delivered) if bags and len(delivered) == len(bags) else None)
        found = await airports.by_code(self.records, [self.place])
        case = LiabilityCase(self.kind, self.values.expected_arrival_at, self.values.delivered_at)
        self.set(due_at=due_at(case, PirStatus(self.values.status), ZoneInfo(found[self.place].time_zone)))

    async def happened(
        self,
        kind: EventKind,
        bags: Iterable[PirBag],
        airport: str,
        *,
        flight: Flight | None = None,
        tags: Mapping[int, str] | None = None,
        custodian: str | None = None,
        at: datetime | None = None,
    ) -> None:
        """Records an event of those of the bags that are known, as a scan would be.

        Args:
            flight: locked by this transaction.
            tags: by place in the file, where it is another one than the file cites.
            custodian: code of the party that has them from then on.
        """
        known = [bag for bag in bags if bag.bag_id is not None]
        if not known:
            return
        told = [
            Scan(
                tag=(tags or {}).get(bag.seq) or bag.rush_tag or bag.tag or "",
                kind=kind,
                at=at or self.at,
                airport=airport,
                flight=key_of(flight) if flight else None,
                custodian=custodian,
                method=ScanMethod.MANUAL,
            )
            for bag in known
        ]
        flight_ids = [flight.id if flight else None] * len(known)
        await events.store(self.context, self.records, self.at, told, [bag.bag_id for bag in known], flight_ids)

    async def trace(self, call: TracingCall, **detail: Any) -> None:
        """Asks for a call to WorldTracer because of this change."""
        await effects.trace(self.context, self.records, self.pir.id, call, self.occurrence, detail)

    async def notify(self, trigger: Trigger, **detail: Any) -> None:
        """Asks for the passenger to be told of this change."""
        await effects.notify(self.context, self.records, self.pir.id, trigger, self.occurrence, detail)


def key_of(flight: Flight) -> FlightKey:
    """How people and messages name the flight."""
    return FlightKey(flight.carrier, flight.number, flight.suffix, flight.departure_date, flight.origin)


def seqs_of(bags: Iterable[PirBag]) -> list[int]:
    """The places of bags in their file."""
    return [bag.seq for bag in bags]
