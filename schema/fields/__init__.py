"""Declarations of fields: batches, pages, nodes and user errors."""
