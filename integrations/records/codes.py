"""How stations, parties, places and flights are written, in messages, in scans and by people alike."""

import re

AIRPORT = re.compile(r"[A-Z]{3}")  # IATA location identifier
PARTY = re.compile(r"[A-Z0-9_-]{1,16}")
PLACE = re.compile(r"[\x20-\x7e]{0,40}")
# Carrier, number with or without its padding, operational suffix.
DESIGNATOR = re.compile(r"([A-Z][A-Z0-9]|[0-9][A-Z])0{0,3}([1-9][0-9]{0,3})([A-Z]?)")

NO_AIRPORT = "An airport is an IATA code of three letters: PTY."
NO_PARTY = "A party's code has at most 16 capital letters and digits."
NO_PLACE = "At most 40 printable ASCII characters."
NO_DESIGNATOR = "A flight is written as carrier and number: CM758."
