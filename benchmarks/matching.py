"""How well found bags are matched: ``python -m benchmarks.matching``.

Prints, for the finds that have a file, in how many it is the first, among the first five and among the first twenty
proposals; beside it what the tag alone gives. Candidates are chosen by the product's keys and in its number, from files
in memory. The set that is measured is not the one that the weights were tuned on (``--tune``).
"""

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from statistics import quantiles

from benchmarks.finds import Finds, make
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
    """Measures, or tunes; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.matching", description=__doc__)
    parser.add_argument("--tune", action="store_true", help="look for better weights, on a set of its own")
    parser.add_argument("--seed", type=int, default=MEASURED, help=f"of the measured set; {MEASURED} if absent")
    parsed = parser.parse_args(arguments)
    if parsed.tune:
        _tune()
        return 0
    made = make(parsed.seed)
    files = Files(made)
    print(
        f"{len(made.files)} files, {len(made.finds)} finds, {len(made.truth)} of them with a file; seed {parsed.seed}"
    )
    _print("tag alone, as read", files, files.by_tag)
    _print("tag alone, one digit off", files, files.by_near_tag)
    _print("all elements", files, files.by_score)
    return 0


class Files:
    """Files to be matched, in memory, and the finds to match them with."""

    def __init__(self, made: Finds) -> None:
        self.finds = [traits(bag) for bag in made.finds]
        self.files = [traits(bag) for bag in made.files]
        self.truth = made.truth
        self._by_key: dict[str, list[int]] = defaultdict(list)
        newest_first = sorted(range(len(self.files)), key=lambda index: self.files[index].at, reverse=True)
        for index in newest_first:
            for key in keys(self.files[index]):
                self._by_key[key].append(index)

    def by_tag(self, find: Traits) -> Sequence[int]:
        """Files of a tag that the find has."""
        return [index for tag in sorted(find.tags) for index in self._by_key[f"T{tag}"]]

    def by_near_tag(self, find: Traits) -> Sequence[int]:
        """Files of such a tag, then those whose tag is one digit off."""
        near = [index for tag in sorted(find.near_tags) for index in self._by_key[f"T{tag}"]]
        return list(dict.fromkeys([*self.by_tag(find), *near]))

    def candidates(self, find: Traits) -> list[int]:
        """The files that share the most with the find: what the product's statement does."""
        weights: Counter[int] = Counter()
        for key, weight in wanted_keys(find).items():
            for index in self._by_key.get(key, ())[:MAX_PER_KEY]:
                weights[index] += weight
        return [index for index, _ in weights.most_common(MAX_CANDIDATES)]

    def by_score(self, find: Traits, weights: Mapping[MatchElement, float] = WEIGHTS) -> Sequence[int]:
        """Candidates, the best first."""
        agreed = [(index, agreements(find, self.files[index])) for index in self.candidates(find)]
        return ranked(agreed, weights)


def ranked(
    agreed: Sequence[tuple[int, Mapping[MatchElement, float]]], weights: Mapping[MatchElement, float]
) -> Sequence[int]:
    """Indices by score, the best first; of one score the one with more points."""
    rated = sorted((rate(one, weights), index) for index, one in agreed)
    return [index for _, index in reversed(rated)]


def _print(title: str, files: Files, rank: Ranking) -> None:
    places, seconds = [], []
    for number, find in enumerate(files.finds):
        start = time.perf_counter()
        ranking = rank(find)
        seconds.append(time.perf_counter() - start)
        if number in files.truth:
            places.append(place(ranking, files.truth[number]))
    recall = "  ".join(f"recall at {depth:2d}: {recalled(places, depth):6.1%}" for depth in DEPTHS)
    milliseconds = [1000 * one for one in quantiles(seconds, n=20)]
    print(f"{title:26s} {recall}  ms per find: median {milliseconds[9]:.2f}, p95 {milliseconds[18]:.2f}")


def place(ranking: Sequence[int], wanted: int) -> int | None:
    """Where the wanted file stands, from 1; None where it is not proposed."""
    return ranking.index(wanted) + 1 if wanted in ranking else None


def recalled(places: Sequence[int | None], depth: int) -> float:
    """The share of finds whose file is among the first so many."""
    return sum(one is not None and one <= depth for one in places) / len(places)


def _tune(rounds: int = 60) -> None:
    """Changes one weight at a time, and keeps what helps."""
    files = Files(make(TUNED))
    numbers = random_for("tuning", TUNED)
    sample = numbers.sample(sorted(files.truth), 600)
    agreed = {
        number: [
            (index, agreements(files.finds[number], files.files[index]))
            for index in files.candidates(files.finds[number])
        ]
        for number in sample
    }

    def quality(weights: Mapping[MatchElement, float]) -> float:
        places = [place(ranked(agreed[number], weights)[: DEPTHS[-1]], files.truth[number]) for number in sample]
        return sum(1 / one for one in places if one) / len(places)

    best, weights = quality(WEIGHTS), dict(WEIGHTS)
    print(f"mean reciprocal rank {best:.4f} with the weights in use")
    for _ in range(rounds):
        element = numbers.choice(list(MatchElement))
        changed = weights | {element: round(max(0.5, weights[element] * numbers.choice((0.6, 0.8, 1.25, 1.6))), 1)}
        if (found := quality(changed)) > best:
            best, weights = found, changed
            print(f"{best:.4f}  {element}: {changed[element]}", flush=True)
    for element, weight in weights.items():
        print(f"{element}: {weight}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
