-- How often each client's version runs which operation: what a change of the schema would break. Documents are kept
-- without their values, so that they hold no personal data. Processes of the version before do not count.
CREATE TABLE used_documents (
    digest   bytea PRIMARY KEY CHECK (length(digest) = 32),
    document text NOT NULL
);
COMMENT ON COLUMN used_documents.document IS 'Without values, aliases and comments; shared by documents that differ in them.';

CREATE TABLE operation_uses (
    day          date NOT NULL,
    client       text NOT NULL,
    version      text NOT NULL,
    operation    text NOT NULL,
    digest       bytea NOT NULL REFERENCES used_documents,
    uses         bigint NOT NULL,
    last_used_at timestamptz NOT NULL,
    PRIMARY KEY (day, client, version, operation, digest)
);
CREATE INDEX operation_uses_by_digest ON operation_uses (digest);
COMMENT ON COLUMN operation_uses.client IS 'As the client names itself; empty where it does not.';
