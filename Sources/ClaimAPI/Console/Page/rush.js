// Try a rush: many users claim a few coupons at the same time, each drawn as a dot.

import { field, fill, h, setText } from "./dom.js";
import { number, span } from "./format.js";
import { get, path, post, query } from "./api.js";
import { state } from "./feed.js";

export const title = "Try a rush";

/** Requests at the same time. A browser opens six connections. */
const parallel = 12;
const names = ["not sent", "waiting", "got the coupon", "sold out", "failed"];

export async function show(main, _, signal) {
  if (state.overview?.requires_tokens) {
    main.append(h("h1", null, "Try a rush"), h("p", null, "A rush can be tried only on a copy that is open on loopback."));
    return;
  }
  const users = h("input", { type: "number", min: 1, max: 20000, required: true, value: 2000 });
  const amount = h("input", { type: "number", min: 0, max: 20000, required: true, value: 100 });
  const button = h("button.primary", null, "Start");
  const canvas = h("canvas.crowd", { role: "img", "aria-label": "One dot for each user" });
  const legend = h("figcaption");
  const note = h("p.verdict", { role: "status" });
  const audit = h("ul");
  const form = h("form.row", { onsubmit: (event) => {
    event.preventDefault();
    button.disabled = true;
    run().catch((error) => { if (error.name !== "AbortError") setText(note, error.message); }).finally(() => { button.disabled = false; });
  } }, field("Users", users, { narrow: true }), field("Coupons", amount, { narrow: true }), button);
  main.append(
    h("div.head", null, h("h1", null, "Try a rush")),
    h("section.card", null,
      h("p", null, "Every user claims the same coupon at the same time, on this system itself. Stop a worker while it runs, and watch it go on."),
      form),
    h("section.card", null, h("figure", null, canvas, legend), note, audit));

  let dots = new Uint8Array(0);

  function draw() {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const colours = dark ? ["#343944", "#f5bd5f", "#5bd596", "#6d7686", "#ff9187"] : ["#d9dde4", "#c77b00", "#08703a", "#9aa2b1", "#b3261e"];
    const ratio = devicePixelRatio || 1;
    const width = canvas.clientWidth || 600;
    const size = Math.max(3, Math.min(14, Math.floor(Math.sqrt(width * 320 / Math.max(1, dots.length)))));
    const columns = Math.max(1, Math.floor((width - 8) / size));
    const height = Math.ceil(dots.length / columns) * size + 8;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    for (let kind = 0; kind < colours.length; kind += 1) {
      context.fillStyle = colours[kind];
      context.beginPath();
      dots.forEach((dot, index) => {
        if (dot !== kind) return;
        const x = 4 + (index % columns) * size + size / 2;
        const y = 4 + Math.floor(index / columns) * size + size / 2;
        const radius = Math.max(1, size / 2 - 1);
        context.moveTo(x + radius, y);
        context.arc(x, y, radius, 0, 7);
      });
      context.fill();
    }
    const counts = [0, 0, 0, 0, 0];
    for (const dot of dots) counts[dot] += 1;
    fill(legend, counts.map((count, kind) => (kind === 4 && count === 0) ? null : h("span", null, `${number(count)} ${names[kind]}`)));
    canvas.setAttribute("aria-label", `One dot for each of ${dots.length} users: ${counts.map((count, kind) => `${count} ${names[kind]}`).join(", ")}`);
    return counts;
  }

  async function run() {
    const count = Number(users.value);
    const quota = Number(amount.value);
    const name = `RUSH_${Date.now().toString(36).toUpperCase()}`;
    dots = new Uint8Array(count);
    fill(audit);
    setText(note, "Creating the coupon …");
    await post("/coupons", { name, amount: quota }, { signal });
    const begin = performance.now();
    setText(note, `${number(count)} users claim ${number(quota)} coupons …`);
    let next = 0;
    let failures = 0;
    let isOver = false;

    async function client() {
      while (next < count && !signal.aborted) {
        const user = next;
        next += 1;
        // A refused request is sent again with the same key, as a client does.
        for (let tries = 0; ; tries += 1) {
          try {
            await post("/claims", { user_id: `user-${user}`, coupon_name: name }, { signal, headers: { "Idempotency-Key": `${name}-${user}` } });
            if (dots[user] === 0) dots[user] = 1;
            break;
          } catch (error) {
            if (error.name === "AbortError") throw error;
            if (tries >= 60 || (error.status > 0 && error.status < 429)) { dots[user] = 4; failures += 1; break; }
            await new Promise((resolve) => setTimeout(resolve, 500));
          }
        }
      }
    }

    let cursor = "";
    let skipped = 0;
    let decided = 0;
    async function outcomes() {
      const answer = await get(path`/coupons/${name}/claims` + query({ limit: 500, cursor }), { signal });
      for (const claim of answer.claims.slice(skipped)) {
        const user = Number(claim.user_id.slice(5));
        dots[user] = claim.status === "claimed" ? 2 : claim.status === "rejected" ? 3 : 4;
        decided += 1;
      }
      skipped = answer.next_cursor ? 0 : answer.claims.length;
      if (answer.next_cursor) cursor = answer.next_cursor;
      return Boolean(answer.next_cursor);
    }
    async function watch() {
      while (!signal.aborted && decided + failures < count) {
        let hasMore = false;
        try { hasMore = await outcomes(); } catch (error) { if (error.name === "AbortError") throw error; }
        draw();
        if (!hasMore) await new Promise((resolve) => setTimeout(resolve, isOver ? 250 : 150));
      }
    }
    draw();
    const clients = Promise.all(Array.from({ length: parallel }, client)).then(() => { isOver = true; });
    await Promise.all([clients, watch()]);
    const seconds = (performance.now() - begin) / 1000;
    draw();
    await verdict(name, quota, count, failures, seconds);
  }

  /** Checks what the system has done against what each user was told. */
  async function verdict(name, quota, count, failures, seconds) {
    const coupon = await get(path`/coupons/${name}`, { signal });
    const counts = [0, 0, 0, 0, 0];
    for (const dot of dots) counts[dot] += 1;
    const expected = Math.min(quota, count - failures);
    const checks = [
      [counts[2] === expected, `${number(counts[2])} of ${number(quota)} coupons were given out`],
      [coupon.amount - coupon.remaining_amount === counts[2], `the quota says the same: ${number(coupon.remaining_amount)} are left`],
      [counts[2] + counts[3] + counts[4] === count, "every accepted claim has an outcome"],
      [failures === 0, failures === 0 ? "no request failed" : `${number(failures)} requests failed`],
    ];
    const isGood = checks.every(([holds]) => holds);
    note.className = isGood ? "verdict good" : "verdict bad";
    setText(note, `${isGood ? "All is right" : "Something is wrong"} after ${span(seconds)}: ${number(count / seconds)} claims per second, accepted and decided.`);
    fill(audit, checks.map(([holds, text]) => h("li", { class: holds ? "good" : "bad" }, `${holds ? "✓" : "✗"} ${text}`)));
  }
  draw();
  addEventListener("resize", draw, { signal });
}
