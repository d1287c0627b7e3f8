"""Unit of change of one PIR: its values, bags, history, audit row and effects within one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from integrations.records.airports import zone_at
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
from resolvers.irregularities import effects, matches
from resolvers.publish import ChangeSet, publish
from resolvers.rules import pir_lifecycle
from resolvers.rules.deadlines import LiabilityCase, due_at


@dataclass(frozen=True, slots=True)
class Target:
    """PIR of a command.

    Args:
        version: version that the caller has read; None to change the PIR whatever its version is.
    """

    pir_id: int
    version: int | None = None


@dataclass(slots=True)
class PirUnit:
    """A locked PIR and its new values.

    Args:
        before: the PIR as it was locked.
        bags: its bags as they were, by their number in the PIR.
        at: timestamp of the change.
        values: new values of the PIR.
        changed: new values of bags, by their number in the PIR.
    """

    context: Context
    records: Reader
    before: Pir
    bags: Mapping[int, PirBag]
    at: datetime
    values: PirValues
    changed: dict[int, PirBagValues] = field(default_factory=dict)

    @classmethod
    async def of(cls, context: Context, records: Reader, target: Target) -> Self:
        """Locks a PIR until the transaction ends.

        Raises:
            NotFound: the PIR does not exist.
            VersionConflict: it has another version than the caller has read.
        """
        pir = await pirs.lock(records, context.airline_id, target.pir_id)
        if pir is None:
            raise NotFound("pirId", "pirId must be the id of an existing PIR")
        if target.version not in (None, pir.version):
            raise VersionConflict("version", f"version must be the current version of the PIR, {pir.version}")
        bags = {bag.seq: bag for bag in await pirs.descriptions(records, context.airline_id, [pir.id])}
        return cls(context, records, pir, bags, context.now(), pirs.values_of(pir))

    @classmethod
    async def of_open(cls, context: Context, records: Reader, target: Target) -> Self:
        """Locks an open PIR, as ``of``.

        Raises:
            PirClosed: it is closed.
        """
        unit = await cls.of(context, records, target)
        pir_lifecycle.check_open(PirStatus(unit.before.status))
        return unit

    @property
    def id(self) -> int:
        """Id of the PIR."""
        return self.before.id

    @property
    def kind(self) -> PirKind:
        """Kind of the PIR."""
        return PirKind(self.before.kind)

    @property
    def occurrence(self) -> int:
        """New version of the PIR, which is also the number of its history entry."""
        return self.before.version + 1

    @property
    def place(self) -> str:
        """IATA code of the airport where the passenger expects the bags; the station for an on-hand PIR."""
        return self.values.destination or self.before.station

    def set(self, **values: Any) -> None:
        """Sets new values of the PIR."""
        self.values = self.values._replace(**values)

    def set_bag(self, seq: int, **values: Any) -> None:
        """Sets new values of one of its bags."""
        self.changed[seq] = (self.changed.get(seq) or pirs.bag_values_of(self.bags[seq]))._replace(**values)

    def chosen(self, seqs: Sequence[int] | None) -> list[PirBag]:
        """Returns the bags with these numbers; all bags of the PIR for None.

        Raises:
            BadInput: no number, an unknown one, or one twice.
        """
        if seqs is None:
            return list(self.bags.values())
        if not seqs or len(set(seqs)) < len(seqs):
            raise BadInput("bags", "bags must name at least 1 bag and each bag once, or be absent for all of them")
        if unknown := [seq for seq in seqs if seq not in self.bags]:
            raise BadInput("bags", f"bags must name bags of the PIR, 1 to {len(self.bags)}, not {unknown[0]}")
        return [self.bags[seq] for seq in seqs]

    def move(self, action: PirAction, bags: Iterable[PirBag], **values: Any) -> None:
        """Applies an action to bags: sets their next state, and the values that belong to it.

        Raises:
            InvalidState: the state of a bag does not allow the action; names the allowed ones.
        """
        for bag in bags:
            state = pir_lifecycle.next_state(self.kind, bag.seq, PirBagState(bag.state), action)
            self.set_bag(bag.seq, state=state.value, **values)

    async def write(self, action: PirAction, *, comment: str = "", detail: Mapping[str, Any] | None = None) -> None:
        """Writes the PIR, its bags, a history entry and an audit row, and publishes the change.

        Args:
            comment: for the history; may hold personal data.
            detail: for history and audit; never personal data.
        """
        await self._settle()
        airline_id, actor, facts = self.context.airline_id, self.context.actor, dict(detail or {})
        moved = {seq: bag.state for seq, bag in self.changed.items() if self.bags[seq].state != bag.state}
        await pirs.update(self.records, airline_id, self.id, self.occurrence, self.at, self.values)
        if self.changed:
            await pirs.update_bags(self.records, airline_id, self.id, list(self.changed.values()))
        entry = NewPirEvent(
            seq=self.occurrence,
            at=self.at,
            actor=actor.id,
            role=actor.role or "",
            action=action.value,
            bags=list(moved),
            from_states=[self.bags[seq].state for seq in moved],
            to_state=next(iter(moved.values()), None),
            comment=comment,
            detail=facts,
        )
        await pirs.insert_event(self.records, airline_id, self.id, entry)
        await audit(
            self.context, self.records, f"{action}_PIR", "PIR", [self.id], {"version": self.occurrence, **facts}
        )
        await publish(self.records, airline_id, ChangeSet(pirs=[self.id]))

    async def _settle(self) -> None:
        """Sets the values that follow from the bags: status, time of delivery and next deadline."""
        bags = [self.changed.get(seq) or pirs.bag_values_of(bag) for seq, bag in self.bags.items()]
        if self.values.status != PirStatus.CLOSED:
            status = pir_lifecycle.status_of_bags(self.kind, (PirBagState(bag.state) for bag in bags))
            self.set(status=status.value, closed_at=self.at if status == PirStatus.CLOSED else None)
        if self.kind == PirKind.DELAYED:
            delivered = [bag.delivered_at for bag in bags if bag.delivered_at is not None]
            self.set(delivered_at=max(delivered) if bags and len(delivered) == len(bags) else None)
        found = await airports.by_code(self.records, [self.place])
        case = LiabilityCase(self.kind, self.values.expected_arrival_at, self.values.delivered_at)
        self.set(due_at=due_at(case, PirStatus(self.values.status), zone_at(found, self.place)))

    async def append_events(
        self,
        kind: EventKind,
        bags: Iterable[PirBag],
        airport: str,
        *,
        flight: Flight | None = None,
        tags: Mapping[int, str] | None = None,
        custodian: str | None = None,
        at: datetime | None = None,
        replanned: bool = False,
    ) -> None:
        """Appends an event to the journey of each known bag, as a scan would.

        Args:
            flight: locked by this transaction.
            tags: by number of the bag in the PIR; the PIR's own tag where absent.
            custodian: code of the party that holds the bags afterwards.
            at: timestamp of the event; that of the change if absent.
            replanned: whether the tags or the plan of the bags changed as well.
        """
        known = [bag for bag in bags if bag.bag_id is not None]
        if not known:
            return
        scans = [
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
        bag_ids = [bag.bag_id for bag in known]
        changed_plans = {bag_id for bag_id in bag_ids if bag_id is not None and replanned}
        await events.store_scans(self.context, self.records, self.at, scans, bag_ids, flight_ids, changed_plans)

    async def trace(self, call: TracingCall, **detail: Any) -> None:
        """Requests a call to WorldTracer because of this change."""
        await effects.trace(self.context, self.records, self.id, call, self.occurrence, detail)

    async def notify(self, trigger: Trigger, **detail: Any) -> None:
        """Requests a notification of the passenger because of this change."""
        await effects.notify(self.context, self.records, self.id, trigger, self.occurrence, detail)

    async def propose_matches(self) -> None:
        """Compares the bags with those of other PIRs; must come last, since it blocks other comparisons."""
        await matches.propose(self.context, self.records, self.id)


def key_of(flight: Flight) -> FlightKey:
    """Returns the key under which people and messages know a flight."""
    return FlightKey(flight.carrier, flight.number, flight.suffix, flight.departure_date, flight.origin)


def seqs_of(bags: Iterable[PirBag]) -> list[int]:
    """Returns the numbers of bags in their PIR."""
    return [bag.seq for bag in bags]
