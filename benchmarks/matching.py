"""Quality of the matching of found bags: ``python -m benchmarks.matching``.

For the found bags with a PIR it prints in how many the PIR is the first, among the first five and among the first
twenty proposals, beside the result of the tag alone. Candidates are selected by the product's keys and in its number,
from PIRs in memory. The measured set is not the one on which the weights were tuned (``--tune``).
"""

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from statistics import quantiles

from benchmarks.found_bags import MatchingSet, generate
from integrations.records.matches import MatchElement
from resolvers.rules.matching import (
    MAX_CANDIDATES,
    MAX_PER_KEY,
    WEIGHTS,
    Traits,
    agreements,
    keys,
    rate,
    traits,
    wanted_keys,
)
from seeds.seeded_random import random_for

MEASURED = 2026
TUNED = 753
DEPTHS = (1, 5, 20)

Ranking = Callable[[Traits], Sequence[int]]


def main(arguments: Sequence[str]) -> int:
    """Measures or tunes; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.matching", description=__doc__)
    parser.add_argument("--tune", action="store_true", help="search for better weights, on another set")
    parser.add_argument("--seed", type=int, default=MEASURED, help=f"seed of the measured set (default: {MEASURED})")
    options = parser.parse_args(arguments)
    if options.tune:
        _tune()
        return 0
    matching_set = generate(options.seed)
    index = MatchingIndex(matching_set)
    print(
        f"{len(matching_set.pirs)} PIRs, {len(matching_set.found_bags)} found bags, "
        f"{len(matching_set.truth)} of them with a PIR; seed {options.seed}"
    )
    _print("tag alone, as read", index, index.by_tag)
    _print("tag alone, one digit off", index, index.by_near_tag)
    _print("all elements", index, index.by_score)
    return 0


class MatchingIndex:
    """PIRs in memory, and the found bags to match with them."""

    def __init__(self, matching_set: MatchingSet) -> None:
        self.found_bags = [traits(bag) for bag in matching_set.found_bags]
        self.pirs = [traits(bag) for bag in matching_set.pirs]
        self.truth = matching_set.truth
        self._by_key: dict[str, list[int]] = defaultdict(list)
        newest_first = sorted(range(len(self.pirs)), key=lambda index: self.pirs[index].at, reverse=True)
        for index in newest_first:
            for key in keys(self.pirs[index]):
                self._by_key[key].append(index)

    def by_tag(self, found_bag: Traits) -> Sequence[int]:
        """PIRs with a tag of the found bag."""
        return [index for tag in sorted(found_bag.tags) for index in self._by_key[f"T{tag}"]]

    def by_near_tag(self, found_bag: Traits) -> Sequence[int]:
        """PIRs with such a tag, then those with a tag that differs in one digit."""
        near = [index for tag in sorted(found_bag.near_tags) for index in self._by_key[f"T{tag}"]]
        return list(dict.fromkeys([*self.by_tag(found_bag), *near]))

    def candidates(self, found_bag: Traits) -> list[int]:
        """PIRs that share the most with the found bag, as the product's statement selects them."""
        weights: Counter[int] = Counter()
        for key, weight in wanted_keys(found_bag).items():
            for index in self._by_key.get(key, ())[:MAX_PER_KEY]:
                weights[index] += weight
        return [index for index, _ in weights.most_common(MAX_CANDIDATES)]

    def by_score(self, found_bag: Traits, weights: Mapping[MatchElement, float] = WEIGHTS) -> Sequence[int]:
        """Candidates, the best first."""
        agreed = [(index, agreements(found_bag, self.pirs[index])) for index in self.candidates(found_bag)]
        return ranked(agreed, weights)


def ranked(
    agreed: Sequence[tuple[int, Mapping[MatchElement, float]]], weights: Mapping[MatchElement, float]
) -> Sequence[int]:
    """Indices by score, the best first; of equal scores the one with more points first."""
    rated = sorted((rate(entry, weights), index) for index, entry in agreed)
    return [index for _, index in reversed(rated)]


def _print(title: str, index: MatchingIndex, rank: Ranking) -> None:
    places, seconds = [], []
    for number, found_bag in enumerate(index.found_bags):
        start = time.perf_counter()
        ranking = rank(found_bag)
        seconds.append(time.perf_counter() - start)
        if number in index.truth:
            places.append(place(ranking, index.truth[number]))
    recall = "  ".join(f"recall at {depth:2d}: {recall_at(places, depth):6.1%}" for depth in DEPTHS)
    milliseconds = [1000 * entry for entry in quantiles(seconds, n=20)]
    print(f"{title:26s} {recall}  ms per found bag: median {milliseconds[9]:.2f}, p95 {milliseconds[18]:.2f}")


def place(ranking: Sequence[int], wanted: int) -> int | None:
    """Rank of the wanted PIR, from 1; None if it is not proposed."""
    return ranking.index(wanted) + 1 if wanted in ranking else None


def recall_at(places: Sequence[int | None], depth: int) -> float:
    """Share of found bags whose PIR is among the first so many."""
    return sum(entry is not None and entry <= depth for entry in places) / len(places)


def _tune(rounds: int = 60) -> None:
    """Changes one weight at a time, and keeps improvements."""
    tuning = MatchingIndex(generate(TUNED))
    rng = random_for("tuning", TUNED)
    sample = rng.sample(sorted(tuning.truth), 600)
    agreed = {
        number: [
            (index, agreements(tuning.found_bags[number], tuning.pirs[index]))
            for index in tuning.candidates(tuning.found_bags[number])
        ]
        for number in sample
    }

    def quality(weights: Mapping[MatchElement, float]) -> float:
        places = [place(ranked(agreed[number], weights)[: DEPTHS[-1]], tuning.truth[number]) for number in sample]
        return sum(1 / entry for entry in places if entry) / len(places)

    best, weights = quality(WEIGHTS), dict(WEIGHTS)
    print(f"mean reciprocal rank {best:.4f} with the weights in use")
    for _ in range(rounds):
        element = rng.choice(list(MatchElement))
        changed = weights | {element: round(max(0.5, weights[element] * rng.choice((0.6, 0.8, 1.25, 1.6))), 1)}
        if (quality_found := quality(changed)) > best:
            best, weights = quality_found, changed
            print(f"{best:.4f}  {element}: {changed[element]}", flush=True)
    for element, weight in weights.items():
        print(f"{element}: {weight}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
