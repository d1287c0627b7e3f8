"""Every bag as GraphQL answers it beside the recount of the text, bag for bag."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from benchmarks.bank.recount import ExpectedBag

# The answer may hold 15,000 objects; a bag counts for some 90.
PAGE = 150
ASK_SECONDS = 30.0

BAGS = """
query BankOfBags($first: Int!, $after: String) {
  bags(first: $first, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes {
      tag state airport authorised
      tags { number }
      itinerary { flight { designator departureDate origin destination } }
      scans { at }
      journey {
        source behind
        flown { flight { designator departureDate origin } }
        custodyPoints { kind airport leg proved }
      }
    }
  }
}
"""

BAG_OF_TAG = "query BagOfTag($tag: String!) { bag(by: {tag: $tag}) { tag } }"


@dataclass(slots=True)
class Comparison:
    """What was found.

    Args:
        different: what the recount says and what the gateway says, for each bag that is not the same in both.
        missing: tags that the gateway has no bag for.
        others: bags of the gateway that the text does not speak of.
        behind: bags whose journey was not yet, or not at all, in the graph.
    """

    bags: int = 0
    different: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    others: int = 0
    behind: int = 0

    @property
    def agrees(self) -> bool:
        """Whether each bag of the text is the same in both."""
        return self.bags > 0 and not (self.different or self.missing or self.behind)

    def text(self, most: int = 20) -> str:
        """For the console: the first that differ, and the totals."""
        lines = []
        for counted, told in self.different[:most]:
            parts = [f"{name}: {counted[name]} and {told[name]}" for name in counted if counted[name] != told[name]]
            lines.append(f"{counted['tag']}  recount and gateway: {'; '.join(parts)}")
        lines += [f"{tag}  is not there" for tag in self.missing[:most]]
        lines.append(
            f"{self.bags:,} bags compared: {len(self.different):,} differ, {len(self.missing):,} are not there, "
            f"{self.behind:,} behind in the graph; {self.others:,} bags are not of this text"
        )
        return "\n".join(lines)


class Gateway:
    """Asks a gateway.

    Args:
        client: with the address and the token.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def compare(self, answers: Iterable[ExpectedBag]) -> Comparison:
        """All bags of the text with all bags of the gateway.

        Raises:
            httpx.HTTPError: the gateway does not answer, or not as it should.
        """
        counted = {answer.tag: answer for answer in answers}
        first_tags = {tag: answer.tag for answer in counted.values() for tag in answer.tags}
        found = Comparison(bags=len(counted))
        after = None
        while True:
            page = (await self._ask(BAGS, {"first": PAGE, "after": after}))["bags"]
            for node in page["nodes"]:
                answer = counted.pop(first_tags.get(node["tag"], ""), None)
                if answer is None:
                    found.others += 1
                    continue
                found.behind += node["journey"]["source"] != "GRAPH" or node["journey"]["behind"] > 0
                ours, theirs = _known(answer), _told(node)
                if ours != theirs:
                    found.different.append((ours, theirs))
            if not page["pageInfo"]["hasNextPage"]:
                break
            after = page["pageInfo"]["endCursor"]
        found.missing = sorted(counted)
        return found

    async def not_found(self, answers: Iterable[ExpectedBag]) -> list[str]:
        """Rush tags by which the gateway does not find the bag that they are on."""
        return [
            number
            for answer in answers
            for number in answer.tags[1:]
            if ((await self._ask(BAG_OF_TAG, {"tag": number}))["bag"] or {}).get("tag") != answer.tag
        ]

    async def _ask(self, document: str, variables: Mapping[str, Any]) -> Any:
        answer = await self._client.post("/graphql", json={"query": document, "variables": variables})
        content = answer.json()
        if answer.status_code != httpx.codes.OK or "errors" in content:
            raise httpx.HTTPError(f"{answer.status_code}: {str(content)[:500]}")
        return content["data"]


def client_of(url: str, token: str) -> httpx.AsyncClient:
    """Connections to a gateway for somebody's token."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=ASK_SECONDS)


def _known(answer: ExpectedBag) -> dict[str, Any]:
    """What of a recount the gateway answers as well."""
    known = answer.comparable()
    known["tags"] = sorted(known["tags"])
    return known


def _told(node: Mapping[str, Any]) -> dict[str, Any]:
    journey = node["journey"]
    return {
        "tag": node["tag"],
        "tags": sorted(tag["number"] for tag in node["tags"]),
        "state": node["state"],
        "airport": node["airport"],
        "planned": [[*_flight(leg["flight"]), leg["flight"]["destination"]] for leg in node["itinerary"]],
        "flown": sorted(_flight(leg["flight"]) for leg in journey["flown"]),
        "events": len(node["scans"]),
        "authorised": node["authorised"],
        "deleted": node["state"] == "DELETED",
        "proved": sorted(_proofs(journey["custodyPoints"])),
    }


def _proofs(points: Iterable[Mapping[str, Any]]) -> Iterator[list[Any]]:
    for point in points:
        if point["proved"]:
            yield [point["kind"], point["airport"], point["leg"]]


def _flight(flight: Mapping[str, Any]) -> list[str]:
    return [flight["designator"], flight["departureDate"], flight["origin"]]
