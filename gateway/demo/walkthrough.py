"""Walkthrough of the demo by GraphQL only: a bag misses its connection, and the PIR goes through all its steps.

It needs a gateway whose dispatchers reach WorldTracer, Twilio and SendGrid or their mocks. Each run leaves one more
closed PIR.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from integrations.progress import Progress

PATIENCE_SECONDS = 120.0
MOST_BAGS = 100
SETTLED = {"ACCEPTED", "DELIVERED", "FAILED", "SUPPRESSED", "CANCELLED"}
REASONS_FOR_LOSS = {"55", "56"}

LEFT_BEHIND = """
query($first: Int!) { bags(states: [LEFT_BEHIND], airport: "PTY", first: $first) { nodes {
  id printedTag description pir { id } passenger { id } itinerary { flight { destination } } } } }
"""
CREATE = """
mutation($input: CreatePirInput!) { createPir(input: $input) { pir { id station destination } userErrors { message } } }
"""
PIR = """
query($id: ID!) { pir(by: {id: $id}) {
  reference status version destination reasonForLoss faultStation
  proposal { reasonForLoss faultStation evidence { name value at } }
  matches { id score agreeing { element } disagreeing { element } onHandPir { id } }
  history { action actor at }
  effects { service action state reason mock providerId sends { outcome units cost } }
} }
"""
EFFECTS = """
subscription($id: ID!) { pirUpdated(by: {id: $id}) {
  pir { effects { service action state reason mock providerId } } } }
"""
FLIGHTS = """
query($origin: String!, $destination: String!, $after: DateTime!) {
  flights(origin: $origin, destination: $destination, departingFrom: $after, first: 1) { nodes { id designator } } }
"""
PREVIEW = """
query($id: ID!) { notificationPreview(pirId: $id, trigger: FILE_OPENED) {
  language sms { text parts } email { subject } } }
"""
CONFIRM = "mutation($input: MatchInput!) { confirmMatch(input: $input) { match { state } userErrors { message } } }"
COSTS = """
query($since: DateTime!) { apiCosts(since: $since) { total dailyBudget budgetExceeded
  byCall { service call mock calls units cost } } }
"""


class WalkthroughError(Exception):
    """The walkthrough cannot continue; the message names the step and the reason."""


class Walkthrough:
    """The steps of one PIR, from the missed connection to its end.

    Args:
        client: authenticated as a supervisor.
        url: of GraphQL.
        progress: receives one line of progress at a time.
    """

    def __init__(self, client: httpx.AsyncClient, url: str, progress: Progress) -> None:
        self._client = client
        self._url = url
        self._progress = progress
        self._began = datetime.now(UTC)

    async def run(self) -> None:
        """Runs all steps.

        Raises:
            WalkthroughError: a step is rejected, or its result is not the expected one.
        """
        bag = await self._find_bag()
        pir = await self._open(bag)
        await self._await_effects(pir, "FILE_OPENED")
        await self._match(pir, bag)
        await self._deliver(pir)
        await self._close(pir)
        await self._report_costs()

    async def _find_bag(self) -> Mapping[str, Any]:
        nodes = (await self._execute(LEFT_BEHIND, first=MOST_BAGS))["bags"]["nodes"]
        free = [bag for bag in nodes if bag["pir"] is None and bag["passenger"] and len(bag["itinerary"]) > 1]
        if not free:
            raise WalkthroughError(
                "No bag without a PIR was left behind at PTY: scripts/reset_demo.sh brings one back."
            )
        bag: Mapping[str, Any] = free[0]
        self._progress(f"bag {bag['printedTag']} missed its connection at PTY")
        return bag

    async def _open(self, bag: Mapping[str, Any]) -> str:
        contact = {"language": "ES", "phone": "+12025550147", "email": "maleta@example.com"}
        created = await self._mutate(
            "createPir", CREATE, {"kind": "DELAYED", "bags": [{"by": {"id": bag["id"]}}], **contact}
        )
        pir = str(created["id"])
        self._progress(f"{created['station']} opens a PIR; the passenger waits at {created['destination']}")
        preview = (await self._execute(PREVIEW, id=pir))["notificationPreview"]
        self._progress(f"in {preview['language']}, {preview['sms']['parts']} part(s): {preview['sms']['text']}")
        return pir

    async def _await_effects(self, pir: str, action: str) -> None:
        """Waits until the effects of the last step are settled, and reports them."""
        found: list[dict[str, Any]] = []
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), aclosing(self._subscribe(EFFECTS, id=pir)) as updates:
                async for update in updates:
                    # The first message is a checkpoint, without a PIR: later changes will follow it.
                    current = update["pirUpdated"]["pir"] or (await self._execute(PIR, id=pir))["pir"]
                    found = [
                        one for one in current["effects"] if action == one["action"] or one["service"] == "WORLDTRACER"
                    ]
                    if found and all(one["state"] in SETTLED for one in found):
                        break
        except TimeoutError:
            raise WalkthroughError(f"{action} was not sent within {PATIENCE_SECONDS:g} seconds: {found}") from None
        for one in found:
            if one["action"] == action or action == "FILE_OPENED":
                mock = " (mock)" if one["mock"] else ""
                self._progress(f"  {one['service']}{mock} {one['action']}: {one['state']} {one['providerId'] or ''}")
            if one["state"] not in ("ACCEPTED", "DELIVERED"):
                raise WalkthroughError(f"{one['service']} {one['action']} is {one['state']}, {one['reason']}")

    async def _match(self, pir: str, bag: Mapping[str, Any]) -> None:
        described = {"by": {"id": bag["id"]}, "description": bag["description"]}
        found = {"kind": "ON_HAND", "station": "PTY", "storageLocation": "BRS 12", "bags": [described]}
        on_hand = await self._mutate("createPir", CREATE, found)
        self._progress("PTY finds a bag on hand and registers it")
        matches = (await self._execute(PIR, id=pir))["pir"]["matches"]
        match = next((one for one in matches if one["onHandPir"]["id"] == on_hand["id"]), None)
        if match is None:
            raise WalkthroughError("The found bag was not proposed for the PIR.")
        agrees = ", ".join(one["element"] for one in match["agreeing"])
        self._progress(f"it matches the PIR by {match['score']:.0f} %: {agrees}; an agent confirms")
        await self._mutate("confirmMatch", CONFIRM, {"matchId": match["id"]})
        await self._await_effects(pir, "BAG_LOCATED")

    async def _deliver(self, pir: str) -> None:
        destination = (await self._execute(PIR, id=pir))["pir"]["destination"]
        now = datetime.now(UTC)
        flights = await self._execute(FLIGHTS, origin="PTY", destination=destination, after=now.isoformat())
        flight = flights["flights"]["nodes"][0]
        serial = f"{int(now.timestamp()) % 1_000_000:06}"
        await self._command("forwardBags", "ForwardBagsInput", pir, flightId=flight["id"], rushTag=f"2230{serial}")
        self._progress(f"forwarded by {flight['designator']} under a rush tag")
        await self._await_effects(pir, "BAG_FORWARDED")
        await self._command("receiveBags", "PirBagsInput", pir)
        self._progress(f"received at {destination}")
        await self._await_effects(pir, "BAG_RECEIVED")
        window = {"windowStart": now.isoformat(), "windowEnd": (now + timedelta(hours=4)).isoformat()}
        await self._command("arrangeDelivery", "ArrangeDeliveryInput", pir, courier="Courier of the station", **window)
        self._progress("a courier is on the way")
        await self._await_effects(pir, "OUT_FOR_DELIVERY")
        await self._command("confirmDelivery", "ConfirmDeliveryInput", pir)
        self._progress("delivered")
        await self._await_effects(pir, "DELIVERED")

    async def _close(self, pir: str) -> None:
        proposal = (await self._execute(PIR, id=pir))["pir"]["proposal"]
        if proposal is None or proposal["reasonForLoss"] not in REASONS_FOR_LOSS:
            raise WalkthroughError(f"The journey should show reason for loss 55 or 56; it shows {proposal}.")
        for fact in proposal["evidence"]:
            self._progress(f"  {fact['name']}: {fact['value']} {fact['at'] or ''}".rstrip())
        await self._command("closePir", "ClosePirInput", pir, acceptProposal=True)
        await self._await_effects(pir, "CLOSE")
        closed = (await self._execute(PIR, id=pir))["pir"]
        self._progress(
            f"PIR {closed['reference']} is {closed['status']}: reason for loss {closed['reasonForLoss']}, "
            f"fault station {closed['faultStation']}; {len(closed['history'])} entries in its history, "
            f"{len(closed['effects'])} effects"
        )

    async def _report_costs(self) -> None:
        costs = (await self._execute(COSTS, since=self._began.isoformat()))["apiCosts"]
        for one in costs["byCall"]:
            mock = " (mock)" if one["mock"] else ""
            self._progress(f"  {one['service']}{mock} {one['call']}: {one['calls']} calls, {one['cost']} US dollars")
        self._progress(f"total cost: {costs['total']} US dollars")

    async def _command(self, name: str, kind: str, pir: str, **given: Any) -> None:
        document = f"mutation($input: {kind}!) {{ {name}(input: $input) {{ pir {{ id }} userErrors {{ message }} }} }}"
        await self._mutate(name, document, {"pirId": pir, **given})

    async def _mutate(self, name: str, document: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
        payload = (await self._execute(document, input=given))[name]
        if payload["userErrors"]:
            raise WalkthroughError(f"{name}: {payload['userErrors'][0]['message']}")
        changed: Mapping[str, Any] = payload.get("pir") or payload.get("match")
        return changed

    async def _execute(self, document: str, **variables: Any) -> dict[str, Any]:
        response = await self._client.post(self._url, json={"query": document, "variables": variables})
        return _data_of(response.json())

    async def _subscribe(self, document: str, **variables: Any) -> AsyncGenerator[dict[str, Any], None]:
        """The data of a subscription's messages, over server-sent events."""
        body, headers = {"query": document, "variables": variables}, {"Accept": "text/event-stream"}
        async with self._client.stream("POST", self._url, json=body, headers=headers) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: "):
                    yield _data_of(json.loads(line.removeprefix("data: ")))


def _data_of(response: Mapping[str, Any]) -> dict[str, Any]:
    if "errors" in response:
        raise WalkthroughError(str(response["errors"][0]["message"]))
    data: dict[str, Any] = response["data"]
    return data
