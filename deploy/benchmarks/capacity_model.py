"""The capacity model: what a rate of claims needs. docs/capacity.md explains it.

All costs are microseconds of CPU time per claim, as deploy/bench measures them. Rates are claims per second.
"""

import math
from dataclasses import dataclass

PARTS = ("api", "worker", "rabbitmq", "redis", "postgres")
# What ClaimWorker takes by default (CLAIMS_BATCH), and the most lanes of a system.
BATCH = 500
LANE_LIMIT = 256


class MissingFigure(Exception):
    """A file of results lacks a figure that the model needs."""


class Figures:
    """The medians of a file that deploy/bench or deploy/bench-capacity has written."""

    def __init__(self, document):
        self.cores = document["machine"]["cores"]
        self.commit = document["commit"]
        self.processor = document["machine"]["processor"]
        self.load_average = document["machine"]["load_average"]
        self._medians = {name: figure["median"] for name, figure in document["figures"].items()}

    def __getitem__(self, name):
        if name not in self._medians:
            raise MissingFigure(name)
        return self._medians[name]

    def get(self, name, default):
        return self._medians.get(name, default)

    def costs(self, *stages):
        """The CPU time per claim of each part, added up over stages. The workers do not run in accept…"""
        return {part: sum(self.get(f"{stage}.cpu_us.{part}", 0) if part == "worker" else self[f"{stage}.cpu_us.{part}"]
                          for stage in stages) for part in PARTS}


def bound(cores, microseconds):
    """The utilisation law: the rate at which cores are busy all the time."""
    return cores * 1e6 / microseconds


@dataclass(frozen=True)
class Lane:
    """One lane: a server that takes all claims that wait, up to a batch. A batch of b claims takes fixed + b * per_claim
    seconds. A claim that arrives during a batch waits for its end, and is decided in the next one."""

    fixed: float
    per_claim: float
    batch: int = BATCH

    @classmethod
    def measured(cls, figures):
        """From two measurements: batches behind a backlog, and one claim alone, whose time includes that of its POST. In files
        of earlier versions, which do not have the size of the batches, they count as full."""
        size = figures.get("decide_1.claims_per_batch", BATCH)
        full = size / figures["decide_1.claims_per_second"]
        alone = figures["alone.median_ms"] / 1000
        per_claim = (full - alone) / (size - 1) if size > 1 else 0
        if per_claim <= 0:
            raise ValueError("a batch behind a backlog has taken no longer than one claim alone")
        return cls(alone - per_claim, per_claim)

    @property
    def limit(self):
        """The rate at which every batch is full."""
        return self.batch / (self.fixed + self.batch * self.per_claim)

    def batch_seconds(self, rate):
        """The mean time of a batch: S = fixed + per_claim * (rate * S + exp(-rate * S)).

        During a batch rate * S claims arrive. With the probability exp(-rate * S) none does, and the next batch is the one
        claim that comes then.
        """
        if rate >= self.limit:
            return math.inf
        seconds = self.fixed + self.per_claim
        while True:
            following = self.fixed + self.per_claim * (rate * seconds + math.exp(-rate * seconds))
            if abs(following - seconds) < 1e-12:
                return following
            seconds = following

    def batch_claims(self, rate):
        seconds = self.batch_seconds(rate)
        return rate * seconds + math.exp(-rate * seconds)

    def busy(self, rate):
        """The share of the time in which a batch is in progress."""
        seconds = self.batch_seconds(rate)
        return seconds / (seconds + math.exp(-rate * seconds) / rate)

    def mean_seconds(self, rate):
        """From the arrival in the lane to the end of the batch: half of a batch, if one is in progress, and a batch."""
        seconds = self.batch_seconds(rate)
        return seconds if math.isinf(seconds) else seconds * (1 + self.busy(rate) / 2)

    def p99_seconds(self, rate):
        """The wait for the batch in progress is evenly distributed from nothing to all of it."""
        seconds = self.batch_seconds(rate)
        return seconds if math.isinf(seconds) else seconds * (1 + max(0.0, 1 - 0.01 / self.busy(rate)))


@dataclass(frozen=True)
class Machines:
    """What the operator has, and how full it may be."""

    utilisation: float
    postgres_cores: int
    broker_cores: int
    brokers: int


@dataclass(frozen=True)
class Plan:
    """What a rate needs. Everything but the number of cells is that of one cell."""

    cells: int
    rate: float
    lanes: int
    apis: int
    workers: int
    cores: dict
    mean_seconds: float
    p99_seconds: float

    @property
    def all_cores(self):
        return self.cells * sum(self.cores.values())


def serial_limits(costs, lane, machines):
    """The rate of a cell that each resource allows which a cell has only once."""
    share = machines.utilisation
    return {
        "redis": share * bound(1, costs["redis"]),
        "postgres": share * bound(machines.postgres_cores, costs["postgres"]),
        "broker": share * bound(machines.broker_cores, costs["rabbitmq"]),
        "lanes": share * lane.limit * LANE_LIMIT,
    }


def plan(rate, costs, lane, machines, measured_cores):
    """Plans for a rate. A process of ClaimAPI or ClaimWorker gets no more cores than it was measured with. Every broker of
    a cluster stores every message, so each is counted with the cost of the one that was measured."""
    limit = min(serial_limits(costs, lane, machines).values())
    cells = math.ceil(rate / limit)
    own = rate / cells
    cores = {part: own * costs[part] / 1e6 / machines.utilisation for part in PARTS}
    cores["rabbitmq"] *= machines.brokers
    apis = max(2, math.ceil(cores["api"] / measured_cores))
    workers = max(2, math.ceil(cores["worker"] / measured_cores))
    lanes = max(math.ceil(own / (machines.utilisation * lane.limit)), workers, machines.brokers)
    return Plan(cells, own, lanes, apis, workers, cores, lane.mean_seconds(own / lanes), lane.p99_seconds(own / lanes))


def predicted(base, rabbitmq, total, brokers):
    """The rate with several brokers, on the same cores, from the rate with one: each broker costs what the one did, and the
    cores are as busy as before. More workers change nothing: they do the same work on the same cores.

    - base: the measured rate with one broker and one worker; rabbitmq, total: its costs, the load generator included.
    """
    return base * total / (total + (brokers - 1) * rabbitmq)
