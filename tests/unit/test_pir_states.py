"""The state machine of files: any sequence of actions keeps to its rules."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from integrations.records.pirs import PirAction, PirBagState, PirKind, PirStatus
from resolvers import pir_states
from resolvers.errors import InvalidState, PirClosed

A, S = PirAction, PirBagState
KINDS = st.sampled_from(PirKind)
MOVES = sorted(
    {action for kind in PirKind for state in pir_states.states(kind) for action in pir_states.moves(kind, state)}
)
FOUND = (S.LOCATED, S.FORWARDED, S.RECEIVED, S.OUT_FOR_DELIVERY)


class Files(RuleBasedStateMachine):
    """A file of several bags, worked at random."""

    @initialize(kind=KINDS, number=st.integers(1, 4))
    def open(self, kind: PirKind, number: int) -> None:
        self.kind = kind
        self.bags = [pir_states.first(kind)] * (1 if kind == PirKind.ON_HAND else number)
        self.status = PirStatus.OPEN

    @rule(place=st.integers(0, 3), action=st.sampled_from(MOVES))
    def act(self, place: int, action: PirAction) -> None:
        place %= len(self.bags)
        before = self.bags[place]
        if self.status == PirStatus.CLOSED:
            with pytest.raises(PirClosed, match="recreate"):
                pir_states.check_open(self.status)
            return
        try:
            self.bags[place] = pir_states.move(self.kind, place + 1, before, action)
        except InvalidState as refusal:
            self.refused(before, action, str(refusal))
        else:
            assert action in pir_states.moves(self.kind, before)
        self.status = pir_states.status(self.kind, self.bags)

    def refused(self, state: PirBagState, action: PirAction, message: str) -> None:
        assert action not in pir_states.moves(self.kind, state)
        offered = message.partition("allowed now: ")[2].rstrip(".").split(", ")
        assert offered == [one.lower().replace("_", " ") for one in [*pir_states.moves(self.kind, state), A.CLOSE]]

    @invariant()
    def bags_are_in_states_of_their_kind(self) -> None:
        assert set(self.bags) <= set(pir_states.states(self.kind))

    @invariant()
    def the_file_stands_where_its_bags_do(self) -> None:
        if self.status == PirStatus.SUSPENDED:
            assert set(self.bags) == {S.SUSPENDED}
        if self.status == PirStatus.CLOSED:
            assert (self.kind, self.bags) == (PirKind.ON_HAND, [S.FORWARDED])


TestFiles = Files.TestCase
TestFiles.settings = settings(max_examples=200, stateful_step_count=20, deadline=None)


@pytest.mark.parametrize("kind", PirKind)
def test_every_state_is_reached_and_leads_somewhere_known(kind: PirKind) -> None:
    reached, waiting = set(), {pir_states.first(kind)}
    while waiting:
        state = waiting.pop()
        reached.add(state)
        waiting |= set(pir_states.moves(kind, state).values()) - reached
    assert reached == set(pir_states.states(kind))


@pytest.mark.parametrize("state", FOUND)
def test_a_found_bag_that_is_the_wrong_one_is_looked_for_again(state: PirBagState) -> None:
    assert pir_states.move(PirKind.DELAYED, 1, state, A.REINSTATE) == S.TRACING


def test_nothing_follows_on_delivery() -> None:
    for kind in (PirKind.DELAYED, PirKind.DAMAGED, PirKind.PILFERED):
        assert not pir_states.moves(kind, S.DELIVERED)


def test_a_refusal_names_the_bag_and_what_is_allowed() -> None:
    with pytest.raises(InvalidState, match=r"^Bag 2 is delivered and cannot be located; allowed now: close\.$"):
        pir_states.move(PirKind.DELAYED, 2, S.DELIVERED, A.LOCATE)
    with pytest.raises(InvalidState, match=r"cannot be received; allowed now: suspend, locate, close\.$"):
        pir_states.move(PirKind.DELAYED, 1, S.TRACING, A.RECEIVE)


@pytest.mark.parametrize("status", [PirStatus.OPEN, PirStatus.SUSPENDED])
def test_only_a_closed_file_is_recreated(status: PirStatus) -> None:
    pir_states.check_open(status)
    pir_states.check_closed(PirStatus.CLOSED)
    with pytest.raises(InvalidState, match="open"):
        pir_states.check_closed(status)
