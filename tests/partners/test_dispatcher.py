"""Effects from the records to the partners' mocks on the wire: each sent once and in order, under every fault."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from integrations.errors import Unavailable
from integrations.partners.breaker import Breaker
from integrations.partners.mail import SendGridMail
from integrations.partners.mocks import sendgrid, twilio, worldtracer
from integrations.partners.ports import SmsSender
from integrations.partners.sms import TwilioSms
from integrations.partners.worldtracer import WorldTracerClient
from integrations.records.deliveries import ConsentChange, DeliveryReport, DeliveryStatus
from integrations.records.effects import Effect, EffectReason, EffectState, Service, TracingCall, Trigger
from integrations.records.pirs import PirLink
from integrations.stores.postgres import effects, pirs
from integrations.stores.postgres.clock import DatabaseClock
from integrations.stores.postgres.manager import PostgresManager, Reader
from resolvers.notifications import case_file, delivery_reports
from resolvers.notifications.channels import Channel, MailChannel, SmsChannel, TracingChannel
from resolvers.notifications.partner_links import PartnerLink, PartnerLinks
from resolvers.rules.contact_hours import ContactRules
from resolvers.workers import dispatcher
from resolvers.workers.dispatcher import Dispatcher
from tests.partners.control import Control, controlled
from tests.world import INSTALLATION, OURS, SPARE

# Morning in São Paulo, where the passenger is.
START = datetime(2026, 3, 3, 15, tzinfo=UTC)
PHONE, ADDRESS = "+12025550147", "silva@example.com"

INSERT_PASSENGER = """
INSERT INTO passengers (airline_id, surname, given_names, search_name, language, phone, email)
VALUES ($1, 'Silva', 'Ana', 'SILVA/ANA', 'ES', $2, $3) RETURNING id
"""
RENAME_PASSENGER = """
UPDATE passengers SET surname = $2, given_names = $3 FROM pirs WHERE passengers.id = passenger_id AND pirs.id = $1
"""
INSERT_PIR = """
INSERT INTO pirs (airline_id, kind, status, station, destination, passenger_id, opened_at)
VALUES ($1, 'DELAYED', 'OPEN', 'GRU', 'GRU', $2, $3) RETURNING id
"""
INSERT_BAG = "INSERT INTO pir_bags (pir_id, seq, description, tag) VALUES ($1, 1, 'BK22RHW', '0230456782')"
INSERT_AIRPORT = """
INSERT INTO airports (iata, name, city, country, country_code, latitude, longitude, time_zone)
VALUES ('GRU', 'Guarulhos', 'São Paulo', 'Brazil', 'BR', 0, 0, 'America/Sao_Paulo') ON CONFLICT DO NOTHING
"""
PUBLISHED = "SELECT count(*) FROM changes WHERE airline_id = $1 AND topic = 'PIR' AND ids = ARRAY[$2::bigint]"
INSERT_AIRLINE = """
INSERT INTO airlines (id, designator, accounting_code, name, hub) VALUES ($1, 'YY', '999', 'Airline YY', 'PTY')
"""
FOLLOW = "UPDATE pirs SET previous_id = $2, link = $3 WHERE id = $1"
REASON = "UPDATE pirs SET reason_for_loss = '56', fault_station = 'GRU' WHERE id = $1"


class Clock:
    """Clock that moves only if a test advances it."""

    def __init__(self) -> None:
        self.now = START
        self.step = timedelta()

    def __call__(self) -> datetime:
        return self.now

    async def synchronise(self, _records: Reader) -> timedelta:
        """Stays as it is; returns the step that a test has ordered, once."""
        step, self.step = self.step, timedelta()
        return step

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


class Bench:
    """A PIR to send effects of, the mocks, and dispatchers that a test steps by hand."""

    def __init__(self, postgres: PostgresManager, mocks: dict[Service, Control], clock: Clock) -> None:
        self.postgres = postgres
        self.mocks = mocks
        self.clock = clock
        self.pir = 0
        self.workers: dict[Service, Dispatcher[Any]] = {}
        self._occurrence = 0
        self._closing = AsyncExitStack()

    async def open_pir(self, phone: str | None = PHONE, email: str | None = ADDRESS, airline_id: int = OURS) -> int:
        passenger = await self.postgres.fetchval(INSERT_PASSENGER, airline_id, phone, email, name="TEST")
        self.pir = await self.postgres.fetchval(INSERT_PIR, airline_id, passenger, self.clock(), name="TEST")
        await self.postgres.execute(INSERT_BAG, self.pir, name="TEST")
        return self.pir

    async def request(self, service: Service, action: str, **detail: Any) -> int:
        """Requests an effect of the PIR and returns its id."""
        self._occurrence += 1
        occurrence = str(self._occurrence)
        await effects.insert(self.postgres, OURS, service, self.pir, action, occurrence, detail, self.clock())
        return (await effects.of_pirs(self.postgres, OURS, [self.pir]))[-1].id

    async def effect(self, effect_id: int) -> Effect:
        return (await effects.by_id(self.postgres, OURS, [effect_id]))[effect_id]

    async def state(self, effect_id: int) -> tuple[str, str | None]:
        found = await self.effect(effect_id)
        return found.state, found.reason

    def worker(self, service: Service, **options: Any) -> Dispatcher[Any]:
        """A new dispatcher that replaces the last one of that service."""
        url, read_seconds = self.mocks[service].url, options.pop("read_seconds", 0.3)
        ports: dict[Service, Callable[[], Any]] = {
            Service.WORLDTRACER: lambda: WorldTracerClient(url, "key", "CM", read_seconds=read_seconds),
            Service.SMS: lambda: TwilioSms("AC1", "token", "+12025550100", url=url, read_seconds=read_seconds),
            Service.EMAIL: lambda: SendGridMail("key", "baggage@example.com", url=url, read_seconds=read_seconds),
        }
        port = ports[service]()
        self._closing.push_async_callback(port.close_connections)
        airline_id = options.pop("airline_id", OURS)
        link = PartnerLink(
            service, port, options.pop("fallback", None), Breaker(service.consumer), price_micros=50_000, **options
        )
        channels: dict[Service, Callable[[], Channel[Any]]] = {
            Service.WORLDTRACER: lambda: TracingChannel(link),
            Service.SMS: lambda: SmsChannel(link, ContactRules()),
            Service.EMAIL: lambda: MailChannel(link),
        }
        owner = f"worker {id(link)}"
        installation = replace(INSTALLATION, airline_id=airline_id)
        self.workers[service] = Dispatcher(self.postgres, installation, channels[service](), owner, self.clock)
        return self.workers[service]

    async def run_until_idle(self, service: Service) -> None:
        """Steps the service's dispatcher until nothing is due."""
        worker = self.workers.get(service) or self.worker(service)
        while await worker.step():
            await asyncio.gather(*worker.in_progress)

    async def close(self) -> None:
        await self._closing.aclose()

    async def texts(self) -> list[str]:
        """Texts that the mock of Twilio has taken."""
        return [one["body"] for one in await self._messages(Service.SMS)]

    async def mails(self) -> list[str]:
        return [one["subject"] for one in await self._messages(Service.EMAIL)]

    async def _messages(self, service: Service) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.mocks[service].client.get("/_mock/messages")).json()["messages"]
        return found

    async def calls(self, message: str) -> int:
        """How often WorldTracer received that message."""
        return sum(message in one["path"] for one in await self.mocks[Service.WORLDTRACER].received())


@pytest.fixture(scope="module")
async def postgres(migrated_url: str) -> AsyncIterator[PostgresManager]:
    manager = PostgresManager(migrated_url)
    await manager.connect()
    await manager.execute(INSERT_AIRPORT, name="TEST")
    await manager.execute(INSERT_AIRLINE, SPARE, name="TEST")
    yield manager
    await manager.disconnect()


@pytest.fixture
async def bench(postgres: PostgresManager) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        apps = {
            Service.WORLDTRACER: worldtracer.create_app(key="key"),
            Service.SMS: twilio.create_app(key="AC1:token"),
            Service.EMAIL: sendgrid.create_app(key="key"),
        }
        mocks = {service: await stack.enter_async_context(controlled(app)) for service, app in apps.items()}
        await postgres.execute(
            "TRUNCATE pirs, pir_bags, effects, sends, delivery_reports, consent_changes CASCADE", name="TEST"
        )
        await postgres.execute("UPDATE lanes SET owner = NULL, leased_until = '-infinity'", name="TEST")
        bench = Bench(postgres, mocks, Clock())
        stack.push_async_callback(bench.close)
        await bench.open_pir()
        yield bench


async def test_a_file_is_created_and_its_passenger_notified_in_spanish(bench: Bench) -> None:
    create = await bench.request(Service.WORLDTRACER, TracingCall.CREATE)
    sms = await bench.request(Service.SMS, Trigger.FILE_OPENED)
    email = await bench.request(Service.EMAIL, Trigger.FILE_OPENED)

    await bench.run_until_idle(Service.SMS)
    first_state = await bench.state(sms)
    await bench.run_until_idle(Service.WORLDTRACER)
    reference = (await pirs.by_id(bench.postgres, OURS, [bench.pir]))[bench.pir].reference
    bench.clock.advance(seconds=3)
    for service in (Service.SMS, Service.EMAIL):
        await bench.run_until_idle(service)

    assert first_state == (EffectState.PENDING, EffectReason.REFERENCE_AWAITED)
    assert reference is not None
    assert reference.startswith("GRUCM")
    created = await bench.effect(create)
    assert (created.state, created.provider_id, created.mock) == (EffectState.ACCEPTED, reference, True)
    assert [await bench.state(one) for one in (sms, email)] == [(EffectState.ACCEPTED, None)] * 2
    (text,) = await bench.texts()
    assert text.startswith("Copa: su equipaje CM456782")
    assert reference in text
    assert len(await bench.mails()) == 1
    (send,) = await effects.sends(bench.postgres, OURS, [sms])
    assert (send.recipient, send.outcome, send.units, send.cost_micros) == (PHONE, "ACCEPTED", 2, 100_000)


@pytest.mark.parametrize(
    ("surname", "given_names", "sent"),
    [
        ("Ødegård-Straße", "Åse", ["ODEGARDSTRASSE", "ASE"]),
        ("李", "明", ["LI", "MING"]),
        ("Мусоргский", "Модест", ["MUSORGSKIY", "MODEST"]),
        ("محمد", "علي", ["MHMD", "LY"]),
    ],
)
async def test_a_name_reaches_worldtracer_in_every_script(
    bench: Bench, surname: str, given_names: str, sent: list[str]
) -> None:
    await bench.postgres.execute(RENAME_PASSENGER, bench.pir, surname, given_names, name="TEST")
    case = await case_file.load(bench.postgres, INSTALLATION, bench.pir)
    assert case is not None
    passenger = case_file.passenger_data(case)
    assert [passenger.surname, passenger.given_names] == sent


async def test_each_change_of_an_effect_is_published(bench: Bench) -> None:
    """A repeated wait for the same reason is no change."""

    async def published() -> int:
        count: int = await bench.postgres.fetchval(PUBLISHED, OURS, bench.pir, name="TEST")
        return count

    sms = await bench.request(Service.SMS, Trigger.FILE_OPENED)
    counts = []
    for seconds in (0, 60, 30, 33):
        bench.clock.advance(seconds=seconds)
        await bench.run_until_idle(Service.SMS)
        counts.append(await published())
    sid = (await bench.effect(sms)).provider_id or ""
    report = DeliveryReport(Service.SMS, "r1", sid, None, DeliveryStatus.DELIVERED, bench.clock())
    await delivery_reports.receive_reports(bench.postgres, OURS, [report], bench.clock)

    assert counts == [1, 1, 1, 3], "waiting; being sent and accepted"
    assert await published() == 4


async def test_a_passenger_is_notified_without_a_reference_after_two_minutes(bench: Bench) -> None:
    sms = await bench.request(Service.SMS, Trigger.FILE_OPENED)
    bench.clock.advance(seconds=119)
    await bench.run_until_idle(Service.SMS)
    before = await bench.state(sms)
    bench.clock.advance(seconds=3)
    await bench.run_until_idle(Service.SMS)

    assert before == (EffectState.PENDING, EffectReason.REFERENCE_AWAITED)
    assert await bench.state(sms) == (EffectState.ACCEPTED, None)
    assert len(await bench.texts()) == 1


@pytest.mark.parametrize("kind", ["reset_after", "html", "late"])
async def test_an_unknown_outcome_is_settled_without_a_second_message(bench: Bench, kind: str) -> None:
    """Given a provider that takes a message but loses its response, when it is looked up, then it was sent once."""
    await _give_reference(bench)
    sms = await bench.request(Service.SMS, Trigger.BAG_LOCATED)
    more = {"seconds": 0.6} if kind == "late" else {}
    order = "latency" if kind == "late" else kind
    await bench.mocks[Service.SMS].order(order, match={"method": "POST"}, **more)
    await bench.run_until_idle(Service.SMS)
    unknown = await bench.state(sms)
    await asyncio.sleep(0.7 if kind == "late" else 0.0)
    bench.clock.advance(seconds=6)
    await bench.run_until_idle(Service.SMS)
    for _ in range(20):
        bench.clock.advance(seconds=6)
        await bench.run_until_idle(Service.SMS)

    assert unknown == (EffectState.UNSETTLED, EffectReason.OUTCOME_UNKNOWN)
    assert await bench.state(sms) == (EffectState.ACCEPTED, None)
    assert len(await bench.texts()) == 1


async def test_what_did_not_arrive_is_sent_again(bench: Bench) -> None:
    await _give_reference(bench)
    sms = await bench.request(Service.SMS, Trigger.BAG_LOCATED)
    await bench.mocks[Service.SMS].order("reset_before", match={"method": "POST"})
    await bench.run_until_idle(Service.SMS)
    bench.clock.advance(seconds=50)
    await bench.run_until_idle(Service.SMS)
    early = await bench.state(sms)
    bench.clock.advance(seconds=12)
    await bench.run_until_idle(Service.SMS)

    assert early == (EffectState.UNSETTLED, EffectReason.OUTCOME_UNKNOWN)
    assert await bench.state(sms) == (EffectState.ACCEPTED, None)
    assert len(await bench.texts()) == 1


async def test_a_file_whose_creation_has_no_response_is_found_and_not_created_twice(bench: Bench) -> None:
    create = await bench.request(Service.WORLDTRACER, TracingCall.CREATE)
    await bench.mocks[Service.WORLDTRACER].order("reset_after", match={"path": "*CreateRQ"})
    await bench.run_until_idle(Service.WORLDTRACER)
    unknown = await bench.state(create)
    bench.clock.advance(seconds=6)
    await bench.run_until_idle(Service.WORLDTRACER)

    assert unknown == (EffectState.UNSETTLED, EffectReason.OUTCOME_UNKNOWN)
    assert (await bench.effect(create)).state == EffectState.ACCEPTED
    assert await bench.calls("CreateRQ") == 1
    assert (await pirs.by_id(bench.postgres, OURS, [bench.pir]))[bench.pir].reference is not None


async def test_a_closure_whose_response_is_lost_is_closed(bench: Bench) -> None:
    await bench.request(Service.WORLDTRACER, TracingCall.CREATE)
    await bench.run_until_idle(Service.WORLDTRACER)
    await bench.postgres.execute(REASON, bench.pir, name="TEST")
    close = await bench.request(Service.WORLDTRACER, TracingCall.CLOSE)
    await bench.mocks[Service.WORLDTRACER].order("reset_after", match={"path": "*CloseRecordsRQ"})
    await bench.run_until_idle(Service.WORLDTRACER)
    bench.clock.advance(seconds=6)
    await bench.run_until_idle(Service.WORLDTRACER)

    assert await bench.state(close) == (EffectState.ACCEPTED, None)


async def test_a_file_without_the_mandatory_elements_stays_open(bench: Bench) -> None:
    await bench.request(Service.WORLDTRACER, TracingCall.CREATE)
    close = await bench.request(Service.WORLDTRACER, TracingCall.CLOSE)
    await bench.run_until_idle(Service.WORLDTRACER)

    assert await bench.state(close) == (EffectState.FAILED, EffectReason.INCOMPLETE)


async def test_an_email_of_unknown_outcome_waits_for_its_event(bench: Bench) -> None:
    await _give_reference(bench)
    taken, lost = [await bench.request(Service.EMAIL, Trigger.BAG_LOCATED) for _ in range(2)]
    await bench.mocks[Service.EMAIL].order("reset_after", match={"method": "POST"}, times=2)
    await bench.run_until_idle(Service.EMAIL)
    bench.clock.advance(minutes=3)
    key = (await bench.effect(taken)).our_key
    report = DeliveryReport(Service.EMAIL, "event-1", "id-1", key, DeliveryStatus.DELIVERED, bench.clock())
    await delivery_reports.receive_reports(bench.postgres, OURS, [report], bench.clock)
    settled = await bench.state(taken)
    for _ in range(4):
        bench.clock.advance(minutes=6)
        await bench.run_until_idle(Service.EMAIL)

    assert settled == (EffectState.DELIVERED, None)
    assert await bench.state(lost) == (EffectState.FAILED, EffectReason.OUTCOME_UNKNOWN)
    assert len(await bench.mails()) == 2, "each is sent once"


async def test_a_worker_that_dies_in_mid_call_is_replaced_by_one_that_looks_the_outcome_up(bench: Bench) -> None:
    """Given a send that never ends, when its time is over, then the next worker looks it up before it repeats."""
    await _give_reference(bench)
    sms = await bench.request(Service.SMS, Trigger.BAG_LOCATED)
    dying = bench.worker(Service.SMS)
    await bench.mocks[Service.SMS].order("latency", seconds=30, match={"method": "POST"})
    await dying.step()
    await asyncio.sleep(0.1)
    for task in dying.in_progress:
        task.cancel()
    await bench.postgres.execute("UPDATE lanes SET leased_until = '-infinity'", name="TEST")
    dead = await bench.state(sms)
    bench.worker(Service.SMS)
    bench.clock.advance(seconds=20)
    await bench.run_until_idle(Service.SMS)
    untouched = await bench.state(sms)
    for _ in range(9):
        bench.clock.advance(seconds=6)
        await bench.run_until_idle(Service.SMS)

    assert dead == untouched == (EffectState.SENDING, None)
    assert await bench.state(sms) == (EffectState.ACCEPTED, None)
    assert len(await bench.texts()) == 1


async def test_each_installation_on_a_database_sends_its_own_effects_at_once(bench: Bench) -> None:
    """Given dispatchers of two airlines on one database, neither waits for the lanes of the other."""
    ours = bench.worker(Service.SMS)
    await ours.step()
    theirs = bench.worker(Service.SMS, airline_id=SPARE)
    await theirs.step()
    requested: dict[int, list[int]] = {OURS: [], SPARE: []}
    for airline_id in (OURS, SPARE) * 8:  # consecutive ids lie in different lanes
        pir = await bench.open_pir(phone=f"+1202555{100 + bench.pir % 100:04}", airline_id=airline_id)
        await pirs.assign_reference(bench.postgres, airline_id, pir, f"GRUCM{pir:05}", bench.clock())
        await effects.insert(bench.postgres, airline_id, Service.SMS, pir, "BAG_LOCATED", "1", {}, bench.clock())
        requested[airline_id] += [one.id for one in await effects.of_pirs(bench.postgres, airline_id, [pir])]
    for worker in (ours, theirs):
        while await worker.step():
            await asyncio.gather(*worker.in_progress)

    for airline_id, ids in requested.items():
        found = await effects.by_id(bench.postgres, airline_id, ids)
        assert [found[one].state for one in ids] == [EffectState.ACCEPTED] * 8
    assert len(await bench.texts()) == 16


@pytest.mark.parametrize("service", list(Service))
async def test_an_unexpected_error_after_a_call_does_not_repeat_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, service: Service
) -> None:
    """Given an error of our own once the partner has taken a call, then its outcome is unknown and is looked up."""
    await (_give_reference(bench) if service is not Service.WORLDTRACER else asyncio.sleep(0))
    action = TracingCall.CREATE if service is Service.WORLDTRACER else Trigger.BAG_LOCATED
    effect_id = await bench.request(service, action)
    with monkeypatch.context() as patch:
        patch.setattr(Dispatcher, "_record", _broken)
        await bench.run_until_idle(service)
    unknown = await bench.state(effect_id)
    for _ in range(20):
        bench.clock.advance(minutes=1)
        await bench.run_until_idle(service)

    assert unknown == (EffectState.UNSETTLED, EffectReason.OUTCOME_UNKNOWN)
    assert "failed: KeyError at test_dispatcher.py" in caplog.text
    assert "an error of our own" not in caplog.text, "it may quote a passenger"
    assert len(await effects.sends(bench.postgres, OURS, [effect_id])) == 1
    settled = (EffectState.FAILED, EffectReason.OUTCOME_UNKNOWN) if service is Service.EMAIL else ("ACCEPTED", None)
    assert await bench.state(effect_id) == settled


async def test_an_unexpected_error_before_a_call_leaves_the_effect_pending(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _give_reference(bench)
    sms = await bench.request(Service.SMS, Trigger.BAG_LOCATED)
    with monkeypatch.context() as patch:
        patch.setattr(SmsChannel, "prepare", _broken)
        await bench.run_until_idle(Service.SMS)
    failed = await bench.effect(sms)
    bench.clock.advance(minutes=1)
    await bench.run_until_idle(Service.SMS)

    assert (failed.state, failed.tries, failed.due_at) == ("PENDING", 0, START + timedelta(minutes=1))
    assert await bench.state(sms) == (EffectState.ACCEPTED, None)


async def test_a_call_is_not_made_once_its_time_was_used_up_before(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a commit that takes as long as the call may, then the call is not made: another worker may look it up."""
    await _give_reference(bench)
    sms = await bench.request(Service.SMS, Trigger.BAG_LOCATED)
    monkeypatch.setattr(dispatcher, "CALL_SECONDS", 0.4)
    worker = bench.worker(Service.SMS)
    begin = worker._begin

    async def slow(*arguments: Any, **options: Any) -> int | None:
        begun = await begin(*arguments, **options)
        await asyncio.sleep(0.6)
        return begun

    monkeypatch.setattr(worker, "_begin", slow)
    await worker.step()
    await asyncio.gather(*worker.in_progress)

    assert await bench.texts() == []
    assert (await bench.effect(sms)).state in (EffectState.PENDING, EffectState.SENDING)


async def test_a_delayed_worker_does_not_overwrite_a_later_attempt(bench: Bench) -> None:
    await _give_reference(bench)
    sms = await bench.request(Service.SMS, Trigger.BAG_LOCATED)
    records, at = bench.postgres, bench.clock()
    await effects.mark_sending(records, OURS, sms, at)
    await effects.update_state(records, OURS, sms, EffectState.PENDING, due_at=at, tries=1)
    await effects.mark_sending(records, OURS, sms, at)
    delayed = await effects.update_state(records, OURS, sms, EffectState.PENDING, due_at=at, tries=1)

    assert not delayed
    assert await bench.state(sms) == (EffectState.SENDING, None)


async def test_dispatchers_follow_the_clock_of_the_database(bench: Bench) -> None:
    """Given a machine whose clock is wrong, times are the database's."""
    clock = DatabaseClock()
    clock._at += timedelta(hours=3)
    await clock.synchronise(bench.postgres)
    before = clock()
    now: datetime = await bench.postgres.fetchval("SELECT clock_timestamp()", name="TEST")
    await asyncio.sleep(0.05)

    assert before <= now
    assert timedelta(seconds=0.04) < clock() - before < timedelta(seconds=30)


async def test_a_step_of_the_databases_clock_is_noticed(bench: Bench) -> None:
    clock = DatabaseClock()
    first = await clock.synchronise(bench.postgres)
    steady = await clock.synchronise(bench.postgres)
    clock._at += timedelta(hours=1)
    back = await clock.synchronise(bench.postgres)

    assert first == timedelta()
    assert abs(steady) < timedelta(seconds=5)
    assert abs(back + timedelta(hours=1)) < timedelta(seconds=5)


async def test_each_dispatcher_of_a_process_notices_the_step(bench: Bench) -> None:
    links = PartnerLinks(
        worldtracer=bench.worker(Service.WORLDTRACER).link,
        sms=bench.worker(Service.SMS).link,
        email=bench.worker(Service.EMAIL).link,
        rules=ContactRules(),
    )
    clocks = [
        one.now
        for one in dispatcher.dispatchers(bench.postgres, INSTALLATION, links, "worker", None)
        if isinstance(one, Dispatcher)
    ]
    for clock in clocks:
        assert isinstance(clock, DatabaseClock)
        await clock.synchronise(bench.postgres)
        clock._at += timedelta(hours=1)
    steps = [await clock.synchronise(bench.postgres) for clock in clocks]

    assert len(steps) == 3
    assert all(step < timedelta(minutes=-59) for step in steps)


async def test_emails_that_cannot_be_looked_up_do_not_keep_the_breaker_closed(bench: Bench) -> None:
    """Given a SendGrid that fails each email, when earlier ones are settled in between, then the breaker opens."""
    await bench.mocks[Service.EMAIL].order("status", status=500, times=None, match={"method": "POST"})
    for _ in range(3):
        await bench.open_pir()
        await _give_reference(bench)
        await bench.request(Service.EMAIL, Trigger.BAG_LOCATED)
        await bench.run_until_idle(Service.EMAIL)
        bench.clock.advance(seconds=6)
        await bench.run_until_idle(Service.EMAIL)

    assert bench.workers[Service.EMAIL].link.breaker.snapshot().state == "OPEN"


async def test_an_effect_is_due_by_the_databases_clock(bench: Bench) -> None:
    """Given a gateway whose clock is an hour ahead or behind, then its effects are due at once."""
    ids = []
    now = datetime.now(UTC)
    for hours in (1, -1):
        bench.clock.now = now + timedelta(hours=hours)
        ids.append(await bench.request(Service.SMS, Trigger.BAG_LOCATED))
    ahead, behind = [await bench.effect(effect_id) for effect_id in ids]

    assert abs(ahead.due_at - now) < timedelta(minutes=1)
    assert ahead.created_at == ahead.due_at
    assert behind.due_at == now - timedelta(hours=1)


async def _step_clock(bench: Bench, service: Service, hours: float) -> None:
    """Steps the database's clock, as the service's dispatcher sees it at its next renewal."""
    bench.clock.advance(hours=hours)
    bench.clock.step = timedelta(hours=hours)
    bench.workers[service]._leased_at = float("-inf")
    await bench.run_until_idle(service)


async def test_after_the_clock_stepped_back_nothing_waits_for_the_old_time(bench: Bench) -> None:
    """Given an SMS that waits for its next attempt, when the clock steps back by an hour, it is sent a minute later."""
    await _give_reference(bench)
    sms = await bench.request(Service.SMS, Trigger.BAG_LOCATED)
    await bench.mocks[Service.SMS].order("status", status=503, match={"method": "POST"})
    await bench.run_until_idle(Service.SMS)
    await _step_clock(bench, Service.SMS, -1)
    waiting = await bench.effect(sms)
    bench.workers[Service.SMS]._paused_until = float("-inf")
    bench.clock.advance(seconds=61)
    await bench.run_until_idle(Service.SMS)

    assert waiting.due_at <= bench.clock()
    assert await bench.state(sms) == (EffectState.ACCEPTED, None)


async def test_after_the_clock_stepped_no_outcome_is_judged_for_a_minute(bench: Bench) -> None:
    """Given an SMS with unknown outcome, when the clock steps forward by an hour, it is not sent again at once."""
    await _give_reference(bench)
    sms = await bench.request(Service.SMS, Trigger.BAG_LOCATED)
    await bench.mocks[Service.SMS].order("reset_before", match={"method": "POST"})
    await bench.run_until_idle(Service.SMS)
    await _step_clock(bench, Service.SMS, 1)
    stepped = await bench.state(sms)
    bench.workers[Service.SMS]._paused_until = float("-inf")
    await bench.run_until_idle(Service.SMS)

    assert stepped == (EffectState.UNSETTLED, EffectReason.OUTCOME_UNKNOWN)
    assert await bench.state(sms) == (EffectState.ACCEPTED, None)
    assert len(await bench.texts()) == 1


async def _broken(*_arguments: Any, **_options: Any) -> None:
    raise KeyError("an error of our own")


async def test_effects_of_a_file_are_sent_in_order(bench: Bench) -> None:
    create = await bench.request(Service.WORLDTRACER, TracingCall.CREATE)
    update = await bench.request(Service.WORLDTRACER, TracingCall.UPDATE)
    await bench.mocks[Service.WORLDTRACER].order("status", status=503, match={"path": "*CreateRQ"})
    await bench.run_until_idle(Service.WORLDTRACER)
    first = [await bench.state(one) for one in (create, update)]
    bench.clock.advance(minutes=1)
    await bench.run_until_idle(Service.WORLDTRACER)

    assert first == [(EffectState.PENDING, EffectReason.PARTNER_AWAY), (EffectState.PENDING, None)]
    assert [await bench.state(one) for one in (create, update)] == [(EffectState.ACCEPTED, None)] * 2
    paths = [one["path"] for one in await bench.mocks[Service.WORLDTRACER].received()]
    assert [path.rpartition("WTR_")[2] for path in paths] == [
        "DelayedBagsCreateRQ",
        "DelayedBagsCreateRQ",
        "DelayedBagsRecUpdateRQ",
    ]


async def test_a_recreated_file_is_created_after_the_last_call_about_the_closed_one(bench: Bench) -> None:
    """Given all calls due at once and a closing that does not arrive, when they leave, then none is rejected."""
    old = bench.pir
    await bench.postgres.execute(REASON, old, name="TEST")
    calls = [await bench.request(Service.WORLDTRACER, call) for call in (TracingCall.CREATE, TracingCall.CLOSE)]
    new = await bench.open_pir()
    await bench.postgres.execute(FOLLOW, new, old, PirLink.RECREATED, name="TEST")
    calls.append(await bench.request(Service.WORLDTRACER, TracingCall.CREATE))
    await bench.mocks[Service.WORLDTRACER].order("reset_before", match={"path": "*CloseRecordsRQ"})

    await bench.run_until_idle(Service.WORLDTRACER)
    first_states = [(await bench.effect(call)).state for call in calls]
    bench.clock.advance(seconds=6)
    await bench.run_until_idle(Service.WORLDTRACER)

    assert first_states == [EffectState.ACCEPTED, EffectState.UNSETTLED, EffectState.PENDING]
    assert [await bench.state(call) for call in calls] == [(EffectState.ACCEPTED, None)] * 3
    found = await pirs.by_id(bench.postgres, OURS, [old, new])
    reference = found[new].reference
    assert reference is not None
    file = await bench.workers[Service.WORLDTRACER].link.port.get_pir_status(reference)
    assert file.recreated_from == found[old].reference


async def test_a_damage_file_that_follows_a_closed_one_does_not_wait_for_it(bench: Bench) -> None:
    old = bench.pir
    await bench.request(Service.WORLDTRACER, TracingCall.CREATE)
    await bench.mocks[Service.WORLDTRACER].order("reset_after", match={"path": "*CreateRQ"})
    await bench.run_until_idle(Service.WORLDTRACER)
    new = await bench.open_pir()
    await bench.postgres.execute(FOLLOW, new, old, PirLink.DAMAGE_OF, name="TEST")
    create = await bench.request(Service.WORLDTRACER, TracingCall.CREATE)
    await bench.run_until_idle(Service.WORLDTRACER)

    assert await bench.state(create) == (EffectState.ACCEPTED, None)


async def test_an_unavailable_partner_opens_the_breaker_and_nothing_is_lost(bench: Bench) -> None:
    await _give_reference(bench)
    await bench.mocks[Service.SMS].order("status", status=503, times=3)
    ids = []
    for number in range(6):  # a passenger gets no more than a few messages a day
        await bench.open_pir(phone=f"+120255501{50 + number}")
        await _give_reference(bench)
        ids.append(await bench.request(Service.SMS, Trigger.BAG_LOCATED))
    worker = bench.worker(Service.SMS)
    await bench.run_until_idle(Service.SMS)
    resting = worker.link.retry_after()
    counts = await bench.mocks[Service.SMS].counts()
    worker = bench.worker(Service.SMS)  # a minute later
    await bench.postgres.execute("UPDATE lanes SET leased_until = '-infinity'", name="TEST")
    bench.clock.advance(minutes=1)
    await bench.run_until_idle(Service.SMS)

    assert resting > 50
    assert counts["injected"] == {"status": 3}
    assert {await bench.state(one) for one in ids} == {(EffectState.ACCEPTED, None)}
    assert len(await bench.texts()) == 6


async def test_the_fallback_mock_takes_effects_of_an_unavailable_partner_and_is_labelled(bench: Bench) -> None:
    await _give_reference(bench)
    nowhere = TwilioSms("AC1", "token", "+12025550100", url="http://127.0.0.1:9", read_seconds=0.3)
    fallback = TwilioSms("AC1", "token", "+12025550100", url=bench.mocks[Service.SMS].url, mock=True)
    breaker = Breaker("sms")
    link: PartnerLink[SmsSender] = PartnerLink(Service.SMS, nowhere, fallback, breaker)
    channel = SmsChannel(link, ContactRules())
    bench.workers[Service.SMS] = Dispatcher(bench.postgres, INSTALLATION, channel, "with a fallback", bench.clock)
    sms = await bench.request(Service.SMS, Trigger.BAG_LOCATED)
    for _ in range(4):
        await bench.run_until_idle(Service.SMS)
        bench.clock.advance(minutes=5)
    await asyncio.gather(nowhere.close_connections(), fallback.close_connections())

    found = await bench.effect(sms)
    assert (found.state, found.mock) == (EffectState.ACCEPTED, True)
    assert [one.outcome for one in await effects.sends(bench.postgres, OURS, [sms])] == ["UNREACHED"] * 3 + ["ACCEPTED"]


async def test_the_rate_limit_of_ten_a_minute_delays_the_others(bench: Bench) -> None:
    for _ in range(12):
        await bench.open_pir(phone=None)
        await bench.postgres.execute(
            "UPDATE pirs SET phone = $2 WHERE id = $1", bench.pir, f"+1202555{bench.pir % 100:04}", name="TEST"
        )
        await _give_reference(bench)
        await bench.request(Service.SMS, Trigger.BAG_LOCATED)
    bench.worker(Service.SMS, max_per_minute=10)
    await bench.run_until_idle(Service.SMS)
    first = len(await bench.texts())
    bench.worker(Service.SMS, max_per_minute=10)
    await bench.postgres.execute("UPDATE lanes SET leased_until = '-infinity'", name="TEST")
    bench.clock.advance(seconds=30)
    await bench.run_until_idle(Service.SMS)
    after_half_a_minute = len(await bench.texts())
    bench.worker(Service.SMS, max_per_minute=10)
    await bench.postgres.execute("UPDATE lanes SET leased_until = '-infinity'", name="TEST")
    bench.clock.advance(seconds=31)
    await bench.run_until_idle(Service.SMS)

    assert (first, after_half_a_minute, len(await bench.texts())) == (10, 10, 12)


@pytest.mark.parametrize(
    ("phone", "state", "reason"),
    [
        (None, EffectState.SUPPRESSED, EffectReason.NO_CONTACT),
        ("call me", EffectState.FAILED, EffectReason.INVALID_CONTACT),
    ],
)
async def test_a_passenger_without_a_usable_contact(
    bench: Bench, phone: str | None, state: EffectState, reason: EffectReason
) -> None:
    await bench.open_pir(phone=phone)
    sms = await bench.request(Service.SMS, Trigger.BAG_LOCATED)
    await bench.run_until_idle(Service.SMS)

    assert await bench.state(sms) == (state, reason)
    assert await bench.texts() == []


async def test_an_opted_out_passenger_is_not_notified(bench: Bench) -> None:
    await _give_reference(bench)
    stop = ConsentChange(Service.SMS, "SM1", PHONE, opted_out=True, at=bench.clock())
    await delivery_reports.receive_reports(bench.postgres, OURS, [stop], bench.clock)
    sms = await bench.request(Service.SMS, Trigger.BAG_LOCATED)
    await bench.run_until_idle(Service.SMS)
    stopped = await bench.state(sms)
    bench.clock.advance(seconds=1)
    start = ConsentChange(Service.SMS, "SM2", PHONE, opted_out=False, at=bench.clock())
    await delivery_reports.receive_reports(bench.postgres, OURS, [start], bench.clock)
    again = await bench.request(Service.SMS, Trigger.BAG_FORWARDED)
    await bench.run_until_idle(Service.SMS)

    assert stopped == (EffectState.SUPPRESSED, EffectReason.OPTED_OUT)
    assert await bench.state(again) == (EffectState.ACCEPTED, None)


async def test_quiet_hours_at_an_unknown_airport_are_those_of_utc(bench: Bench) -> None:
    """``docs/DOMAIN.md#rule-13``: the zone of the passenger is not known, so 23:00 in UTC is night."""
    await _give_reference(bench)
    await bench.postgres.execute("UPDATE pirs SET destination = 'QQS' WHERE id = $1", bench.pir, name="TEST")
    bench.clock.advance(hours=8)  # 23:00 in UTC, 20:00 in São Paulo
    sms = await bench.request(Service.SMS, Trigger.BAG_LOCATED)
    await bench.run_until_idle(Service.SMS)
    at_night = await bench.effect(sms)
    bench.clock.advance(hours=8)
    await bench.run_until_idle(Service.SMS)

    assert (at_night.state, at_night.reason) == (EffectState.PENDING, EffectReason.QUIET_HOURS)
    assert at_night.due_at == START + timedelta(hours=16)  # 07:00
    assert await bench.state(sms) == (EffectState.ACCEPTED, None)


async def test_quiet_hours_delay_a_message_until_morning(bench: Bench) -> None:
    await _give_reference(bench)
    bench.clock.advance(hours=11)  # 23:00 in São Paulo
    sms = await bench.request(Service.SMS, Trigger.BAG_LOCATED)
    await bench.run_until_idle(Service.SMS)
    at_night = await bench.effect(sms)
    bench.clock.advance(hours=8)
    await bench.run_until_idle(Service.SMS)

    assert (at_night.state, at_night.reason) == (EffectState.PENDING, EffectReason.QUIET_HOURS)
    assert at_night.due_at == START + timedelta(hours=19)  # 07:00
    assert await bench.state(sms) == (EffectState.ACCEPTED, None)


async def test_the_daily_cap_holds_for_files_that_are_due_at_the_same_time(bench: Bench) -> None:
    requested = []
    for _ in range(8):
        await bench.open_pir()
        await _give_reference(bench)
        requested.append(await bench.request(Service.SMS, Trigger.BAG_LOCATED))
    bench.worker(Service.SMS, read_seconds=10)
    await bench.mocks[Service.SMS].order("latency", seconds=2, times=5, match={"method": "POST"})
    await bench.run_until_idle(Service.SMS)
    states = [await bench.state(sms) for sms in requested]

    assert (
        sorted(states) == [(EffectState.ACCEPTED, None)] * 5 + [(EffectState.PENDING, EffectReason.PASSENGER_CAP)] * 3
    )
    assert len(await bench.texts()) == 5
    bench.clock.advance(hours=19)  # 07:00 of the next day
    await bench.run_until_idle(Service.SMS)
    assert len(await bench.texts()) == 8


@pytest.mark.parametrize("reverse", [False, True])
async def test_reports_count_once_in_any_order(bench: Bench, reverse: bool) -> None:
    await _give_reference(bench)
    sms = await bench.request(Service.SMS, Trigger.BAG_LOCATED)
    await bench.run_until_idle(Service.SMS)
    sid = (await bench.effect(sms)).provider_id
    assert sid is not None
    reports = [
        DeliveryReport(Service.SMS, f"{sid}-{status}", sid, None, status, bench.clock() + timedelta(seconds=second))
        for second, status in enumerate((DeliveryStatus.QUEUED, DeliveryStatus.SENT, DeliveryStatus.DELIVERED))
    ] * 2
    await delivery_reports.receive_reports(bench.postgres, OURS, reports[::-1] if reverse else reports, bench.clock)

    assert await bench.state(sms) == (EffectState.DELIVERED, None)


@pytest.mark.parametrize("service", [Service.SMS, Service.EMAIL])
@pytest.mark.parametrize("late", ["before it is sent", "before its report", "after its report"])
async def test_a_report_counts_for_the_message_that_it_names(bench: Bench, service: Service, late: str) -> None:
    """Given a message that failed and was sent again, a late report on the first one does not fail the second one.

    Both messages have the same key of ours.
    """
    await _give_reference(bench)
    effect_id = await bench.request(service, Trigger.BAG_LOCATED)
    await bench.run_until_idle(service)
    first = (await bench.effect(effect_id)).provider_id or ""
    await _report(bench, effect_id, first, DeliveryStatus.UNDELIVERED, "first try")
    failed = await bench.state(effect_id)
    await effects.resend(bench.postgres, OURS, effect_id, bench.clock())
    bench.clock.advance(seconds=1)
    if late == "before it is sent":
        await _report(bench, effect_id, first, DeliveryStatus.FAILED, late)
    await bench.run_until_idle(service)
    sent_again = await bench.state(effect_id)
    second = (await bench.effect(effect_id)).provider_id or ""
    if late == "before its report":
        await _report(bench, effect_id, first, DeliveryStatus.FAILED, late)
    await _report(bench, effect_id, second, DeliveryStatus.DELIVERED, "second")
    bench.clock.advance(seconds=1)
    if late == "after its report":
        await _report(bench, effect_id, first, DeliveryStatus.FAILED, late)

    assert failed == (EffectState.FAILED, EffectReason.UNDELIVERED)
    assert sent_again == (EffectState.ACCEPTED, None)
    assert first != second
    assert await bench.state(effect_id) == (EffectState.DELIVERED, None)
    assert len(await effects.sends(bench.postgres, OURS, [effect_id])) == 2


@pytest.mark.parametrize("late", [False, True], ids=["before the second attempt", "during the second attempt"])
async def test_a_report_on_the_first_message_does_not_settle_an_unknown_second_one(bench: Bench, late: bool) -> None:
    await _give_reference(bench)
    email = await bench.request(Service.EMAIL, Trigger.BAG_LOCATED)
    await bench.run_until_idle(Service.EMAIL)
    first = (await bench.effect(email)).provider_id or ""
    await _report(bench, email, first, DeliveryStatus.BOUNCED, "1")
    await effects.resend(bench.postgres, OURS, email, bench.clock())
    await bench.mocks[Service.EMAIL].order("reset_after", match={"method": "POST"})
    await bench.run_until_idle(Service.EMAIL)
    if late:
        await _report(bench, email, first, DeliveryStatus.FAILED, "2")
    bench.clock.advance(minutes=1)
    await bench.run_until_idle(Service.EMAIL)
    unknown = await bench.state(email)
    await _report(bench, email, "second", DeliveryStatus.DELIVERED, "3")

    assert unknown == (EffectState.UNSETTLED, EffectReason.OUTCOME_UNKNOWN)
    assert await bench.state(email) == (EffectState.DELIVERED, None)


@pytest.mark.parametrize("service", [Service.SMS, Service.EMAIL])
async def test_a_late_report_on_the_first_of_two_unknown_attempts_does_not_settle_the_second(
    bench: Bench, service: Service
) -> None:
    """Given two attempts without a response, then a report settles the one whose key it has."""
    await _give_reference(bench)
    effect_id = await bench.request(service, Trigger.BAG_LOCATED)
    await bench.mocks[service].order("reset_before", match={"method": "POST"}, times=2)
    await bench.run_until_idle(service)
    if service is Service.EMAIL:
        await _give_up(bench, effect_id)
    else:
        bench.clock.advance(seconds=61)
    await bench.run_until_idle(service)
    first, second = await effects.sends(bench.postgres, OURS, [effect_id])
    await _report_by_key(bench, effect_id, first.id, "one", DeliveryStatus.BOUNCED)
    after_first = await bench.state(effect_id)
    await _report_by_key(bench, effect_id, second.id, "two", DeliveryStatus.DELIVERED)

    assert after_first == (EffectState.UNSETTLED, EffectReason.OUTCOME_UNKNOWN)
    assert await bench.state(effect_id) == (EffectState.DELIVERED, None)
    assert (await bench.effect(effect_id)).provider_id == "two"


async def test_a_bounce_that_names_no_message_counts_for_the_attempt_of_its_key(bench: Bench) -> None:
    await _give_reference(bench)
    email = await bench.request(Service.EMAIL, Trigger.BAG_LOCATED)
    await bench.mocks[Service.EMAIL].order("reset_before", match={"method": "POST"})
    await bench.run_until_idle(Service.EMAIL)
    await _give_up(bench, email)
    await bench.run_until_idle(Service.EMAIL)
    first, second = await effects.sends(bench.postgres, OURS, [email])
    states = []
    for send_id in (first.id, None, second.id):
        await _report_by_key(bench, email, send_id, "", DeliveryStatus.BOUNCED)
        states.append(await bench.state(email))

    assert states[:2] == [(EffectState.ACCEPTED, None)] * 2, "the first attempt, and a key that both could share"
    assert states[2] == (EffectState.FAILED, EffectReason.BOUNCED)


async def test_a_bounce_of_an_earlier_version_counts_for_its_only_attempt(bench: Bench) -> None:
    await _give_reference(bench)
    email = await bench.request(Service.EMAIL, Trigger.BAG_LOCATED)
    await bench.run_until_idle(Service.EMAIL)
    await _report_by_key(bench, email, None, "", DeliveryStatus.BOUNCED)

    assert await bench.state(email) == (EffectState.FAILED, EffectReason.BOUNCED)


@pytest.mark.parametrize(
    ("service", "port", "call"), [(Service.SMS, TwilioSms, "send_sms"), (Service.EMAIL, SendGridMail, "send_email")]
)
async def test_each_attempt_has_a_key_of_its_own(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, service: Service, port: type, call: str
) -> None:
    await _give_reference(bench)
    effect_id = await bench.request(service, Trigger.BAG_LOCATED)
    keys: list[str] = []

    async def unavailable(*_arguments: Any, our_key: str, **_options: Any) -> None:
        keys.append(our_key)
        raise Unavailable("partner", "HTTP 503")

    monkeypatch.setattr(port, call, unavailable)
    for _ in range(2):
        await bench.run_until_idle(service)
        bench.clock.advance(minutes=6)
    effect, sends = await bench.effect(effect_id), await effects.sends(bench.postgres, OURS, [effect_id])

    assert keys == [effect.key_of_attempt(send.id) for send in sends]
    assert len(set(keys)) == 2


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_a_bounce_of_the_second_of_its_delivery_counts(bench: Bench, order: tuple[int, ...]) -> None:
    """SendGrid's timestamps have seconds; a bounce follows the delivery that it takes back."""
    await _give_reference(bench)
    email = await bench.request(Service.EMAIL, Trigger.BAG_LOCATED)
    await bench.run_until_idle(Service.EMAIL)
    message = (await bench.effect(email)).provider_id or ""
    statuses = (DeliveryStatus.QUEUED, DeliveryStatus.DELIVERED, DeliveryStatus.BOUNCED)
    for place in order:
        await _report(bench, email, message, statuses[place], str(place))

    assert await bench.state(email) == (EffectState.FAILED, EffectReason.BOUNCED)


async def _report(bench: Bench, effect_id: int, message: str, status: DeliveryStatus, report_id: str) -> None:
    """A report on a message, with our key as providers return it."""
    effect = await bench.effect(effect_id)
    report = DeliveryReport(Service(effect.service), report_id, message, effect.our_key, status, bench.clock())
    await delivery_reports.receive_reports(bench.postgres, OURS, [report], bench.clock)


async def _report_by_key(
    bench: Bench, effect_id: int, send_id: int | None, message: str, status: DeliveryStatus
) -> None:
    """A report with the key of an attempt; None for the key that the attempts of an earlier version shared."""
    effect = await bench.effect(effect_id)
    key = effect.our_key if send_id is None else effect.key_of_attempt(send_id)
    bench.clock.advance(seconds=1)
    report = DeliveryReport(Service(effect.service), f"{key}:{status}", message, key, status, bench.clock())
    await delivery_reports.receive_reports(bench.postgres, OURS, [report], bench.clock)


async def _give_up(bench: Bench, email: int) -> None:
    """Waits until an email of unknown outcome has failed, and sends it again."""
    for _ in range(4):
        bench.clock.advance(minutes=6)
        await bench.run_until_idle(Service.EMAIL)
    assert await bench.state(email) == (EffectState.FAILED, EffectReason.OUTCOME_UNKNOWN)
    await effects.resend(bench.postgres, OURS, email, bench.clock())


async def _give_reference(bench: Bench) -> None:
    reference = f"GRUCM{bench.pir:05}"
    await pirs.assign_reference(bench.postgres, OURS, bench.pir, reference, bench.clock())
