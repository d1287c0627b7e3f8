"""Comparison of every bag as GraphQL returns it with the recount of the text."""

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
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
      passenger { surname givenNames locator }
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
        remaining: dict[str, list[ExpectedBag]] = defaultdict(list)
        for bag in expected:
            remaining[bag.tag].append(bag)
        first_tags = {tag: bag.tag for bags in remaining.values() for bag in bags for tag in bag.tags}
        comparison = BagComparison(bags=sum(map(len, remaining.values())))
        async for node in self.pages(BAGS, PAGE):
            candidates = remaining.get(first_tags.get(node["tag"], ""))
            if not candidates:
                comparison.others += 1
                continue
            comparison.behind += node["journey"]["source"] != "GRAPH" or node["journey"]["behind"] > 0
            actual_values = _actual_values(node)
            # A tag that was used again belongs to several bags.
            bag = min(candidates, key=lambda one: _difference(_expected_values(one), actual_values))
            candidates.remove(bag)
            expected_values = _with_full_name(_expected_values(bag), actual_values)
            if expected_values != actual_values:
                comparison.different.append((expected_values, actual_values))
        comparison.missing = sorted(bag.tag for bags in remaining.values() for bag in bags)
        return comparison

    async def not_found(self, expected: Iterable[ExpectedBag]) -> list[str]:
        """Rush tags by which the gateway does not find their bag."""
        return [
            number
            for bag in expected
            for number in bag.tags[1:]
            if ((await self._execute(BAG_OF_TAG, {"tag": number}))["bag"] or {}).get("tag") != bag.tag
        ]

    async def pages(self, document: str, first: int) -> AsyncIterator[Mapping[str, Any]]:
        """Yields all bags of the gateway, page by page.

        Args:
            document: query of ``bags`` with ``first`` and ``after``.
            first: bags of a page.

        Raises:
            httpx.HTTPError: the gateway does not respond, or responds with an error.
        """
        after = None
        while True:
            page = (await self._execute(document, {"first": first, "after": after}))["bags"]
            for node in page["nodes"]:
                yield node
            if not page["pageInfo"]["hasNextPage"]:
                return
            after = page["pageInfo"]["endCursor"]

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


def _with_full_name(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> Mapping[str, Any]:
    """The expected values with the name as a message about another bag of the passenger gives it in full."""
    full = actual["given"]
    return {**expected, "given": full} if full and full.startswith(expected["given"] or "") else expected


def _difference(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> int:
    return sum(expected[name] != actual[name] for name in expected)


def letters_of(text: str) -> str:
    """Letters of a name: spellings with blanks and hyphens are equal (``docs/DOMAIN.md#rule-18``)."""
    return re.sub(r"[^A-Z]", "", text.upper())


def _expected_values(bag: ExpectedBag) -> dict[str, Any]:
    """Expected values that the gateway returns as well."""
    values = bag.comparable()
    values["tags"] = sorted(values["tags"])
    return values


def _actual_values(node: Mapping[str, Any]) -> dict[str, Any]:
    journey, passenger = node["journey"], node["passenger"]
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
        "surname": letters_of(passenger["surname"]) if passenger else None,
        "given": letters_of(passenger["givenNames"]) if passenger else None,
        "locator": passenger["locator"] if passenger else None,
    }


def _proofs(points: Iterable[Mapping[str, Any]]) -> Iterator[list[Any]]:
    for point in points:
        if point["proved"]:
            yield [point["kind"], point["airport"], point["leg"]]


def _flight(flight: Mapping[str, Any]) -> list[str]:
    return [flight["designator"], flight["departureDate"], flight["origin"]]
