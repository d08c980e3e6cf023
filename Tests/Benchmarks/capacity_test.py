"""Tests of the capacity model. deploy/test runs them."""

import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PROGRAM = os.path.join(ROOT, "deploy", "benchmarks", "capacity.py")
FIGURES = os.path.join(ROOT, "docs", "capacity-figures.json")
sys.path.insert(0, os.path.dirname(PROGRAM))

from capacity_model import (PARTS, Figures, Lane, Machines, MissingFigure, bound, plan, predicted,  # noqa: E402
                            serial_limits)

LANE = Lane(fixed=0.005, per_claim=80e-6)
COSTS = {"api": 200.0, "worker": 25.0, "rabbitmq": 100.0, "redis": 40.0, "postgres": 70.0}
MACHINES = Machines(utilisation=0.5, postgres_cores=32, broker_cores=32, brokers=3)


def simulated(lane, rate, claims=200_000):
    """The latencies of a lane with random arrivals, claim by claim."""
    source = random.Random(17)
    arrivals, time = [], 0.0
    for _ in range(claims):
        time += source.expovariate(rate)
        arrivals.append(time)
    latencies, first, time = [], 0, 0.0
    while first < claims:
        time = max(time, arrivals[first])
        last = first
        while last < claims and last - first < lane.batch and arrivals[last] <= time:
            last += 1
        time += lane.fixed + lane.per_claim * (last - first)
        latencies += [time - arrival for arrival in arrivals[first:last]]
        first = last
    return latencies


class LaneTest(unittest.TestCase):
    def test_the_formula_agrees_with_a_simulation(self):
        # Near the limit the batches differ in length, which the formula leaves out.
        for share, tail in ((0.01, 0.03), (0.1, 0.05), (0.5, 0.08), (0.8, 0.1), (0.95, 0.12)):
            with self.subTest(share=share):
                rate = share * LANE.limit
                latencies = sorted(simulated(LANE, rate))
                self.assertAlmostEqual(LANE.mean_seconds(rate) / statistics.fmean(latencies), 1, delta=0.02)
                self.assertAlmostEqual(LANE.p99_seconds(rate) / latencies[len(latencies) * 99 // 100], 1, delta=tail)

    def test_a_lone_claim_takes_one_batch(self):
        self.assertAlmostEqual(LANE.mean_seconds(0.01), LANE.fixed + LANE.per_claim, places=5)

    def test_at_its_limit_every_batch_is_full(self):
        self.assertAlmostEqual(LANE.batch_claims(LANE.limit * 0.99999), LANE.batch, delta=0.1)

    def test_above_its_limit_the_backlog_grows_without_end(self):
        self.assertEqual(LANE.mean_seconds(LANE.limit), math.inf)
        self.assertEqual(LANE.p99_seconds(LANE.limit * 2), math.inf)

    def test_the_measured_lane_has_both_measured_times(self):
        lane = Lane.measured({"decide_1.claims_per_second": 10_000, "alone.median_ms": 5.0})
        self.assertAlmostEqual(lane.limit, 10_000)
        self.assertAlmostEqual(lane.fixed + lane.per_claim, 0.005)

    def test_batches_that_were_not_full_have_a_higher_limit_when_full(self):
        figures = {"decide_1.claims_per_second": 10_000, "decide_1.claims_per_batch": 250, "alone.median_ms": 5.0}
        self.assertGreater(Lane.measured(figures).limit, 10_000)

    def test_a_lane_whose_batches_save_nothing_is_refused(self):
        with self.assertRaises(ValueError):
            Lane.measured({"decide_1.claims_per_second": 10_000, "alone.median_ms": 60.0})


class PlanTest(unittest.TestCase):
    def test_the_bound_is_the_rate_at_which_the_cores_are_busy(self):
        self.assertEqual(bound(2, 500), 4000)

    def test_one_thread_of_redis_limits_a_cell(self):
        limits = serial_limits(COSTS, LANE, MACHINES)
        self.assertEqual(min(limits, key=limits.get), "redis")
        self.assertEqual(limits["redis"], 12_500)

    def test_a_small_machine_for_postgres_limits_a_cell(self):
        limits = serial_limits(COSTS, LANE, Machines(0.5, postgres_cores=1, broker_cores=32, brokers=3))
        self.assertEqual(min(limits, key=limits.get), "postgres")

    def test_no_resource_of_a_plan_is_used_above_the_utilisation(self):
        for rate in (1, 1000, 12_500, 12_501, 1e6):
            with self.subTest(rate=rate):
                result = plan(rate, COSTS, LANE, MACHINES, measured_cores=2)
                self.assertAlmostEqual(result.cells * result.rate, rate)
                self.assertLessEqual(result.rate, 12_500)
                self.assertLessEqual(result.rate / result.lanes, 0.5 * LANE.limit)
                self.assertLessEqual(result.cores["redis"], 1)
                self.assertLessEqual(result.cores["api"], result.apis * 2)
                self.assertLessEqual(result.cores["worker"], result.workers * 2)
                for part in ("api", "worker", "redis", "postgres"):
                    self.assertAlmostEqual(result.cores[part] * 0.5, result.rate * COSTS[part] / 1e6)

    def test_one_claim_above_a_cell_is_a_second_cell(self):
        self.assertEqual(plan(12_500, COSTS, LANE, MACHINES, 2).cells, 1)
        self.assertEqual(plan(12_501, COSTS, LANE, MACHINES, 2).cells, 2)

    def test_a_process_can_be_lost(self):
        result = plan(1, COSTS, LANE, MACHINES, 2)
        self.assertEqual((result.apis, result.workers), (2, 2))
        self.assertGreaterEqual(result.lanes, MACHINES.brokers)

    def test_each_further_broker_costs_what_the_first_did(self):
        self.assertEqual(predicted(1000, rabbitmq=100, total=400, brokers=1), 1000)
        self.assertAlmostEqual(predicted(1000, rabbitmq=100, total=400, brokers=3), 1000 * 400 / 600)


class ProgramTest(unittest.TestCase):
    def run_program(self, *arguments):
        return subprocess.run([sys.executable, PROGRAM, *arguments], capture_output=True, text=True, check=False)

    def test_the_tables_of_the_page_are_its_output(self):
        result = self.run_program("plan", FIGURES)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        with open(os.path.join(ROOT, "docs", "capacity.md"), encoding="utf-8") as file:
            page = file.read()
        tables = result.stdout.strip().split("\n\n**")
        self.assertEqual(len(tables), 6)
        for table in tables:
            self.assertIn(table + "\n", page)

    def comparison(self, change=lambda figures: None):
        """A file as deploy/bench-capacity writes it, with rates that follow the model."""
        figures = {}
        for brokers in (1, 3):
            costs = {**COSTS, "rabbitmq": COSTS["rabbitmq"] * brokers}
            for stage, counts in (("accept", [0]), ("decide", [1, 2, 4]), ("mixed", [1, 2, 4])):
                for workers in counts:
                    name = f"brokers_{brokers}.workers_{workers}.{stage}"
                    values = {f"cpu_us.{part}": costs[part] for part in PARTS}
                    values |= {"cpu_us.system": sum(costs.values()), "claims_per_second": bound(2, sum(costs.values()))}
                    if stage == "mixed":
                        values["decided_per_second"] = values["claims_per_second"]
                    figures |= {f"{name}.{key}": {"median": value, "values": [value]} for key, value in values.items()}
        change(figures)
        machine = {"cores": 2, "processor": "P", "load_average": 1}
        with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
            json.dump({"format": 1, "commit": "c", "machine": machine, "figures": figures}, file)
        self.addCleanup(os.unlink, file.name)
        return self.run_program("compare", file.name)

    def test_rates_that_follow_the_model_have_no_deviation(self):
        result = self.comparison()
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        deviations = [line.split(" | ")[-1].strip(" |") for line in result.stdout.splitlines()[4:]]
        self.assertEqual(len(deviations), 2 + 3 * 6)
        self.assertEqual(set(deviations), {"base", "+0 %"})

    def test_a_rate_below_the_model_has_a_negative_deviation(self):
        def change(figures):
            figures["brokers_3.workers_2.decide.claims_per_second"]["median"] /= 2
        result = self.comparison(change)
        self.assertEqual([line.split(" | ")[:3] for line in result.stdout.splitlines() if "-50 %" in line],
                         [["| decided", "3", "2"]])

    def test_a_missing_figure_is_named(self):
        result = self.comparison(lambda figures: figures.pop("brokers_3.workers_4.mixed.claims_per_second"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("no figure brokers_3.workers_4.mixed.claims_per_second", result.stderr)

    def test_a_file_of_another_kind_is_refused(self):
        for content in ("", "[]", "{}", '{"format": 2}', '{"format": 1}'):
            with self.subTest(content=content), tempfile.NamedTemporaryFile("w") as file:
                file.write(content)
                file.flush()
                result = self.run_program("plan", file.name)
                self.assertEqual(result.returncode, 1)
                self.assertRegex(result.stderr, "^error: .* is not a file of results that the model can use")

    def test_a_number_out_of_range_is_refused(self):
        result = self.run_program("plan", FIGURES, "--utilisation", "100")
        self.assertEqual(result.returncode, 2)
        self.assertIn("is not a number from 1 to 99", result.stderr)

    def test_figures_need_their_parts(self):
        with self.assertRaises(MissingFigure):
            Figures({"machine": {"cores": 2, "processor": "", "load_average": 0}, "commit": "", "figures": {}}).costs("accept")


if __name__ == "__main__":
    unittest.main()
