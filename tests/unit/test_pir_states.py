"""The pure machine of a file's bags: what may be done, and what a refusal says."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from integrations.records.pirs import PirAction, PirBagState, PirKind, PirStatus
from resolvers.errors import InvalidState, PirClosed
from resolvers.rules import pir_lifecycle

WORKS = [action for action in PirAction if action in pir_lifecycle._WORDS]


class FileMachine(RuleBasedStateMachine):
    """Three bags of one file, worked in any order."""

    @initialize(kind=st.sampled_from(PirKind))
    def open_file(self, kind: PirKind) -> None:
        self.kind = kind
        self.bags = dict.fromkeys(range(1, 2 if kind == PirKind.ON_HAND else 4), pir_lifecycle.first(kind))

    @rule(seq=st.integers(1, 3), action=st.sampled_from(WORKS))
    def work(self, seq: int, action: PirAction) -> None:
        if seq not in self.bags:
            return
        state = self.bags[seq]
        allowed = pir_lifecycle.moves(self.kind, state)
        if action in allowed:
            self.bags[seq] = pir_lifecycle.move(self.kind, seq, state, action)
            return
        with pytest.raises(InvalidState) as refused:
            pir_lifecycle.move(self.kind, seq, state, action)
        said = str(refused.value)
        assert said.startswith(f"Bag {seq} is ")
        named = said.partition("allowed now: ")[2].rstrip(".").split(", ")
        assert named[-1] == "close", "a file may always be closed"
        assert len(named) == len(allowed) + 1

    @invariant()
    def every_state_is_known_and_leads_on_or_ends(self) -> None:
        for state in self.bags.values():
            assert state in pir_lifecycle.states(self.kind)
            if state in (PirBagState.DELIVERED, PirBagState.FORWARDED):
                continue
            assert pir_lifecycle.moves(self.kind, state)

    @invariant()
    def a_file_rests_only_while_all_of_its_bags_do(self) -> None:
        status = pir_lifecycle.status(self.kind, self.bags.values())
        assert (status == PirStatus.SUSPENDED) == (set(self.bags.values()) == {PirBagState.SUSPENDED})
        closed = self.kind == PirKind.ON_HAND and set(self.bags.values()) == {PirBagState.FORWARDED}
        assert (status == PirStatus.CLOSED) == closed


TestFileMachine = FileMachine.TestCase


@pytest.mark.parametrize("kind", PirKind)
def test_every_state_can_be_reached_and_every_bag_brought_to_an_end(kind: PirKind) -> None:
    reached, border = {pir_lifecycle.first(kind)}, [pir_lifecycle.first(kind)]
    while border:
        for state in pir_lifecycle.moves(kind, border.pop()).values():
            if state not in reached:
                reached.add(state)
                border.append(state)
    assert reached == set(pir_lifecycle.states(kind))
    assert reached & {PirBagState.DELIVERED, PirBagState.FORWARDED}


def test_a_closed_file_is_not_worked_on() -> None:
    pir_lifecycle.check_open(PirStatus.SUSPENDED)
    with pytest.raises(PirClosed, match="never reopened; allowed now: recreate"):
        pir_lifecycle.check_open(PirStatus.CLOSED)
    with pytest.raises(InvalidState, match="this one is open"):
        pir_lifecycle.check_closed(PirStatus.OPEN)
