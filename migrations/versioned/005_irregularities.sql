-- The life of a file: what an agent adds to it, where each of its bags stands, what was done, and the law's deadlines.

-- WorldTracer gives a file its reference when it has made its own: until then there is none.
ALTER TABLE pirs
    ALTER COLUMN reference DROP NOT NULL,
    ADD CONSTRAINT pirs_status_check CHECK (status IN ('OPEN', 'SUSPENDED', 'CLOSED')),
    ADD COLUMN version             integer NOT NULL DEFAULT 1,
    ADD COLUMN updated_at          timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN assignee            text,
    ADD COLUMN origin              text REFERENCES airports,
    ADD COLUMN destination         text REFERENCES airports,
    ADD COLUMN expected_arrival_at timestamptz,
    ADD COLUMN delivered_at        timestamptz,
    ADD COLUMN due_at              timestamptz,
    ADD COLUMN urgency             timestamptz NOT NULL
                                   GENERATED ALWAYS AS (coalesce(due_at, timestamptz '9999-12-31 00:00:00+00')) STORED,
    ADD COLUMN previous_id         bigint REFERENCES pirs,
    ADD COLUMN link                text CHECK (link IN ('RECREATED', 'DAMAGE_OF')),
    ADD COLUMN phone               text,
    ADD COLUMN email               text,
    ADD COLUMN delivery_address    text,
    ADD COLUMN language            text CHECK (language IN ('ES', 'EN', 'PT')),
    ADD COLUMN reason_for_loss     text CHECK (reason_for_loss ~ '^[0-9]{2}$'),
    ADD COLUMN fault_station       text REFERENCES airports,
    ADD COLUMN proposed_reason     text,
    ADD COLUMN proposed_station    text,
    ADD COLUMN evidence            jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN storage_location    text,
    ADD COLUMN found_flight_id     bigint REFERENCES flights,
    ADD CONSTRAINT pirs_linked_check CHECK ((previous_id IS NULL) = (link IS NULL));
UPDATE pirs SET destination = station, expected_arrival_at = opened_at, updated_at = coalesce(closed_at, opened_at);
CREATE INDEX pirs_by_urgency ON pirs (airline_id, urgency, id);
CREATE INDEX pirs_by_assignee ON pirs (airline_id, assignee, urgency, id) WHERE assignee IS NOT NULL;
CREATE INDEX pirs_by_previous ON pirs (previous_id) WHERE previous_id IS NOT NULL;
CREATE UNIQUE INDEX pirs_recreated_once ON pirs (previous_id) WHERE link = 'RECREATED';
COMMENT ON COLUMN pirs.version IS 'Counts the entries of its history, from 1.';
COMMENT ON COLUMN pirs.due_at IS 'End of the day of the next legal deadline that matters; empty for a file without one.';
COMMENT ON COLUMN pirs.urgency IS 'due_at with the files that have none at the end: what the work list is ordered by.';
COMMENT ON COLUMN pirs.phone IS 'For this file instead of the passenger''s own; so are email and language.';
COMMENT ON COLUMN pirs.evidence IS 'Why that reason was proposed: list of {name, value, at}. No personal data.';

ALTER TABLE pir_bags
    ADD COLUMN state             text NOT NULL DEFAULT 'TRACING'
                                 CHECK (state IN ('TRACING', 'SUSPENDED', 'LOCATED', 'FORWARDED', 'RECEIVED', 'OUT_FOR_DELIVERY',
                                                  'DELIVERED', 'REPORTED', 'ON_HAND', 'MATCHED')),
    ADD COLUMN tag               text CHECK (tag ~ '^[0-9]{10}$'),
    ADD COLUMN name_on_bag       text NOT NULL DEFAULT '',
    ADD COLUMN damage            text NOT NULL DEFAULT '',
    ADD COLUMN located_airport   text REFERENCES airports,
    ADD COLUMN forward_flight_id bigint REFERENCES flights,
    ADD COLUMN rush_tag          text CHECK (rush_tag ~ '^[0-9]{10}$'),
    ADD COLUMN courier           text,
    ADD COLUMN window_start      timestamptz,
    ADD COLUMN window_end        timestamptz,
    ADD COLUMN delivered_at      timestamptz,
    ADD COLUMN matched_pir_id    bigint REFERENCES pirs;
UPDATE pir_bags SET state = CASE kind WHEN 'DELAYED' THEN 'TRACING' WHEN 'ON_HAND' THEN 'ON_HAND' ELSE 'REPORTED' END
FROM pirs WHERE pirs.id = pir_id;
UPDATE pir_bags SET tag = bags.tag FROM bags WHERE bags.id = bag_id;
ALTER TABLE pir_bags ADD CONSTRAINT pir_bags_known_check CHECK (bag_id IS NULL OR tag IS NOT NULL);
CREATE INDEX pir_bags_by_match ON pir_bags (matched_pir_id) WHERE matched_pir_id IS NOT NULL;
COMMENT ON COLUMN pir_bags.matched_pir_id IS 'The found bag''s file and the delayed one name each other once an agent has confirmed.';

-- What was done with a file, never changed. Its place counts the file's versions.
CREATE TABLE pir_events (
    pir_id      bigint NOT NULL REFERENCES pirs,
    seq         integer NOT NULL CHECK (seq > 0),
    airline_id  integer NOT NULL REFERENCES airlines,
    at          timestamptz NOT NULL,
    actor       text NOT NULL,
    role        text NOT NULL,
    action      text NOT NULL,
    bags        smallint[] NOT NULL DEFAULT '{}',
    from_states text[] NOT NULL DEFAULT '{}',
    to_state    text,
    comment     text NOT NULL DEFAULT '',
    detail      jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (pir_id, seq)
);
COMMENT ON COLUMN pir_events.from_states IS 'Of each of the bags, in their order; to_state is what all of them became.';
COMMENT ON COLUMN pir_events.comment IS 'May hold personal data; detail never does.';
INSERT INTO pir_events (pir_id, seq, airline_id, at, actor, role, action)
SELECT id, 1, airline_id, opened_at, 'migration', '', 'CREATE' FROM pirs;

-- Limits of liability for baggage, in special drawing rights a passenger, by the date of the event.
CREATE TABLE liability_limits (
    treaty      text NOT NULL,
    valid_from  date NOT NULL,
    baggage_sdr integer NOT NULL CHECK (baggage_sdr > 0),
    source      text NOT NULL,
    PRIMARY KEY (treaty, valid_from)
);
INSERT INTO liability_limits (treaty, valid_from, baggage_sdr, source) VALUES
    ('MONTREAL_1999', '2003-11-04', 1000, 'Montreal Convention, Article 22(2); entry into force unverified'),
    ('MONTREAL_1999', '2009-12-30', 1131, 'ICAO State Letter LE 3/38.1-19/70 as told by augustaabogados.com'),
    ('MONTREAL_1999', '2019-12-28', 1288, 'ICAO State Letter LE 3/38.1-19/70 as told by augustaabogados.com'),
    ('MONTREAL_1999', '2024-12-28', 1519, 'ICAO newsroom, 18 October 2024');

-- Which countries are bound. A country that is not listed is not known to be: its file shows the treaty's deadlines as such.
CREATE TABLE treaty_parties (
    treaty       text NOT NULL,
    country_code text NOT NULL,
    valid_from   date NOT NULL,
    source       text NOT NULL,
    PRIMARY KEY (treaty, country_code)
);
INSERT INTO treaty_parties (treaty, country_code, valid_from, source)
SELECT 'MONTREAL_1999', country_code, DATE '2017-01-01',
       'IATA paper to the 39th ICAO Assembly (2016) as reprinted by rodolforuiza.com: not among the states that stay away'
FROM unnest(ARRAY['AR', 'BO', 'BR', 'CA', 'CL', 'CO', 'CR', 'CU', 'DO', 'EC', 'GT', 'HN', 'JM', 'MX', 'PA', 'PE', 'PY', 'SV',
                  'US', 'UY']) AS country_code;

-- The codes that the first list left out. 80 to 99 are for damage; their wording is not public.
INSERT INTO codes (list, code, label, source) VALUES
    ('REASON_FOR_LOSS', '13', 'Checked to final destination, two contracts', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '17', 'Old tag left on', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '18', 'Not authorised to load', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '23', 'Standby bag left', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '25', 'Gate-checked bag left', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '27', 'Local passenger rerouted, bag not', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '35', 'Wrong container or compartment, or behind cargo', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '42', 'Late to claim', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '43', 'Oversize, late to claim', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '54', 'Inbound carrier did not hand over as agreed', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '57', 'Transfer with an alliance partner', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '58', 'Transfer with a codeshare partner', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '59', 'Transfer, not authorised to load', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '61', 'Strike', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '65', 'Space or weight due to weather', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '66', 'Error by a non-aviation carrier', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '79', 'Unknown', 'airline-defined; so used by US Airways, public client code');
