"""Commands on PIRs: opening, tracing, delivery, closing, matches and effects."""
