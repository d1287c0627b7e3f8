"""Neo4j: a manager, and one file of statements for each subject."""
