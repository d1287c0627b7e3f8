"""PostgreSQL: a manager, a pool, and one file of statements for each noun."""
