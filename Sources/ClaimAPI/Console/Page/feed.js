// The overview of the system, once a second, over one stream for all pages of the browser.

import { events, tokenDigest } from "./api.js";

const limit = 300;

/** The present state. */
export const state = {
  /** The latest overview; null before the first. */
  overview: null,
  /** [milliseconds, accepted, decided] per second, the oldest first. */
  rates: [],
  /** [p50, p99] per second. */
  latencies: [],
  /** Why there is no stream; null while there is one. */
  lost: "connecting",
};

const target = new EventTarget();
let controller = null;

/** Calls a function at each change until the signal is aborted. */
export function follow(listener, signal) {
  target.addEventListener("change", listener, { signal });
  if (state.overview) listener();
}

function changed() { target.dispatchEvent(new Event("change")); }

/**
 * Connects, and reconnects after each loss. A call replaces the present connection, for example after signing in.
 *
 * The pages of one browser that use the same token share one stream, because a browser opens only six connections to a
 * server: the page that has the lock connects, and sends its state to the others. Without Web Locks, which need HTTPS or
 * loopback, each page connects.
 */
export async function connect() {
  disconnect();
  const own = controller = new AbortController();
  const name = await feedName();
  if (own !== controller) return;
  if (name === null) return stream(own, changed);
  const channel = new BroadcastChannel(name);
  own.signal.addEventListener("abort", () => channel.close());
  let isSending = false;
  channel.addEventListener("message", ({ data }) => {
    if (data === "state?") {
      if (isSending) channel.postMessage(state);
    } else if (!isSending) {
      Object.assign(state, data);
      changed();
    }
  });
  channel.postMessage("state?");
  try {
    await navigator.locks.request(name, { signal: own.signal }, async () => {
      isSending = true;
      await stream(own, () => {
        channel.postMessage(state);
        changed();
      });
    });
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
}

function disconnect() {
  controller?.abort();
  controller = null;
}

/** The name that the pages with this token share; null if pages cannot share. */
async function feedName() {
  if (!navigator.locks || !crypto.subtle) return null;
  return `claims-overview-${await tokenDigest()}`;
}

// A page that the browser keeps for its "back" button must not keep a connection.
addEventListener("pagehide", disconnect);
addEventListener("pageshow", (event) => { if (event.persisted) connect(); });

/** Reads the stream until the controller is replaced, and reports each change of the state. */
async function stream(own, report) {
  let pause = 500;
  while (own === controller) {
    try {
      for await (const { event, data } of events("/overview/events", own.signal)) {
        if (event !== "overview") continue;
        take(JSON.parse(data));
        report();
        pause = 500;
      }
      state.lost = "The stream has ended. Connecting again …";
    } catch (error) {
      if (own !== controller) return;
      state.lost = error.status > 0 ? error.message : "ClaimAPI cannot be reached. Connecting again …";
      // Signing in connects again.
      if (error.status === 401 || error.status === 403) { report(); return; }
    }
    if (own !== controller) return;
    report();
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 2, 5000);
  }
}

function take(overview) {
  if (overview.history) {
    state.rates = overview.history.slice(-limit);
    state.latencies = [];
  } else {
    state.rates.push([Date.parse(overview.at), overview.accepted_per_second, overview.decided_per_second]);
    state.latencies.push([overview.latency.p50_ms, overview.latency.p99_ms]);
    if (state.rates.length > limit) state.rates.shift();
    if (state.latencies.length > limit) state.latencies.shift();
  }
  state.overview = overview;
  state.lost = null;
}
