"""Messages as they arrive, parsed into the product's records: Type B, Baggage XML and plain scans. Pure: no I/O."""
