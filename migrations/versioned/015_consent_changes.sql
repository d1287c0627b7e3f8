-- Opt-outs and their withdrawals as providers report them, each once. The latest change of a recipient and group counts, so
-- a repeated or late report does not undo a later one. opt_outs is only written by processes of earlier versions.

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

-- What processes of earlier versions write while they still run.
CREATE FUNCTION copy_opt_out() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO consent_changes (airline_id, service, change_id, recipient, opted_out, at)
        VALUES (NEW.airline_id, NEW.service, 'opt_outs:' || gen_random_uuid(), lower(NEW.recipient), true, NEW.at);
    ELSE
        INSERT INTO consent_changes (airline_id, service, change_id, recipient, opted_out, at)
        VALUES (OLD.airline_id, OLD.service, 'opt_outs:' || gen_random_uuid(), lower(OLD.recipient), false, now());
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER copy_opt_out AFTER INSERT OR DELETE ON opt_outs FOR EACH ROW EXECUTE FUNCTION copy_opt_out();

INSERT INTO consent_changes (airline_id, service, change_id, recipient, opted_out, at)
SELECT airline_id, service, 'opt_outs:' || gen_random_uuid(), lower(recipient), true, at FROM opt_outs;

-- The effects of one airline that wait, whatever others have waiting.
CREATE INDEX effects_waiting_of_airline ON effects (airline_id, service, lane, pir_id, id)
    WHERE state IN ('PENDING', 'SENDING', 'UNSETTLED');
