"""GraphQL's words and shapes: no SQL, no Cypher, no HTTP."""
