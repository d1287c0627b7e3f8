"""Wording of SMS and email in each language: texts only."""
