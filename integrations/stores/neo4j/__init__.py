"""Neo4j: manager and one file of statements for each subject."""
