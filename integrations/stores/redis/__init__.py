"""Redis: manager."""
