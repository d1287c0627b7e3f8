"""PostgreSQL: manager, pool and one file of statements for each noun."""
