"""Redis, the cache."""
