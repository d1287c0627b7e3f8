import asyncio
from typing import Any

import pytest

from gateway.http import disconnect
from gateway.http.disconnect import ClientDisconnected, RequestGuard, RequestTimeout


class Client:
    """A client that disconnects when a test sets it to."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.watched = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        self.watched.set()
        await self.left.wait()
        return {"type": "http.disconnect"}


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.mark.asyncio(loop_scope="function")  # with no tasks but its own
async def test_what_is_quick_is_not_watched(client: Client) -> None:
    before = asyncio.all_tasks()
    with RequestGuard(client.receive, 1):
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == before
    await asyncio.sleep(disconnect.WATCH_AFTER_SECONDS * 1.5)
    assert not client.watched.is_set()


async def test_a_client_that_leaves_cuts_the_block_off(client: Client) -> None:
    asyncio.get_running_loop().call_later(0.01, client.left.set)
    with pytest.raises(ClientDisconnected), RequestGuard(client.receive, 5):
        await asyncio.sleep(5)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)  # nothing is left that would cancel us later


async def test_the_time_is_over(client: Client) -> None:
    with pytest.raises(RequestTimeout), RequestGuard(client.receive, disconnect.WATCH_AFTER_SECONDS * 2):
        await asyncio.sleep(5)


async def test_a_request_that_ends_in_time_is_not_watched_any_longer(client: Client) -> None:
    with RequestGuard(client.receive, 5):
        await asyncio.wait_for(client.watched.wait(), 1)
    client.left.set()
    await asyncio.sleep(disconnect.WATCH_AFTER_SECONDS)


async def test_a_failure_stays_what_it_is(client: Client) -> None:
    async def fail() -> None:
        with RequestGuard(client.receive, 5):
            try:
                await asyncio.sleep(5)
            finally:
                raise ZeroDivisionError

    client.left.set()
    with pytest.raises(ZeroDivisionError):
        await fail()


async def test_a_task_cancelled_from_outside_is_cancelled(client: Client) -> None:
    async def guarded() -> None:
        with RequestGuard(client.receive, 5):
            await asyncio.sleep(5)

    for left in (False, True):
        task = asyncio.create_task(guarded())
        await asyncio.wait_for(client.watched.wait(), 1)
        if left:
            client.left.set()
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(result, asyncio.CancelledError)
        client.watched.clear()
