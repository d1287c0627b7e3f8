"""Stages that every operation passes through: documents, limits, permissions, errors and tracing."""
