"""Kinds of places within an airport, derived from their names in events."""

import re
from enum import StrEnum


class PlaceKind(StrEnum):
    """Kind of a place, as far as its name shows."""

    PLACE = "PLACE"
    BELT = "BELT"
    CART = "CART"
    SORTER = "SORTER"
    SCREENING = "SCREENING"
    STAND = "STAND"
    DESK = "DESK"


# Airports name their places freely, and no standard lists the names: these words are our rule, and assumed.
_KINDS = {
    "BELT": PlaceKind.BELT,
    "TRANSFERBELT": PlaceKind.BELT,
    "CLAIMBELT": PlaceKind.BELT,
    "CART": PlaceKind.CART,
    "SORTER": PlaceKind.SORTER,
    "SCREENING": PlaceKind.SCREENING,
    "STAND": PlaceKind.STAND,
    "DESK": PlaceKind.DESK,
}
_REST = re.compile(r"[^A-Z].*", re.DOTALL)


def kind_of_place(name: str) -> PlaceKind:
    """Return the kind of a place by the whole word that its name begins with.

    BELT3 is a BELT; BELTWAY and 3BELT are a PLACE.
    """
    return _KINDS.get(_REST.sub("", name.upper()), PlaceKind.PLACE)
