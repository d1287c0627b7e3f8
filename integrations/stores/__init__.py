"""The three stores: a manager each, and one file of statements for each noun."""
