"""Commands on PIRs: opening, tracing, delivery, matches and effects."""
