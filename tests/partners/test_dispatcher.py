"""Effects from the records to the partners' mocks on the wire: once each, in order, whatever happens on the way."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.partners.breaker import Breaker
from integrations.partners.mail import SendGridMail
from integrations.partners.mocks import sendgrid, twilio, worldtracer
from integrations.partners.ports import SmsSender
from integrations.partners.sms import TwilioSms
from integrations.partners.worldtracer import WorldTracerClient
from integrations.records.deliveries import ConsentChange, DeliveryReport, DeliveryStatus
from integrations.records.effects import Effect, EffectReason, EffectState, Service, TracingCall, Trigger
from integrations.stores.postgres import effects, pirs
from integrations.stores.postgres.manager import PostgresManager
from resolvers.notifications import delivery_reports
from resolvers.notifications.channels import Channel, MailChannel, SmsChannel, TracingChannel
from resolvers.notifications.partner_links import PartnerLink
from resolvers.rules.contact_hours import ContactRules
from resolvers.workers.dispatcher import Dispatcher
from tests.partners.control import Control, controlled
from tests.world import INSTALLATION, OURS

# In the morning in São Paulo, where the passenger is.
START = datetime(2026, 3, 3, 15, tzinfo=UTC)
PHONE, ADDRESS = "+12025550147", "silva@example.com"

INSERT_PASSENGER = """
INSERT INTO passengers (airline_id, surname, given_names, search_name, language, phone, email)
VALUES ($1, 'Silva', 'Ana', 'SILVA/ANA', 'ES', $2, $3) RETURNING id
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
REASON = "UPDATE pirs SET reason_for_loss = '56', fault_station = 'GRU' WHERE id = $1"


class Clock:
    """Stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.moment = START

    def __call__(self) -> datetime:
        return self.moment

    def later(self, **by: float) -> None:
        self.moment += timedelta(**by)


class Office:
    """A file to send about, the mocks, and dispatchers that a test steps by hand."""

    def __init__(self, postgres: PostgresManager, mocks: dict[Service, Control], clock: Clock) -> None:
        self.postgres = postgres
        self.mocks = mocks
        self.clock = clock
        self.pir = 0
        self.workers: dict[Service, Dispatcher[Any]] = {}
        self._occurrence = 0
        self._closing = AsyncExitStack()

    async def open_file(self, phone: str | None = PHONE, email: str | None = ADDRESS) -> int:
        passenger = await self.postgres.fetchval(INSERT_PASSENGER, OURS, phone, email, name="TEST")
        self.pir = await self.postgres.fetchval(INSERT_PIR, OURS, passenger, self.clock(), name="TEST")
        await self.postgres.execute(INSERT_BAG, self.pir, name="TEST")
        return self.pir

    async def ask(self, service: Service, action: str, **detail: Any) -> int:
        """Asks for an effect of the file; answers its id."""
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
        """A new dispatcher in the place of the last one of that service."""
        url, read_seconds = self.mocks[service].url, options.pop("read_seconds", 0.3)
        ports: dict[Service, Callable[[], Any]] = {
            Service.WORLDTRACER: lambda: WorldTracerClient(url, "key", "CM", read_seconds=read_seconds),
            Service.SMS: lambda: TwilioSms("AC1", "token", "+12025550100", url=url, read_seconds=read_seconds),
            Service.EMAIL: lambda: SendGridMail("key", "baggage@example.com", url=url, read_seconds=read_seconds),
        }
        port = ports[service]()
        self._closing.push_async_callback(port.close_connections)
        link = PartnerLink(
            service, port, options.pop("fallback", None), Breaker(service.consumer), price_micros=50_000, **options
        )
        channels: dict[Service, Callable[[], Channel[Any]]] = {
            Service.WORLDTRACER: lambda: TracingChannel(link),
            Service.SMS: lambda: SmsChannel(link, ContactRules()),
            Service.EMAIL: lambda: MailChannel(link),
        }
        owner = f"worker {id(link)}"
        self.workers[service] = Dispatcher(self.postgres, INSTALLATION, channels[service](), owner, self.clock)
        return self.workers[service]

    async def work(self, service: Service) -> None:
        """Steps the service's dispatcher until nothing is due any more."""
        worker = self.workers.get(service) or self.worker(service)
        while await worker.step():
            await asyncio.gather(*worker.under_way)

    async def close(self) -> None:
        await self._closing.aclose()

    async def texts(self) -> list[str]:
        """What passengers were sent, by the judge's own list."""
        return [one["body"] for one in await self._messages(Service.SMS)]

    async def mails(self) -> list[str]:
        return [one["subject"] for one in await self._messages(Service.EMAIL)]

    async def _messages(self, service: Service) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.mocks[service].client.get("/_mock/messages")).json()["messages"]
        return found

    async def calls(self, message: str) -> int:
        """How often WorldTracer was asked for that."""
        return sum(message in one["path"] for one in await self.mocks[Service.WORLDTRACER].received())


@pytest.fixture(scope="module")
async def postgres(migrated_url: str) -> AsyncIterator[PostgresManager]:
    manager = PostgresManager(migrated_url)
    await manager.connect()
    await manager.execute(INSERT_AIRPORT, name="TEST")
    yield manager
    await manager.disconnect()


@pytest.fixture
async def office(postgres: PostgresManager) -> AsyncIterator[Office]:
    async with AsyncExitStack() as stack:
        apps = {
            Service.WORLDTRACER: worldtracer.create_app(key="key"),
            Service.SMS: twilio.create_app(key="AC1:token"),
            Service.EMAIL: sendgrid.create_app(key="key"),
        }
        mocks = {service: await stack.enter_async_context(controlled(app)) for service, app in apps.items()}
        await postgres.execute(
            "TRUNCATE pirs, pir_bags, effects, sends, delivery_reports, opt_outs CASCADE", name="TEST"
        )
        await postgres.execute("UPDATE lanes SET owner = NULL, leased_until = '-infinity'", name="TEST")
        office = Office(postgres, mocks, Clock())
        stack.push_async_callback(office.close)
        await office.open_file()
        yield office


async def test_a_file_is_made_and_its_passenger_told_in_spanish(office: Office) -> None:
    create = await office.ask(Service.WORLDTRACER, TracingCall.CREATE)
    sms = await office.ask(Service.SMS, Trigger.FILE_OPENED)
    email = await office.ask(Service.EMAIL, Trigger.FILE_OPENED)

    await office.work(Service.SMS)
    waiting = await office.state(sms)
    await office.work(Service.WORLDTRACER)
    reference = (await pirs.by_id(office.postgres, OURS, [office.pir]))[office.pir].reference
    office.clock.later(seconds=3)
    for service in (Service.SMS, Service.EMAIL):
        await office.work(service)

    assert waiting == (EffectState.PENDING, EffectReason.REFERENCE_AWAITED)
    assert reference is not None
    assert reference.startswith("GRUCM")
    made = await office.effect(create)
    assert (made.state, made.provider_id, made.mock) == (EffectState.ACCEPTED, reference, True)
    assert [await office.state(one) for one in (sms, email)] == [(EffectState.ACCEPTED, None)] * 2
    (text,) = await office.texts()
    assert text.startswith("Copa: su equipaje CM456782")
    assert reference in text
    assert len(await office.mails()) == 1
    (send,) = await effects.sends(office.postgres, OURS, [sms])
    assert (send.recipient, send.outcome, send.units, send.cost_micros) == (PHONE, "ACCEPTED", 2, 100_000)


async def test_a_passenger_is_told_without_a_reference_after_two_minutes(office: Office) -> None:
    sms = await office.ask(Service.SMS, Trigger.FILE_OPENED)
    office.clock.later(seconds=119)
    await office.work(Service.SMS)
    before = await office.state(sms)
    office.clock.later(seconds=3)
    await office.work(Service.SMS)

    assert before == (EffectState.PENDING, EffectReason.REFERENCE_AWAITED)
    assert await office.state(sms) == (EffectState.ACCEPTED, None)
    assert len(await office.texts()) == 1


@pytest.mark.parametrize("kind", ["reset_after", "html", "late"])
async def test_an_unknown_outcome_is_settled_and_nobody_is_told_twice(office: Office, kind: str) -> None:
    """Given a provider that takes a message and whose reply is lost, when it is asked, then it is one message."""
    await _give_reference(office)
    sms = await office.ask(Service.SMS, Trigger.BAG_LOCATED)
    more = {"seconds": 0.6} if kind == "late" else {}
    order = "latency" if kind == "late" else kind
    await office.mocks[Service.SMS].order(order, match={"method": "POST"}, **more)
    await office.work(Service.SMS)
    unknown = await office.state(sms)
    await asyncio.sleep(0.7 if kind == "late" else 0.0)
    office.clock.later(seconds=6)
    await office.work(Service.SMS)
    for _ in range(20):
        office.clock.later(seconds=6)
        await office.work(Service.SMS)

    assert unknown == (EffectState.UNSETTLED, EffectReason.OUTCOME_UNKNOWN)
    assert await office.state(sms) == (EffectState.ACCEPTED, None)
    assert len(await office.texts()) == 1


async def test_what_did_not_arrive_is_sent_again(office: Office) -> None:
    await _give_reference(office)
    sms = await office.ask(Service.SMS, Trigger.BAG_LOCATED)
    await office.mocks[Service.SMS].order("reset_before", match={"method": "POST"})
    await office.work(Service.SMS)
    office.clock.later(seconds=50)
    await office.work(Service.SMS)
    early = await office.state(sms)
    office.clock.later(seconds=12)
    await office.work(Service.SMS)

    assert early == (EffectState.UNSETTLED, EffectReason.OUTCOME_UNKNOWN)
    assert await office.state(sms) == (EffectState.ACCEPTED, None)
    assert len(await office.texts()) == 1


async def test_a_file_whose_creation_was_not_answered_is_found_and_not_made_twice(office: Office) -> None:
    create = await office.ask(Service.WORLDTRACER, TracingCall.CREATE)
    await office.mocks[Service.WORLDTRACER].order("reset_after", match={"path": "*CreateRQ"})
    await office.work(Service.WORLDTRACER)
    unknown = await office.state(create)
    office.clock.later(seconds=6)
    await office.work(Service.WORLDTRACER)

    assert unknown == (EffectState.UNSETTLED, EffectReason.OUTCOME_UNKNOWN)
    assert (await office.effect(create)).state == EffectState.ACCEPTED
    assert await office.calls("CreateRQ") == 1
    assert (await pirs.by_id(office.postgres, OURS, [office.pir]))[office.pir].reference is not None


async def test_a_closure_whose_answer_was_lost_is_closed(office: Office) -> None:
    await office.ask(Service.WORLDTRACER, TracingCall.CREATE)
    await office.work(Service.WORLDTRACER)
    await office.postgres.execute(REASON, office.pir, name="TEST")
    close = await office.ask(Service.WORLDTRACER, TracingCall.CLOSE)
    await office.mocks[Service.WORLDTRACER].order("reset_after", match={"path": "*CloseRecordsRQ"})
    await office.work(Service.WORLDTRACER)
    office.clock.later(seconds=6)
    await office.work(Service.WORLDTRACER)

    assert await office.state(close) == (EffectState.ACCEPTED, None)


async def test_a_file_that_lacks_what_a_closure_needs_stays_open_and_says_so(office: Office) -> None:
    await office.ask(Service.WORLDTRACER, TracingCall.CREATE)
    close = await office.ask(Service.WORLDTRACER, TracingCall.CLOSE)
    await office.work(Service.WORLDTRACER)

    assert await office.state(close) == (EffectState.FAILED, EffectReason.INCOMPLETE)


async def test_an_email_of_unknown_outcome_waits_for_its_event(office: Office) -> None:
    await _give_reference(office)
    taken, lost = [await office.ask(Service.EMAIL, Trigger.BAG_LOCATED) for _ in range(2)]
    await office.mocks[Service.EMAIL].order("reset_after", match={"method": "POST"}, times=2)
    await office.work(Service.EMAIL)
    office.clock.later(minutes=3)
    key = (await office.effect(taken)).our_key
    report = DeliveryReport(Service.EMAIL, "event-1", "id-1", key, DeliveryStatus.DELIVERED, office.clock())
    await delivery_reports.take(office.postgres, OURS, [report], office.clock)
    settled = await office.state(taken)
    for _ in range(4):
        office.clock.later(minutes=6)
        await office.work(Service.EMAIL)

    assert settled == (EffectState.DELIVERED, None)
    assert await office.state(lost) == (EffectState.FAILED, EffectReason.OUTCOME_UNKNOWN)
    assert len(await office.mails()) == 2, "each was sent once"


async def test_a_worker_that_died_in_mid_call_is_followed_by_one_that_finds_out(office: Office) -> None:
    """Given a send without an end, when its time is over, then the next worker asks the provider before it repeats."""
    await _give_reference(office)
    sms = await office.ask(Service.SMS, Trigger.BAG_LOCATED)
    dying = office.worker(Service.SMS)
    await office.mocks[Service.SMS].order("latency", seconds=30, match={"method": "POST"})
    await dying.step()
    await asyncio.sleep(0.1)
    for task in dying.under_way:
        task.cancel()
    await office.postgres.execute("UPDATE lanes SET leased_until = '-infinity'", name="TEST")
    dead = await office.state(sms)
    office.worker(Service.SMS)
    office.clock.later(seconds=20)
    await office.work(Service.SMS)
    untouched = await office.state(sms)
    for _ in range(9):
        office.clock.later(seconds=6)
        await office.work(Service.SMS)

    assert dead == untouched == (EffectState.SENDING, None)
    assert await office.state(sms) == (EffectState.ACCEPTED, None)
    assert len(await office.texts()) == 1


async def test_effects_of_a_file_leave_in_their_order(office: Office) -> None:
    create = await office.ask(Service.WORLDTRACER, TracingCall.CREATE)
    update = await office.ask(Service.WORLDTRACER, TracingCall.UPDATE)
    await office.mocks[Service.WORLDTRACER].order("status", status=503, match={"path": "*CreateRQ"})
    await office.work(Service.WORLDTRACER)
    first = [await office.state(one) for one in (create, update)]
    office.clock.later(minutes=1)
    await office.work(Service.WORLDTRACER)

    assert first == [(EffectState.PENDING, EffectReason.PARTNER_AWAY), (EffectState.PENDING, None)]
    assert [await office.state(one) for one in (create, update)] == [(EffectState.ACCEPTED, None)] * 2
    paths = [one["path"] for one in await office.mocks[Service.WORLDTRACER].received()]
    assert [path.rpartition("WTR_")[2] for path in paths] == [
        "DelayedBagsCreateRQ",
        "DelayedBagsCreateRQ",
        "DelayedBagsRecUpdateRQ",
    ]


async def test_a_partner_that_is_away_opens_the_breaker_and_nothing_is_lost(office: Office) -> None:
    await _give_reference(office)
    await office.mocks[Service.SMS].order("status", status=503, times=3)
    ids = []
    for number in range(6):  # more than one passenger may be sent a day
        await office.open_file(phone=f"+120255501{50 + number}")
        await _give_reference(office)
        ids.append(await office.ask(Service.SMS, Trigger.BAG_LOCATED))
    worker = office.worker(Service.SMS)
    await office.work(Service.SMS)
    resting = worker.link.retry_after()
    counts = await office.mocks[Service.SMS].counts()
    worker = office.worker(Service.SMS)  # a minute later
    await office.postgres.execute("UPDATE lanes SET leased_until = '-infinity'", name="TEST")
    office.clock.later(minutes=1)
    await office.work(Service.SMS)

    assert resting > 50
    assert counts["injected"] == {"status": 3}
    assert {await office.state(one) for one in ids} == {(EffectState.ACCEPTED, None)}
    assert len(await office.texts()) == 6


async def test_a_stand_in_takes_what_an_absent_partner_cannot_and_says_so(office: Office) -> None:
    await _give_reference(office)
    nowhere = TwilioSms("AC1", "token", "+12025550100", url="http://127.0.0.1:9", read_seconds=0.3)
    fallback = TwilioSms("AC1", "token", "+12025550100", url=office.mocks[Service.SMS].url, mock=True)
    breaker = Breaker("sms")
    link: PartnerLink[SmsSender] = PartnerLink(Service.SMS, nowhere, fallback, breaker)
    channel = SmsChannel(link, ContactRules())
    office.workers[Service.SMS] = Dispatcher(office.postgres, INSTALLATION, channel, "with a fallback", office.clock)
    sms = await office.ask(Service.SMS, Trigger.BAG_LOCATED)
    for _ in range(4):
        await office.work(Service.SMS)
        office.clock.later(minutes=5)
    await asyncio.gather(nowhere.close_connections(), fallback.close_connections())

    found = await office.effect(sms)
    assert (found.state, found.mock) == (EffectState.ACCEPTED, True)
    assert [one.outcome for one in await effects.sends(office.postgres, OURS, [sms])] == ["UNREACHED"] * 3 + [
        "ACCEPTED"
    ]


async def test_ten_a_minute_and_the_others_wait(office: Office) -> None:
    for _ in range(12):
        await office.open_file(phone=None)
        await office.postgres.execute(
            "UPDATE pirs SET phone = $2 WHERE id = $1", office.pir, f"+1202555{office.pir % 100:04}", name="TEST"
        )
        await _give_reference(office)
        await office.ask(Service.SMS, Trigger.BAG_LOCATED)
    office.worker(Service.SMS, a_minute=10)
    await office.work(Service.SMS)
    first = len(await office.texts())
    office.worker(Service.SMS, a_minute=10)
    await office.postgres.execute("UPDATE lanes SET leased_until = '-infinity'", name="TEST")
    office.clock.later(seconds=30)
    await office.work(Service.SMS)
    after_half_a_minute = len(await office.texts())
    office.worker(Service.SMS, a_minute=10)
    await office.postgres.execute("UPDATE lanes SET leased_until = '-infinity'", name="TEST")
    office.clock.later(seconds=31)
    await office.work(Service.SMS)

    assert (first, after_half_a_minute, len(await office.texts())) == (10, 10, 12)


@pytest.mark.parametrize(
    ("phone", "state", "reason"),
    [
        (None, EffectState.SUPPRESSED, EffectReason.NO_CONTACT),
        ("call me", EffectState.FAILED, EffectReason.INVALID_CONTACT),
    ],
)
async def test_who_cannot_be_told(office: Office, phone: str | None, state: EffectState, reason: EffectReason) -> None:
    await office.open_file(phone=phone)
    sms = await office.ask(Service.SMS, Trigger.BAG_LOCATED)
    await office.work(Service.SMS)

    assert await office.state(sms) == (state, reason)
    assert await office.texts() == []


async def test_who_does_not_want_to_be_told_is_not(office: Office) -> None:
    await _give_reference(office)
    stop = ConsentChange(Service.SMS, PHONE, opted_out=True, at=office.clock())
    await delivery_reports.take(office.postgres, OURS, [stop], office.clock)
    sms = await office.ask(Service.SMS, Trigger.BAG_LOCATED)
    await office.work(Service.SMS)
    stopped = await office.state(sms)
    start = ConsentChange(Service.SMS, PHONE, opted_out=False, at=office.clock())
    await delivery_reports.take(office.postgres, OURS, [start], office.clock)
    again = await office.ask(Service.SMS, Trigger.BAG_FORWARDED)
    await office.work(Service.SMS)

    assert stopped == (EffectState.SUPPRESSED, EffectReason.OPTED_OUT)
    assert await office.state(again) == (EffectState.ACCEPTED, None)


async def test_nobody_is_woken_at_night(office: Office) -> None:
    await _give_reference(office)
    office.clock.later(hours=11)  # 23:00 in São Paulo
    sms = await office.ask(Service.SMS, Trigger.BAG_LOCATED)
    await office.work(Service.SMS)
    at_night = await office.effect(sms)
    office.clock.later(hours=8)
    await office.work(Service.SMS)

    assert (at_night.state, at_night.reason) == (EffectState.PENDING, EffectReason.QUIET_HOURS)
    assert at_night.due_at == START + timedelta(hours=19)  # 07:00
    assert await office.state(sms) == (EffectState.ACCEPTED, None)


async def test_five_a_day_even_of_files_that_are_all_due_at_the_same_moment(office: Office) -> None:
    asked = []
    for _ in range(8):
        await office.open_file()
        await _give_reference(office)
        asked.append(await office.ask(Service.SMS, Trigger.BAG_LOCATED))
    office.worker(Service.SMS, read_seconds=10)
    await office.mocks[Service.SMS].order("latency", seconds=2, times=5, match={"method": "POST"})
    await office.work(Service.SMS)
    states = [await office.state(sms) for sms in asked]

    assert (
        sorted(states) == [(EffectState.ACCEPTED, None)] * 5 + [(EffectState.PENDING, EffectReason.PASSENGER_CAP)] * 3
    )
    assert len(await office.texts()) == 5
    office.clock.later(hours=19)  # 07:00 of the next day
    await office.work(Service.SMS)
    assert len(await office.texts()) == 8


@pytest.mark.parametrize("reverse", [False, True])
async def test_reports_count_once_in_any_order(office: Office, reverse: bool) -> None:
    await _give_reference(office)
    sms = await office.ask(Service.SMS, Trigger.BAG_LOCATED)
    await office.work(Service.SMS)
    sid = (await office.effect(sms)).provider_id
    assert sid is not None
    told = [
        DeliveryReport(Service.SMS, f"{sid}-{status}", sid, None, status, office.clock() + timedelta(seconds=second))
        for second, status in enumerate((DeliveryStatus.QUEUED, DeliveryStatus.SENT, DeliveryStatus.DELIVERED))
    ] * 2
    await delivery_reports.take(office.postgres, OURS, told[::-1] if reverse else told, office.clock)

    assert await office.state(sms) == (EffectState.DELIVERED, None)


async def test_a_message_that_could_not_be_delivered_can_be_sent_again(office: Office) -> None:
    await _give_reference(office)
    sms = await office.ask(Service.SMS, Trigger.BAG_LOCATED)
    await office.work(Service.SMS)
    sid = (await office.effect(sms)).provider_id or ""
    report = DeliveryReport(Service.SMS, "1", sid, None, DeliveryStatus.UNDELIVERED, office.clock())
    await delivery_reports.take(office.postgres, OURS, [report], office.clock)
    failed = await office.state(sms)
    await effects.resend(office.postgres, OURS, sms, office.clock())
    await office.work(Service.SMS)

    assert failed == (EffectState.FAILED, EffectReason.UNDELIVERED)
    assert await office.state(sms) == (EffectState.ACCEPTED, None)
    assert len(await office.texts()) == 2


async def _give_reference(office: Office) -> None:
    reference = f"GRUCM{office.pir:05}"
    await pirs.assign_reference(office.postgres, OURS, office.pir, reference, office.clock())
