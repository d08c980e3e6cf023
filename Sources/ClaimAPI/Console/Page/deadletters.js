// The dead-letter queue: causes, the list, one message, and changes as plans.

import { confirmed, field, fields, fill, h, setText, table, toast } from "./dom.js";
import { ago, counted, number, sentence, time, words } from "./format.js";
import { get, path, post, query } from "./api.js";
import { edit } from "./coupons.js";

export const title = "Dead letters";

export function show(main, [first, second], signal) {
  if (first === "jobs" && second) return showJob(main, second, signal);
  if (first === "discarded") return showDiscarded(main, signal);
  return first ? showMessage(main, first, signal) : showQueue(main, signal);
}

const verdicts = {
  may_help: ["A replay may help", "good"], useless: ["A replay would not help", "bad"], not_yet: ["Not yet", "warn"],
  unknown: ["No advice", "soft"],
};

// MARK: The queue

async function showQueue(main, signal) {
  const reason = h("input", { maxlength: 200, autocomplete: "off" });
  const coupon = h("input", { maxlength: 64, autocomplete: "off" });
  const user = h("input", { maxlength: 128, autocomplete: "off" });
  const older = h("input", { maxlength: 20, autocomplete: "off", placeholder: "1h" });
  const newer = h("input", { maxlength: 20, autocomplete: "off", placeholder: "1h" });
  const causes = h("div");
  const list = h("div");
  const note = h("p.soft", { role: "status" });
  const selected = new Set();
  const choice = h("div.actions");
  main.append(
    h("div.head", null, h("h1", null, "Dead letters"),
      h("div.row", null, h("a", { href: "#/dead-letters/discarded" }, "Discarded messages"),
        h("button", { onclick: () => load(true) }, "Read again"))),
    h("section.card", null, h("h2", null, "Causes"), causes),
    h("section.card", null, h("h2", null, "Messages"),
      h("form.row", { onsubmit: (event) => { event.preventDefault(); cursors = [""]; load(); } },
        field("Reason", reason), field("Coupon", coupon), field("User", user), field("Older than", older, { narrow: true }),
        field("Newer than", newer, { narrow: true }), h("button", null, "Filter"),
        h("button", { type: "button", onclick: () => {
          for (const control of [reason, coupon, user, older, newer]) control.value = "";
          cursors = [""];
          load();
        } }, "Clear")),
      note, choice, list));
  let cursors = [""];

  const filter = () => ({ reason: reason.value.trim(), coupon_name: coupon.value.trim(), user_id: user.value.trim(),
    older_than: older.value.trim(), newer_than: newer.value.trim() });
  const given = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ""));

  function drawChoice(matching) {
    choice.hidden = matching === 0;
    const isFiltered = Object.keys(given(filter())).length > 0;
    const selection = selected.size > 0 ? { ids: [...selected] } : isFiltered ? { filter: given(filter()) } : { all: true };
    const what = selected.size > 0 ? `${number(selected.size)} selected` : `all ${number(matching)}${isFiltered ? " that match" : ""}`;
    fill(choice,
      h("button", { onclick: () => plan("replay", selection, signal) }, `Replay ${what} …`),
      h("button.danger", { onclick: () => plan("discard", selection, signal) }, `Discard ${what} …`));
  }

  let reading = 0;

  async function load(isFresh = false) {
    const own = ++reading;
    selected.clear();
    setText(note, "Reading the queue …");
    try {
      const asked = { ...filter(), limit: 100, cursor: cursors.at(-1), fresh: isFresh || "" };
      let answer = await get(`/dlq${query({ ...asked, partial: true })}`, { signal });
      if (own !== reading) return;
      if (!answer.complete) {
        drawList(answer);
        answer = await get(`/dlq${query(asked)}`, { signal });
        if (own !== reading) return;
      }
      drawList(answer);
      const statistics = await get("/dlq/stats", { signal });
      if (own === reading) drawCauses(statistics);
    } catch (error) {
      if (error.name === "AbortError" || own !== reading) return;
      setText(note, error.message);
      fill(list);
      fill(choice);
    }
  }

  function drawList(answer) {
    const count = answer.messages.length;
    setText(note, answer.complete
      ? `${counted(answer.matching, "message")}${answer.matching === answer.total ? "" : ` of ${number(answer.total)}`}, `
        + `the oldest first; read ${ago(answer.read_at)}.`
      : `${number(count)} of ${counted(answer.total, "message")}. The queue is being read …`);
    drawChoice(answer.complete ? answer.matching : 0);
    const box = (letter) => h("input", { type: "checkbox", "aria-label": `Select ${letter.id}`, disabled: !answer.complete,
      onchange: (event) => {
        if (event.target.checked) selected.add(letter.fingerprint); else selected.delete(letter.fingerprint);
        drawChoice(answer.matching);
      } });
    fill(list, count === 0 ? h("p.empty", null, answer.total === 0 ? "The queue is empty." : "No message matches.")
      : table(answer.complete ? "Dead letters, the oldest first" : "Some dead letters",
        [[""], ["Died", "fixed"], ["Reason", "fixed"], ["Attempts", "number"], ["Coupon", "break"], ["User", "break"],
          ["Error", "long"], ["Message", "id"]],
        answer.messages.map((letter) => [
          box(letter), h("span", { title: time(letter.died_at) }, ago(letter.died_at)), words(letter.reason), number(letter.attempts),
          letter.coupon_name ?? "–", letter.user_id ?? "–", letter.error ?? "–",
          h("a", { href: path`#/dead-letters/${letter.fingerprint}` }, h("code", null, letter.id)),
        ])),
    h("div.actions", { hidden: cursors.length === 1 && !answer.next_cursor },
      h("button", { disabled: cursors.length === 1, onclick: () => { cursors.pop(); load(); } }, "Previous page"),
      h("button", { disabled: !answer.next_cursor, onclick: () => { cursors.push(answer.next_cursor); load(); } }, "Next page")));
  }

  function drawCauses(statistics) {
    fill(causes, statistics.count === 0 ? h("p.empty", null, "There are no dead letters.")
      : table(`${counted(statistics.count, "message")} by cause, the most frequent first`,
        [["Reason", "fixed"], ["Cause", "long"], ["Messages", "number"], ["Coupons", "number"], ["Oldest", "fixed"], ["Newest", "fixed"],
          ["Example"]],
        statistics.causes.slice(0, 50).map((cause) => [
          h("button.link", { type: "button", onclick: () => { reason.value = cause.reason ?? ""; cursors = [""]; load(); } }, words(cause.reason)),
          cause.error ?? "–", number(cause.count), number(cause.coupons), ago(cause.oldest_died_at), ago(cause.newest_died_at),
          cause.example_id ? h("a", { href: path`#/dead-letters/${cause.example_id}` }, "show") : "–",
        ])));
  }
  await load();
}

// MARK: Plans

/** Makes a plan for the selected messages, shows it, and carries it out after a confirmation. */
async function plan(action, selection, signal) {
  let frozen;
  try {
    frozen = await post("/dlq/plans", { action, ...selection }, { signal });
  } catch (error) {
    if (error.name !== "AbortError") toast(error.message, true);
    return;
  }
  const rate = h("input", { type: "number", min: 1, max: 1000000, step: "any" });
  const ramp = h("input", { type: "checkbox", checked: true });
  const note = h("input", { maxlength: 1000 });
  const settings = action === "replay"
    ? h("div.row", null, field("Messages per second, at most", rate, { hint: "Empty: no limit." }),
      h("fieldset", null, h("legend", null, "Steps"), h("div.checks", null,
        h("label", null, ramp, "Send 1, then 5, then 50 …; stop if more than a tenth fail again"))))
    : field("Note, the claims' new reason", note);
  const body = h("div", null,
    h("p", null, `Exactly ${frozen.count === 1 ? "this message is" : `these ${number(frozen.count)} messages are`} ${action === "replay" ? "replayed" : "discarded"}. `
      + "Messages that arrive later are not touched. ", "Plan ", h("code", null, frozen.plan), "."),
    frozen.missing.length > 0 && h("p.warn", null, `Not in the queue: ${frozen.missing.join(", ")}`),
    h("h3", null, "Causes"),
    table("Causes", [["Messages", "number"], ["Reason", "fixed"], ["Cause", "break"]],
      frozen.statistics.causes.slice(0, 10).map((cause) => [number(cause.count), words(cause.reason), cause.error ?? "–"])),
    h("h3", null, frozen.count > 20 ? "The first 20 messages" : "Messages"),
    table("Messages", [["Coupon", "break"], ["User", "break"], ["Reason"]],
      frozen.messages.slice(0, 20).map((letter) => [letter.coupon_name ?? "–", letter.user_id ?? "–", words(letter.reason)])),
    settings);
  const verb = action === "replay" ? "Replay" : "Discard";
  if (!await confirmed(`${verb} ${counted(frozen.count, "message")}?`, body, verb, { danger: action === "discard" })) return;
  await start(action === "replay"
    ? { action, plan: frozen.plan, ramp: ramp.checked, ...(rate.value ? { rate: Number(rate.value) } : {}) }
    : { action, plan: frozen.plan, ...(note.value ? { note: note.value } : {}) });
}

async function start(body) {
  try {
    const job = await post("/dlq/jobs", body);
    location.hash = path`#/dead-letters/jobs/${job.id}`;
  } catch (error) { toast(error.message, true); }
}

// MARK: Jobs

const activities = {
  reading: "Reading the queue", replaying: "Sending messages", outcomes: "Waiting for the outcomes", discarding: "Discarding",
  restoring: "Restoring", exporting: "Exporting", auditing: "Reading all rows",
};
const reports = {
  replayed: "Sent to their lanes", claimed: "Claimed now", rejected: "Rejected now", cancelled: "Cancelled now",
  decided_before: "Decided before, dropped as duplicates", failed_again: "Failed again, in the queue again", pending: "Still pending",
  waiting: "Cancels that wait for their claims", unfollowed: "Without a claim's id", superseded: "Removed as older messages of the same request",
  gone: "No longer in the queue", refused: "Refused by the broker", discarded: "Discarded", claims: "Claims changed", restored: "Restored",
  present: "Were in the queue", stopped: "Stopped", status: "Status", id: "Claim",
};

async function showJob(main, id, signal) {
  const progress = h("progress", { max: 1, "aria-label": "Progress" });
  const note = h("p", { role: "status" });
  const facts = h("div");
  main.append(h("div.head", null, h("h1", null, "Change of the dead-letter queue"), h("a", { href: "#/dead-letters" }, "Dead letters")),
    h("section.card", null, progress, note, facts));
  while (!signal.aborted) {
    let job;
    try {
      job = await get(path`/dlq/jobs/${id}`, { signal });
    } catch (error) {
      if (error.name === "AbortError") return;
      setText(note, error.message);
      if (error.status === 404) { progress.hidden = true; return; }
      await new Promise((resolve) => setTimeout(resolve, 1000));
      continue;
    }
    const isOver = job.ended_at !== null;
    progress.hidden = isOver;
    if (job.total > 0) { progress.max = job.total; progress.value = job.done; } else progress.removeAttribute("value");
    setText(note, isOver ? (job.state === "done" ? "Done." : `Failed: ${job.error.message}.`)
      : job.state === "waiting" ? "Another change runs first."
        : job.activity ? `${activities[job.activity] ?? words(job.activity)}: ${number(job.done)} of ${number(job.total)}` : "Starting …");
    note.className = job.state === "failed" ? "bad" : "";
    fill(facts, fields([
      ["Action", words(job.action)], ["On", h("code", null, job.on)], ["State", h("span.status", { class: job.state }, job.state)],
      ["By", job.started_by], ["Started", time(job.created_at)], isOver && ["Ended", time(job.ended_at)],
      ...Object.entries(job.result ?? {}).filter(([key, value]) => reports[key] && value !== 0 && value !== null)
        .map(([key, value]) => [reports[key], key === "id" ? h("a", { href: path`#/claims/${value}` }, h("code", null, value))
          : typeof value === "number" ? number(value) : words(value)]),
      ...(job.result?.failed_ids?.length ? [["Failed claims", job.result.failed_ids.slice(0, 20).map((claim) =>
        h("div", null, h("a", { href: path`#/claims/${claim}` }, h("code", null, claim))))]] : []),
    ]), job.notices.map((text) => h("p.warn", null, `${sentence(text)}.`)));
    if (isOver) return;
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
}

// MARK: One message

async function showMessage(main, id, signal) {
  const letter = await get(path`/dlq/messages/${id}`, { signal });
  const [verdict, kind] = verdicts[letter.diagnosis.replay] ?? [words(letter.diagnosis.replay), "soft"];
  const body = typeof letter.body === "string" ? letter.body : JSON.stringify(letter.body, null, 2);
  main.append(
    h("div.head", null, h("h1", null, "Dead letter"), h("a", { href: "#/dead-letters" }, "Dead letters")),
    h("section.card", null, h("h2", null, "Diagnosis"), h("p.verdict", { class: kind }, verdict), h("p", null, `${sentence(letter.diagnosis.text)}.`),
      h("div.actions", null,
        h("button.primary", { onclick: () => plan("replay", { ids: [letter.fingerprint] }, signal) }, "Replay …"),
        h("button", { onclick: () => editBody(letter) }, "Edit and replay …"),
        h("button.danger", { onclick: () => plan("discard", { ids: [letter.fingerprint] }, signal) }, "Discard …"))),
    h("div.grid", null,
      h("section.card", null, h("h2", null, "Message"), fields([
        ["Id", h("code", null, letter.id)], ["Fingerprint", h("code", null, letter.fingerprint)], ["Coupon", letter.coupon_name], ["User", letter.user_id],
        ["Reason", words(letter.reason)], ["Attempts", number(letter.attempts)], ["Died", `${time(letter.died_at)}, ${ago(letter.died_at)}`],
        ["Claim now", letter.claim ? [letter.claim.status, letter.claim.reason].filter(Boolean).map(words).join(", ") : "–"],
        ["Size", `${number(letter.size)} bytes`],
      ])),
      h("section.card", null, h("h2", null, "Attempts"),
        letter.errors.length === 0 ? h("p.empty", null, "None is recorded.")
          : h("ol.timeline", null, letter.errors.map((error) => h("li.bad-event", null, h("strong", null, `${error.attempt}. ${words(error.code)}`), " ",
            h("span.soft", null, time(error.at)), h("div", null, error.message), h("div.soft", null, "by ", h("code", null, error.worker))))))),
    h("section.card", null, h("h2", null, "Body"), h("pre", { tabindex: 0, "aria-label": "Body" }, body)),
    h("section.card", null, h("h2", null, "Headers and properties"),
      h("pre", { tabindex: 0, "aria-label": "Headers and properties" }, JSON.stringify({ headers: letter.headers, properties: letter.properties }, null, 2))));
}

function editBody(letter) {
  const text = h("textarea", { rows: 12, spellcheck: false, required: true,
    value: typeof letter.body === "string" ? letter.body : JSON.stringify(letter.body, null, 2) });
  edit("Edit and replay", [
    h("p", null, "The original message is archived. The new one is decided under the same id."),
    field("Body", text, { hint: "JSON with user_id and coupon_name, as for POST /claims." }),
  ], "Send", async () => {
    let body;
    try { body = JSON.parse(text.value); } catch (error) { throw new Error(`The body is not JSON: ${error.message}`); }
    const job = await post("/dlq/jobs", { action: "edit", id: letter.fingerprint, body });
    location.hash = path`#/dead-letters/jobs/${job.id}`;
  });
}

// MARK: Discarded messages

async function showDiscarded(main, signal) {
  const { messages } = await get("/dlq/discarded", { signal });
  main.append(h("div.head", null, h("h1", null, "Discarded messages"), h("a", { href: "#/dead-letters" }, "Dead letters")),
    h("section.card", null, messages.length === 0 ? h("p.empty", null, "None can be restored.")
      : table("The newest last", [["Discarded"], ["By", "break"], ["Note", "break"], ["Message", "break"], [""]], messages.map((message) => [
        time(message.discarded_at), message.discarded_by, message.note ?? "–", h("code", null, message.id),
        h("button", { onclick: () => start({ action: "restore", ids: [message.fingerprint] }) }, "Restore"),
      ]))));
}
