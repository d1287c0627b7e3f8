"""Domain rules: pure functions without I/O. ``docs/DOMAIN.md`` states each rule and its source."""
