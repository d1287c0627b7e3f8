"""Results of a search."""

from typing import Annotated

import strawberry

from resolvers.search import SearchKind
from schema.types.bag import Bag
from schema.types.flight import Flight
from schema.types.passenger import Passenger
from schema.types.pir import Pir

SearchResult = Annotated[
    Bag | Passenger | Flight | Pir, strawberry.union("SearchResult", description="Object that a search can find.")
]


@strawberry.type(description="Results of a search, and how its text was read.")
class SearchResults:
    """Values are ``resolvers.search.SearchResults``."""

    read_as: list[SearchKind] = strawberry.field(description="Possible readings of the text, most likely first.")
    found: list[SearchResult] = strawberry.field(description="Results in order of the readings.")
