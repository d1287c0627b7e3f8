"""Publication of changes: a transaction that changes records announces them with one call.

``docs/DELIVERY.md`` states what each consumer receives, in which order, and with which guarantee.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from uuid import UUID

from integrations.records.changes import Topic
from integrations.records.effects import Service
from integrations.records.outbox import Consumer
from integrations.stores.postgres import changes as change_log
from integrations.stores.postgres import outbox
from integrations.stores.postgres.manager import Reader


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Changes of one transaction.

    Args:
        bags: ids of bags, each with a new or corrected event, or with None for a change without an event.
        replanned: ids of those bags whose plan, tags or passenger changed.
        flights: ids of flights with new times, status or gate.
        new_flights: ids of flights that were added.
        reduced_flights: ids of flights that bags were taken off.
        incidents: ids of incidents that were opened, each with its airport.
        boards: airports whose connection board changed.
        pirs: ids of PIRs that changed, or of whose effects one changed its state.
        effects: services for which an effect was added or is due again.
        network: whether airports, routes or connection times changed.
    """

    bags: Collection[tuple[int, UUID | None]] = ()
    replanned: Collection[int] = ()
    flights: Collection[int] = ()
    new_flights: Collection[int] = ()
    reduced_flights: Collection[int] = ()
    incidents: Collection[tuple[int, str]] = ()
    boards: Collection[str] = ()
    pirs: Collection[int] = ()
    effects: Collection[Service] = ()
    network: bool = False


# Consumers of each part of a change set. ``replanned`` qualifies ``bags``.
RECEIVERS: Mapping[str, frozenset[Consumer]] = {
    "bags": frozenset({Consumer.GRAPH, Consumer.SUBSCRIPTIONS}),
    "replanned": frozenset({Consumer.GRAPH}),
    "flights": frozenset({Consumer.GRAPH, Consumer.INCIDENTS, Consumer.SUBSCRIPTIONS}),
    "new_flights": frozenset({Consumer.GRAPH}),
    "reduced_flights": frozenset({Consumer.SUBSCRIPTIONS}),
    "incidents": frozenset({Consumer.SUBSCRIPTIONS}),
    "boards": frozenset({Consumer.SUBSCRIPTIONS}),
    "pirs": frozenset({Consumer.SUBSCRIPTIONS}),
    "effects": frozenset({Consumer.WORLDTRACER, Consumer.SMS, Consumer.EMAIL}),
    "network": frozenset({Consumer.GRAPH}),
}
assert RECEIVERS.keys() == {field.name for field in fields(ChangeSet)}, "each part of a change set has its consumers"
assert frozenset().union(*RECEIVERS.values()) == frozenset(Consumer), "each consumer receives some part"


async def publish(records: Reader, airline_id: int, changes: ChangeSet) -> None:
    """Announces changes to their consumers; part of the transaction that makes them.

    The number of statements does not depend on the number of changes, except one for each incident and each board.
    """
    await _write_change_log(records, airline_id, changes)
    if woken := await _enqueue(records, airline_id, changes):
        await outbox.wake(records, woken)


async def _enqueue(records: Reader, airline_id: int, changes: ChangeSet) -> set[Consumer]:
    """Writes the outbox; returns the consumers that have something to do."""
    woken = {service.consumer for service in changes.effects}
    if changes.network:
        await outbox.enqueue_network_change(records, airline_id, Consumer.GRAPH)
        woken.add(Consumer.GRAPH)
    for part, ids in (("new_flights", changes.new_flights), ("flights", changes.flights)):
        if ids:
            consumers = RECEIVERS[part] - {Consumer.SUBSCRIPTIONS}
            await outbox.enqueue_flight_changes(records, airline_id, sorted(consumers), sorted(ids))
            woken |= consumers
    if changes.bags:
        await outbox.enqueue_bag_changes(records, airline_id, Consumer.GRAPH, list(changes.bags), changes.replanned)
        woken.add(Consumer.GRAPH)
    return woken


async def _write_change_log(records: Reader, airline_id: int, changes: ChangeSet) -> None:
    if flight_ids := {*changes.flights, *changes.reduced_flights}:
        await change_log.insert_change(records, airline_id, Topic.FLIGHT, sorted(flight_ids))
    if changes.bags:
        await change_log.insert_bag_changes(records, airline_id, changes.bags)
    for incident_id, airport in changes.incidents:
        await change_log.insert_change(records, airline_id, Topic.INCIDENT, [incident_id], airport)
    for airport in sorted(changes.boards):
        await change_log.insert_change(records, airline_id, Topic.BOARD, airport=airport)
    if changes.pirs:
        await change_log.insert_change(records, airline_id, Topic.PIR, sorted(changes.pirs))
