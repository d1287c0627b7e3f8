"""Ingestion: messages and scans become events, itineraries and flight updates."""
