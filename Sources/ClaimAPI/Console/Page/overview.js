// The overview: rates, latency, outcomes, lanes and workers.

import { fill, h, liveTable, setText } from "./dom.js";
import { milliseconds, number, sentence, span, time, words } from "./format.js";
import { follow, state } from "./feed.js";
import { lineChart } from "./charts.js";

export const title = "Overview";

export function show(main, _, signal) {
  const values = {};
  const tile = (key, label) => h("div.tile", null, h("dt", null, label), values[key] = h("dd", null, "–"));
  const rates = lineChart({
    names: ["accepted", "decided"], seconds: 300,
    describe: () => {
      const now = state.overview;
      return now ? `Claims per second in the last five minutes. Now ${number(now.accepted_per_second)} accepted and `
        + `${number(now.decided_per_second)} decided.` : "Claims per second. No data yet.";
    },
  });
  const latency = lineChart({
    names: ["p50", "p99"], kinds: ["one", "three"], seconds: 300, unit: " ms",
    describe: () => {
      const now = state.overview?.latency;
      return now ? `Time from accepting to deciding a claim. Half of them within ${milliseconds(now.p50_ms)}, 99 percent `
        + `within ${milliseconds(now.p99_ms)}.` : "Time from accepting to deciding a claim. No data yet.";
    },
  });
  const warnings = h("ul.warn", { "aria-label": "Warnings" });
  const warningCard = h("section.card.attention", { role: "status", hidden: true }, h("h2", null, "Needs attention"), warnings);
  const outcomes = liveTable("By status and reason", [["Status"], ["Reason"], ["Claims", "number"], ["", "bar-cell"]],
    "No claim was decided while a console was open.");
  const workers = liveTable("Live workers", [["Worker", "fixed"], ["State", "fixed"], ["Lanes"], ["Held", "number"], ["Since", "fixed"]],
    "No worker is alive. Accepted claims wait.");
  const lanes = liveTable("What waits in each lane",
    [["Lane"], ["Worker", "fixed"], ["Waiting claims", "number"], ["", "bar-cell"], ["Messages", "number"],
      ["Held by a worker", "number"], ["Oldest", "number"]], "Unknown.");
  const dead = h("a", { href: "#/dead-letters" }, "–");
  main.append(
    h("div.head", null, h("h1", null, "Overview")),
    h("dl.tiles", null, tile("accepted", "Accepted"), tile("decided", "Decided"), tile("waiting", "Waiting"),
      tile("p50", "Median latency"), tile("p99", "p99 latency"), tile("dead", "Dead letters"),
      tile("workers", "Workers")),
    warningCard,
    h("div.grid", null,
      h("section.card", null, h("h2", null, "Claims per second"),
        h("figure", null, rates.element, h("figcaption", null, h("span.key.one", null, "accepted"),
          h("span.key.two", null, "decided")))),
      h("section.card", null, h("h2", null, "Time to a decision"),
        h("figure", null, latency.element, h("figcaption", null, h("span.key.one", null, "median"),
          h("span.key.three", null, "p99"), h("span", null, "of the last minute"))))),
    h("div.grid", null,
      h("section.card", null, h("h2", null, "Outcomes of the last five minutes"), outcomes.element),
      h("section.card", null, h("h2", null, "Workers"), workers.element)),
    h("section.card", null, h("h2", null, "Lanes"), lanes.element));

  fill(values.dead, dead);

  follow(() => {
    const now = state.overview;
    if (!now) return;
    const perSecond = (value) => value === null ? "–" : `${number(value)}/s`;
    setText(values.accepted, perSecond(now.accepted_per_second));
    setText(values.decided, perSecond(now.decided_per_second));
    const waiting = now.lanes.map(waitingIn).filter((value) => value !== null);
    setText(values.waiting, waiting.length ? number(waiting.reduce((sum, value) => sum + value, 0)) : "–");
    setText(values.p50, milliseconds(now.latency.p50_ms));
    setText(values.p99, milliseconds(now.latency.p99_ms));
    setText(dead, number(now.dead_letters));
    values.dead.classList.toggle("bad", now.dead_letters > 0);
    setText(values.workers, now.stores.redis === "ok" ? number(now.workers.length) : "–");
    warningCard.hidden = now.warnings.length === 0;
    const text = now.warnings.join("\n");
    if (warnings.dataset.text !== text) {
      warnings.dataset.text = text;
      fill(warnings, now.warnings.map((warning) => h("li", null, `${sentence(warning)}.`)));
    }
    rates.draw([state.rates.map((sample) => sample[1]), state.rates.map((sample) => sample[2])]);
    latency.draw([state.latencies.map((sample) => sample[0]), state.latencies.map((sample) => sample[1])]);
    outcomes.update(outcomeRows(now));
    lanes.update(laneRows(now));
    workers.update(workerRows(now), now.stores.redis === "ok" ? "No worker is alive. Accepted claims wait."
      : "Unknown while Redis is away.");
  }, signal);
}

/** The claims that wait in a lane. Redis has no number for a lane that was not used yet. */
function waitingIn(lane) {
  return lane.waiting ?? (lane.messages === 0 && lane.unacknowledged === 0 ? 0 : null);
}

function outcomeRows(now) {
  const total = now.outcomes.reduce((sum, outcome) => sum + outcome.count, 0);
  return now.outcomes.map((outcome) => [
    h("span.status", { class: outcome.status }, words(outcome.status)), words(outcome.reason), number(outcome.count),
    h("progress", { max: total, value: outcome.count, "aria-label": `${words(outcome.status)} ${words(outcome.reason)}` }),
  ]);
}

function laneRows(now) {
  const names = new Map(now.workers.map((worker) => [worker.id, worker.name]));
  const longest = Math.max(1, ...now.lanes.map((lane) => waitingIn(lane) ?? 0));
  return now.lanes.map((lane) => [
    String(lane.lane), lane.worker ? names.get(lane.worker) ?? lane.worker : h("span.soft", null, "none"), number(waitingIn(lane)),
    h("progress", { max: longest, value: waitingIn(lane) ?? 0, "aria-label": `Waiting in lane ${lane.lane}` }),
    number(lane.messages), number(lane.unacknowledged), span(lane.oldest_pending_seconds),
  ]);
}

function workerRows(now) {
  return now.workers.map((worker) => [
    h("span", { title: worker.id }, worker.name),
    worker.healthy ? h("span.good", null, "healthy") : h("span.warn", null, "not on all its lanes"),
    worker.lanes.join(" ") || "–", number(worker.unacknowledged), time(worker.started_at),
  ]);
}
