// The overview of the system, once a second, over one stream for all parts of the page.

import { events } from "./api.js";

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

/** Connects, and reconnects after each loss. A call replaces the present connection, for example after signing in. */
export async function connect() {
  controller?.abort();
  const own = controller = new AbortController();
  let pause = 500;
  while (own === controller) {
    try {
      for await (const { event, data } of events("/overview/events", own.signal)) {
        if (event !== "overview") continue;
        take(JSON.parse(data));
        pause = 500;
      }
      state.lost = "The stream has ended. Connecting again …";
    } catch (error) {
      if (own !== controller) return;
      state.lost = error.status > 0 ? error.message : "ClaimAPI cannot be reached. Connecting again …";
      // Signing in connects again.
      if (error.status === 401 || error.status === 403) { changed(); return; }
    }
    changed();
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
  changed();
}
