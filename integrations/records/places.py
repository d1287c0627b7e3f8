"""Places within an airport, as events name them."""

import re
from enum import StrEnum


class PlaceKind(StrEnum):
    """What a place is, as far as its name tells."""

    PLACE = "PLACE"
    BELT = "BELT"
    CART = "CART"
    SORTER = "SORTER"
    SCREENING = "SCREENING"
    STAND = "STAND"
    DESK = "DESK"


# Airports name their places as they like, and no standard lists the names: these words are ours, and assumed.
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
    """What a place is by the whole word that its name begins with: BELT3 is a belt, BELTWAY and 3BELT are places."""
    return _KINDS.get(_REST.sub("", name.upper()), PlaceKind.PLACE)
