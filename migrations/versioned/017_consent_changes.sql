-- Opt-outs and their withdrawals as providers report them, each once. The latest change of a recipient and group counts, so
-- a repeated or late report does not undo a later one. opt_outs is no longer read or written.

CREATE TABLE consent_changes (
    airline_id integer NOT NULL REFERENCES airlines,
    service    text NOT NULL CHECK (service IN ('SMS', 'EMAIL')),
    change_id  text NOT NULL,
    recipient  text NOT NULL,
    scope      text NOT NULL DEFAULT '',
    opted_out  boolean NOT NULL,
    at         timestamptz NOT NULL,
    PRIMARY KEY (airline_id, service, change_id)
);
CREATE INDEX consent_changes_by_recipient ON consent_changes (airline_id, service, recipient);
COMMENT ON COLUMN consent_changes.change_id IS 'Identity of the report at its provider, the same when it is repeated.';
COMMENT ON COLUMN consent_changes.recipient IS 'Number, or address in lower case.';
COMMENT ON COLUMN consent_changes.scope IS 'The provider''s unsubscribe group; empty for all messages of the service.';

INSERT INTO consent_changes (airline_id, service, change_id, recipient, opted_out, at)
SELECT airline_id, service, 'opt_outs:' || recipient, lower(recipient), true, at FROM opt_outs;

-- The effects of one airline that wait, whatever others have waiting.
CREATE INDEX effects_waiting_of_airline ON effects (airline_id, service, lane, pir_id, id)
    WHERE state IN ('PENDING', 'SENDING', 'UNSETTLED');
