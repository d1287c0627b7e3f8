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


@strawberry.type(description="Element of the descriptions of a found bag and a missing bag, compared.")
class ComparedElement:
    """Values are entries of ``integrations.records.matches.Match.matched`` and ``contradicting``."""

    element: MatchElement = read(itemgetter("element"), description="Compared element.")
    found: str | None = masked(
        matches.shown("found"), description="Value of the found bag; null for roles without access to personal data."
    )
    reported: str | None = masked(
        matches.shown("reported"),
        description="Value of the missing bag; null for roles without access to personal data.",
    )
    earned: float = read(itemgetter("earned"), description="Points earned.")
    possible: float = read(itemgetter("possible"), description="Points possible.")


@strawberry.type(
    description="Proposal that a found bag and a missing bag are the same. An agent confirms or rejects it."
)
class Match(Node, record=records.Match, load=matches.by_ids):
    """Values are ``integrations.records.matches.Match``."""

    score: float = strawberry.field(
        description="Points earned as a percentage of the points possible, over the elements that both bags have."
    )
    matched: list[ComparedElement] = strawberry.field(name="agreeing", description="Elements that agree.")
    contradicting: list[ComparedElement] = strawberry.field(name="disagreeing", description="Elements that disagree.")
    state: MatchState = strawberry.field(description="Decision of an agent.")
    proposed_at: datetime = strawberry.field(description="When the match was first proposed.")
    decided_by: str | None = strawberry.field(description="Actor who confirmed or rejected the match; null until then.")
    decided_at: datetime | None = strawberry.field(
        description="When the match was confirmed or rejected; null until then."
    )
    seq: int = strawberry.field(description="Position of the missing bag in its PIR, from 1.")
    on_hand_pir: LazyPir | None = batched(
        matches.on_hand_pirs, description="PIR of the found bag; null if it was deleted."
    )
    delayed_pir: LazyPir | None = batched(
        matches.delayed_pirs, description="PIR of the missing bag; null if it was deleted."
    )
