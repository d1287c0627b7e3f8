-- The trace of the request that a message or an effect comes from continues in the worker that handles it. Empty where
-- tracing is off. A column without a default is added without a rewrite; processes of the version before leave it empty.
ALTER TABLE outbox ADD COLUMN traceparent text;
COMMENT ON COLUMN outbox.traceparent IS 'W3C Trace Context of the request that changed the record; no personal data.';

ALTER TABLE effects ADD COLUMN traceparent text;
COMMENT ON COLUMN effects.traceparent IS 'W3C Trace Context of the request that asked for the effect; no personal data.';
