"""Named statements on their real servers: each is planned, reads by an index, and is limited to one airline."""

import inspect
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from neo4j import AsyncDriver, AsyncGraphDatabase

from integrations.records.analytics import MishandledBy
from integrations.records.attempts import SendOutcome
from integrations.records.changes import ChangeRow, LogPosition, Topic
from integrations.records.deliveries import ConsentChange, DeliveryReport, DeliveryStatus
from integrations.records.effects import EffectState, PartnerCondition, PartnerStatus, Service
from integrations.records.events import FlightKey
from integrations.records.incidents import IncidentCause
from integrations.records.instructions import (
    BagInstruction,
    Instruction,
    InstructionAction,
    MessageKind,
    NamedFlight,
    Receipt,
    Source,
)
from integrations.records.journeys import BagStatus
from integrations.records.matches import MatchState
from integrations.records.outbox import Consumer, Subject
from integrations.records.page import Page
from integrations.records.passengers import NameQuery
from integrations.records.pirs import PirFilter
from integrations.records.tags import parse_tag
from integrations.stores import routes
from integrations.stores.neo4j import analytics, drift, journeys, projections
from integrations.stores.neo4j import network as graph_network
from integrations.stores.postgres import (
    airports,
    audit,
    bags,
    bookings,
    changes,
    effects,
    events,
    flights,
    idempotency,
    incidents,
    instructions,
    inventory,
    matches,
    messages,
    network,
    outbox,
    passengers,
    pirs,
    seedings,
    transfers,
)
from integrations.stores.postgres import analytics as figures
from integrations.stores.postgres.manager import Session
from resolvers.installation import Stores
from resolvers.irregularities.matches import propose
from resolvers.workers.graph_check import rebuild
from tests.conftest import Neo4jCredentials
from tests.statements import ALL_JOINED, CYPHER, SQL, SQL_COMMAND, Statement, modules, statements, tenant_tables
from tests.world import DAY, DELIVERED, OURS, SPARE, World, at, context_of

LAYOUT = (("what", "kind"), ("where", "place"))
CONDITION = PartnerCondition(Service.SMS, "CLOSED", enabled=True, mock=True, healthy=True, latency_ms=1.0)
REPORT = DeliveryReport(Service.SMS, "report-1", "sid-3", None, DeliveryStatus.DELIVERED, at("12:00"))


@pytest.fixture(scope="module")
async def world(stores: Stores) -> World:
    """A world in which every property was written once, since the graph knows a property only then."""
    made = await World.make(stores)
    times = "estimated_departure = scheduled_departure, estimated_arrival = scheduled_arrival"
    await stores.postgres.execute(f"UPDATE flights SET gate = 'A7', {times}")
    await made.rebuild_graph()
    await rebuild(stores, OURS, lambda _: None)
    await _sends_of_all_kinds(made)
    async with stores.postgres.transaction() as records:
        await propose(context_of(stores), records, made.ours.pirs["PTYCM00500"])
    return made


async def _sends_of_all_kinds(made: World) -> None:
    """Creates effects 1 to 3: one that waits, one that failed and one that was accepted; and an incident."""
    records, pir = made.stores.postgres, made.ours.pirs["GRUCM12345"]
    for occurrence in range(3):
        await effects.insert(records, OURS, Service.SMS, pir, "FILE_OPENED", str(occurrence), {}, at("12:00"))
    for effect_id in (2, 3):
        await effects.mark_sending(records, OURS, effect_id, at("12:00"))
        send_id = await effects.insert_send(records, OURS, effect_id, "+1", "", at("12:00"), mock=True)
        assert send_id is not None
        outcome = SendOutcome.ACCEPTED
        await effects.end_send(records, OURS, send_id, at("12:00"), outcome, mock=True, provider_id="x", cost_micros=9)
    await effects.update_state(records, OURS, 2, EffectState.FAILED)
    await effects.update_state(records, OURS, 3, EffectState.ACCEPTED, provider_id="sid-3")
    await effects.insert_consent_change(records, OURS, ConsentChange(Service.SMS, "SM1", "+1", True, at("12:00")))
    await effects.write_status(records, OURS, "owner", CONDITION, at("12:00"))
    opened = await incidents.insert(
        records,
        OURS,
        at("15:00"),
        [incidents.NewIncident(IncidentCause.LATE_INBOUND, made.ours.flights["CM335"], "PTY")],
    )
    level = incidents.BagLevel(opened[0].id, made.ours.bags["missed"], "MISSED", True, 1)
    await incidents.write_bags(records, OURS, at("15:00"), [level])
    await outbox.create_lanes(records, Service.SMS.queue(OURS))
    await outbox.lease(records, Service.SMS.queue(OURS), "owner", 3600.0)
    await idempotency.claim_key(records, OURS, "tester", "key-of-a-test", "createPir", b"x", at("12:00"))


@pytest.fixture(scope="module")
async def graph(neo4j_credentials: Neo4jCredentials, world: World) -> AsyncIterator[AsyncDriver]:
    """A plain driver, which returns the server's notifications about a statement."""
    access = neo4j_credentials
    async with AsyncGraphDatabase.driver(access.uri, auth=(access.user, access.password)) as driver:
        yield driver


def test_every_text_is_known_to_be_a_statement_or_something_else() -> None:
    known = set(statements(SQL, SQL_COMMAND, CYPHER))
    assert set(map(str, set(statements()) - known)) == set()
    assert len(known) > 80


# PostgreSQL


@pytest.mark.parametrize("statement", statements(SQL), ids=str)
async def test_postgresql_plans_every_statement(stores: Stores, statement: Statement) -> None:
    await stores.postgres.execute(f"EXPLAIN (GENERIC_PLAN) {statement.text}", name="EXPLAIN")


@pytest.mark.parametrize("statement", statements(SQL_COMMAND), ids=str)
async def test_postgresql_runs_every_command(stores: Stores, statement: Statement) -> None:
    """Commands cannot be planned, so they run and are rolled back."""
    async with rolled_back(stores) as session:
        await session.execute(statement.text, name="COMMAND")


@asynccontextmanager
async def rolled_back(stores: Stores) -> AsyncIterator[Session]:
    """A transaction that is always rolled back."""
    with suppress(RolledBack):
        async with stores.postgres.transaction() as session:
            yield session
            raise RolledBack


class RolledBack(Exception):
    """Rolls the transaction back."""


# Tenants' tables that do not grow with the traffic.
SMALL = {"routes", "connection_times", "parties", "users", "seedings"}
WHOLE_TABLES = {
    "IDS_ARE_TAKEN": "checks whether there is any row, and stops at the first",
    "OTHERS_HAVE_RECORDS": "runs only before a demo is reset",
}


async def generic_plan(session: Session, statement: Statement) -> str:
    """The generic plan of a statement; with null arguments a custom plan would be a plan without rows."""
    await session.execute("SET LOCAL plan_cache_mode = force_generic_plan", name="SET")
    await session.execute(f"PREPARE planned AS {statement.text}", name="PREPARE")
    arguments = ", ".join(["NULL"] * len(set(re.findall(r"\$\d+", statement.text))))
    explain = f"EXPLAIN (COSTS off, VERBOSE) EXECUTE planned{f'({arguments})' if arguments else ''}"
    plan = "\n".join(row[0] for row in await session.fetch(explain, name="EXPLAIN"))
    await session.execute("DEALLOCATE planned", name="DEALLOCATE")
    return plan


@pytest.mark.parametrize("statement", statements(SQL), ids=str)
async def test_no_statement_reads_a_large_table_whole(stores: Stores, statement: Statement) -> None:
    """With sequential scans disabled, PostgreSQL uses an index wherever one can be used."""
    if statement.name in WHOLE_TABLES:
        return
    async with stores.postgres.transaction() as session:
        await session.execute("SET LOCAL enable_seqscan = off", name="SET")
        plan = await generic_plan(session, statement)
    assert (tenant_tables() - SMALL).isdisjoint(re.findall(r"Seq Scan on public\.(\w+)", plan)), plan


# Neo4j

NO_REMARK = {"00000", "00001", "02000", "01N60"}  # kinds of success, and EXPLAIN without parameters
SCANS_A_LABEL = {
    "DELETE_EVENTS": "deletes everything",
    "DELETE_BAGS": "deletes everything",
    "DELETE_NODES": "deletes everything",
    "SWEEP_EVENTS": "looks for nodes without relationships, after a rebuild",
    "SWEEP_UNUSED": "looks for nodes without relationships, after a rebuild",
    "DELETE_OTHER_ROUTES": "reads all airports, of which there are hundreds",
}


@pytest.mark.parametrize("statement", statements(CYPHER), ids=str)
async def test_neo4j_plans_every_statement_without_notifications(graph: AsyncDriver, statement: Statement) -> None:
    """The graph holds all that the projector writes, so an unknown label, type or property is an error."""
    async with graph.session() as session:
        result = await session.run(f"EXPLAIN {statement.text}")
        summary = await result.consume()
    remarks = [one.status_description for one in summary.gql_status_objects if one.gql_status not in NO_REMARK]
    assert remarks == []
    operators = _operators(summary.plan)
    if statement.name not in SCANS_A_LABEL:
        assert not [one for one in operators if "AllNodesScan" in one or "LabelScan" in one], operators


def _operators(plan: Any) -> list[str]:
    return [plan["operatorType"], *(one for child in plan.get("children", ()) for one in _operators(child))]


# Statements of one airline never touch rows of another

Call = Callable[[World, Any], Any]


def reads() -> dict[str, Call]:
    """Each read of our rows under another airline; every one must return nothing."""
    page, backward = Page(10), Page(10, None, backward=True)
    return {
        "bags.by_id": lambda w, r: bags.by_id(r, SPARE, [*w.ours.bags.values()]),
        "bags.lock": lambda w, r: bags.lock(r, SPARE, [*w.ours.bags.values()]),
        "bags.by_tag": lambda _, r: bags.by_tag(r, SPARE, parse_tag(DELIVERED), 10),
        "bags.related_by_tag": lambda _, r: bags.related_by_tag(r, SPARE, DELIVERED, 10, *ALL_JOINED, LAYOUT),
        "bags.by_tag printed": lambda _, r: bags.by_tag(r, SPARE, parse_tag("CM456781"), 10),
        "bags.page": lambda _, r: bags.page(r, SPARE, None, None, page),
        "bags.page backward": lambda _, r: bags.page(r, SPARE, None, None, backward),
        "bags.of_flights": lambda w, r: bags.of_flights(r, SPARE, [*w.ours.flights.values()], page),
        "bags.of_flights_with_passengers": lambda w, r: bags.of_flights_with_passengers(
            r, SPARE, [*w.ours.flights.values()], page, ALL_JOINED[0], LAYOUT, 2
        ),
        "bags.of_flights backward": lambda w, r: bags.of_flights(r, SPARE, [*w.ours.flights.values()], backward),
        "bags.of_passengers": lambda w, r: bags.of_passengers(r, SPARE, [*w.ours.passengers.values()]),
        "bags.of_pirs": lambda w, r: bags.of_pirs(r, SPARE, [*w.ours.pirs.values()]),
        "bags.tags": lambda w, r: bags.tags(r, SPARE, [*w.ours.bags.values()]),
        "bags.tagged_at": lambda _, r: bags.tagged_at(r, SPARE, [DELIVERED], [at("12:00")]),
        "bags.tag_windows": lambda _, r: bags.tag_windows(r, SPARE, [DELIVERED], [at("12:00")]),
        "bags.tag_uses": lambda w, r: bags.tag_uses(r, SPARE, [DELIVERED], [w.ours.bags["delivered"]], [at("12:00")]),
        "bags.tag_carriers": lambda w, r: bags.tag_carriers(
            r, SPARE, [DELIVERED], [at("12:00")], [uuid4()], [w.ours.bags["delivered"]]
        ),
        "bags.count_by_state": lambda _, r: bags.count_by_state(r, SPARE),
        "flights.by_id": lambda w, r: flights.by_id(r, SPARE, [*w.ours.flights.values()]),
        "flights.lock": lambda w, r: flights.lock(r, SPARE, [*w.ours.flights.values()]),
        "flights.ids_by_key": lambda w, r: flights.ids_by_key(r, SPARE, [*w.ours.keys.values()]),
        "flights.by_designator": lambda _, r: flights.by_designator(r, SPARE, "CM", 758, "", None, at("12:00"), 10),
        "flights.page": lambda _, r: flights.page(r, SPARE, None, None, None, None, page),
        "flights.page backward": lambda _, r: flights.page(r, SPARE, None, None, None, None, backward),
        "flights.legs_of_bags": lambda w, r: flights.legs_of_bags(r, SPARE, [*w.ours.bags.values()]),
        "flights.bag_ids": lambda w, r: flights.bag_ids(r, SPARE, [*w.ours.flights.values()]),
        "flights.bag_counts": lambda w, r: flights.bag_counts(r, SPARE, [*w.ours.flights.values()]),
        "flights.stops": lambda w, r: flights.stops(r, SPARE, [*w.ours.flights.values()]),
        "passengers.by_id": lambda w, r: passengers.by_id(r, SPARE, [*w.ours.passengers.values()]),
        "passengers.by_name": lambda _, r: passengers.by_name(r, SPARE, NameQuery("A", "A:A", "A:A"), 10),
        "passengers.by_locator": lambda _, r: passengers.by_locator(r, SPARE, "F7K2QX", 10),
        "pirs.by_id": lambda w, r: pirs.by_id(r, SPARE, [*w.ours.pirs.values()]),
        "pirs.by_reference": lambda _, r: pirs.by_reference(r, SPARE, "GRUCM12345", 10),
        "pirs.page": lambda _, r: pirs.page(r, SPARE, PirFilter(), page),
        "pirs.page backward": lambda _, r: pirs.page(r, SPARE, PirFilter(), backward),
        "pirs.by_urgency": lambda _, r: pirs.by_urgency(r, SPARE, PirFilter(), page),
        "pirs.by_urgency backward": lambda _, r: pirs.by_urgency(r, SPARE, PirFilter(), backward),
        "pirs.lock": lambda w, r: pirs.lock(r, SPARE, w.ours.pirs["GRUCM12345"]),
        "pirs.open_of_bags": lambda w, r: pirs.open_of_bags(r, SPARE, [*w.ours.bags.values()], "DELAYED"),
        "pirs.after": lambda w, r: pirs.after(r, SPARE, [*w.ours.pirs.values()]),
        "pirs.history": lambda w, r: pirs.history(r, SPARE, [*w.ours.pirs.values()]),
        "idempotency.find_result": lambda _, r: idempotency.find_result(r, SPARE, "tester", "key-of-a-test"),
        "pirs.of_bags": lambda w, r: pirs.of_bags(r, SPARE, [*w.ours.bags.values()]),
        "pirs.descriptions": lambda w, r: pirs.descriptions(r, SPARE, [*w.ours.pirs.values()]),
        "pirs.count_by_status": lambda _, r: pirs.count_by_status(r, SPARE),
        "matches.traced": lambda w, r: matches.traced(r, SPARE, [*w.ours.pirs.values()]),
        "matches.newest": lambda _, r: matches.newest(r, SPARE, "DELAYED", 10),
        "matches.candidates": lambda _, r: matches.candidates(r, SPARE, "ON_HAND", {"LPTYBK22": 1}, 10, 10),
        "matches.by_id": lambda _, r: matches.by_id(r, SPARE, [*range(1, 10)]),
        "matches.lock": lambda _, r: matches.lock(r, SPARE, 1),
        "matches.of_pirs": lambda w, r: matches.of_pirs(r, SPARE, [*w.ours.pirs.values()], 10),
        "matches.switched_tag": lambda w, r: matches.switched_tag(
            r, SPARE, w.ours.pirs["GRUCM12345"], timedelta(hours=1)
        ),
        "matches.has_rival": lambda _, r: matches.has_rival(r, SPARE, 1),
        "effects.by_id": lambda _, r: effects.by_id(r, SPARE, [1, 2, 3]),
        "effects.of_pirs": lambda w, r: effects.of_pirs(r, SPARE, [*w.ours.pirs.values()]),
        "effects.page": lambda _, r: effects.page(r, SPARE, None, None, page),
        "effects.page backward": lambda _, r: effects.page(r, SPARE, None, None, backward),
        "effects.due": lambda _, r: effects.due(r, SPARE, Service.SMS, "owner", 0.0, [], at("20:00"), 10),
        "effects.last_sends": lambda _, r: effects.last_sends(r, SPARE, Service.SMS, at("00:00"), 10),
        "effects.sends": lambda _, r: effects.sends(r, SPARE, [1, 2, 3]),
        "effects.count_sent_to": lambda _, r: effects.count_sent_to(r, SPARE, Service.SMS, "+1", at("00:00")),
        "effects.is_opted_out": lambda _, r: effects.is_opted_out(r, SPARE, Service.SMS, "+1"),
        "effects.partners": lambda _, r: _reported_partners(r),
        "effects.costs": lambda _, r: effects.costs(r, SPARE, at("00:00"), at("20:00")),
        "analytics.mishandled week": lambda _, r: _listed(
            figures.mishandled(r, SPARE, at("00:00"), at("+12:00"), MishandledBy.WEEK, 9)
        ),
        "analytics.mishandled station": lambda _, r: _listed(
            figures.mishandled(r, SPARE, at("00:00"), at("+12:00"), MishandledBy.STATION, 9)
        ),
        "analytics.mishandled flight": lambda _, r: _listed(
            figures.mishandled(r, SPARE, at("00:00"), at("+12:00"), MishandledBy.FLIGHT, 9)
        ),
        "analytics.mishandled cause": lambda _, r: _listed(
            figures.mishandled(r, SPARE, at("00:00"), at("+12:00"), MishandledBy.CAUSE, 9)
        ),
        "analytics.delivery_times": lambda _, r: _listed(
            figures.delivery_times(r, SPARE, at("00:00"), at("+12:00"), 9)
        ),
        "analytics.partner_days": lambda _, r: _listed(figures.partner_days(r, SPARE, at("00:00"), at("+12:00"), 9)),
        "analytics.bags_of_departures": lambda _, r: figures.bags_of_departures(r, SPARE, at("00:00"), at("+12:00"), 9),
        "effects.cost_since": lambda _, r: effects.cost_since(r, SPARE, at("00:00")),
        "changes.read_after": lambda _, r: _logged_changes(r),
        "changes.last_position": lambda _, r: _logged_changes(r),
        "changes.bags_of_flights": lambda w, r: changes.bags_of_flights(
            r, SPARE, [*w.ours.bags.values()], [*w.ours.flights.values()]
        ),
        "events.of_bags": lambda w, r: events.of_bags(r, SPARE, [*w.ours.bags.values()]),
        "events.json_of_bags": lambda w, r: events.json_of_bags(r, SPARE, [*w.ours.bags.values()], LAYOUT),
        "events.last_json_of_bags": lambda w, r: events.last_json_of_bags(r, SPARE, [*w.ours.bags.values()], 3, LAYOUT),
        "events.brief_of_bags": lambda w, r: events.brief_of_bags(r, SPARE, [*w.ours.bags.values()]),
        "events.last_brief_of_bags": lambda w, r: events.last_brief_of_bags(r, SPARE, [*w.ours.bags.values()], 3),
        "events.last_of_bags": lambda w, r: events.last_of_bags(r, SPARE, [*w.ours.bags.values()], 3),
        "events.sightings": lambda w, r: events.sightings(r, SPARE, [*w.ours.bags.values()]),
        "flights.stations_of_bags": lambda w, r: flights.stations_of_bags(r, SPARE, [*w.ours.bags.values()]),
        "flights.departures": lambda w, r: flights.departures(r, SPARE, [*w.ours.flights.values()]),
        "events.transfers": lambda w, r: events.transfers(r, SPARE, [*w.ours.bags.values()]),
        "flights.planned_leg_rows": lambda w, r: _legs_found(w, r),
        "passengers.of_locators": lambda _, r: passengers.of_locators(r, SPARE, [("F7K2QX", DAY)], timedelta(days=365)),
        "instructions.of_bags": lambda w, r: _instructions_found(w, r),
        "instructions.receipts": lambda w, r: instructions.receipts(r, SPARE, [(DELIVERED, uuid4())]),
        "messages.of_bags": lambda w, r: messages.of_bags(r, SPARE, [*w.ours.bags.values()], 5),
        "messages.of_events": lambda _, r: _messages_of_events(r),
        "messages.dead_letters": lambda _, r: messages.dead_letters(r, SPARE, settled=True, page=page),
        "messages.dead_letters backward": lambda _, r: messages.dead_letters(r, SPARE, settled=True, page=backward),
        "messages.dead_letters_by_id": lambda _, r: messages.dead_letters_by_id(r, SPARE, [1]),
        "messages.lock_dead_letter": lambda _, r: messages.lock_dead_letter(r, SPARE, 1),
        "airports.served": lambda _, r: airports.served(r, SPARE),
        "airports.page": lambda _, r: airports.page(r, SPARE, page),
        "airports.page backward": lambda _, r: airports.page(r, SPARE, backward),
        "airports.routes": lambda _, r: airports.routes(r, SPARE),
        "airports.routes_from": lambda _, r: airports.routes_from(r, SPARE, ["PTY"]),
        "airports.connection_times": lambda _, r: airports.connection_times(r, SPARE),
        "airports.parties": lambda _, r: airports.parties(r, SPARE, ["ZZ"]),
        "outbox.pending": lambda w, r: outbox.pending(r, SPARE, Consumer.GRAPH, [*w.ours.bags.values()]),
        "transfers.of_bags": lambda w, r: transfers.of_bags(r, SPARE, [*w.ours.bags.values()]),
        "transfers.onto_flights": lambda w, r: transfers.onto_flights(r, SPARE, [*w.ours.flights.values()], page),
        "transfers.off_flights": lambda w, r: transfers.off_flights(r, SPARE, [*w.ours.flights.values()], page),
        "transfers.by_flight": lambda w, r: transfers.by_flight(r, SPARE, [*w.ours.flights.values()]),
        "transfers.at_airport": lambda _, r: transfers.at_airport(r, SPARE, "PTY", at("00:00"), at("+00:00")),
        "transfers.flights": lambda w, r: transfers.flights(r, SPARE, [*w.ours.flights.values()]),
        "incidents.lock": lambda _, r: incidents.lock(r, SPARE),
        "incidents.by_id": lambda _, r: incidents.by_id(r, SPARE, [1]),
        "incidents.page": lambda _, r: incidents.page(r, SPARE, None, None, page),
        "incidents.page backward": lambda _, r: incidents.page(r, SPARE, None, None, backward),
        "incidents.open_of_flights": lambda w, r: incidents.open_of_flights(r, SPARE, [*w.ours.flights.values()]),
        "incidents.assessed_bags": lambda _, r: incidents.assessed_bags(r, SPARE, [1], [1], []),
        "incidents.open_by_id": lambda _, r: incidents.open_by_id(r, SPARE, [1]),
        "incidents.dismissed": lambda w, r: incidents.dismissed(r, SPARE, [*w.ours.flights.values()]),
        "incidents.bags": lambda _, r: incidents.bags(r, SPARE, [1], page),
        "incidents.levels": lambda _, r: _levels_found(r),
        "inventory.counts": lambda w, r: _counts_found(w, r),
        "inventory.bags": lambda w, r: inventory.bags(r, SPARE, [*w.ours.flights.values()], at("+12:00"), None, page),
        "seedings.find": lambda _, r: seedings.find(r, SPARE),
        "seedings.count_described": lambda _, r: seedings.count_described(r, SPARE, [DELIVERED]),
        "events.by_id": lambda w, r: events.by_id(r, SPARE, {bag: [uuid4()] for bag in w.ours.bags.values()}),
        "bags.ids_after": lambda _, r: bags.ids_after(r, SPARE, 0, 10),
        "flights.ids_after": lambda _, r: flights.ids_after(r, SPARE, 0, 10),
        "outbox.pending_subjects": lambda w, r: outbox.pending_subjects(
            r, SPARE, Consumer.GRAPH, Subject.BAG, [*w.ours.bags.values()]
        ),
        "drift.bags_in_graph": lambda w, _: drift.bags_in_graph(w.stores.neo4j, SPARE, [*w.ours.bags.values()]),
        "drift.flights_in_graph": lambda w, _: drift.flights_in_graph(
            w.stores.neo4j, SPARE, [*w.ours.flights.values()]
        ),
        "drift.bag_ids_in_graph": lambda w, _: drift.bag_ids_in_graph(w.stores.neo4j, SPARE, -1),
        "drift.flight_ids_in_graph": lambda w, _: drift.flight_ids_in_graph(w.stores.neo4j, SPARE, -1),
        "projections.known_bags": lambda w, _: projections.known_bags(
            w.stores.neo4j, SPARE, [*w.ours.bags.values()], 20.0
        ),
        "projections.known_flights": lambda w, _: projections.known_flights(
            w.stores.neo4j, SPARE, [*w.ours.flights.values()], 20.0
        ),
        "analytics.planned_against_actual": lambda w, _: analytics.planned_against_actual(
            w.stores.neo4j, SPARE, [*w.ours.flights.values()], 5
        ),
        "analytics.blast_radius": lambda w, _: analytics.blast_radius(
            w.stores.neo4j, SPARE, [*w.ours.flights.values()], 600, 5
        ),
        "analytics.bottlenecks": lambda w, _: analytics.bottlenecks(
            w.stores.neo4j, SPARE, "PTY", at("00:00"), at("20:00"), 5
        ),
        "journeys.of_bags": lambda w, _: journeys.of_bags(w.stores.neo4j, SPARE, [*w.ours.bags.values()]),
        "journeys.fellows_on_flights": lambda w, _: journeys.fellows_on_flights(
            w.stores.neo4j, SPARE, [*w.ours.bags.values()], 5
        ),
        "journeys.fellows_at_places": lambda w, _: journeys.fellows_at_places(
            w.stores.neo4j, SPARE, [*w.ours.bags.values()], None, 240, 5
        ),
        "routes.paths": lambda w, _: routes.paths(w.stores.neo4j, SPARE, [("PTY", "GRU")]),
        "routes.read_cache": lambda w, _: routes.read_cache(w.stores.redis, SPARE, [("PTY", "GRU")], at("12:00")),
    }


def writes() -> dict[str, Call]:
    """Each write to our rows under another airline; none may change one of them."""
    return {
        "bags.update_statuses": lambda w, r: bags.update_statuses(
            r,
            SPARE,
            {bag: BagStatus("LOST", at("12:00"), None, None, None, None) for bag in w.ours.bags.values()},
            {},
        ),
        "bags.lock_unknown_tags": lambda _, r: bags.lock_unknown_tags(r, SPARE, [DELIVERED]),
        "bags.insert_unknown": lambda _, r: bags.insert_unknown(
            r, SPARE, [DELIVERED], [at("12:00")], timedelta(days=30)
        ),
        "bags.extend_tags": lambda _, r: bags.extend_tags(
            r, SPARE, [DELIVERED], [DAY - timedelta(days=1)], [at("12:00")], timedelta(days=60)
        ),
        "bags.end_tags": lambda _, r: bags.end_tags(r, SPARE, [DELIVERED], [DAY - timedelta(days=1)], [at("12:00")]),
        "bags.insert_tags": lambda w, r: bags.insert_tags(
            r, SPARE, [bags.NewTag(w.ours.bags["missed"], "9" * 10, "RUSH", at("12:00"), at("13:00"))]
        ),
        "flights.lock_shared": lambda w, r: flights.lock_shared(r, SPARE, [*w.ours.flights.values()]),
        "flights.update": lambda w, r: flights.update(
            r,
            SPARE,
            at("12:00"),
            [flights.FlightValues(w.ours.flights["CM411"], None, None, None, None, "CANCELLED", "X")],
        ),
        "flights.insert": lambda _, r: flights.insert(r, SPARE, at("12:00"), [_new_flight()]),
        "flights.insert_legs": lambda w, r: flights.insert_legs(
            r, SPARE, [flights.NewLeg(w.ours.bags["missed"], 9, w.ours.flights["CM411"])]
        ),
        "passengers.insert": lambda w, r: passengers.insert(r, SPARE, [_new_passenger(w)]),
        "passengers.attach_bookings": lambda w, r: passengers.attach_bookings(
            r, SPARE, {w.ours.passengers["silva"]: 1}
        ),
        "passengers.rename": lambda w, r: passengers.rename(
            r, SPARE, [passengers.Renaming(w.ours.passengers["silva"], "Other", "Name", "", "OTHER/NAME", "sOTHER")]
        ),
        "bookings.insert": lambda _, r: bookings.insert(r, SPARE, [bookings.NewBooking(1, "AAAAAA", at("12:00"))]),
        "pirs.insert": lambda w, r: pirs.insert(
            r,
            SPARE,
            [_new_pir(w)],
        ),
        "pirs.insert_bags": lambda w, r: pirs.insert_bags(r, SPARE, [_new_pir_bag(w)]),
        "matches.lock_matching": lambda _, r: matches.lock_matching(r, SPARE, exclusive=True),
        "matches.lock_matching shared": lambda _, r: matches.lock_matching(r, SPARE, exclusive=False),
        "matches.replace_keys": lambda w, r: matches.replace_keys(
            r,
            SPARE,
            [*w.ours.pirs.values()],
            [matches.NewKey(w.ours.pirs["GRUCM12345"], 1, "T0230456782", at("12:00"))],
        ),
        "matches.replace_proposals": lambda w, r: matches.replace_proposals(
            r, SPARE, w.ours.pirs["PTYCM00500"], at("12:00"), [_new_proposal(w)]
        ),
        "matches.decide": lambda _, r: matches.decide(r, SPARE, 1, MatchState.REJECTED, "a", at("12:00")),
        "matches.release": lambda w, r: matches.release(r, SPARE, w.ours.pirs["PTYCM00500"], [1], "a", at("12:00")),
        "pirs.create": lambda w, r: pirs.create(
            r,
            SPARE,
            kind="DELAYED",
            station="PTY",
            opened_at=at("12:00"),
            passenger_id=w.ours.passengers["silva"],
            origin=None,
            previous_id=w.ours.pirs["GRUCM12345"],
            link="RECREATED",
            found_flight_id=None,
        ),
        "pirs.update": lambda w, r: pirs.update(r, SPARE, w.ours.pirs["GRUCM12345"], 9, at("12:00"), _closed()),
        "pirs.update_bags": lambda w, r: pirs.update_bags(r, SPARE, w.ours.pirs["GRUCM12345"], [_delivered()]),
        "pirs.insert_event": lambda w, r: pirs.insert_event(
            r,
            SPARE,
            w.ours.pirs["GRUCM12345"],
            pirs.NewPirEvent(99, at("12:00"), "a", "ADMIN", "COMMENT", [], [], None, "", {}),
        ),
        "pirs.assign_reference": lambda w, r: pirs.assign_reference(
            r, SPARE, w.ours.pirs["GRUCM12345"], "PTYCM99998", at("12:00")
        ),
        "idempotency.claim_key": lambda _, r: idempotency.claim_key(
            r, SPARE, "tester", "key-of-a-test", "createPir", b"x", at("12:00")
        ),
        "idempotency.store_result": lambda _, r: idempotency.store_result(
            r, SPARE, "tester", "key-of-a-test", {"pir": 2}
        ),
        "idempotency.delete_old": lambda _, r: idempotency.delete_old(r, SPARE, at("20:00"), 10),
        "events.insert": lambda w, r: events.insert(
            r,
            SPARE,
            at("12:00"),
            [_new_event(w)],
        ),
        "events.update_transfers": lambda w, r: events.update_transfers(
            r, SPARE, [events.EventTransfer(uuid4(), w.ours.bags["missed"], "PTY", at("12:00"), "SORTED", None)]
        ),
        "bags.insert_rush_tags": lambda w, r: bags.insert_rush_tags(
            r, SPARE, [(w.ours.bags["missed"], "2" * 10, at("12:00"))], timedelta(days=30)
        ),
        "bags.merge_bags": lambda w, r: bags.merge_bags(r, SPARE, {w.ours.bags["expected"]: w.ours.bags["loaded"]}),
        "bags.update_values": lambda w, r: bags.update_values(
            r, SPARE, [bags.BagValues(w.ours.bags["missed"], "9" * 10, None, 1.0, True, False, True)]
        ),
        "flights.insert_named": lambda _, r: flights.insert_named(
            r, SPARE, at("12:00"), [NamedFlight(FlightKey("ZZ", 1, "", DAY.date(), "PTY"), "MIA")]
        ),
        "flights.replace_legs": lambda w, r: flights.replace_legs(
            r, SPARE, [w.ours.bags["missed"]], [flights.PlannedLegRow(w.ours.bags["missed"], 9, 1, None, None, None)]
        ),
        "passengers.lock_locators": lambda _, r: passengers.lock_locators(r, SPARE, ["F7K2QX"]),
        "passengers.delete_unbooked": lambda w, r: passengers.delete_unbooked(r, SPARE, [*w.ours.passengers.values()]),
        "instructions.upsert": lambda w, r: instructions.upsert(r, SPARE, [_new_instruction(w)]),
        "messages.insert": lambda _, r: messages.insert(
            r, SPARE, at("12:00"), "HTTP", [messages.NewMessage(uuid4(), "BSM", None, 1, "BSM")]
        ),
        "messages.insert_dead_letters": lambda _, r: messages.insert_dead_letters(
            r, SPARE, at("12:00"), "HTTP", [messages.NewDeadLetter(uuid4(), "BSM", 1, 1, "It has no END.")]
        ),
        "messages.settle_dead_letter": lambda _, r: _settled(r),
        "audit.write": lambda _, r: audit.write(
            r, SPARE, actor="a", role="ADMIN", request_id="r", action="A", subject="BAG", subjects=[1], detail={}
        ),
        "changes.insert_bag_changes": lambda w, r: changes.insert_bag_changes(
            r, SPARE, [(w.ours.bags["missed"], None)]
        ),
        "changes.insert_change": lambda _, r: changes.insert_change(r, SPARE, Topic.BOARD, airport="PTY"),
        "effects.insert": lambda w, r: effects.insert(
            r, SPARE, Service.SMS, w.ours.pirs["GRUCM12345"], "FILE_OPENED", "1", {}, at("12:00")
        ),
        "effects.mark_sending": lambda _, r: effects.mark_sending(r, SPARE, 1, at("12:00")),
        "effects.update_state": lambda _, r: effects.update_state(r, SPARE, 1, EffectState.FAILED),
        "effects.postpone": lambda _, r: effects.postpone(r, SPARE, 1, at("12:00")),
        "effects.catch_up_with_clock": lambda _, r: effects.catch_up_with_clock(
            r, SPARE, Service.SMS, at("11:00"), at("11:00")
        ),
        "effects.resend": lambda _, r: effects.resend(r, SPARE, 2, at("12:00")),
        "effects.cancel": lambda _, r: effects.cancel(r, SPARE, 1, at("12:00")),
        "effects.insert_report": lambda _, r: effects.insert_report(r, SPARE, REPORT, 3, at("12:00")),
        "effects.apply_reports": lambda _, r: effects.apply_reports(r, SPARE, Service.SMS, 3, "sid-3"),
        "effects.insert_send": lambda _, r: effects.insert_send(r, SPARE, 1, "+1", "", at("12:00"), mock=True),
        "effects.end_send": lambda _, r: effects.end_send(r, SPARE, 1, at("12:00"), SendOutcome.REFUSED, mock=True),
        "effects.insert_consent_change": lambda _, r: effects.insert_consent_change(
            r, SPARE, ConsentChange(Service.SMS, "SM1", "+1", False, at("13:00"))
        ),
        "effects.write_status": lambda _, r: effects.write_status(r, SPARE, "owner", CONDITION, at("12:00")),
        "effects.delete_statuses": lambda _, r: effects.delete_statuses(r, SPARE, at("20:00")),
        "network.write_routes": lambda _, r: network.write_routes(
            r, SPARE, [network.NewRoute("CM", "PTY", "MIA", 1, 1, 1, "738", "a test")]
        ),
        "outbox.enqueue_network_change": lambda _, r: outbox.enqueue_network_change(r, SPARE, Consumer.GRAPH),
        "outbox.enqueue_flight_changes": lambda _, r: outbox.enqueue_flight_changes(r, SPARE, [Consumer.GRAPH], [1]),
        "incidents.insert": lambda w, r: incidents.insert(
            r, SPARE, at("12:00"), [incidents.NewIncident(IncidentCause.LATE_INBOUND, w.ours.flights["CM411"], "PTY")]
        ),
        "incidents.write_bags": lambda w, r: incidents.write_bags(
            r, SPARE, at("12:00"), [incidents.BagLevel(1, w.ours.bags["missed"], "SAFE", False, 9)]
        ),
        "incidents.update": lambda _, r: incidents.update(r, SPARE, at("12:00"), [1]),
        "incidents.acknowledge": lambda _, r: incidents.acknowledge(r, SPARE, 1, at("12:00"), "a", ""),
        "incidents.close": lambda _, r: incidents.close(r, SPARE, 1, at("12:00"), "a", ""),
        "outbox.enqueue_bag_changes": lambda w, r: outbox.enqueue_bag_changes(
            r, SPARE, Consumer.GRAPH, [(w.ours.bags["missed"], None)], ()
        ),
        "seedings.start": lambda _, r: seedings.start(r, SPARE, 1, at("12:00"), 1, 0),
        "seedings.finish": lambda _, r: seedings.finish(r, SPARE),
        "seedings.describe": lambda w, r: seedings.describe(r, SPARE, {w.ours.bags["missed"]: "BK22RHW"}),
        "drift.sweep_bags": lambda w, _: drift.sweep_bags(w.stores.neo4j, SPARE, [*w.ours.bags.values()]),
        "drift.sweep_flights": lambda w, _: drift.sweep_flights(w.stores.neo4j, SPARE, [*w.ours.flights.values()]),
        "drift.rewrite_bags": lambda w, _: drift.rewrite_bags(w.stores.neo4j, SPARE, [], "a run"),
        "drift.rewrite_flights": lambda w, _: drift.rewrite_flights(w.stores.neo4j, SPARE, [], "a run"),
        "projections.write_bags": lambda w, _: projections.write_bags(w.stores.neo4j, SPARE, [], 20.0),
        "projections.delete_bags": lambda w, _: projections.delete_bags(
            w.stores.neo4j, SPARE, [*w.ours.bags.values()], 20.0
        ),
        "network.write": lambda w, _: graph_network.write(w.stores.neo4j, SPARE, [], [], []),
        "routes.write_cache": lambda w, _: routes.write_cache(w.stores.redis, SPARE, []),
    }


NOT_OF_AN_AIRLINE = {
    "journeys.warm_plan_cache": "reads no bags",
    "projections.bag_statements": "returns statements",
    "projections.event_correction": "returns a statement",
    "airports.hub": "reads the airline's own row, by its id",
    "routes.cache_key": "returns a text",
    "routes.cache_entries": "returns texts",
    "seedings.others_have_records": "checks whether a reset would delete rows of other airlines",
}


async def _logged_changes(records: Session) -> list[ChangeRow]:
    """The rows of an airline's log; the horizon is the same for all airlines."""
    position, _ = await changes.last_position(records, SPARE)
    assert position == LogPosition(0, 0, 0)
    return list((await changes.read_after(records, SPARE, position, 10)).rows)


async def _reported_partners(records: Session) -> list[PartnerStatus]:
    """Rows of ``effects.partners`` with values; it returns a row for each partner."""
    rows = await effects.partners(records, SPARE, at("00:00"), at("00:00"))
    return [row for row in rows if row.checked_at or row.waiting or row.failed or row.cost_today_micros]


async def _levels_found(records: Session) -> dict[int, dict[str, int]]:
    """Entries of ``incidents.levels`` with values; it returns one for each incident."""
    return {key: found for key, found in (await incidents.levels(records, SPARE, [1])).items() if found}


async def _listed(found: Awaitable[tuple[int, list[Any]]]) -> list[Any]:
    """The rows of a report, without their number."""
    total, rows = await found
    assert (total == 0) == (rows == [])
    return rows


async def _counts_found(world: World, records: Session) -> dict[int, Any]:
    """Entries of ``inventory.counts`` with values; it returns one for each flight."""
    found = await inventory.counts(records, SPARE, [*world.ours.flights.values()], at("+12:00"))
    return {key: counts for key, counts in found.items() if counts}


async def _legs_found(world: World, records: Session) -> dict[int, Any]:
    """Entries of ``flights.planned_leg_rows`` with values; it returns one for each bag."""
    found = await flights.planned_leg_rows(records, SPARE, [*world.ours.bags.values()])
    return {bag_id: legs for bag_id, legs in found.items() if legs}


async def _instructions_found(world: World, records: Session) -> dict[int, Any]:
    """Entries of ``instructions.of_bags`` with values; it returns one for each bag."""
    found = await instructions.of_bags(records, SPARE, [*world.ours.bags.values()])
    return {bag_id: instructions for bag_id, instructions in found.items() if instructions}


async def _messages_of_events(records: Session) -> dict[Any, Any]:
    """``messages.of_events`` takes the times of events besides their ids."""
    rows = await records.fetch("SELECT id, at FROM events", name="TEST")
    return await messages.of_events(records, SPARE, [(row["id"], row["at"]) for row in rows])


async def _settled(records: Session) -> None:
    """``messages.settle_dead_letter`` needs a locked letter, and another airline's cannot be locked."""
    with pytest.raises(AssertionError):
        await messages.settle_dead_letter(records, SPARE, 1, at("12:00"), "a", None)


def _new_event(world: World) -> events.NewEvent:
    scan = world.ours.scan(DELIVERED, "LOST", "PTY", "12:00")
    return events.NewEvent(uuid4(), scan, scan.kind, world.ours.bags["delivered"], None, None, None, None)


def _new_instruction(world: World) -> BagInstruction:
    instruction = Instruction(
        tag=DELIVERED,
        kind=MessageKind.BSM,
        change=InstructionAction.NEW,
        at=at("12:00"),
        airport="PTY",
        source=Source.LOCAL,
    )
    return BagInstruction(world.ours.bags["delivered"], uuid4(), instruction, Receipt(at("12:00"), 1))


def _new_flight() -> flights.NewFlight:
    times = (at("12:00"), at("13:00"), None, None, None, None)
    return flights.NewFlight(99_999, "CM", 335, at("12:00").date(), "MIA", "PTY", *times, "SCHEDULED", "738", None)


def _new_proposal(world: World) -> dict[str, Any]:
    pair = {"on_hand_pir_id": world.ours.pirs["PTYCM00500"], "delayed_pir_id": world.ours.pirs["GRUCM12345"], "seq": 1}
    return pair | {"score": 99.0, "matched": [], "contradicting": []}


def _closed() -> pirs.PirValues:
    values: Any = ("CLOSED", None, "", *[None] * 13, [], None)
    return pirs.PirValues(*values)


def _delivered() -> pirs.PirBagValues:
    values: Any = (1, "DELIVERED", "BK22RHW", *[""] * 4, *[None] * 8)
    return pirs.PirBagValues(*values)


def _new_pir(world: World) -> pirs.NewPir:
    owner = world.ours.passengers["silva"]
    past = (at("12:00"), None, "", "MIA", "PTY", at("11:00"), None, None)
    return pirs.NewPir(1, "PTYCM99999", "DELAYED", "OPEN", "PTY", owner, *past)


def _new_pir_bag(world: World) -> pirs.NewPirBag:
    named = (world.ours.pirs["GRUCM12345"], 9, world.ours.bags["missed"])
    return pirs.NewPirBag(*named, "BK22RHW", "", "", "TRACING", None)


def _new_passenger(world: World) -> passengers.NewPassenger:
    name = ("Other", "Name", "", "OTHER/NAME", "sOTHER")
    return passengers.NewPassenger(world.ours.passengers["silva"], 1, *name, None, None, None, None, "EN", "+1", "x@y")


def test_every_function_for_an_airline_is_tried_under_another() -> None:
    functions = {
        f"{module.__name__.rpartition('.')[2]}.{name}"
        for module in modules()
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
        if "airline_id" in inspect.signature(function).parameters
    }
    tried = {name.split()[0] for name in [*reads(), *writes()]}
    assert functions == tried | NOT_OF_AN_AIRLINE.keys()


@pytest.mark.parametrize("name", reads())
async def test_a_read_under_another_airline_finds_nothing(world: World, name: str) -> None:
    async with world.stores.postgres.transaction() as session:
        assert not await reads()[name](world, session)


@pytest.mark.parametrize("name", writes())
async def test_a_write_under_another_airline_changes_nothing_of_ours(world: World, name: str) -> None:
    before = await ours(world)
    async with rolled_back(world.stores) as session:
        await writes()[name](world, session)
        assert await ours(world, session) == before


async def ours(world: World, session: Session | None = None) -> Any:
    """All rows of our airline, in all stores."""
    records = session or world.stores.postgres
    rows = []
    for table in sorted(tenant_tables() - {"bag_legs", "pir_bags"}):
        rows += await records.fetch(f"SELECT * FROM {table} WHERE airline_id = $1 ORDER BY 1, 2, 3", OURS, name="OURS")
    for part, whole, key in (("bag_legs", "bags", "bag_id"), ("pir_bags", "pirs", "pir_id")):
        sql = f"SELECT {part}.* FROM {part} JOIN {whole} ON {whole}.id = {key} WHERE airline_id = $1 ORDER BY 1, 2"
        rows += await records.fetch(sql, OURS, name="OURS")
    counts = await world.stores.neo4j.execute_read(
        "MATCH (:Airport)-[r:ROUTE {airlineId: $id}]->() RETURN count(r) AS routes", {"id": OURS}, name="OURS"
    )
    return [tuple(row) for row in rows], counts
