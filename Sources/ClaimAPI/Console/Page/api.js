// Requests to the API. The token is kept only in this variable, so it is gone when the page is closed.

let token = "";
const listeners = new Set();

export function signIn(text) { token = text; }
export function isSignedIn() { return token !== ""; }
/** The SHA-256 of the token in hexadecimal, which tells pages with the same token from others. */
export async function tokenDigest() {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
/** Calls a function when the API requires a token, or refuses the present one. */
export function onSignInRequired(listener) { listeners.add(listener); }

/** A refused or failed request. */
export class Problem extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

function headers(more) {
  return token ? { ...more, Authorization: `Bearer ${token}` } : more;
}

async function problem(response) {
  let body = null;
  try { body = await response.json(); } catch { /* not JSON */ }
  if (response.status === 401) for (const listener of listeners) listener();
  return new Problem(response.status, body?.code ?? `http_${response.status}`, body?.detail ?? `HTTP ${response.status}`);
}

let inProgress = 0;

/** Counts the requests in progress, and shows their number on the root element for tests. */
function count(change) {
  inProgress += change;
  document.documentElement.dataset.requests = inProgress;
}

/** Sends a request and returns the decoded answer. */
export async function send(method, path, options = {}) {
  count(1);
  try { return await exchange(method, path, options); } finally { count(-1); }
}

async function exchange(method, path, { body, signal, headers: more }) {
  let response;
  try {
    response = await fetch(path, {
      method, signal, cache: "no-store", credentials: "omit",
      headers: headers(body === undefined ? { ...more } : { "Content-Type": "application/json", ...more }),
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "unreachable", "ClaimAPI cannot be reached.");
  }
  if (!response.ok) throw await problem(response);
  return response.status === 204 ? null : response.json();
}

export const get = (path, options) => send("GET", path, options);
export const post = (path, body, options) => send("POST", path, { ...options, body });

/** A path with its parts encoded: path`/coupons/${name}`. */
export function path(strings, ...values) {
  return strings.reduce((text, part, index) => text + encodeURIComponent(values[index - 1]) + part);
}

/** A query without the parameters that are empty. */
export function query(parameters) {
  const pairs = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
}

/**
 * Yields the events of a stream as { event, data }. An EventSource can't send an Authorization header.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export async function* events(url, signal) {
  let response;
  try {
    response = await fetch(url, { signal, cache: "no-store", credentials: "omit", headers: headers({ Accept: "text/event-stream" }) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "unreachable", "ClaimAPI cannot be reached.");
  }
  if (!response.ok) throw await problem(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (true) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    let end;
    while ((end = text.indexOf("\n\n")) >= 0) {
      const block = text.slice(0, end);
      text = text.slice(end + 2);
      const event = { event: "message", data: "" };
      for (const line of block.split("\n")) {
        if (line.startsWith("event:")) event.event = line.slice(6).trim();
        else if (line.startsWith("data:")) event.data += line.slice(5).trimStart();
      }
      if (event.data) yield event;
    }
  }
}
