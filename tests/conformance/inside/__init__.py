"""Modules for the other project's test run; only this folder is on its path."""
