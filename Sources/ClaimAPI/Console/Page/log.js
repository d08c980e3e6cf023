// The audit trail: who changed what, and when.

import { h, table } from "./dom.js";
import { time } from "./format.js";
import { get, query } from "./api.js";

export const title = "Audit trail";

export async function show(main, _, signal) {
  const list = h("section.card");
  main.append(h("h1", null, "Audit trail"), list);
  let cursor = "";
  async function more() {
    const answer = await get(`/log${query({ limit: 100, cursor })}`, { signal });
    list.querySelector("button")?.remove();
    if (answer.actions.length === 0 && !cursor) list.append(h("p.empty", null, "No operator has changed anything."));
    else {
      list.append(table(cursor ? "Earlier actions" : "Actions, the newest first",
        [["Time"], ["Operator", "break"], ["Action"], ["On", "break"], ["Outcome", "break"], ["Detail", "break"]],
        answer.actions.map((action) => [
          time(action.at), action.operator, h("code", null, action.action), action.subject ?? "–",
          h("span", { class: action.outcome === "done" ? "good" : "bad" }, action.outcome), action.detail ?? "–",
        ])));
    }
    cursor = answer.next_cursor;
    if (cursor) list.append(h("button", { onclick: () => more() }, "Earlier actions"));
  }
  await more();
}
