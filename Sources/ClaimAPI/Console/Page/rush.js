// Try a rush: many users claim a few coupons at the same time, each drawn as a dot.

import { field, fill, h, setText } from "./dom.js";
import { counted, number, span } from "./format.js";
import { get, path, post, query, send } from "./api.js";
import { follow, state } from "./feed.js";

export const title = "Try a rush";

/** Requests at the same time. A browser opens at most six connections. */
const parallel = 12;
/** The states of a user. */
const unsent = 0, waiting = 1, got = 2, soldOut = 3, failed = 4;
const kinds = [["Not sent", ""], ["Waiting", "waiting"], ["Got the coupon", "got"], ["Sold out", "sold-out"], ["Failed", "failed"]];
const colours = {
  light: ["#e3e6ec", "#e0a020", "#16a34a", "#98a2b3", "#b42318"],
  dark: ["#2a2f39", "#e0a020", "#52d08f", "#667081", "#ff8f85"],
};

export async function show(main, _, signal) {
  const users = h("input", { type: "number", min: 1, max: 20000, required: true, value: 2000 });
  const amount = h("input", { type: "number", min: 0, max: 20000, required: true, value: 100 });
  const button = h("button.primary", null, "Start");
  const form = h("form.row", { onsubmit: start }, field("Users", users, { narrow: true }),
    field("Coupons", amount, { narrow: true }), button);
  const values = kinds.map(() => h("dd", null, "0"));
  const tiles = kinds.map(([name, kind], index) => h("div.tile", { hidden: index === failed },
    h("dt", null, h("span.dot", { class: kind }), name), values[index]));
  const workers = h("dd", null, "–");
  const canvas = h("canvas.crowd", { role: "img", "aria-label": "One dot for each user" });
  const note = h("p.verdict", { role: "status" }, "Not started.");
  const checks = h("ul.verdicts");
  const refusal = h("section.card", { hidden: true }, h("p", null,
    "A rush creates a coupon and claims, so the console offers it only on a copy that is open and listens on loopback."));
  const content = h("div", { class: "stack" },
    h("section.card", null,
      h("p", null, "All users claim the same coupon at the same time, through the API of this system. "
        + "Kill a worker during the rush: the other workers decide its claims."), form),
    h("dl.tiles", null, tiles, h("div.tile", null, h("dt", null, "Workers"), workers)),
    h("section.card", null, h("figure", null, canvas)),
    h("section.card", null, note, checks));
  main.append(h("div.head", null, h("h1", null, title)), refusal, content);
  follow(() => {
    if (!state.overview) return;
    const isOffered = state.overview.open_on_loopback;
    refusal.hidden = isOffered;
    content.hidden = !isOffered;
    setText(workers, state.overview.stores.redis === "ok" ? number(state.overview.workers.length) : "–");
  }, signal);

  let dots = new Uint8Array(users.value);
  let isRunning = false;

  function draw() {
    const palette = colours[matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"];
    const ratio = devicePixelRatio || 1;
    const width = canvas.clientWidth || 600;
    const size = Math.max(4, Math.min(16, Math.floor(Math.sqrt(width * 330 / Math.max(1, dots.length)))));
    const columns = Math.max(1, Math.floor(width / size));
    const height = Math.max(1, Math.ceil(dots.length / columns)) * size;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const counts = kinds.map(() => 0);
    for (let kind = 0; kind < kinds.length; kind += 1) {
      const radius = Math.max(1, kind === got ? size / 2 - 0.5 : size / 2 - 1.25);
      context.fillStyle = palette[kind];
      context.beginPath();
      dots.forEach((dot, index) => {
        if (dot !== kind) return;
        counts[kind] += 1;
        const x = (index % columns) * size + size / 2;
        const y = Math.floor(index / columns) * size + size / 2;
        context.moveTo(x + radius, y);
        context.arc(x, y, radius, 0, 7);
      });
      context.fill();
    }
    counts.forEach((count, kind) => setText(values[kind], number(count)));
    tiles[failed].hidden = counts[failed] === 0;
    canvas.setAttribute("aria-label", `One dot for each of ${dots.length} users: `
      + counts.map((count, kind) => `${count} ${kinds[kind][0].toLowerCase()}`).join(", "));
    return counts;
  }

  function say(text, kind = "") {
    note.className = `verdict ${kind}`;
    setText(note, text);
  }

  function start(event) {
    event.preventDefault();
    button.disabled = isRunning = true;
    run().catch((error) => { if (error.name !== "AbortError") say(error.message, "bad"); })
      .finally(() => { button.disabled = isRunning = false; });
  }

  async function run() {
    const count = Number(users.value);
    const quota = Number(amount.value);
    const name = `RUSH_${Date.now().toString(36).toUpperCase()}`;
    dots = new Uint8Array(count);
    fill(checks);
    say("Creating the coupon …");
    await post("/coupons", { name, amount: quota }, { signal });
    const begin = performance.now();
    say(`${counted(count, "user")} claim ${counted(quota, "coupon")} …`);
    let next = 0;
    let failures = 0;
    let isSent = false;

    async function client() {
      while (next < count && !signal.aborted) {
        const user = next;
        next += 1;
        // A refused request is sent again with the same key, as a client does.
        for (let tries = 0; ; tries += 1) {
          try {
            await post("/claims", { user_id: `user-${user}`, coupon_name: name },
              { signal, headers: { "Idempotency-Key": `${name}-${user}` } });
            if (dots[user] === unsent) dots[user] = waiting;
            break;
          } catch (error) {
            if (error.name === "AbortError") throw error;
            if (tries >= 60 || (error.status > 0 && error.status < 429)) { dots[user] = failed; failures += 1; break; }
            await new Promise((resolve) => setTimeout(resolve, 500));
          }
        }
      }
    }

    let cursor = "";
    let skipped = 0;
    let decided = 0;
    async function takeOutcomes() {
      const answer = await get(path`/coupons/${name}/claims` + query({ limit: 500, cursor }), { signal });
      for (const claim of answer.claims.slice(skipped)) {
        const user = Number(claim.user_id.slice(5));
        dots[user] = claim.status === "claimed" ? got : claim.status === "rejected" ? soldOut : failed;
        decided += 1;
      }
      skipped = answer.next_cursor ? 0 : answer.claims.length;
      if (answer.next_cursor) cursor = answer.next_cursor;
      return Boolean(answer.next_cursor);
    }
    async function watch() {
      while (!signal.aborted && decided + failures < count) {
        let hasMore = false;
        try { hasMore = await takeOutcomes(); } catch (error) { if (error.name === "AbortError") throw error; }
        draw();
        if (!hasMore) await new Promise((resolve) => setTimeout(resolve, isSent ? 250 : 150));
      }
    }
    draw();
    const clients = Promise.all(Array.from({ length: parallel }, client)).then(() => { isSent = true; });
    await Promise.all([clients, watch()]);
    const seconds = (performance.now() - begin) / 1000;
    await verdict(name, quota, draw(), failures, seconds);
  }

  /** Compares the outcomes with the quota, and audits all rows. */
  async function verdict(name, quota, counts, failures, seconds) {
    say("Auditing all rows …");
    const count = dots.length;
    const coupon = await get(path`/coupons/${name}`, { signal });
    const report = await audit();
    const results = [
      [counts[got] === Math.min(quota, count - failures), `${number(counts[got])} of ${counted(quota, "coupon")} given out`],
      [coupon.amount - coupon.remaining_amount === counts[got], `quota of the coupon: ${number(coupon.remaining_amount)} left`],
      [counts[unsent] + counts[waiting] === 0, "every claim has an outcome"],
      [failures === 0, failures === 0 ? "every claim was accepted" : `${counted(failures, "claim")} not accepted`],
      [report.violations.length === 0, `audit of all rows: ${counted(report.coupons, "coupon")}, ${counted(report.claims, "claim")}, `
        + counted(report.violations.length, "violation")],
      ...report.violations.slice(0, 20).map((violation) => [false, `${violation.rule}: ${violation.subject}: ${violation.detail}`]),
    ];
    const isCorrect = results.every(([holds]) => holds);
    say(`${isCorrect ? "Correct" : "Wrong"}: ${counted(count, "claim")} decided in ${span(seconds)}, `
      + `${number(count / seconds)} per second.`, isCorrect ? "good" : "bad");
    fill(checks, results.map(([holds, text]) => h("li", { class: holds ? "" : "bad" }, h("span", null, text))));
  }

  /** Runs an audit and returns its report. */
  async function audit() {
    let job = await send("POST", "/audits", { signal });
    while (job.ended_at === null) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      job = await get(path`/audits/${job.id}`, { signal });
    }
    if (job.state !== "done") throw new Error(`The audit failed: ${job.error.message}.`);
    return job.result;
  }

  users.addEventListener("input", () => {
    if (isRunning || !users.checkValidity()) return;
    dots = new Uint8Array(Number(users.value));
    draw();
  });
  addEventListener("resize", draw, { signal });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw, { signal });
  draw();
}
