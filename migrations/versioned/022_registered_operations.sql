-- Operations that clients have registered at their build, by client and version. They belong to the schema, not to an
-- airline. Processes of the version before do not know these tables.
CREATE TABLE registered_documents (
    digest   bytea PRIMARY KEY CHECK (length(digest) = 32),
    document text NOT NULL
);
COMMENT ON COLUMN registered_documents.digest IS 'SHA-256 of the document in UTF-8.';

CREATE TABLE registered_operations (
    client        text NOT NULL CHECK (length(client) BETWEEN 1 AND 100),
    version       text NOT NULL CHECK (length(version) BETWEEN 1 AND 100),
    id            text NOT NULL CHECK (length(id) BETWEEN 1 AND 200),
    digest        bytea NOT NULL REFERENCES registered_documents,
    name          text NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (client, version, id)
);
COMMENT ON COLUMN registered_operations.id IS 'What the client sends in place of the document.';
