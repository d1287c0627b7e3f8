"""What may be done with a file, bag by bag. Pure.

Rules: WorldTracer's lifecycle (domain reference, section 6). A delayed bag is traced until it is found; suspension
rests the tracing; a bag that turns out to be the wrong one is traced again. A damaged bag is with its passenger, and is
delivered only if it was taken in. A found bag that is forwarded closes its file. A closed file is never reopened, only
recreated.
"""

from collections.abc import Collection, Iterable, Mapping

from integrations.records.pirs import PirAction, PirBagState, PirKind, PirStatus
from resolvers.errors import InvalidState, PirClosed

Moves = Mapping[PirBagState, Mapping[PirAction, PirBagState]]

_FOUND = {
    PirAction.REINSTATE: PirBagState.TRACING,
    PirAction.FORWARD: PirBagState.FORWARDED,
    PirAction.RECEIVE: PirBagState.RECEIVED,
}
_DELAYED: Moves = {
    PirBagState.TRACING: {PirAction.SUSPEND: PirBagState.SUSPENDED, PirAction.LOCATE: PirBagState.LOCATED},
    PirBagState.SUSPENDED: {PirAction.REINSTATE: PirBagState.TRACING, PirAction.LOCATE: PirBagState.LOCATED},
    PirBagState.LOCATED: _FOUND,
    PirBagState.FORWARDED: {PirAction.REINSTATE: PirBagState.TRACING, PirAction.RECEIVE: PirBagState.RECEIVED},
    PirBagState.RECEIVED: {
        PirAction.REINSTATE: PirBagState.TRACING,
        PirAction.FORWARD: PirBagState.FORWARDED,
        PirAction.ARRANGE_DELIVERY: PirBagState.OUT_FOR_DELIVERY,
        PirAction.CONFIRM_DELIVERY: PirBagState.DELIVERED,
    },
    PirBagState.OUT_FOR_DELIVERY: {
        PirAction.REINSTATE: PirBagState.TRACING,
        PirAction.RECEIVE: PirBagState.RECEIVED,
        PirAction.ARRANGE_DELIVERY: PirBagState.OUT_FOR_DELIVERY,
        PirAction.CONFIRM_DELIVERY: PirBagState.DELIVERED,
    },
    PirBagState.DELIVERED: {},
}
_DAMAGED: Moves = {
    PirBagState.REPORTED: {PirAction.RECEIVE: PirBagState.RECEIVED},
    PirBagState.RECEIVED: {
        PirAction.ARRANGE_DELIVERY: PirBagState.OUT_FOR_DELIVERY,
        PirAction.CONFIRM_DELIVERY: PirBagState.DELIVERED,
    },
    PirBagState.OUT_FOR_DELIVERY: {
        PirAction.RECEIVE: PirBagState.RECEIVED,
        PirAction.ARRANGE_DELIVERY: PirBagState.OUT_FOR_DELIVERY,
        PirAction.CONFIRM_DELIVERY: PirBagState.DELIVERED,
    },
    PirBagState.DELIVERED: {},
}
_ON_HAND: Moves = {
    PirBagState.ON_HAND: {PirAction.MATCH: PirBagState.MATCHED},
    PirBagState.MATCHED: {PirAction.REINSTATE: PirBagState.ON_HAND, PirAction.FORWARD: PirBagState.FORWARDED},
    PirBagState.FORWARDED: {},
}
_MOVES: Mapping[PirKind, Moves] = {
    PirKind.DELAYED: _DELAYED,
    PirKind.DAMAGED: _DAMAGED,
    PirKind.PILFERED: _DAMAGED,
    PirKind.ON_HAND: _ON_HAND,
}
_FIRST = {
    PirKind.DELAYED: PirBagState.TRACING,
    PirKind.DAMAGED: PirBagState.REPORTED,
    PirKind.PILFERED: PirBagState.REPORTED,
    PirKind.ON_HAND: PirBagState.ON_HAND,
}
_WORDS = {
    PirAction.SUSPEND: "suspended",
    PirAction.REINSTATE: "reinstated",
    PirAction.MATCH: "matched",
    PirAction.LOCATE: "located",
    PirAction.FORWARD: "forwarded",
    PirAction.RECEIVE: "received",
    PirAction.ARRANGE_DELIVERY: "sent out for delivery",
    PirAction.CONFIRM_DELIVERY: "delivered",
}


def states(kind: PirKind) -> Collection[PirBagState]:
    """The states that a bag of such a file can be in."""
    return _MOVES[kind].keys()


def first(kind: PirKind) -> PirBagState:
    """The state that a bag begins in."""
    return _FIRST[kind]


def moves(kind: PirKind, state: PirBagState) -> Mapping[PirAction, PirBagState]:
    """What may be done with a bag of an open file, and what it becomes."""
    return _MOVES[kind][state]


def move(kind: PirKind, seq: int, state: PirBagState, action: PirAction) -> PirBagState:
    """What a bag of an open file becomes.

    Args:
        seq: its place in the file, for the refusal.

    Raises:
        InvalidState: the bag cannot be moved so; names what is allowed.
    """
    allowed = moves(kind, state)
    if action not in allowed:
        raise InvalidState(
            "bags",
            f"Bag {seq} is {_said(state)} and cannot be {_WORDS[action]}; allowed now: {_listed(allowed)}.",
        )
    return allowed[action]


def check_open(status: PirStatus) -> None:
    """Checks that a file can still be changed.

    Raises:
        PirClosed: it cannot.
    """
    if status == PirStatus.CLOSED:
        raise PirClosed("pirId", "The file is closed and is never reopened; allowed now: recreate.")


def check_closed(status: PirStatus) -> None:
    """Checks that a file may be recreated.

    Raises:
        InvalidState: it is open.
    """
    if status != PirStatus.CLOSED:
        raise InvalidState("pirId", "Only a closed file is recreated; this one is open: go on with it, or close it.")


def status(kind: PirKind, bags: Iterable[PirBagState]) -> PirStatus:
    """Where an open file stands by its bags: suspended while all of them are; closed once a found bag is forwarded."""
    present = set(bags)
    if kind == PirKind.ON_HAND and present == {PirBagState.FORWARDED}:
        return PirStatus.CLOSED
    return PirStatus.SUSPENDED if present == {PirBagState.SUSPENDED} else PirStatus.OPEN


def _listed(allowed: Iterable[PirAction]) -> str:
    return ", ".join([*(_said(action) for action in allowed), _said(PirAction.CLOSE)])


def _said(name: PirAction | PirBagState) -> str:
    return name.lower().replace("_", " ")
