"""Live updates: the change feed of each airline and its subscribers."""
