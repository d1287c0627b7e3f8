"""WorldTracer's client and its mock on the wire."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from integrations.errors import Refused, Unavailable, Unsettled
from integrations.partners.mocks.worldtracer import create_app
from integrations.partners.ports import FileClosed, UnknownFile
from integrations.partners.worldtracer import WorldTracerClient
from integrations.records.tracing import (
    BagDescription,
    BaggageData,
    FileType,
    FileUpdates,
    Forwarding,
    PassengerData,
    SearchCriteria,
    TracedBag,
    TracedBagState,
    TracedFlight,
)
from tests.partners.conftest import KEY
from tests.partners.control import Control, controlled

TAG, OTHER_TAG = "0230456782", "0230456783"
BAG = TracedBag(TAG, "BK22RHW", "Samsonite", ("camera", "shoes"))
FLIGHT = TracedFlight("CM", 758, date(2026, 3, 3), "PTY", "GRU")
OWNER = PassengerData(surname="GONZALEZ", given_names="MARIA", language="es")


def baggage(
    file_type: FileType = FileType.DELAYED, *bags: TracedBag, station: str = "GRU", **more: object
) -> BaggageData:
    return BaggageData(file_type, station, "CM", bags or (BAG,), **more)  # type: ignore[arg-type] # as the test gives


async def created(client: WorldTracerClient, file_type: FileType = FileType.DELAYED, key: str = "key-1") -> str:
    needed: dict[str, Any] = {"flights": (FLIGHT,), "routing": ("PTY",), "storage_location": "BRS 1"}
    more = needed if file_type is FileType.ON_HAND else {}
    return (await client.create_pir(baggage(file_type, **more), OWNER, our_key=key)).reference


async def test_a_file_gets_a_reference_of_its_station_and_is_found_again(worldtracer: WorldTracerClient) -> None:
    first = await worldtracer.create_pir(baggage(), OWNER, our_key="key-1")
    second = await created(worldtracer, key="key-2")
    by_key, by_tag, by_name = [
        [file.reference for file in await worldtracer.search_bags(criteria)]
        for criteria in (
            SearchCriteria(our_key="key-1"),
            SearchCriteria(tag=TAG),
            SearchCriteria(tag=TAG, surname="GONZALEZ"),
        )
    ]
    assert (first.reference, second, first.mock) == ("GRUCM00001", "GRUCM00002", True)
    assert by_key == [first.reference]
    assert sorted(by_tag) == sorted(by_name) == [first.reference, second]


async def test_creation_is_not_idempotent(worldtracer: WorldTracerClient) -> None:
    """The reason why a search must precede a repeat."""
    assert await created(worldtracer) != await created(worldtracer)
    assert len(await worldtracer.search_bags(SearchCriteria(our_key="key-1"))) == 2


async def test_tracing_is_suspended_and_resumed_by_bag(worldtracer: WorldTracerClient) -> None:
    two = baggage(FileType.DELAYED, BAG, TracedBag(OTHER_TAG, "RD25XXX"))
    reference = (await worldtracer.create_pir(two, OWNER, our_key="key-1")).reference
    await worldtracer.suspend(reference, [2])
    suspended = (await worldtracer.get_pir_status(reference)).bags
    await worldtracer.reinstate(reference, [2])
    assert suspended == (TracedBagState.TRACING, TracedBagState.SUSPENDED)
    assert set((await worldtracer.get_pir_status(reference)).bags) == {TracedBagState.TRACING}


async def test_a_file_without_reason_and_station_stays_open(worldtracer: WorldTracerClient) -> None:
    reference = await created(worldtracer)
    lacking = await worldtracer.close(reference, None, None)
    still_open = await worldtracer.get_pir_status(reference)
    complete = await worldtracer.close(reference, 55, "PTY")
    closed = await worldtracer.get_pir_status(reference)

    assert lacking.incomplete, "a success with warnings"
    assert not still_open.closed
    assert not complete.incomplete
    assert (closed.closed, closed.reason_for_loss, closed.fault_station) == (True, 55, "PTY")


async def test_a_closed_file_can_only_be_recreated(worldtracer: WorldTracerClient) -> None:
    reference = await created(worldtracer)
    await worldtracer.close(reference, 55, "PTY")
    for change in (
        worldtracer.update_pir(reference, FileUpdates(remarks="x")),
        worldtracer.suspend(reference, [1]),
        worldtracer.close(reference, 55, "PTY"),
    ):
        with pytest.raises(FileClosed):
            await change
    recreated = await worldtracer.create_pir(baggage(recreated_from=reference), OWNER, our_key="key-2")
    assert (await worldtracer.get_pir_status(recreated.reference)).recreated_from == reference


async def test_forwarding_a_found_bag_closes_its_file(worldtracer: WorldTracerClient) -> None:
    reference = await created(worldtracer, FileType.ON_HAND)
    rush = await worldtracer.forward(
        reference,
        Forwarding("PTY", "CM", TAG, "2230000001", (FLIGHT,)),
        our_key="key-2",
        file_type=FileType.ON_HAND,
    )
    assert rush.reference != reference
    assert (await worldtracer.get_pir_status(reference, file_type=FileType.ON_HAND)).closed


async def test_a_found_bag_is_compared_with_open_files(worldtracer: WorldTracerClient) -> None:
    reference = await created(worldtracer)
    (match,) = await worldtracer.match_found_bags(BagDescription(TAG, "GONZALEZ", "BK22RHW", "Samsonite"))
    assert (match.reference, match.bag, match.score) == (reference, 1, 100.0)
    assert {"TN", "NM", "CT"} <= set(match.elements)


async def test_an_unknown_file_and_a_wrong_key(worldtracer: WorldTracerClient, worldtracer_mock: Control) -> None:
    with pytest.raises(UnknownFile):
        await worldtracer.get_pir_status("PTYCM99999")
    stranger = WorldTracerClient(worldtracer_mock.url, "another-key", "CM")
    # No file is at fault: the account has to be repaired.
    with pytest.raises(Unavailable) as caught:
        await stranger.ping()
    await stranger.close_connections()
    assert caught.value.retry_after_seconds >= 60
    assert "another-key" not in str(caught.value)


@pytest.mark.parametrize("kind", ["reset_after", "html", "malformed", "hang"])
async def test_a_creation_without_a_response_is_unsettled_and_found_by_its_key(
    worldtracer: WorldTracerClient, worldtracer_mock: Control, kind: str
) -> None:
    await worldtracer_mock.order(kind, processed=True) if kind != "reset_after" else await worldtracer_mock.order(kind)
    with pytest.raises(Unsettled):
        await created(worldtracer)
    assert len(await worldtracer.search_bags(SearchCriteria(our_key="key-1"))) == 1


@pytest.mark.parametrize("kind", ["reset_before", "status", "html"])
async def test_a_repeatable_call_that_fails_is_unavailable(
    worldtracer: WorldTracerClient, worldtracer_mock: Control, kind: str
) -> None:
    reference = await created(worldtracer)
    await worldtracer_mock.order(kind)
    with pytest.raises(Unavailable):
        await worldtracer.update_pir(reference, FileUpdates(remarks="x"))
    await worldtracer.update_pir(reference, FileUpdates(remarks="x"))


async def test_a_forward_file_is_neither_updated_nor_closed(worldtracer: WorldTracerClient) -> None:
    with pytest.raises(Refused):
        await worldtracer.close("PTYCM00001", 55, "PTY", file_type=FileType.FORWARDED)


async def test_the_mocks_files_survive_a_restart(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    for key in ("key-1", "key-2"):
        async with controlled(create_app(journal=journal)) as mock:
            client = WorldTracerClient(mock.url, KEY, "CM")
            await created(client, key=key)
            found = [file.reference for file in await client.search_bags(SearchCriteria(tag=TAG))]
            await client.close_connections()
    assert sorted(found) == ["GRUCM00001", "GRUCM00002"]
