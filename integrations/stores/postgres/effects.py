"""Effects of PIRs, their attempts and the providers' delivery reports in PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from integrations.records.attempts import Send, SendOutcome
from integrations.records.deliveries import ConsentChange, DeliveryReport
from integrations.records.effects import (
    Effect,
    EffectReason,
    EffectState,
    PartnerCondition,
    PartnerStatus,
    Service,
    ServiceCost,
)
from integrations.records.outbox import LANES
from integrations.records.page import Page
from integrations.stores.postgres.manager import Reader
from integrations.tracing import traceparent

# Advisory lock that keeps two dispatchers from both sending the last message that a limit allows. The service's ordinal
# is added to it.
RATE_LOCK = 75_310

# Due by the database's clock, as dispatchers select it: one that waits for a clock ahead of it would wait for long.
INSERT_EFFECT = """
INSERT INTO effects (airline_id, service, lane, pir_id, action, key, detail, due_at, created_at, traceparent)
SELECT $1, $2, $3, id, $5, $6, $7, least($8, now()), least($8, now()), $9 FROM pirs WHERE airline_id = $1 AND id = $4
ON CONFLICT (airline_id, key) DO NOTHING
"""

EFFECTS_BY_ID = """
SELECT id, airline_id, service, lane, pir_id, action, key, detail, state, reason, tries, due_at, created_at, settled_at,
       provider_id, mock, traceparent
FROM effects
WHERE airline_id = $1 AND id = ANY($2::bigint[])
"""

EFFECTS_OF_PIRS = """
SELECT id, airline_id, service, lane, pir_id, action, key, detail, state, reason, tries, due_at, created_at, settled_at,
       provider_id, mock, traceparent
FROM effects
WHERE airline_id = $1 AND pir_id = ANY($2::bigint[])
ORDER BY pir_id, id
"""

EFFECTS_PAGE = """
SELECT id, airline_id, service, lane, pir_id, action, key, detail, state, reason, tries, due_at, created_at, settled_at,
       provider_id, mock, traceparent
FROM effects
WHERE airline_id = $1
  AND ($2::text[] IS NULL OR state = ANY($2))
  AND ($3::text[] IS NULL OR service = ANY($3))
  AND ($4::bigint IS NULL OR id < $4)
ORDER BY id DESC
LIMIT $5
"""

EFFECTS_PAGE_BACKWARD = """
SELECT id, airline_id, service, lane, pir_id, action, key, detail, state, reason, tries, due_at, created_at, settled_at,
       provider_id, mock, traceparent
FROM effects
WHERE airline_id = $1
  AND ($2::text[] IS NULL OR state = ANY($2))
  AND ($3::text[] IS NULL OR service = ANY($3))
  AND ($4::bigint IS NULL OR id > $4)
ORDER BY id
LIMIT $5
"""

# The first waiting effect of each PIR, so that a PIR's effects leave in order; only in the worker's own lanes. A file
# that replaces a closed one is created after the last call about the closed one, which may be in another worker's lane.
DUE_EFFECTS = """
SELECT id, airline_id, service, lane, pir_id, action, key, detail, state, reason, tries, due_at, created_at, settled_at,
       provider_id, mock, traceparent
FROM (SELECT DISTINCT ON (effects.pir_id) effects.*
      FROM effects
      JOIN lanes ON lanes.consumer = $3 AND lanes.lane = effects.lane AND lanes.owner = $4
                AND lanes.leased_until > now() + $5::interval
      WHERE effects.airline_id = $1 AND effects.service = $2
        AND effects.state IN ('PENDING', 'SENDING', 'UNSETTLED') AND effects.pir_id <> ALL($6::bigint[])
      ORDER BY effects.pir_id, effects.id) AS next
WHERE due_at <= $7
  AND NOT (action = 'CREATE' AND EXISTS (
      SELECT FROM pirs
      JOIN effects AS earlier ON earlier.airline_id = $1 AND earlier.pir_id = pirs.previous_id AND earlier.service = $2
                             AND earlier.state IN ('PENDING', 'SENDING', 'UNSETTLED')
      WHERE pirs.airline_id = $1 AND pirs.id = next.pir_id AND pirs.link = 'RECREATED'))
ORDER BY due_at, id
LIMIT $8
"""

# While an effect is SENDING, its due time says when another worker may look up the outcome. Reports that came before an
# attempt are not about it, so those known by our key are taken off the effect.
MARK_EFFECT_SENDING = """
WITH begun AS (UPDATE effects SET state = 'SENDING', reason = NULL, tries = tries + 1, due_at = $3
               WHERE airline_id = $1 AND id = $2 AND state = 'PENDING'
               RETURNING id),
     earlier AS (UPDATE delivery_reports SET effect_id = NULL
                 WHERE airline_id = $1 AND effect_id IN (SELECT id FROM begun))
SELECT id FROM begun
"""

# What lies in the future was stored before the clock stepped back. An effect that is due early waits again where a rule
# says so.
CATCH_UP_WITH_CLOCK = """
WITH begun AS (UPDATE sends SET started_at = $3 WHERE airline_id = $1 AND service = $2 AND started_at > $3)
UPDATE effects SET due_at = $4
WHERE airline_id = $1 AND service = $2 AND state IN ('PENDING', 'SENDING', 'UNSETTLED') AND due_at > $4
"""

UPDATE_EFFECT_STATE = """
UPDATE effects SET state = $3, reason = $4, due_at = coalesce($5, due_at), settled_at = $6,
                   provider_id = coalesce($7, provider_id), mock = coalesce($8, mock)
WHERE airline_id = $1 AND id = $2 AND state IN ('PENDING', 'SENDING', 'UNSETTLED') AND tries = coalesce($9, tries)
RETURNING id
"""

# Whether a call that has begun was made is unknown, so it must not be PENDING again.
POSTPONE_EFFECT = """
UPDATE effects SET due_at = $3, state = CASE state WHEN 'SENDING' THEN 'UNSETTLED' ELSE state END,
                   reason = CASE state WHEN 'SENDING' THEN 'OUTCOME_UNKNOWN' ELSE reason END
WHERE airline_id = $1 AND id = $2 AND state IN ('PENDING', 'SENDING', 'UNSETTLED')
RETURNING state
"""

RESEND_EFFECT = """
UPDATE effects SET state = 'PENDING', reason = NULL, tries = 0, due_at = least($3, now()), settled_at = NULL,
                   provider_id = NULL, traceparent = $4
WHERE airline_id = $1 AND id = $2 AND state IN ('FAILED', 'SUPPRESSED', 'CANCELLED')
RETURNING id
"""

CANCEL_EFFECT = """
UPDATE effects SET state = 'CANCELLED', settled_at = $3
WHERE airline_id = $1 AND id = $2 AND state IN ('PENDING', 'FAILED')
RETURNING id
"""

# The provider's last report settles the effect, even where an earlier one counted as delivered or failed. A report
# counts for the message that it names. One that our key attached to the effect is about its last attempt: it counts
# until the id of that message is known, and always if it names no message; never for the message of an earlier attempt.
APPLY_REPORTS = """
UPDATE effects
SET state = CASE WHEN report.status = 'DELIVERED' THEN 'DELIVERED'
                 WHEN report.status IN ('QUEUED', 'SENT') THEN 'ACCEPTED'
                 ELSE 'FAILED' END,
    reason = CASE WHEN report.status IN ('DELIVERED', 'QUEUED', 'SENT') THEN NULL
                  WHEN report.status = 'BOUNCED' THEN 'BOUNCED'
                  ELSE 'UNDELIVERED' END,
    provider_id = coalesce(effects.provider_id, nullif(report.provider_id, '')),
    settled_at = report.at
FROM (SELECT DISTINCT ON (reported.id) reported.id, status, delivery_reports.provider_id, delivery_reports.at
      FROM effects AS reported
      JOIN delivery_reports ON delivery_reports.airline_id = $1 AND delivery_reports.service = $2
       AND (delivery_reports.provider_id = reported.provider_id
            OR delivery_reports.effect_id = reported.id
               AND (reported.provider_id IS NULL OR delivery_reports.provider_id = '')
               AND NOT EXISTS (SELECT FROM sends WHERE sends.airline_id = $1 AND sends.effect_id = reported.id
                                  AND sends.provider_id = delivery_reports.provider_id))
      WHERE reported.airline_id = $1 AND reported.service = $2
        AND (reported.id = $3 OR reported.provider_id = $4) AND status <> 'UNKNOWN'
      ORDER BY reported.id, status IN ('QUEUED', 'SENT'), delivery_reports.at DESC, status = 'DELIVERED',
               delivery_reports.report_id) AS report
WHERE effects.id = report.id AND effects.airline_id = $1
  AND (effects.state IN ('UNSETTLED', 'ACCEPTED', 'DELIVERED')
       OR effects.state = 'FAILED' AND effects.reason IN ('UNDELIVERED', 'BOUNCED', 'OUTCOME_UNKNOWN'))
RETURNING effects.pir_id
"""

INSERT_REPORT = """
INSERT INTO delivery_reports (airline_id, service, report_id, provider_id, effect_id, status, at, received_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (airline_id, service, report_id) DO NOTHING
RETURNING report_id
"""

LOCK_RATE = "SELECT pg_advisory_xact_lock($1::integer, $2::integer)"

LAST_SENDS = """
SELECT started_at FROM sends
WHERE airline_id = $1 AND service = $2 AND started_at > $3
ORDER BY started_at DESC
LIMIT $4
"""

INSERT_SEND = """
INSERT INTO sends (airline_id, effect_id, service, call, recipient, fingerprint, started_at, mock)
SELECT $1, id, service, action, $3, $4, $5, $6 FROM effects WHERE airline_id = $1 AND id = $2
RETURNING id
"""

END_SEND = """
UPDATE sends SET ended_at = $3, outcome = $4, mock = $5, provider_id = $6, units = $7, cost_micros = $8
WHERE airline_id = $1 AND id = $2
"""

SENDS_OF_EFFECTS = """
SELECT id, effect_id, service, call, recipient, fingerprint, started_at, ended_at, outcome, provider_id, mock, units,
       cost_micros
FROM sends
WHERE airline_id = $1 AND effect_id = ANY($2::bigint[])
ORDER BY effect_id, id
"""

# Two messages to one recipient at the same time must be counted one after the other.
LOCK_RECIPIENT = "SELECT pg_advisory_xact_lock(hashtextextended($2, $1))"

COUNT_SENT_TO = """
SELECT count(*) FROM sends
WHERE airline_id = $1 AND service = $2 AND recipient = $3 AND started_at > $4
  AND (outcome IS NULL OR outcome IN ('ACCEPTED', 'UNSETTLED'))
"""

# The latest change of each scope counts; of changes at the same time an opt-out counts.
IS_OPTED_OUT = """
SELECT EXISTS (SELECT FROM (SELECT DISTINCT ON (scope) opted_out
                            FROM consent_changes
                            WHERE airline_id = $1 AND service = $2 AND recipient = lower($3)
                            ORDER BY scope, at DESC, opted_out DESC) AS latest
               WHERE opted_out)
"""

INSERT_CONSENT_CHANGE = """
INSERT INTO consent_changes (airline_id, service, change_id, recipient, scope, opted_out, at)
VALUES ($1, $2, $3, lower($4), $5, $6, $7)
ON CONFLICT (airline_id, service, change_id) DO NOTHING
"""

WRITE_STATUS = """
INSERT INTO partner_statuses (airline_id, service, owner, breaker, enabled, mock, healthy, latency_ms, checked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (airline_id, service, owner) DO UPDATE
SET breaker = excluded.breaker, enabled = excluded.enabled, mock = excluded.mock, healthy = excluded.healthy,
    latency_ms = excluded.latency_ms, checked_at = excluded.checked_at
"""

DELETE_STATUSES = "DELETE FROM partner_statuses WHERE airline_id = $1 AND checked_at < $2"

# One row for each partner: its condition as the last dispatcher reported it, its queue, and its cost today.
PARTNERS = """
SELECT service, breaker, coalesce(enabled, false) AS enabled, coalesce(mock, false) AS mock,
       coalesce(healthy, false) AS healthy, coalesce(latency_ms, 0) AS latency_ms, checked_at, now() AS read_at,
       (SELECT count(*) FROM effects WHERE airline_id = $1 AND effects.service = named.service
           AND state IN ('PENDING', 'SENDING', 'UNSETTLED')) AS waiting,
       (SELECT min(created_at) FROM effects WHERE airline_id = $1 AND effects.service = named.service
           AND state IN ('PENDING', 'SENDING', 'UNSETTLED')) AS oldest_waiting_at,
       (SELECT count(*) FROM effects WHERE airline_id = $1 AND effects.service = named.service
           AND state = 'FAILED') AS failed,
       (SELECT max(ended_at) FROM sends WHERE airline_id = $1 AND sends.service = named.service
           AND outcome = 'ACCEPTED' AND started_at > $3) AS last_success_at,
       (SELECT coalesce(sum(cost_micros), 0)::bigint FROM sends WHERE airline_id = $1 AND sends.service = named.service
           AND started_at >= $2) AS cost_today_micros
FROM unnest(ARRAY['WORLDTRACER', 'SMS', 'EMAIL']) AS named(service)
LEFT JOIN LATERAL (SELECT breaker, enabled, mock, healthy, latency_ms, checked_at FROM partner_statuses
                   WHERE airline_id = $1 AND partner_statuses.service = named.service
                   ORDER BY checked_at DESC LIMIT 1) AS seen ON true
"""

COST_SINCE = """
SELECT coalesce(sum(cost_micros), 0)::bigint FROM sends WHERE airline_id = $1 AND started_at >= $2
"""

COSTS = """
SELECT service, call, mock, count(*) AS calls, sum(units)::bigint AS units, sum(cost_micros)::bigint AS cost_micros
FROM sends
WHERE airline_id = $1 AND started_at >= $2 AND started_at < $3
GROUP BY service, call, mock
ORDER BY service, call, mock
"""


async def insert(
    records: Reader,
    airline_id: int,
    service: Service,
    pir_id: int,
    action: str,
    occurrence: str,
    detail: Mapping[str, Any],
    at: datetime,
) -> None:
    """Request an effect, in the transaction of the change. A repeated request changes nothing.

    Args:
        action: value of ``TracingCall`` or ``Trigger``.
        occurrence: distinguishes effects of one action: the entry of the PIR's history that requests the effect.
        detail: values that the call or the text needs besides the PIR; no personal data.
        at: when it is requested and due.
    """
    await records.execute(
        INSERT_EFFECT,
        airline_id,
        service.value,
        pir_id % LANES,
        pir_id,
        action,
        f"{pir_id}:{action}:{occurrence}:{service}",
        dict(detail),
        at,
        traceparent(),
        name="INSERT_EFFECT",
    )


async def by_id(records: Reader, airline_id: int, ids: Sequence[int]) -> dict[int, Effect]:
    """The effects with these ids; unknown ones are absent."""
    rows = await records.fetch(EFFECTS_BY_ID, airline_id, ids, name="EFFECTS_BY_ID", record_class=Effect)
    return {effect.id: effect for effect in rows}


async def of_pirs(records: Reader, airline_id: int, pir_ids: Sequence[int]) -> list[Effect]:
    """The effects of these PIRs, in the order in which they were requested."""
    return await records.fetch(EFFECTS_OF_PIRS, airline_id, pir_ids, name="EFFECTS_OF_PIRS", record_class=Effect)


async def page(
    records: Reader, airline_id: int, states: Sequence[str] | None, services: Sequence[str] | None, page: Page
) -> list[Effect]:
    """A page of effects, newest first, with one row more than the page holds if there are more."""
    statement, name = (
        (EFFECTS_PAGE_BACKWARD, "EFFECTS_PAGE_BACKWARD") if page.backward else (EFFECTS_PAGE, "EFFECTS_PAGE")
    )
    return await records.fetch(
        statement,
        airline_id,
        states,
        services,
        page.part(0),
        page.limit + 1,
        name=name,
        record_class=Effect,
        custom_plan=True,
    )


async def due(
    records: Reader,
    airline_id: int,
    service: Service,
    owner: str,
    margin: float,
    busy_pir_ids: Sequence[int],
    at: datetime,
    limit: int,
) -> list[Effect]:
    """The next effects of the owner's lanes: one effect a PIR, the longest due first.

    Args:
        owner: the worker that holds the lanes.
        margin: seconds for which the leases must last.
        busy_pir_ids: PIRs with an effect that is being sent.
        at: present time.
        limit: effects at most.
    """
    return await records.fetch(
        DUE_EFFECTS,
        airline_id,
        service.value,
        service.queue(airline_id),
        owner,
        timedelta(seconds=margin),
        busy_pir_ids,
        at,
        limit,
        name="DUE_EFFECTS",
        record_class=Effect,
    )


async def mark_sending(records: Reader, airline_id: int, effect_id: int, look_up_after: datetime) -> bool:
    """Set a pending effect to SENDING; return False if it is no longer pending.

    Args:
        look_up_after: when another worker may look up the outcome.
    """
    return (
        await records.fetchval(MARK_EFFECT_SENDING, airline_id, effect_id, look_up_after, name="MARK_EFFECT_SENDING")
        is not None
    )


async def update_state(
    records: Reader,
    airline_id: int,
    effect_id: int,
    state: EffectState,
    reason: EffectReason | None = None,
    *,
    due_at: datetime | None = None,
    settled_at: datetime | None = None,
    provider_id: str | None = None,
    mock: bool | None = None,
    tries: int | None = None,
) -> bool:
    """Set the state of an effect that waits or is being sent.

    Arguments that are None leave their column unchanged, except ``reason`` and ``settled_at``.

    Args:
        tries: number of attempts that the caller knows of, so that a delayed worker does not overwrite a later attempt;
            None to set the state whatever their number is.

    Returns:
        False if the effect was settled or attempted again in the meantime.
    """
    updated = await records.fetchval(
        UPDATE_EFFECT_STATE,
        airline_id,
        effect_id,
        state.value,
        reason.value if reason else None,
        due_at,
        settled_at,
        provider_id,
        mock,
        tries,
        name="UPDATE_EFFECT_STATE",
    )
    return updated is not None


async def postpone(records: Reader, airline_id: int, effect_id: int, until: datetime) -> EffectState | None:
    """Postpone an effect whose handling failed; a call that had begun becomes UNSETTLED.

    Returns:
        The state of the effect; None if it is settled.
    """
    state = await records.fetchval(POSTPONE_EFFECT, airline_id, effect_id, until, name="POSTPONE_EFFECT")
    return EffectState(state) if state is not None else None


async def catch_up_with_clock(
    records: Reader, airline_id: int, service: Service, now: datetime, until: datetime
) -> None:
    """Correct timestamps from before the clock stepped back; repeatable.

    Args:
        now: the latest start of an attempt.
        until: the latest time at which an effect is due.
    """
    await records.execute(CATCH_UP_WITH_CLOCK, airline_id, service, now, until, name="CATCH_UP_WITH_CLOCK")


async def resend(records: Reader, airline_id: int, effect_id: int, at: datetime) -> bool:
    """Set an effect that ended without success to PENDING; return False if it did not."""
    resent = await records.fetchval(RESEND_EFFECT, airline_id, effect_id, at, traceparent(), name="RESEND_EFFECT")
    return resent is not None


async def cancel(records: Reader, airline_id: int, effect_id: int, at: datetime) -> bool:
    """Cancel an effect that waits or failed; return False if it did neither."""
    return await records.fetchval(CANCEL_EFFECT, airline_id, effect_id, at, name="CANCEL_EFFECT") is not None


async def insert_report(
    records: Reader, airline_id: int, report: DeliveryReport, effect_id: int | None, received_at: datetime
) -> bool:
    """Store a delivery report; return False if it was stored before.

    Args:
        effect_id: the effect whose message it is about; None where the report does not say.
    """
    inserted = await records.fetchval(
        INSERT_REPORT,
        airline_id,
        report.service.value,
        report.report_id,
        report.provider_id,
        effect_id,
        report.status.value,
        report.at,
        received_at,
        name="INSERT_REPORT",
    )
    return inserted is not None


async def apply_reports(
    records: Reader, airline_id: int, service: Service, effect_id: int | None, provider_id: str | None
) -> set[int]:
    """Set effects, found by id or the provider's id, to the state of their delivery reports; return their PIR ids."""
    rows = await records.fetch(APPLY_REPORTS, airline_id, service.value, effect_id, provider_id, name="APPLY_REPORTS")
    return {row["pir_id"] for row in rows}


async def last_sends(records: Reader, airline_id: int, service: Service, since: datetime, limit: int) -> list[datetime]:
    """The start times of the last attempts of a service, newest first; locks new ones until the transaction ends."""
    await records.execute(LOCK_RATE, RATE_LOCK + list(Service).index(service), airline_id, name="LOCK_RATE")
    rows = await records.fetch(LAST_SENDS, airline_id, service.value, since, limit, name="LAST_SENDS")
    return [row["started_at"] for row in rows]


async def insert_send(
    records: Reader,
    airline_id: int,
    effect_id: int,
    recipient: str,
    fingerprint: str,
    started_at: datetime,
    *,
    mock: bool,
) -> int | None:
    """Insert an attempt, before its call, and return its id; None for an unknown effect.

    Args:
        recipient: number or address that is called, or the PIR that a tracing call is about.
        fingerprint: digest of the text, by which it is found in the provider's list.
        mock: whether a mock takes the call.
    """
    send_id: int | None = await records.fetchval(
        INSERT_SEND, airline_id, effect_id, recipient, fingerprint, started_at, mock, name="INSERT_SEND"
    )
    return send_id


async def end_send(
    records: Reader,
    airline_id: int,
    send_id: int,
    ended_at: datetime,
    outcome: SendOutcome,
    *,
    mock: bool,
    provider_id: str | None = None,
    units: int = 1,
    cost_micros: int = 0,
) -> None:
    """Store the outcome of an attempt.

    Args:
        units: units that the provider charges: parts of an SMS, else 1.
        cost_micros: cost in millionths of a US dollar.
    """
    await records.execute(
        END_SEND, airline_id, send_id, ended_at, outcome.value, mock, provider_id, units, cost_micros, name="END_SEND"
    )


async def sends(records: Reader, airline_id: int, effect_ids: Sequence[int]) -> list[Send]:
    """The attempts of these effects, in order."""
    return await records.fetch(SENDS_OF_EFFECTS, airline_id, effect_ids, name="SENDS_OF_EFFECTS", record_class=Send)


async def count_sent_to(records: Reader, airline_id: int, service: Service, recipient: str, since: datetime) -> int:
    """The number of messages to a recipient since a time, including active ones and those of unknown outcome.

    Locks the recipient's count until the transaction ends.
    """
    await records.execute(LOCK_RECIPIENT, airline_id, recipient, name="LOCK_RECIPIENT")
    count: int = await records.fetchval(
        COUNT_SENT_TO, airline_id, service.value, recipient, since, name="COUNT_SENT_TO"
    )
    return count


async def is_opted_out(records: Reader, airline_id: int, service: Service, recipient: str) -> bool:
    """Whether the recipient has opted out of the service; the case of an address does not matter."""
    opted_out: bool = await records.fetchval(IS_OPTED_OUT, airline_id, service.value, recipient, name="IS_OPTED_OUT")
    return opted_out


async def insert_consent_change(records: Reader, airline_id: int, change: ConsentChange) -> None:
    """Store a recipient's opt-out or its withdrawal; a repeated one changes nothing."""
    await records.execute(
        INSERT_CONSENT_CHANGE,
        airline_id,
        change.service.value,
        change.change_id,
        change.recipient,
        change.scope,
        change.opted_out,
        change.at,
        name="INSERT_CONSENT_CHANGE",
    )


async def write_status(records: Reader, airline_id: int, owner: str, status: PartnerCondition, at: datetime) -> None:
    """Store a partner's condition as a dispatcher finds it, for health."""
    await records.execute(
        WRITE_STATUS,
        airline_id,
        status.service.value,
        owner,
        status.breaker,
        status.enabled,
        status.mock,
        status.healthy,
        status.latency_ms,
        at,
        name="WRITE_STATUS",
    )


async def delete_statuses(records: Reader, airline_id: int, before: datetime) -> None:
    """Delete the reports of dispatchers that have written none since a time."""
    await records.execute(DELETE_STATUSES, airline_id, before, name="DELETE_STATUSES")


async def partners(records: Reader, airline_id: int, today: datetime, since: datetime) -> list[PartnerStatus]:
    """The condition, queue and cost of each partner.

    Args:
        today: start of the period for costs.
        since: start of the period for the last success.
    """
    return await records.fetch(PARTNERS, airline_id, today, since, name="PARTNERS", record_class=PartnerStatus)


async def costs(records: Reader, airline_id: int, begin: datetime, end: datetime) -> list[ServiceCost]:
    """The cost of each call of each service from ``begin`` until before ``end``."""
    return await records.fetch(COSTS, airline_id, begin, end, name="COSTS", record_class=ServiceCost)


async def cost_since(records: Reader, airline_id: int, begin: datetime) -> int:
    """The cost of all services since a time, in millionths of a US dollar."""
    micros: int = await records.fetchval(COST_SINCE, airline_id, begin, name="COST_SINCE")
    return micros
