// Coupons: a list with search, one coupon with its claims, and forms to create, change and close a coupon.

import { confirmed, field, fields, fill, h, setText, table, toast } from "./dom.js";
import { ago, counted, number, span, time, words } from "./format.js";
import { get, path, post, query, send } from "./api.js";

export const title = "Coupons";

export function show(main, [name], signal) {
  return name ? showCoupon(main, name, signal) : showList(main, signal);
}

/** When a coupon can be claimed, in words. */
export function when(coupon, now = Date.now()) {
  const start = coupon.starts_at ? Date.parse(coupon.starts_at) : null;
  const end = coupon.ends_at ? Date.parse(coupon.ends_at) : null;
  if (start !== null && now < start) return `Starts in ${span((start - now) / 1000)}, at ${time(coupon.starts_at)}.`;
  if (end !== null && now >= end) return `Ended ${ago(coupon.ends_at, now)}, at ${time(coupon.ends_at)}.`;
  if (end !== null) return `Ends in ${span((end - now) / 1000)}, at ${time(coupon.ends_at)}.`;
  return "Open, without an end.";
}

function meter(coupon) {
  return h("progress", { max: Math.max(1, coupon.amount), value: coupon.remaining_amount,
    "aria-label": `${coupon.remaining_amount} of ${coupon.amount} left` });
}

// MARK: List

async function showList(main, signal) {
  const search = h("input", { type: "search", maxlength: 64, autocomplete: "off" });
  const result = h("div", { "aria-live": "polite" });
  const form = h("form.row", { role: "search" }, field("Part of the name", search), h("button", null, "Search"));
  main.append(
    h("div.head", null, h("h1", null, "Coupons"), h("button.primary", { onclick: () => create(signal) }, "Create a coupon")),
    h("section.card", null, form), h("section.card", null, result));
  let cursors = [""];
  async function load() {
    const answer = await get(`/coupons${query({ search: search.value.trim(), limit: 50, cursor: cursors.at(-1) })}`, { signal });
    if (answer.coupons.length === 0) return fill(result, h("p.empty", null, "No coupon matches."));
    fill(result,
      table("Coupons by name", [["Name", "break"], ["Left", "number"], ["Amount", "number"], ["", "bar-cell"], ["When"], ["Who"]],
        answer.coupons.map((coupon) => [
          h("a", { href: path`#/coupons/${coupon.name}` }, coupon.name), number(coupon.remaining_amount), number(coupon.amount),
          meter(coupon), when(coupon), coupon.is_restricted ? "listed users" : "everyone",
        ])),
      h("div.actions", { hidden: cursors.length === 1 && !answer.next_cursor },
        h("button", { disabled: cursors.length === 1, onclick: () => { cursors.pop(); load().catch(failed); } }, "Previous page"),
        h("button", { disabled: !answer.next_cursor,
          onclick: () => { cursors.push(answer.next_cursor); load().catch(failed); } }, "Next page")));
  }
  function failed(error) {
    if (error.name !== "AbortError") fill(result, h("p.error", { role: "alert" }, error.message));
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    cursors = [""];
    load().catch(failed);
  });
  await load().catch(failed);
}

// MARK: Creating and changing

/** The text of a local time field as RFC 3339 in UTC; null if it is empty. */
function instant(control) {
  return control.value ? new Date(control.value).toISOString() : null;
}

function localTime(text) {
  if (!text) return "";
  const date = new Date(text);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/** Opens a form in a dialog. The dialog closes when `submit` returns, and shows the error that it throws. */
export function edit(heading, controls, action, submit) {
  const error = h("p.error", { role: "alert" });
  const button = h("button.primary", null, action);
  const form = h("form", { novalidate: false },
    h("h2", { id: "edit-title" }, heading), controls, error,
    h("div.actions", null, h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), button));
  const dialog = h("dialog", { "aria-labelledby": "edit-title" }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    setText(error, "");
    try {
      await submit();
      dialog.close();
    } catch (problem) {
      setText(error, problem.message);
    } finally {
      button.disabled = false;
    }
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function create() {
  const name = h("input", { required: true, maxlength: 64, autocomplete: "off" });
  const amount = h("input", { type: "number", required: true, min: 0, max: 2147483647, value: 100 });
  const limit = h("input", { type: "number", required: true, min: 1, max: 2147483647, value: 1 });
  const starts = h("input", { type: "datetime-local", step: 1 });
  const ends = h("input", { type: "datetime-local", step: 1 });
  const users = h("textarea", { rows: 4, spellcheck: false });
  edit("Create a coupon", [
    field("Name", name, { hint: "Letters and digits; everything else becomes an underscore." }),
    h("div.row", null, field("Amount", amount), field("Most per user", limit)),
    h("div.row", null, field("Starts", starts), field("Ends", ends)),
    field("Eligible users, one per line", users, { hint: "Empty: everyone." }),
  ], "Create", async () => {
    const listed = users.value.split("\n").map((line) => line.trim()).filter(Boolean);
    const coupon = await post("/coupons", {
      name: name.value, amount: Number(amount.value), per_user_limit: Number(limit.value),
      starts_at: instant(starts), ends_at: instant(ends), ...(listed.length ? { eligible_users: listed } : {}),
    });
    toast(`${coupon.name} was created.`);
    location.hash = path`#/coupons/${coupon.name}`;
  });
}

function change(coupon, reload) {
  const amount = h("input", { type: "number", required: true, min: 0, max: 2147483647, value: coupon.amount });
  const limit = h("input", { type: "number", required: true, min: 1, max: 2147483647, value: coupon.per_user_limit });
  const starts = h("input", { type: "datetime-local", step: 1, value: localTime(coupon.starts_at) });
  const ends = h("input", { type: "datetime-local", step: 1, value: localTime(coupon.ends_at) });
  edit(`Change ${coupon.name}`, [
    h("div.row", null, field("Amount", amount), field("Most per user", limit)),
    h("div.row", null, field("Starts", starts), field("Ends", ends)),
  ], "Change", async () => {
    const body = { amount: Number(amount.value), per_user_limit: Number(limit.value) };
    if (starts.value !== localTime(coupon.starts_at)) body.starts_at = instant(starts);
    if (ends.value !== localTime(coupon.ends_at)) body.ends_at = instant(ends);
    await send("PATCH", path`/coupons/${coupon.name}`, { body });
    toast(`${coupon.name} was changed.`);
    await reload();
  });
}

async function close(coupon, reload) {
  const ends = new Date().toISOString();
  if (!await confirmed(`Close ${coupon.name}?`,
    h("p", null, "Claims that are accepted from now on are rejected as expired. Those accepted before are still decided."),
    "Close the coupon")) return;
  try {
    await send("PATCH", path`/coupons/${coupon.name}`, { body: { ends_at: ends } });
    toast(`${coupon.name} is closed.`);
    await reload();
  } catch (error) { toast(error.message, true); }
}

// MARK: One coupon

async function showCoupon(main, name, signal) {
  const facts = h("div");
  const claims = h("tbody");
  const note = h("p.soft", { role: "status" });
  const status = h("select", null, [["", "all"], ["claimed", "claimed"], ["rejected", "rejected"], ["dead_lettered", "dead lettered"],
    ["discarded", "discarded"], ["cancelled", "cancelled"]].map(([value, text]) => h("option", { value }, text)));
  const user = h("input", { required: true, maxlength: 128, autocomplete: "off" });
  const verdict = h("p", { role: "status" });
  const actions = h("div.actions");
  main.append(
    h("div.head", null, h("h1", null, name), h("a", { href: "#/coupons" }, "All coupons")),
    h("div.grid", null,
      h("section.card", null, h("h2", null, "Coupon"), facts, actions),
      h("section.card", null, h("h2", null, "Would a claim succeed?"),
        h("form.row", { onsubmit: explain }, field("User", user), h("button", null, "Check")), verdict)),
    h("section.card", null, h("h2", null, "Claims in the order of decision"),
      h("div.row", null, field("Status", status, { narrow: true })), note,
      h("div.wide", { tabindex: 0, role: "region", "aria-label": "Claims of the coupon" }, h("table", null,
        h("thead", null, h("tr", null, ["Decided", "User", "Status", "Reason", "Claim"].map((text) => h("th", { scope: "col" }, text)))),
        claims))));

  async function explain(event) {
    event.preventDefault();
    try {
      const answer = await get(path`/coupons/${name}/eligibility` + query({ user_id: user.value }), { signal });
      setText(verdict, answer.eligible ? "Yes, now." : `No: ${answer.reasons.map(words).join(", ")}.`);
    } catch (error) { setText(verdict, error.message); }
  }

  let coupon = null;
  async function loadCoupon() {
    coupon = await get(path`/coupons/${name}`, { signal });
    fill(facts, meter(coupon), fields([
      ["Left", `${number(coupon.remaining_amount)} of ${number(coupon.amount)}`],
      ["Most per user", number(coupon.per_user_limit)], ["When", when(coupon)],
      ["Who", coupon.is_restricted ? "only the listed users" : "everyone"], ["Created", time(coupon.created_at)],
    ]));
    if (actions.childElementCount === 0) {
      actions.append(h("button", { onclick: () => change(coupon, loadCoupon) }, "Change"),
        h("button.danger", { onclick: () => close(coupon, loadCoupon) }, "Close"));
    }
  }

  // New claims are at the end of the list, so its cursor is followed.
  let cursor = null;
  let shown = 0;
  let skipped = 0;
  async function loadClaims() {
    for (let pages = 0; pages < 20; pages += 1) {
      const answer = await get(path`/coupons/${name}/claims` + query({ limit: 500, cursor, status: status.value }), { signal });
      for (const claim of answer.claims.slice(skipped)) {
        claims.prepend(h("tr", null,
          h("td", null, time(claim.decided_at)), h("td.break", null, claim.user_id), h("td", null, h("span.status", { class: claim.status }, words(claim.status))),
          h("td", null, words(claim.reason)), h("td.break", null, h("a", { href: `#/claims/${claim.id}` }, h("code", null, claim.id)))));
        shown += 1;
        if (claims.childElementCount > 500) claims.lastElementChild.remove();
      }
      skipped = answer.next_cursor ? 0 : answer.claims.length;
      if (!answer.next_cursor) break;
      cursor = answer.next_cursor;
    }
    setText(note, shown === 0 ? "No claim is decided yet." : `${counted(shown, "claim")} decided, the newest first.`
      + (shown > 500 ? " The newest 500 are listed." : ""));
  }
  status.addEventListener("change", () => {
    cursor = null;
    shown = skipped = 0;
    fill(claims);
    loadClaims().catch(() => {});
  });

  await loadCoupon();
  await loadClaims();
  while (!signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, 1500));
    if (signal.aborted || document.hidden) continue;
    try { await loadCoupon(); await loadClaims(); } catch (error) {
      if (error.name === "AbortError") return;
      setText(note, `${error.message} The list is not up to date.`);
    }
  }
}
