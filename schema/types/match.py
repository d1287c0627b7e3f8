"""Found bags and missed ones that may be the same."""

from datetime import datetime
from operator import itemgetter

import strawberry

from integrations.records import matches as records
from integrations.records.matches import MatchElement, MatchState
from resolvers import matches
from resolvers.context import Context
from schema.fields.batching import batched, masked, read
from schema.fields.node import Node
from schema.types.refs import LazyPir

Info = strawberry.Info[Context, None]


@strawberry.type(description="One element of a found bag and of a missed one, side by side.")
class ComparedElement:
    """Values are entries of ``integrations.records.matches.Match.matched`` and ``contradicting``."""

    element: MatchElement = read(itemgetter("element"), description="What is compared.")
    found: str | None = masked(
        matches.shown("found"), description="What is known of the found bag; null for roles that may not see it."
    )
    reported: str | None = masked(
        matches.shown("reported"), description="What is known of the missed bag; null for roles that may not see it."
    )
    earned: float = read(itemgetter("earned"), description="Points that it earns.")
    possible: float = read(itemgetter("possible"), description="Points that it could earn.")


@strawberry.type(description="A found bag and a missed one that may be the same. An agent decides, never the score.")
class Match(Node, record=records.Match, load=matches.by_ids):
    """Values are ``integrations.records.matches.Match``."""

    score: float = strawberry.field(
        description="Points earned of the points possible over the elements that both bags have, as a percentage."
    )
    matched: list[ComparedElement] = strawberry.field(description="Elements that agree.")
    contradicting: list[ComparedElement] = strawberry.field(description="Elements that do not.")
    state: MatchState = strawberry.field(description="What an agent has said of it.")
    proposed_at: datetime = strawberry.field(description="When it was proposed first.")
    decided_by: str | None = strawberry.field(description="Who confirmed or rejected it.")
    decided_at: datetime | None = strawberry.field(description="When it was confirmed or rejected.")
    seq: int = strawberry.field(description="Place of the missed bag in its file, from 1.")
    on_hand_pir: LazyPir | None = batched(matches.on_hand_pirs, description="The file of the found bag.")
    delayed_pir: LazyPir | None = batched(matches.delayed_pirs, description="The file of the missed bag.")
