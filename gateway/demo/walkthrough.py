"""The demo's story of an irregularity, by GraphQL only: a bag misses its connection, and everything that follows.

It runs against a gateway whose dispatchers reach WorldTracer, Twilio and SendGrid or their mocks, and leaves one more
finished file behind each time.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import httpx

PATIENCE_SECONDS = 120.0
MOST_BAGS = 100
ENDED = {"ACCEPTED", "DELIVERED", "FAILED", "SUPPRESSED", "CANCELLED"}
CODES = {"55", "56"}

Say = Callable[[str], None]

LEFT_BEHIND = """
query($first: Int!) { bags(states: [LEFT_BEHIND], airport: "PTY", first: $first) { nodes {
  id printedTag description pir { id } passenger { id } itinerary { flight { destination } } } } }
"""
OPEN = """
mutation($input: CreatePirInput!) { createPir(input: $input) { pir { id station destination } userErrors { message } } }
"""
FILE = """
query($id: ID!) { pir(by: {id: $id}) {
  reference status version reasonForLoss faultStation
  proposal { reasonForLoss faultStation evidence { name value at } }
  matches { id score matched { element } contradicting { element } onHandPir { id } }
  history { action actor at }
  effects { service action state reason mock providerId sends { outcome units cost } }
} }
"""
FLIGHTS = """
query($origin: String!, $destination: String!, $after: DateTime!) {
  flights(origin: $origin, destination: $destination, departingFrom: $after, first: 1) { nodes { id designator } } }
"""
PREVIEW = """
query($id: ID!) { notificationPreview(pirId: $id, trigger: FILE_OPENED) {
  language sms { text parts } email { subject } } }
"""
COSTS = """
query($since: DateTime!) { apiCosts(since: $since) { total dailyBudget budgetExceeded
  byCall { service call mock calls units cost } } }
"""


class WalkthroughError(Exception):
    """The story cannot go on; the message says where it stopped and why."""


class Walkthrough:
    """Tells it, step by step.

    Args:
        client: signed in as a supervisor.
        url: of GraphQL.
        say: takes a line for the person at the console.
    """

    def __init__(self, client: httpx.AsyncClient, url: str, say: Say) -> None:
        self._client = client
        self._url = url
        self._say = say
        self._began = datetime.now(UTC)

    async def tell(self) -> None:
        """The whole story.

        Raises:
            StoryError: something did not go as it should.
        """
        bag = await self._bag()
        pir = await self._opened(bag)
        await self._told(pir, "FILE_OPENED")
        await self._found(pir, bag)
        await self._brought(pir)
        await self._closed(pir)
        await self._costs()

    async def _bag(self) -> Mapping[str, Any]:
        nodes = (await self._ask(LEFT_BEHIND, first=MOST_BAGS))["bags"]["nodes"]
        free = [bag for bag in nodes if bag["pir"] is None and bag["passenger"] and len(bag["itinerary"]) > 1]
        if not free:
            raise WalkthroughError(
                "No bag without a file was left behind at PTY: scripts/reset_demo.sh brings one back."
            )
        bag: Mapping[str, Any] = free[0]
        self._say(f"bag {bag['printedTag']} missed its connection at PTY")
        return bag

    async def _opened(self, bag: Mapping[str, Any]) -> str:
        given = {"kind": "DELAYED", "bagIds": [bag["id"]], "language": "ES", "phone": "+12025550147"}
        made = await self._do("createPir", OPEN, {**given, "email": "maleta@example.com"})
        pir = str(made["id"])
        self._say(f"{made['station']} opens a file for it; the passenger waits at {made['destination']}")
        words = (await self._ask(PREVIEW, id=pir))["notificationPreview"]
        self._say(f"in {words['language']}, {words['sms']['parts']} part(s): {words['sms']['text']}")
        return pir

    async def _told(self, pir: str, action: str) -> None:
        """Waits until what the last step asked for has ended, and tells how."""
        ends = monotonic() + PATIENCE_SECONDS
        while True:
            found = (await self._ask(FILE, id=pir))["pir"]
            mine = [one for one in found["effects"] if one["action"] == action or one["service"] == "WORLDTRACER"]
            if mine and all(one["state"] in ENDED for one in mine):
                break
            if monotonic() > ends:
                raise WalkthroughError(f"{action} was not sent in time: {mine}")
            await asyncio.sleep(0.5)
        for one in found["effects"]:
            created = action == "FILE_OPENED" and one["service"] == "WORLDTRACER"
            if one["action"] == action or created:
                mock = " (mock)" if one["mock"] else ""
                self._say(f"  {one['service']}{mock} {one['action']}: {one['state']} {one['providerId'] or ''}")
            if one["state"] not in ("ACCEPTED", "DELIVERED"):
                raise WalkthroughError(f"{one['service']} {one['action']} is {one['state']}, {one['reason']}")

    async def _found(self, pir: str, bag: Mapping[str, Any]) -> None:
        described = {"bagId": bag["id"], "description": bag["description"]}
        found = {"kind": "ON_HAND", "station": "PTY", "storageLocation": "BRS 12", "bags": [described]}
        on_hand = await self._do("createPir", OPEN, found)
        self._say("PTY finds a bag on hand and registers it")
        matches = (await self._ask(FILE, id=pir))["pir"]["matches"]
        match = next((one for one in matches if one["onHandPir"]["id"] == on_hand["id"]), None)
        if match is None:
            raise WalkthroughError("The found bag was not proposed for the file.")
        agrees = ", ".join(one["element"] for one in match["matched"])
        self._say(f"it matches the file by {match['score']:.0f} %: {agrees}; an agent confirms")
        confirm = (
            "mutation($input: MatchInput!) { confirmMatch(input: $input) { match { state } userErrors { message } } }"
        )
        await self._do("confirmMatch", confirm, {"matchId": match["id"]})
        await self._told(pir, "BAG_LOCATED")

    async def _brought(self, pir: str) -> None:
        destination = (await self._ask("query($id: ID!) { pir(by: {id: $id}) { destination } }", id=pir))["pir"][
            "destination"
        ]
        now = datetime.now(UTC)
        flights = await self._ask(FLIGHTS, origin="PTY", destination=destination, after=now.isoformat())
        flight = flights["flights"]["nodes"][0]
        serial = f"{int(now.timestamp()) % 1_000_000:06}"
        await self._step("forwardBags", "ForwardBagsInput", pir, flightId=flight["id"], rushTag=f"2230{serial}")
        self._say(f"forwarded by {flight['designator']} under a rush tag")
        await self._told(pir, "BAG_FORWARDED")
        await self._step("receiveBags", "PirBagsInput", pir)
        self._say(f"received at {destination}")
        await self._told(pir, "BAG_RECEIVED")
        window = {"windowStart": now.isoformat(), "windowEnd": (now + timedelta(hours=4)).isoformat()}
        await self._step("arrangeDelivery", "ArrangeDeliveryInput", pir, courier="Courier of the station", **window)
        self._say("a courier is on the way")
        await self._told(pir, "OUT_FOR_DELIVERY")
        await self._step("confirmDelivery", "ConfirmDeliveryInput", pir)
        self._say("delivered")
        await self._told(pir, "DELIVERED")

    async def _closed(self, pir: str) -> None:
        proposal = (await self._ask(FILE, id=pir))["pir"]["proposal"]
        if proposal is None or proposal["reasonForLoss"] not in CODES:
            raise WalkthroughError(f"The journey should show reason for loss 55 or 56; it shows {proposal}.")
        for fact in proposal["evidence"]:
            self._say(f"  {fact['name']}: {fact['value']} {fact['at'] or ''}".rstrip())
        await self._step("closePir", "ClosePirInput", pir, acceptProposal=True)
        await self._told(pir, "CLOSE")
        closed = (await self._ask(FILE, id=pir))["pir"]
        self._say(
            f"file {closed['reference']} is {closed['status']}: reason for loss {closed['reasonForLoss']}, "
            f"fault station {closed['faultStation']}; {len(closed['history'])} entries in its history, "
            f"{len(closed['effects'])} effects"
        )

    async def _costs(self) -> None:
        costs = (await self._ask(COSTS, since=self._began.isoformat()))["apiCosts"]
        for one in costs["byCall"]:
            mock = " (mock)" if one["mock"] else ""
            self._say(f"  {one['service']}{mock} {one['call']}: {one['calls']} calls, {one['cost']} US dollars")
        self._say(f"cost since then: {costs['total']} US dollars")

    async def _step(self, name: str, kind: str, pir: str, **given: Any) -> None:
        document = f"mutation($input: {kind}!) {{ {name}(input: $input) {{ pir {{ id }} userErrors {{ message }} }} }}"
        await self._do(name, document, {"pirId": pir, **given})

    async def _do(self, name: str, document: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
        payload = (await self._ask(document, input=given))[name]
        if payload["userErrors"]:
            raise WalkthroughError(f"{name}: {payload['userErrors'][0]['message']}")
        changed: Mapping[str, Any] = payload.get("pir") or payload.get("match")
        return changed

    async def _ask(self, document: str, **variables: Any) -> dict[str, Any]:
        answer = (await self._client.post(self._url, json={"query": document, "variables": variables})).json()
        if "errors" in answer:
            raise WalkthroughError(str(answer["errors"][0]["message"]))
        data: dict[str, Any] = answer["data"]
        return data
