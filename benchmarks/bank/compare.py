"""Comparison of every bag as GraphQL returns it with the recount of the text."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from benchmarks.bank.recount import ExpectedBag

# The response may hold 15,000 objects; a bag counts for some 90.
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
class BagComparison:
    """Result of a comparison.

    Args:
        bags: number of bags of the recount.
        different: expected and actual values of each bag that differs.
        missing: tags for which the gateway has no bag.
        others: bags of the gateway that are not in the text.
        behind: bags whose journey in the graph is behind or missing.
    """

    bags: int = 0
    different: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    others: int = 0
    behind: int = 0

    @property
    def agrees(self) -> bool:
        """Whether every bag of the text is equal in both."""
        return self.bags > 0 and not (self.different or self.missing or self.behind)

    def text(self, limit: int = 20) -> str:
        """Text for the console: the first differences, and the totals."""
        lines = []
        for expected, actual in self.different[:limit]:
            names = [name for name in expected if expected[name] != actual[name]]
            parts = [f"{name}: {expected[name]} and {actual[name]}" for name in names]
            lines.append(f"{expected['tag']}  recount and gateway: {'; '.join(parts)}")
        lines += [f"{tag}  is missing" for tag in self.missing[:limit]]
        lines.append(
            f"{self.bags:,} bags compared: {len(self.different):,} differ, {len(self.missing):,} are missing, "
            f"{self.behind:,} behind in the graph; {self.others:,} bags are not of this text"
        )
        return "\n".join(lines)


class GatewayClient:
    """Reads bags from a gateway.

    Args:
        client: HTTP client with address and token.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def compare(self, expected: Iterable[ExpectedBag]) -> BagComparison:
        """Compares all bags of the text with all bags of the gateway.

        Raises:
            httpx.HTTPError: the gateway does not respond, or responds with an error.
        """
        remaining = {bag.tag: bag for bag in expected}
        first_tags = {tag: bag.tag for bag in remaining.values() for tag in bag.tags}
        comparison = BagComparison(bags=len(remaining))
        after = None
        while True:
            page = (await self._execute(BAGS, {"first": PAGE, "after": after}))["bags"]
            for node in page["nodes"]:
                bag = remaining.pop(first_tags.get(node["tag"], ""), None)
                if bag is None:
                    comparison.others += 1
                    continue
                comparison.behind += node["journey"]["source"] != "GRAPH" or node["journey"]["behind"] > 0
                expected_values, actual_values = _expected_values(bag), _actual_values(node)
                if expected_values != actual_values:
                    comparison.different.append((expected_values, actual_values))
            if not page["pageInfo"]["hasNextPage"]:
                break
            after = page["pageInfo"]["endCursor"]
        comparison.missing = sorted(remaining)
        return comparison

    async def not_found(self, expected: Iterable[ExpectedBag]) -> list[str]:
        """Rush tags by which the gateway does not find their bag."""
        return [
            number
            for bag in expected
            for number in bag.tags[1:]
            if ((await self._execute(BAG_OF_TAG, {"tag": number}))["bag"] or {}).get("tag") != bag.tag
        ]

    async def _execute(self, document: str, variables: Mapping[str, Any]) -> Any:
        bag = await self._client.post("/graphql", json={"query": document, "variables": variables})
        content = bag.json()
        if bag.status_code != httpx.codes.OK or "errors" in content:
            raise httpx.HTTPError(f"{bag.status_code}: {str(content)[:500]}")
        return content["data"]


def client_of(url: str, token: str) -> httpx.AsyncClient:
    """HTTP client of a gateway with a token."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=ASK_SECONDS)


def _expected_values(bag: ExpectedBag) -> dict[str, Any]:
    """Expected values that the gateway returns as well."""
    values = bag.comparable()
    values["tags"] = sorted(values["tags"])
    return values


def _actual_values(node: Mapping[str, Any]) -> dict[str, Any]:
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
