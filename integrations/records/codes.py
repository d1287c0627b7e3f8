"""Written forms of stations, parties, places, phones, flights and dates in messages, scans and input."""

import re
from datetime import date

AIRPORT = re.compile(r"[A-Z]{3}")  # IATA location identifier
PARTY = re.compile(r"[A-Z0-9_-]{1,16}")
PLACE = re.compile(r"[\x20-\x7e]{0,40}")
E_164 = re.compile(r"\+[1-9][0-9]{6,14}")  # phone number
CARRIER = re.compile(r"[A-Z][A-Z0-9]|[0-9][A-Z]")  # IATA designator
# Email address. Stricter than RFC 5322, whose quotes, comments and addresses without a domain no passenger has.
EMAIL = re.compile(
    r"(?=.{3,254}\Z)(?=[^@]{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])"
)
# Carrier, number with or without padding, operational suffix.
DESIGNATOR = re.compile(rf"({CARRIER.pattern})0{{0,3}}([1-9][0-9]{{0,3}})([A-Z]?)")
# Month names of messages, whatever the locale of the process.
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

NO_AIRPORT = "An airport must be an IATA code of three letters, for example PTY."
NO_PARTY = "A party's code must have 1 to 16 characters: capital letters, digits, _ and -."
NO_PLACE = "Must have at most 40 characters, all printable ASCII."
NO_DESIGNATOR = "A flight must be carrier and number, for example CM758."


def day_and_month(day: date) -> str:
    """Returns a date as messages write it, without its year: ``23NOV``."""
    return f"{day.day:02d}{MONTHS[day.month - 1]}"
