"""Background workers: each works on leased lanes or walks through all records."""
