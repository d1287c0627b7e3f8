"""Lifecycle of a PIR, bag by bag (docs/DOMAIN.md#file-lifecycle).

A delayed bag is traced until it is located. Suspension rests the tracing; reinstatement resumes it, also for a bag that
turns out to be the wrong one. A damaged bag is with its passenger and is delivered only after it was received. An
on-hand bag that is forwarded closes its PIR. A closed PIR is never reopened, only recreated.
"""

from collections.abc import Collection, Iterable, Mapping

from integrations.records.pirs import PirAction, PirBagState, PirKind, PirStatus
from resolvers.errors import InvalidState, PirClosed

Transitions = Mapping[PirBagState, Mapping[PirAction, PirBagState]]

_LOCATED = {
    PirAction.REINSTATE: PirBagState.TRACING,
    PirAction.FORWARD: PirBagState.FORWARDED,
    PirAction.RECEIVE: PirBagState.RECEIVED,
}
_DELAYED: Transitions = {
    PirBagState.TRACING: {PirAction.SUSPEND: PirBagState.SUSPENDED, PirAction.LOCATE: PirBagState.LOCATED},
    PirBagState.SUSPENDED: {PirAction.REINSTATE: PirBagState.TRACING, PirAction.LOCATE: PirBagState.LOCATED},
    PirBagState.LOCATED: _LOCATED,
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
_DAMAGED: Transitions = {
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
_ON_HAND: Transitions = {
    PirBagState.ON_HAND: {PirAction.MATCH: PirBagState.MATCHED},
    PirBagState.MATCHED: {PirAction.REINSTATE: PirBagState.ON_HAND, PirAction.FORWARD: PirBagState.FORWARDED},
    PirBagState.FORWARDED: {},
}
_TRANSITIONS: Mapping[PirKind, Transitions] = {
    PirKind.DELAYED: _DELAYED,
    PirKind.DAMAGED: _DAMAGED,
    PirKind.PILFERED: _DAMAGED,
    PirKind.ON_HAND: _ON_HAND,
}
_INITIAL_STATES = {
    PirKind.DELAYED: PirBagState.TRACING,
    PirKind.DAMAGED: PirBagState.REPORTED,
    PirKind.PILFERED: PirBagState.REPORTED,
    PirKind.ON_HAND: PirBagState.ON_HAND,
}


def states(kind: PirKind) -> Collection[PirBagState]:
    """Returns the states of a bag of a PIR of this kind."""
    return _TRANSITIONS[kind].keys()


def initial_state(kind: PirKind) -> PirBagState:
    """Returns the state of a bag of a new PIR."""
    return _INITIAL_STATES[kind]


def transitions(kind: PirKind, state: PirBagState) -> Mapping[PirAction, PirBagState]:
    """Returns the actions that are allowed for a bag of an open PIR, each with the next state."""
    return _TRANSITIONS[kind][state]


def next_state(kind: PirKind, seq: int, state: PirBagState, action: PirAction) -> PirBagState:
    """Returns the state of a bag of an open PIR after an action.

    Args:
        seq: number of the bag in the PIR, for the error.

    Raises:
        InvalidState: the action is not allowed; names the allowed ones.
    """
    allowed = transitions(kind, state)
    if action not in allowed:
        actions = ", ".join([*allowed, PirAction.CLOSE])
        raise InvalidState("bags", f"bag {seq} is {state}, which does not allow {action}; allowed: {actions}")
    return allowed[action]


def check_open(status: PirStatus) -> None:
    """Checks that a PIR can be changed.

    Raises:
        PirClosed: it is closed.
    """
    if status == PirStatus.CLOSED:
        raise PirClosed("pirId", "pirId must be an open PIR; a CLOSED one can only be recreated")


def check_closed(status: PirStatus) -> None:
    """Checks that a PIR can be recreated.

    Raises:
        InvalidState: it is open.
    """
    if status != PirStatus.CLOSED:
        raise InvalidState("pirId", f"pirId must be a CLOSED PIR; this one is {status}")


def status_of_bags(kind: PirKind, bags: Iterable[PirBagState]) -> PirStatus:
    """Returns the status of an open PIR with bags in these states.

    It is suspended if all bags are, and closed if a found bag was forwarded.
    """
    present = set(bags)
    if kind == PirKind.ON_HAND and present == {PirBagState.FORWARDED}:
        return PirStatus.CLOSED
    return PirStatus.SUSPENDED if present == {PirBagState.SUSPENDED} else PirStatus.OPEN
