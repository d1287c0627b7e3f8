"""Object types of the schema, one file a noun. Their values are records."""
