-- What leaves the product: files at WorldTracer, SMS and email. An effect is the outbox row of its partner; a send is one
-- try of it, written down before the call, so that a crash in mid-call is known afterwards.

CREATE TABLE effects (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    airline_id  integer NOT NULL REFERENCES airlines,
    service     text NOT NULL CHECK (service IN ('WORLDTRACER', 'SMS', 'EMAIL')),
    lane        smallint NOT NULL CHECK (lane BETWEEN 0 AND 63),
    pir_id      bigint NOT NULL REFERENCES pirs,
    action      text NOT NULL,
    key         text NOT NULL,
    detail      jsonb NOT NULL DEFAULT '{}',
    state       text NOT NULL DEFAULT 'PENDING'
                CHECK (state IN ('PENDING', 'SENDING', 'UNSETTLED', 'ACCEPTED', 'DELIVERED', 'FAILED', 'SUPPRESSED', 'CANCELLED')),
    reason      text,
    tries       smallint NOT NULL DEFAULT 0,
    due_at      timestamptz NOT NULL,
    created_at  timestamptz NOT NULL,
    settled_at  timestamptz,
    provider_id text,
    mock        boolean,
    UNIQUE (airline_id, key)
);
CREATE INDEX effects_waiting ON effects (service, lane, pir_id, id) WHERE state IN ('PENDING', 'SENDING', 'UNSETTLED');
CREATE INDEX effects_by_pir ON effects (pir_id, id);
CREATE INDEX effects_failed ON effects (airline_id, id DESC) WHERE state = 'FAILED';
CREATE INDEX effects_by_provider_id ON effects (service, provider_id) WHERE provider_id IS NOT NULL;
COMMENT ON COLUMN effects.key IS 'File, action, occurrence and service: the same effect is asked for once.';
COMMENT ON COLUMN effects.detail IS 'What the words or the call need beside the file: ids, flight, window. No personal data.';

-- A row without an outcome belongs to a call whose end nobody saw.
CREATE TABLE sends (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    airline_id  integer NOT NULL REFERENCES airlines,
    effect_id   bigint NOT NULL REFERENCES effects,
    service     text NOT NULL,
    call        text NOT NULL,
    recipient   text NOT NULL,
    fingerprint text NOT NULL,
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    outcome     text CHECK (outcome IN ('ACCEPTED', 'REFUSED', 'UNREACHED', 'UNSETTLED')),
    provider_id text,
    mock        boolean NOT NULL,
    units       smallint NOT NULL DEFAULT 1,
    cost_micros bigint NOT NULL DEFAULT 0
);
CREATE INDEX sends_by_effect ON sends (effect_id, id);
CREATE INDEX sends_by_time ON sends (airline_id, service, started_at);
CREATE INDEX sends_by_recipient ON sends (airline_id, service, recipient, started_at);
COMMENT ON COLUMN sends.fingerprint IS 'Digest of the words, by which a provider''s list tells whether they arrived.';
COMMENT ON COLUMN sends.cost_micros IS 'Millionths of a US dollar, by the configured price list.';

-- What providers report afterwards, each report once. A report may come before we know the provider's id of the message.
CREATE TABLE delivery_reports (
    airline_id  integer NOT NULL REFERENCES airlines,
    service     text NOT NULL CHECK (service IN ('SMS', 'EMAIL')),
    report_id   text NOT NULL,
    provider_id text NOT NULL,
    effect_id   bigint,
    status      text NOT NULL,
    at          timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (airline_id, service, report_id)
);
CREATE INDEX delivery_reports_by_message ON delivery_reports (airline_id, service, provider_id);
CREATE INDEX delivery_reports_by_effect ON delivery_reports (airline_id, effect_id) WHERE effect_id IS NOT NULL;

-- Who does not want to be told by this address or number any more.
CREATE TABLE opt_outs (
    airline_id integer NOT NULL REFERENCES airlines,
    service    text NOT NULL CHECK (service IN ('SMS', 'EMAIL')),
    recipient  text NOT NULL,
    at         timestamptz NOT NULL,
    PRIMARY KEY (airline_id, service, recipient)
);

-- How a partner looks to each dispatcher that calls it.
CREATE TABLE partner_statuses (
    airline_id integer NOT NULL REFERENCES airlines,
    service    text NOT NULL CHECK (service IN ('WORLDTRACER', 'SMS', 'EMAIL')),
    owner      text NOT NULL,
    breaker    text NOT NULL CHECK (breaker IN ('CLOSED', 'OPEN', 'HALF_OPEN')),
    enabled    boolean NOT NULL,
    mock       boolean NOT NULL,
    healthy    boolean NOT NULL,
    latency_ms double precision NOT NULL,
    checked_at timestamptz NOT NULL,
    PRIMARY KEY (airline_id, service, owner)
);

-- Answers of mutations with an outside effect: the same key and input gets the same answer again.
CREATE TABLE idempotency_keys (
    airline_id  integer NOT NULL REFERENCES airlines,
    actor       text NOT NULL,
    key         text NOT NULL,
    operation   text NOT NULL,
    fingerprint bytea NOT NULL,
    answer      jsonb NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (airline_id, actor, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

INSERT INTO lanes (consumer, lane)
SELECT consumer, lane FROM unnest(ARRAY['worldtracer', 'sms', 'email']) AS consumer, generate_series(0, 63) AS lane;
