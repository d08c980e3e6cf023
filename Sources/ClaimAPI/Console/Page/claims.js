// Claims: look-up by id or by user and coupon, the timeline of a claim, and cancelling it.

import { confirmed, field, fields, fill, h, setText, table, toast } from "./dom.js";
import { number, span, time, words } from "./format.js";
import { events, get, path, query, send } from "./api.js";

export const title = "Claims";

export async function show(main, [id], signal) {
  const input = h("input.mono", { required: true, minlength: 40, maxlength: 40, pattern: "[0-9a-v]{40}", autocomplete: "off",
    spellcheck: "false", title: "40 characters from 0–9 and a–v", value: id ?? "" });
  const user = h("input", { required: true, maxlength: 128, autocomplete: "off" });
  const coupon = h("input", { required: true, maxlength: 64, autocomplete: "off" });
  const found = h("div", { role: "status" });
  const result = h("div", { class: "results" });
  main.append(
    h("div.head", null, h("h1", null, "Claims")),
    h("div.grid", null,
      h("section.card", null, h("h2", null, "By id"),
        h("form.row", { onsubmit: (event) => { event.preventDefault(); location.hash = path`#/claims/${input.value.trim()}`; } },
          field("Claim id", input), h("button.primary", null, "Show"))),
      h("section.card", null, h("h2", null, "By user and coupon"),
        h("form.row", { onsubmit: search }, field("User", user), field("Coupon", coupon), h("button", null, "Search")), found)),
    result);

  async function search(event) {
    event.preventDefault();
    fill(found, "Searching …");
    try {
      const answer = await get(path`/coupons/${coupon.value}/claims` + query({ user_id: user.value, limit: 100 }), { signal });
      fill(found, answer.claims.length === 0 ? h("p.empty", null, "No decided claim of this user for this coupon.")
        : table("Claims of the user", [["Accepted"], ["Status"], ["Reason"], ["Claim", "break"]], answer.claims.map((claim) => [
          time(claim.created_at), h("span.status", { class: claim.status }, words(claim.status)), words(claim.reason),
          h("a", { href: path`#/claims/${claim.id}` }, h("code", null, claim.id)),
        ])));
    } catch (error) { fill(found, h("p.error", null, error.message)); }
  }

  if (id) await showClaim(result, id, signal);
}

const kinds = {
  accepted: "Accepted", attempt_failed: "Attempt failed", dead_lettered: "Dead-lettered", replayed: "Replayed",
  edited: "Edited and sent again", discarded: "Discarded", restored: "Restored to the dead-letter queue",
  claimed: "Claimed", rejected: "Rejected", cancelled: "Cancelled",
};
const goodKinds = new Set(["accepted", "claimed", "replayed", "restored", "edited"]);

async function showClaim(place, id, signal) {
  const facts = h("div");
  const history = h("div");
  const actions = h("div.actions");
  fill(place, h("div.grid", null,
    h("section.card", null, h("h2", null, "Claim"), facts, actions),
    h("section.card", null, h("h2", null, "Timeline"), history)));
  const note = h("p", { role: "status" });
  facts.after(note);

  function draw(claim) {
    fill(facts, fields([
      ["Id", h("code", null, claim.id)], ["Status", h("span.status", { class: claim.status }, words(claim.status))],
      claim.reason !== null && ["Reason", words(claim.reason)],
      ["User", claim.user_id], ["Coupon", claim.coupon_name && h("a", { href: path`#/coupons/${claim.coupon_name}` }, claim.coupon_name)],
      ["Attempts", number(claim.attempts)], ["Accepted", time(claim.created_at)], ["Decided", time(claim.decided_at)],
      claim.position !== null && ["Position", `${number(claim.position)} in its lane, about ${span(claim.estimated_seconds)}`],
    ]));
    fill(actions,
      claim.status === "claimed" && h("button.danger", { onclick: () => cancel(claim) }, "Cancel the claim"),
      claim.status === "dead_lettered" && h("a", { href: path`#/dead-letters/${claim.id}` }, "Show its message"));
  }

  async function loadTimeline() {
    const answer = await get(path`/claims/${id}/timeline`, { signal });
    draw(answer.claim);
    fill(history, h("ol.timeline", null, answer.events.map((event) =>
      h("li", { class: event.kind === "accepted" ? "" : goodKinds.has(event.kind) ? "good-event" : "bad-event" },
        h("strong", null, kinds[event.kind] ?? words(event.kind)), " ", h("span.soft", null, time(event.at)),
        event.code && h("div", null, words(event.code)), event.text && h("div.soft", null, event.text),
        event.by && h("div.soft", null, "by ", h("code", null, event.by))))),
    answer.missing.map((text) => h("p.warn", null, text)));
    return answer.claim;
  }

  async function follow() {
    const claim = await loadTimeline();
    if (claim.status !== "pending") return;
    for await (const { event, data } of events(path`/claims/${id}/events`, signal)) {
      if (event === "claim") draw(JSON.parse(data));
    }
    await loadTimeline();
  }

  async function cancel(claim) {
    if (!await confirmed("Cancel this claim?",
      h("p", null, `The coupon ${claim.coupon_name} of ${claim.user_id} becomes available again.`), "Cancel the claim")) return;
    try {
      await send("POST", path`/claims/${id}/cancel`);
      setText(note, "The cancellation is on its way.");
      for (let tries = 0; tries < 60 && !signal.aborted; tries += 1) {
        const now = await get(path`/claims/${id}`, { signal });
        if (now.status === "cancelled") {
          setText(note, "");
          toast("The claim was cancelled.");
          await loadTimeline();
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    } catch (error) { if (error.name !== "AbortError") setText(note, error.message); }
  }

  try {
    await follow();
  } catch (error) {
    if (error.name !== "AbortError") fill(place, h("section.card", { role: "alert" }, h("p.error", null, error.message)));
  }
}
