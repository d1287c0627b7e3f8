"""Lifecycle of the bags of a PIR: allowed actions, and the error for any other."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from integrations.records.pirs import PirAction, PirBagState, PirKind, PirStatus
from resolvers.errors import InvalidState, PirClosed
from resolvers.rules import pir_lifecycle

MOVES = [
    *(PirAction.SUSPEND, PirAction.REINSTATE, PirAction.MATCH, PirAction.LOCATE, PirAction.FORWARD, PirAction.RECEIVE),
    *(PirAction.ARRANGE_DELIVERY, PirAction.CONFIRM_DELIVERY),
]


class FileMachine(RuleBasedStateMachine):
    """Three bags of one file, worked in any order."""

    @initialize(kind=st.sampled_from(PirKind))
    def open_file(self, kind: PirKind) -> None:
        self.kind = kind
        self.bags = dict.fromkeys(range(1, 2 if kind == PirKind.ON_HAND else 4), pir_lifecycle.initial_state(kind))

    @rule(seq=st.integers(1, 3), action=st.sampled_from(MOVES))
    def act(self, seq: int, action: PirAction) -> None:
        if seq not in self.bags:
            return
        state = self.bags[seq]
        allowed = pir_lifecycle.transitions(self.kind, state)
        if action in allowed:
            self.bags[seq] = pir_lifecycle.next_state(self.kind, seq, state, action)
            return
        with pytest.raises(InvalidState) as rejected:
            pir_lifecycle.next_state(self.kind, seq, state, action)
        message = str(rejected.value)
        assert message.startswith(f"bag {seq} is {state}, which does not allow {action}; ")
        named = message.partition("allowed: ")[2].split(", ")
        assert named[-1] == "CLOSE", "a PIR may always be closed"
        assert len(named) == len(allowed) + 1

    @invariant()
    def every_state_is_known_and_leads_on_or_ends(self) -> None:
        for state in self.bags.values():
            assert state in pir_lifecycle.states(self.kind)
            if state in (PirBagState.DELIVERED, PirBagState.FORWARDED):
                continue
            assert pir_lifecycle.transitions(self.kind, state)

    @invariant()
    def a_file_rests_only_while_all_of_its_bags_do(self) -> None:
        status = pir_lifecycle.status_of_bags(self.kind, self.bags.values())
        assert (status == PirStatus.SUSPENDED) == (set(self.bags.values()) == {PirBagState.SUSPENDED})
        closed = self.kind == PirKind.ON_HAND and set(self.bags.values()) == {PirBagState.FORWARDED}
        assert (status == PirStatus.CLOSED) == closed


TestFileMachine = FileMachine.TestCase


@pytest.mark.parametrize("kind", PirKind)
def test_every_state_and_an_end_can_be_reached(kind: PirKind) -> None:
    reached, border = {pir_lifecycle.initial_state(kind)}, [pir_lifecycle.initial_state(kind)]
    while border:
        for state in pir_lifecycle.transitions(kind, border.pop()).values():
            if state not in reached:
                reached.add(state)
                border.append(state)
    assert reached == set(pir_lifecycle.states(kind))
    assert reached & {PirBagState.DELIVERED, PirBagState.FORWARDED}


def test_a_closed_file_is_not_worked_on() -> None:
    pir_lifecycle.check_open(PirStatus.SUSPENDED)
    with pytest.raises(PirClosed, match="a CLOSED one can only be recreated"):
        pir_lifecycle.check_open(PirStatus.CLOSED)
    with pytest.raises(InvalidState, match="this one is OPEN"):
        pir_lifecycle.check_closed(PirStatus.OPEN)
