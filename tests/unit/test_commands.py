"""Commands on PIRs: what distinguishes one command from another under an idempotency key."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.records.pirs import PirKind
from resolvers.irregularities import closing, commands, delivery, opening, tracing
from resolvers.irregularities.idempotency import fingerprint
from resolvers.irregularities.pir_unit import Target

CONTEXT: Any = None
TARGET = Target(7, 3)
START, END = datetime(2026, 3, 3, 14, tzinfo=UTC), datetime(2026, 3, 3, 18, tzinfo=UTC)
REPORTED = (
    opening.ReportedBag(bag_id=1),
    opening.ReportedBag(tag="CM456781", description="BK22RHW"),
)
CREATE = opening.CreatePir(PirKind.DELAYED, REPORTED, received_at=START)
UPDATE = commands.UpdatePir(remarks="x", bags=(commands.DescribedBagUpdate(1, brand="B"),))

# Digests of commands as earlier releases stored them: a key must be replayed by any later release.
STORED = {
    "createPir": (opening.create, (CREATE,), "d8df20eb57dbcce2a60d237a2bf46b39d5af65a609284e430203f6224936e3e5"),
    "updatePir": (
        commands.update,
        (TARGET, UPDATE),
        "bc4846a016dee2412b6f1f9160ea2ba430a4dd8c9b0245143ea644bf64dbc61f",
    ),
    "assignPir": (
        commands.assign,
        (TARGET, commands.AssignPir("agent.7")),
        "bcbbe9fe6a81b82e164646a38550397ae6fdbf6d93cc661ca9bd5011955e722d",
    ),
    "commentPir": (
        commands.comment,
        (TARGET, commands.CommentPir("text")),
        "e6916ae8ed90f950300741d201d114c7d9741c7a5448de7cb40014ed68d31605",
    ),
    "suspendTracing": (
        tracing.suspend,
        (TARGET, commands.ChosenBags((1, 2))),
        "0378c6ee374b75a452874f08bf2461c6275b3bd9acb159baff7124312531c22a",
    ),
    "reinstateTracing": (
        tracing.reinstate,
        (Target(7), commands.ChosenBags()),
        "6f8fbf7eb49e2e654755bf69d65bd62321046db25730b18f8aec441f45f239b9",
    ),
    "receiveBags": (
        delivery.receive,
        (TARGET, commands.ChosenBags((1, 2))),
        "0378c6ee374b75a452874f08bf2461c6275b3bd9acb159baff7124312531c22a",
    ),
    "locateBags": (
        tracing.locate,
        (TARGET, tracing.LocateBags("PTY", (1,))),
        "030ff40e138dbd10be4e54a5e2f3d19c2cfc7788718e2521a9b3742844fcc49d",
    ),
    "forwardBags": (
        tracing.forward,
        (TARGET, tracing.ForwardBags(5, (1,), "2230700001")),
        "05ff4efc82d4d81da53ec0639bd72c49576d13c9392b113e6af3739b52f26d19",
    ),
    "arrangeDelivery": (
        delivery.arrange_delivery,
        (TARGET, delivery.ArrangeDelivery("C", START, END)),
        "b655ef6808a3fb63d45f474e23f33e0d42196100fac020dca3c9f9ae0dcd7f28",
    ),
    "confirmDelivery": (
        delivery.confirm_delivery,
        (TARGET, delivery.ConfirmDelivery(START, (1,))),
        "195aa509f48b3ea70499fdcc3b2e0cde615d8f7cb5149804c1db92ff240adec5",
    ),
    "closePir": (
        closing.close,
        (TARGET, closing.ClosePir("55", "PTY", True, "c")),
        "717c8b557773ff2db18ce99603f82c123479154646fcc5b85202761a0d2d6002",
    ),
    "recreatePir": (
        opening.recreate,
        (TARGET,),
        "88ca54a69e73769e54caecaafde41ca5b99efe23a42e61fc62a99666e79a0bba",
    ),
}


@pytest.mark.parametrize("operation", STORED)
async def test_a_command_keeps_its_name_and_its_fingerprint(operation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded: list[tuple[str | None, str, str]] = []

    async def run_once(_context: Any, key: str | None, name: str, command: Mapping[str, Any], _change: Any) -> None:
        recorded.append((key, name, fingerprint(command).hex()))

    monkeypatch.setattr(commands, "run_once", run_once)
    function: Any
    function, arguments, digest = STORED[operation]
    await function(CONTEXT, *arguments, "key-of-8")
    assert recorded == [("key-of-8", operation, digest)]
