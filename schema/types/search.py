"""Results of a search."""

from typing import Annotated

import strawberry

from resolvers.search import SearchKind
from schema.types.bag import Bag
from schema.types.flight import Flight
from schema.types.passenger import Passenger
from schema.types.pir import Pir

SearchResult = Annotated[
    Bag | Passenger | Flight | Pir, strawberry.union("SearchResult", description="Anything that a search finds.")
]


@strawberry.type(description="What a search found, and what it took the text for.")
class SearchResults:
    """Values are ``resolvers.search.SearchResults``."""

    read_as: list[SearchKind] = strawberry.field(description="What the text was taken for, best reading first.")
    found: list[SearchResult] = strawberry.field(description="What was found, in that order.")
