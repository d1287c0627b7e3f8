-- Found bags beside missed ones: what they are looked up by, and what agents made of the proposals.

-- Tags and tags but for one digit, how names and brands sound, contents, flights, and looks at a station. Only of open
-- files: a file's keys go when it closes.
CREATE TABLE match_keys (
    airline_id integer NOT NULL REFERENCES airlines,
    pir_id     bigint NOT NULL REFERENCES pirs,
    seq        smallint NOT NULL,
    key        text NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('DELAYED', 'ON_HAND')),
    at         timestamptz NOT NULL,
    PRIMARY KEY (airline_id, pir_id, seq, key),
    FOREIGN KEY (pir_id, seq) REFERENCES pir_bags
);
CREATE INDEX match_keys_by_key ON match_keys (airline_id, kind, key, at DESC);
COMMENT ON COLUMN match_keys.at IS 'When it was found, or should have arrived: of too many, the newest are looked at.';

CREATE TABLE pir_matches (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    airline_id     integer NOT NULL REFERENCES airlines,
    on_hand_pir_id bigint NOT NULL REFERENCES pirs,
    delayed_pir_id bigint NOT NULL REFERENCES pirs,
    seq            smallint NOT NULL,
    score          double precision NOT NULL CHECK (score BETWEEN 0 AND 100),
    matched        jsonb NOT NULL,
    contradicting  jsonb NOT NULL,
    state          text NOT NULL DEFAULT 'PROPOSED' CHECK (state IN ('PROPOSED', 'CONFIRMED', 'REJECTED')),
    proposed_at    timestamptz NOT NULL,
    decided_by     text,
    decided_at     timestamptz,
    UNIQUE (on_hand_pir_id, delayed_pir_id, seq),
    FOREIGN KEY (delayed_pir_id, seq) REFERENCES pir_bags,
    CHECK ((state = 'PROPOSED') = (decided_at IS NULL)),
    CHECK ((state = 'PROPOSED') = (decided_by IS NULL))
);
-- A found bag is one missed bag, and a missed bag is found once.
CREATE UNIQUE INDEX pir_matches_of_found ON pir_matches (on_hand_pir_id) WHERE state = 'CONFIRMED';
CREATE UNIQUE INDEX pir_matches_of_missed ON pir_matches (delayed_pir_id, seq) WHERE state = 'CONFIRMED';
CREATE INDEX pir_matches_by_found ON pir_matches (on_hand_pir_id, score DESC);
CREATE INDEX pir_matches_by_missed ON pir_matches (delayed_pir_id, score DESC);
COMMENT ON COLUMN pir_matches.seq IS 'Place of the missed bag in its file; a found bag has a file of its own.';
COMMENT ON COLUMN pir_matches.matched IS 'List of {element, found, reported, earned, possible}; may hold personal data.';

CREATE INDEX pirs_open ON pirs (airline_id, kind, opened_at DESC) WHERE closed_at IS NULL;
