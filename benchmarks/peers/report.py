"""Figures of all contenders, and their relation to the gateway's, all with their units."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from benchmarks.load import percentile
from benchmarks.measurement import CONCURRENCIES
from benchmarks.operations import MeasuredOperation
from benchmarks.peers.comparison import Responses
from benchmarks.peers.contenders import BASELINE, CONTENDERS, GATEWAY, MERCURIUS, PLAIN, POSTGRAPHILE
from benchmarks.peers.rounds import Load
from benchmarks.report import table

REMARK = (
    "The gateway authenticates callers, separates tenants, limits, masks errors and counts; the peers do none of it."
)


@dataclass(frozen=True, slots=True)
class PeerFigures:
    """Figures of one contender's rounds of one load; milliseconds are CPU time for each response.

    Args:
        server: CPU of the server in its cheapest round.
        server_spread: how much more the dearest round took, as a share of the cheapest.
        database: CPU of PostgreSQL in its cheapest round.
        both: CPU of the two together in the cheapest round.
        client: CPU of the client in its cheapest round.
        p50: median latency of all rounds, in milliseconds.
        p99: 99th percentile of the latencies, in milliseconds.
        rate: responses a second in the fastest round.
        megabytes: resident memory of the server after the last round, in MB.
        responses: number of responses of all rounds.
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
    responses: int

    @classmethod
    def of(cls, rounds: Sequence[Load]) -> "PeerFigures":
        """Figures of the rounds of one load."""
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
            responses=len(latencies),
        )


@dataclass(frozen=True, slots=True)
class Goal:
    """Required ratio of a peer's cost to the gateway's.

    Args:
        name: name for the report.
        peer: the other contender.
        cost: returns the compared cost.
        times: least ratio of the peer's cost to the gateway's, by the operation's key.
        must: False for a goal that is not required.
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
    """A goal and the ratio that was reached.

    Args:
        goal: the goal.
        key: key of the operation.
        concurrency: number of callers.
        times: ratio of the peer's cost to the gateway's.
    """

    goal: Goal
    key: str
    concurrency: int
    times: float

    @property
    def met(self) -> bool:
        """Whether the goal is met."""
        return self.times >= self.goal.times[self.key]


@dataclass(frozen=True, slots=True)
class PeerReport:
    """All figures.

    Args:
        machine: machine and versions.
        bags: number of bags.
        operations: measured operations by key.
        responses: responses of the contenders before the measurement.
        idle: CPU of each process tree without a load, in milliseconds a second; contained in all figures.
        loads: loads of all rounds.
    """

    machine: Mapping[str, Any]
    bags: int
    operations: Mapping[str, MeasuredOperation]
    responses: Responses
    idle: Mapping[str, float]
    loads: Sequence[Load]

    def figures(self) -> dict[tuple[str, int, str], PeerFigures]:
        """Figures by operation's key, concurrency and contender."""
        rounds: dict[tuple[str, int, str], list[Load]] = {}
        for load in self.loads:
            rounds.setdefault((load.key, load.concurrency, load.contender), []).append(load)
        return {which: PeerFigures.of(loads) for which, loads in rounds.items()}

    def ratios(self) -> list[Ratio]:
        """Ratios of the goals whose two contenders took part."""
        figures = self.figures()
        return [
            Ratio(goal, key, concurrency, goal.cost(peer) / max(goal.cost(gateway_figures), 1e-9))
            for goal in GOALS
            for key in self.operations
            for concurrency in CONCURRENCIES
            if (gateway_figures := figures.get((key, concurrency, GATEWAY)))
            and (peer := figures.get((key, concurrency, goal.peer)))
        ]

    @property
    def missed(self) -> list[Ratio]:
        """Required goals that are not met."""
        return [ratio for ratio in self.ratios() if ratio.goal.must and not ratio.met]

    def text(self) -> str:
        """Text for the console."""
        figures = self.figures()
        paragraphs = [
            ", ".join(f"{name} {value}" for name, value in self.machine.items()) + f"; {self.bags} bags",
            REMARK,
            "idle CPU, ms a second: " + ", ".join(f"{name} {used:.1f}" for name, used in self.idle.items()),
            *(self._operation(key, figures) for key in self.operations),
            _goals(self.ratios()),
            _baseline_ratio(figures),
        ]
        return "\n\n".join(filter(None, paragraphs))

    def json(self) -> bytes:
        """Figures as JSON."""
        content = {
            "machine": self.machine,
            "bags": self.bags,
            "remark": REMARK,
            "idle_cpu_ms_per_second": self.idle,
            "responses": {
                name: {
                    key: {"statements": one.statements, "objects": one.objects, "bytes": one.size}
                    for key, one in by_operation.items()
                }
                for name, by_operation in self.responses.items()
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
                    "responses": len(load.outcome.latencies),
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
                contender_responses = self.responses[name][key]
                rows.append(
                    [
                        *(name, f"{concurrency} at once"),
                        *(f"{one.server:.3f}", f"{one.server_spread:.0%}", f"{one.database:.3f}", f"{one.both:.3f}"),
                        *(f"{one.p50:.2f}", f"{one.p99:.2f}", f"{one.rate:.0f}", f"{one.megabytes:.0f}"),
                        *(str(contender_responses.statements), f"{contender_responses.size / 1000:.1f}"),
                    ]
                )
        gateway_figures = self.responses[GATEWAY][key]
        costs = ("server CPU ms", "spread", "PostgreSQL", "both", "p50 ms", "p99 ms", "1/s", "MB")
        title = (
            f"{self.operations[key].name}: {gateway_figures.objects:.0f} objects, {gateway_figures.size / 1000:.1f} kB"
        )
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


def _baseline_ratio(figures: Mapping[tuple[str, int, str], PeerFigures]) -> str:
    """Ratio of the gateway's cost to that of the hand-written statement."""
    rows = []
    for key, concurrency, name in figures:
        baseline = figures.get((key, concurrency, BASELINE))
        if name == GATEWAY and baseline is not None:
            gateway_figures = figures[key, concurrency, name]
            times = (f"{cost(gateway_figures) / max(cost(baseline), 1e-9):.2f}" for cost in (_server, _database, _both))
            rows.append([key, f"{concurrency} at once", *times])
    return table(["the gateway's cost as a multiple of the baseline's", "load", "server", "PostgreSQL", "both"], rows)


def _named(figures: PeerFigures) -> dict[str, float]:
    """Figures by names with the unit."""
    return {
        "server_cpu_ms": figures.server,
        "server_cpu_spread": figures.server_spread,
        "database_cpu_ms": figures.database,
        "both_cpu_ms": figures.both,
        "client_cpu_ms": figures.client,
        "p50_ms": figures.p50,
        "p99_ms": figures.p99,
        "responses_per_second": figures.rate,
        "resident_mb": figures.megabytes,
        "responses": figures.responses,
    }
