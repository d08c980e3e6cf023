// The frame of the console: which page is shown, the state of the servers, and signing in.

import { fill, h, setText } from "./dom.js";
import { isSignedIn, onSignInRequired, signIn } from "./api.js";
import { connect, follow, state } from "./feed.js";
import { number } from "./format.js";

const main = document.getElementById("main");
/** The pages by the first part of the hash. Modules other than the first are loaded when they are needed. */
const pages = {
  "": () => import("./overview.js"),
  coupons: () => import("./coupons.js"),
  claims: () => import("./claims.js"),
  "dead-letters": () => import("./deadletters.js"),
  keys: () => import("./keys.js"),
  log: () => import("./log.js"),
  rush: () => import("./rush.js"),
};

let current = null;

async function show() {
  current?.abort();
  const own = current = new AbortController();
  const parts = location.hash.replace(/^#\/?/, "").split("/").map((part) => {
    try { return decodeURIComponent(part); } catch { return part; }
  });
  const name = Object.hasOwn(pages, parts[0]) ? parts[0] : "";
  for (const link of document.querySelectorAll("#pages a")) {
    if (link.getAttribute("href") === `#/${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  try {
    const page = await pages[name]();
    if (own.signal.aborted) return;
    fill(main);
    document.title = `${page.title} – Claims`;
    await page.show(main, parts.slice(1), own.signal);
  } catch (error) {
    if (own.signal.aborted) return;
    fill(main, h("section.card", { role: "alert" }, h("h1", null, "This page could not be shown"),
      h("p.error", null, error.message), h("button", { onclick: show }, "Try again")));
  }
}

// MARK: Signing in

const dialog = document.getElementById("sign-in");
const sign = document.getElementById("sign");
const token = document.getElementById("token");

function ask(note = "") {
  sign.hidden = false;
  setText(sign, isSignedIn() ? "Sign out" : "Sign in");
  if (dialog.open) return;
  setText(document.getElementById("sign-in-error"), note);
  dialog.showModal();
}

onSignInRequired(() => {
  const wasSignedIn = isSignedIn();
  signIn("");
  ask(wasSignedIn ? "The key was refused. It may have expired or been revoked." : "");
});
sign.addEventListener("click", () => {
  if (!isSignedIn()) { ask(); return; }
  signIn("");
  setText(sign, "Sign in");
  connect();
  show();
});
dialog.addEventListener("close", () => {
  const text = token.value.trim();
  token.value = "";
  if (dialog.returnValue !== "ok" || !text) return;
  signIn(text);
  setText(sign, "Sign out");
  connect();
  show();
});

// MARK: State of the servers

const names = { rabbitmq: "RabbitMQ", redis: "Redis", postgres: "PostgreSQL" };
const consequences = {
  rabbitmq: "claims are not accepted",
  redis: "claims are accepted and wait; rates, latencies and workers are unknown",
  postgres: "claims are accepted and wait; coupons, keys and the audit trail cannot be shown",
};
const stores = document.getElementById("stores");
const items = Object.fromEntries(Object.entries(names).map(([key, name]) => {
  const item = h("li.unknown", null, name);
  stores.append(item);
  return [key, item];
}));

follow(() => {
  const overview = state.overview;
  const away = [];
  for (const [key, name] of Object.entries(names)) {
    const reason = state.lost || !overview ? null : overview.stores[key];
    items[key].className = reason === null ? "unknown" : reason === "ok" ? "" : "away";
    setText(items[key], reason === null ? `${name}?` : reason === "ok" ? name : `${name} away`);
    if (reason !== null && reason !== "ok") away.push(`${name} is away: ${consequences[key]}.`);
  }
  const banner = document.getElementById("outage");
  const note = state.lost ?? away.join(" ");
  banner.hidden = !note;
  setText(banner, note);
  const count = document.getElementById("dead-count");
  count.hidden = !overview?.dead_letters;
  if (overview?.dead_letters) setText(count, number(overview.dead_letters));
  document.getElementById("rush-page").hidden = !overview?.open_on_loopback;
  if (overview?.requires_tokens) sign.hidden = false;
}, new AbortController().signal);

addEventListener("hashchange", async () => {
  await show();
  main.focus();
});
connect();
show();
