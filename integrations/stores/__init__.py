"""The three stores: a manager for each, and one file of statements for each noun."""
