"""Figures of all contenders, and what they say of the gateway; every one with its unit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from benchmarks.load import percentile
from benchmarks.measuring import CONCURRENCIES
from benchmarks.operations import Operation
from benchmarks.peers.comparing import Answers
from benchmarks.peers.contenders import CONTENDERS, GATEWAY, LIMIT, MERCURIUS, PLAIN, POSTGRAPHILE
from benchmarks.peers.rounds import Load
from benchmarks.report import table

UNSIGNED = (
    "The gateway signs its callers in, keeps tenants apart, limits, masks errors and counts; the peers do none of that."
)


@dataclass(frozen=True, slots=True)
class PeerFigures:
    """What one contender's rounds of one load came to; milliseconds are of CPU for each answer.

    Args:
        server: of the server, in its cheapest round.
        server_spread: how much more the dearest round took, as a share of the cheapest.
        database: of PostgreSQL, in its cheapest round.
        both: of the two together, in the cheapest round.
        client: of the client, in its cheapest round.
        p50: latency in milliseconds that half of the answers of all rounds did not exceed.
        p99: the same for 99 of 100.
        rate: answers a second in the fastest round.
        megabytes: resident memory of the server after the last round.
        answers: of all rounds.
    """

    server: float
    server_spread: float
    database: float
    both: float
    client: float
    p50: float
    p99: float
    rate: float
    megabytes: float
    answers: int

    @classmethod
    def of(cls, rounds: Sequence[Load]) -> "PeerFigures":
        """Of the rounds of one load."""
        servers = [load.server for load in rounds]
        latencies = [latency for load in rounds for latency in load.outcome.latencies]
        return cls(
            server=min(servers),
            server_spread=max(servers) / min(servers) - 1,
            database=min(load.database for load in rounds),
            both=min(load.server + load.database for load in rounds),
            client=min(load.client for load in rounds),
            p50=percentile(latencies, 0.5) * 1000,
            p99=percentile(latencies, 0.99) * 1000,
            rate=max(len(load.outcome.latencies) / load.outcome.seconds for load in rounds),
            megabytes=rounds[-1].megabytes,
            answers=len(latencies),
        )


@dataclass(frozen=True, slots=True)
class Goal:
    """How much dearer than the gateway a peer has to be.

    Args:
        name: for the report.
        peer: the other.
        cost: what is compared.
        times: how many times the gateway's cost the peer's is, by the operation's key.
        must: False for what is only aimed at.
    """

    name: str
    peer: str
    cost: Callable[[PeerFigures], float]
    times: Mapping[str, float]
    must: bool


def _server(figures: PeerFigures) -> float:
    return figures.server


def _database(figures: PeerFigures) -> float:
    return figures.database


def _both(figures: PeerFigures) -> float:
    return figures.both


GOALS = (
    Goal("server CPU x PostGraphile", POSTGRAPHILE, _server, {"bag": 1.2, "flight": 1.2, "page": 1.6}, must=True),
    Goal("server CPU x plain Strawberry", PLAIN, _server, {"bag": 12, "flight": 15, "page": 15}, must=True),
    Goal("database CPU x PostGraphile", POSTGRAPHILE, _database, {"bag": 1, "flight": 1, "page": 1}, must=True),
    Goal("server CPU x PostGraphile", POSTGRAPHILE, _server, {"bag": 1.8, "flight": 1.8, "page": 2.2}, must=False),
    Goal("server + database CPU x mercurius", MERCURIUS, _both, {"bag": 1, "flight": 1.2, "page": 1.6}, must=False),
)


@dataclass(frozen=True, slots=True)
class Ratio:
    """A goal and what was reached.

    Args:
        goal: that was set.
        key: of the operation.
        concurrency: how many callers.
        times: how many times the gateway's cost the peer's was.
    """

    goal: Goal
    key: str
    concurrency: int
    times: float

    @property
    def met(self) -> bool:
        """Whether it is as much as it has to be."""
        return self.times >= self.goal.times[self.key]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was measured.

    Args:
        machine: what it was measured on, with versions.
        bags: how many there are.
        operations: that were asked, by key.
        answers: of the contenders before they were measured.
        idle: milliseconds of CPU that each process tree used in a second without a load; contained in all figures.
        loads: of all rounds.
    """

    machine: Mapping[str, Any]
    bags: int
    operations: Mapping[str, Operation]
    answers: Answers
    idle: Mapping[str, float]
    loads: Sequence[Load]

    def figures(self) -> dict[tuple[str, int, str], PeerFigures]:
        """By operation's key, concurrency, and contender."""
        rounds: dict[tuple[str, int, str], list[Load]] = {}
        for load in self.loads:
            rounds.setdefault((load.key, load.concurrency, load.contender), []).append(load)
        return {which: PeerFigures.of(loads) for which, loads in rounds.items()}

    def ratios(self) -> list[Ratio]:
        """Of the goals whose two contenders took part."""
        figures = self.figures()
        return [
            Ratio(goal, key, concurrency, goal.cost(peer) / max(goal.cost(ours), 1e-9))
            for goal in GOALS
            for key in self.operations
            for concurrency in CONCURRENCIES
            if (ours := figures.get((key, concurrency, GATEWAY)))
            and (peer := figures.get((key, concurrency, goal.peer)))
        ]

    @property
    def missed(self) -> list[Ratio]:
        """What must be and is not."""
        return [ratio for ratio in self.ratios() if ratio.goal.must and not ratio.met]

    def text(self) -> str:
        """For the console."""
        figures = self.figures()
        paragraphs = [
            ", ".join(f"{name} {value}" for name, value in self.machine.items()) + f"; {self.bags} bags",
            UNSIGNED,
            "idle CPU, ms a second: " + ", ".join(f"{name} {used:.1f}" for name, used in self.idle.items()),
            *(self._operation(key, figures) for key in self.operations),
            _goals(self.ratios()),
            _limit(figures),
        ]
        return "\n\n".join(filter(None, paragraphs))

    def json(self) -> bytes:
        """For programs."""
        content = {
            "machine": self.machine,
            "bags": self.bags,
            "remark": UNSIGNED,
            "idle_cpu_ms_per_second": self.idle,
            "answers": {
                name: {
                    key: {"statements": one.statements, "objects": one.objects, "bytes": one.size}
                    for key, one in given.items()
                }
                for name, given in self.answers.items()
            },
            "figures": [
                {"operation": key, "concurrency": concurrency, "contender": name, **_named(one)}
                for (key, concurrency, name), one in self.figures().items()
            ],
            "rounds": [
                {
                    "operation": load.key,
                    "concurrency": load.concurrency,
                    "contender": load.contender,
                    "answers": len(load.outcome.latencies),
                    "seconds": load.outcome.seconds,
                    "server_cpu_ms": load.server,
                    "database_cpu_ms": load.database,
                    "client_cpu_ms": load.client,
                }
                for load in self.loads
            ],
            "goals": [
                {
                    "goal": one.goal.name,
                    "must": one.goal.must,
                    "operation": one.key,
                    "concurrency": one.concurrency,
                    "wanted": one.goal.times[one.key],
                    "reached": one.times,
                    "met": one.met,
                }
                for one in self.ratios()
            ],
        }
        return orjson.dumps(content, option=orjson.OPT_INDENT_2)

    def _operation(self, key: str, figures: Mapping[tuple[str, int, str], PeerFigures]) -> str:
        rows = []
        for concurrency in CONCURRENCIES:
            for name in CONTENDERS:
                one = figures.get((key, concurrency, name))
                if one is None:
                    continue
                answered = self.answers[name][key]
                rows.append(
                    [
                        *(name, f"{concurrency} at once"),
                        *(f"{one.server:.3f}", f"{one.server_spread:.0%}", f"{one.database:.3f}", f"{one.both:.3f}"),
                        *(f"{one.p50:.2f}", f"{one.p99:.2f}", f"{one.rate:.0f}", f"{one.megabytes:.0f}"),
                        *(str(answered.statements), f"{answered.size / 1000:.1f}"),
                    ]
                )
        ours = self.answers[GATEWAY][key]
        costs = ("server CPU ms", "spread", "PostgreSQL", "both", "p50 ms", "p99 ms", "1/s", "MB")
        title = f"{self.operations[key].name}: {ours.objects:.0f} objects, {ours.size / 1000:.1f} kB"
        return f"{title}\n" + table(["contender", "load", *costs, "statements", "kB"], rows)


def _goals(ratios: Sequence[Ratio]) -> str:
    rows = [
        [
            *("must" if one.goal.must else "aim", one.goal.name, one.key, f"{one.concurrency} at once"),
            *(f"{one.goal.times[one.key]:.1f}", f"{one.times:.2f}", "met" if one.met else "MISSED"),
        ]
        for one in ratios
    ]
    return table(["", "the peer's cost as a multiple of the gateway's", "", "load", "wanted", "reached", ""], rows)


def _limit(figures: Mapping[tuple[str, int, str], PeerFigures]) -> str:
    """How far the gateway is from what one statement written by hand costs."""
    rows = []
    for key, concurrency, name in figures:
        least = figures.get((key, concurrency, LIMIT))
        if name == GATEWAY and least is not None:
            ours = figures[key, concurrency, name]
            times = (f"{cost(ours) / max(cost(least), 1e-9):.2f}" for cost in (_server, _database, _both))
            rows.append([key, f"{concurrency} at once", *times])
    return table(["the gateway's cost as a multiple of the limit's", "load", "server", "PostgreSQL", "both"], rows)


def _named(figures: PeerFigures) -> dict[str, float]:
    """Figures by names that carry the unit."""
    return {
        "server_cpu_ms": figures.server,
        "server_cpu_spread": figures.server_spread,
        "database_cpu_ms": figures.database,
        "both_cpu_ms": figures.both,
        "client_cpu_ms": figures.client,
        "p50_ms": figures.p50,
        "p99_ms": figures.p99,
        "answers_per_second": figures.rate,
        "resident_mb": figures.megabytes,
        "answers": figures.answers,
    }
