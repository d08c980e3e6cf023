#!/usr/bin/env python3
"""Prints the capacity model as Markdown tables, from the figures of deploy/bench or deploy/bench-capacity."""

import argparse
import json
import math
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

from capacity_model import (BATCH, PARTS, Figures, Lane, Machines, MissingFigure, bound, plan, predicted,  # noqa: E402
                            serial_limits)

TITLES = {"api": "ClaimAPI", "worker": "ClaimWorker", "rabbitmq": "RabbitMQ", "redis": "Redis", "postgres": "PostgreSQL"}
# Batches are full behind a backlog, and small while 64 connections wait for their answers.
COSTS = {"full batches": ("accept_1000", "decide_1000"), "small batches": ("mixed",)}
STAGES = {"accept": "accept, 1 coupon", "accept_1000": "accept, 1000 coupons", "decide_1": "decide, 1 coupon",
          "decide_1000": "decide, 1000 coupons", "mixed": "accept and decide, 1000 coupons"}
SERIAL = {"redis": "Redis: one thread", "postgres": "PostgreSQL: one machine of {} cores",
          "broker": "RabbitMQ: one node of {} cores stores every message", "lanes": "256 lanes"}


def number(value):
    if math.isinf(value):
        return "-"
    return f"{value:.0f}" if value >= 1000 or value == int(value) else f"{value:.1f}"


def table(title, headings, rows):
    lines = ["| " + " | ".join(headings) + " |", "|" + " --- |" * len(headings)]
    lines += ["| " + " | ".join(cell if isinstance(cell, str) else number(cell) for cell in row) + " |" for row in rows]
    return f"**{title}**\n\n" + "\n".join(lines) + "\n"


def costs_table(figures):
    rows = []
    for name, stages in COSTS.items():
        costs = figures.costs(*stages)
        rows.append([name] + [costs[part] for part in PARTS] + [sum(costs.values())])
    return table("CPU time per claim, accepted and decided, in µs", ["costs"] + list(TITLES.values()) + ["all"], rows)


def bounds_table(figures):
    rows = []
    for stage, title in STAGES.items():
        cost = figures[f"{stage}.cpu_us.system"] + figures.get(f"{stage}.cpu_us.load_generator", 0)
        limit, measured = bound(figures.cores, cost), figures[f"{stage}.claims_per_second"]
        rows.append([title, cost, limit, measured, f"{measured / limit * 100:.0f} %"])
    return table(f"The bound of {figures.cores} cores that everything shares",
                 ["stage", "µs with the load generator", "bound, claims/s", "measured", "of the bound"], rows)


def lane_table(lane):
    rows = []
    for percent in (10, 25, 50, 80, 95):
        rate = lane.limit * percent / 100
        rows.append([f"{percent} %", rate, lane.batch_claims(rate), lane.mean_seconds(rate) * 1000, lane.p99_seconds(rate) * 1000])
    return table(f"One lane: at most {number(lane.limit)} claims/s, {lane.fixed * 1000:.2f} ms a batch and "
                 f"{lane.per_claim * 1e6:.1f} µs a claim in it",
                 ["of its limit", "claims/s", "claims in a batch", "mean ms to the decision", "p99 ms"], rows)


def serial_table(figures, lane, machines):
    limits = {name: serial_limits(figures.costs(*stages), lane, machines) for name, stages in COSTS.items()}
    cores = {"postgres": machines.postgres_cores, "broker": machines.broker_cores}
    rows = [[title.format(cores.get(key))] + [limits[name][key] for name in COSTS] for key, title in SERIAL.items()]
    hot = machines.utilisation * lane.limit
    rows.append(["one coupon: one lane"] + [hot for _ in COSTS])
    return table(f"What a cell has once: claims/s at {machines.utilisation * 100:.0f} % of its capacity",
                 ["resource"] + [f"with {name}" for name in COSTS], rows)


def plan_table(figures, lane, machines, rates):
    rows = []
    for rate in rates:
        for name, stages in COSTS.items():
            result = plan(rate, figures.costs(*stages), lane, machines, figures.cores)
            rows.append([f"{rate:.0f}", name, result.cells, result.rate, result.lanes, result.apis, result.workers]
                        + [result.cores[part] for part in PARTS] + [result.all_cores, result.mean_seconds * 1000,
                                                                     result.p99_seconds * 1000])
    return table(f"Plan: {machines.utilisation * 100:.0f} % utilisation, {machines.brokers} brokers a cell",
                 ["claims/s", "costs", "cells", "a cell: claims/s", "lanes", "ClaimAPIs", "ClaimWorkers"]
                 + [f"{title} cores" for title in TITLES.values()] + ["cores of all cells", "mean ms in the lane", "p99 ms"], rows)


def print_plan(figures, options):
    lane = Lane.measured(figures)
    machines = Machines(options.utilisation / 100, options.postgres_cores, options.broker_cores, options.brokers)
    print(f"Commit `{figures.commit}` on {figures.cores} cores ({figures.processor}), load average {figures.load_average}; "
          f"full batches are of {BATCH} claims.\n")
    print("\n".join([costs_table(figures), bounds_table(figures), lane_table(lane), serial_table(figures, lane, machines),
                     plan_table(figures, lane, machines, options.rate)]), end="")


def print_comparison(figures, _):
    """The base of each prediction is the measurement with one broker and one worker, so its own deviation is none."""
    rows = []
    for stage, worker_counts in (("accept", [0]), ("decide", [1, 2, 4]), ("mixed", [1, 2, 4])):
        base = f"brokers_1.workers_{worker_counts[0]}.{stage}"
        costs = figures.costs(base)
        total = sum(costs.values()) + figures.get(f"{base}.cpu_us.load_generator", 0)
        rates = ("claims_per_second", "decided_per_second") if stage == "mixed" else ("claims_per_second",)
        for rate in rates:
            title = {"accept": "accepted", "decide": "decided"}.get(stage, "both: accepted" if rate == rates[0] else "both: decided")
            for brokers in (1, 3):
                for workers in worker_counts:
                    name = f"brokers_{brokers}.workers_{workers}.{stage}"
                    measured, model = figures[f"{name}.{rate}"], predicted(figures[f"{base}.{rate}"], costs["rabbitmq"], total, brokers)
                    is_base = brokers == 1 and workers == worker_counts[0]
                    rows.append([title, brokers, workers, figures[f"{name}.cpu_us.system"], figures.get(f"{name}.claims_per_batch", math.inf),
                                 measured, model, "base" if is_base else f"{(measured / model - 1) * 100:+.0f} %"])
    print(table(f"Measured and predicted, {figures.cores} cores, commit `{figures.commit}`",
                ["claims", "brokers", "workers", "µs a claim", "claims in a batch", "measured, claims/s", "model", "deviation"], rows), end="")


def positive(kind, least, most):
    def read(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"'{text}' is not a number from {least} to {most}")
        return value
    return read


def arguments():
    parser = argparse.ArgumentParser(prog="capacity.py", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="plan|compare")
    planning = commands.add_parser("plan", help="what rates of claims need, from the figures of deploy/bench")
    planning.add_argument("file", help="a bench.json")
    planning.add_argument("--rate", type=positive(float, 1, 1e8), action="append", help="claims per second, accepted and decided; may be repeated (default 10000, 100000 and 1000000)")
    planning.add_argument("--utilisation", type=positive(float, 1, 99), default=60, help="percent to which cores and lanes may be used (default 60)")
    planning.add_argument("--postgres-cores", type=positive(int, 1, 1024), default=32, help="cores of the largest machine for PostgreSQL (default 32)")
    planning.add_argument("--broker-cores", type=positive(int, 1, 1024), default=32, help="cores of the largest machine for a RabbitMQ node (default 32)")
    planning.add_argument("--brokers", type=positive(int, 1, 9), default=3, help="RabbitMQ nodes of a cell, each with all messages (default 3)")
    planning.set_defaults(run=print_plan)
    comparing = commands.add_parser("compare", help="the model beside the figures of deploy/bench-capacity")
    comparing.add_argument("file", help="a bench-capacity.json")
    comparing.set_defaults(run=print_comparison)
    options = parser.parse_args()
    if options.command == "plan":
        options.rate = options.rate or [1e4, 1e5, 1e6]
    return options


def main():
    options = arguments()
    try:
        with open(options.file, encoding="utf-8") as file:
            document = json.load(file)
        if document.get("format") != 1:
            raise ValueError("its format is not 1")
        options.run(Figures(document), options)
    except MissingFigure as missing:
        sys.exit(f"error: {options.file} has no figure {missing}. It must be the result of a whole run")
    except (OSError, ValueError, KeyError, AttributeError, TypeError, ZeroDivisionError) as error:
        sys.exit(f"error: {options.file} is not a file of results that the model can use: {error}")


if __name__ == "__main__":
    main()
