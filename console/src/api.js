// Asking the API. The token stays in this tab: in sessionStorage and in the
// Authorization header, in no address and no log.

import { recall, remember } from "./dom.js";

// API Gateway gives up after 30 s.
const PATIENCE = 35000;

// API Gateway refuses a request without the header before it looks at whether callers
// need a token at all. This one is nobody's.
const NO_TOKEN = "none";

// The answers to the last reads, by path, with the tag that tells whether they still
// hold. They stay in this page's memory, and go with the token.
const MOST_KEPT = 50;
const kept = new Map();

let token = recall("sessionStorage", "dtle-token");
// The API's words when it refused a write to this token.
let readOnly = recall("sessionStorage", "dtle-read-only");

export const hasToken = () => token !== null;

export function useToken(text) {
  token = text;
  kept.clear();
  remember("sessionStorage", "dtle-token", text);
  setReadOnly(null);
}

export const whyReadOnly = () => readOnly;

function setReadOnly(words) {
  readOnly = words;
  remember("sessionStorage", "dtle-read-only", words);
}

// { status, text, json, warning, ms }; status 0 when there was no answer.
export async function ask(method, path, body, signal) {
  const began = performance.now();
  const known = method === "GET" ? kept.get(path) : undefined;
  const signals = [AbortSignal.timeout(PATIENCE), ...(signal ? [signal] : [])];
  try {
    const response = await fetch(path, {
      method,
      body,
      headers: {
        Accept: "application/json",
        Authorization: `Bearer ${token ?? NO_TOKEN}`,
        ...(known ? { "If-None-Match": known.tag } : {}),
      },
      // Without this, a browser asks for a name and a password by itself after a 401.
      credentials: "omit",
      cache: "no-store",
      referrerPolicy: "no-referrer",
      redirect: "error",
      signal: AbortSignal.any ? AbortSignal.any(signals) : signals[signals.length - 1],
    });
    const same = known !== undefined && response.status === 304;
    const text = same ? known.text : await response.text();
    const ok = same || response.ok;
    if (response.ok && method === "GET") keep(path, response.headers.get("ETag"), text);
    const answer = {
      status: same ? 200 : response.status,
      text: ok ? text : wordsOf(text),
      json: ok ? parsed(text) : undefined,
      warning: response.headers.get("X-Dtle-Warning"),
      ms: performance.now() - began,
    };
    if (answer.status === 403 && method !== "GET" && !isNomads(answer)) setReadOnly(answer.text);
    return answer;
  } catch (error) {
    if (signal && signal.aborted) return { status: 0, aborted: true, text: "" };
    return { status: 0, text: error && error.name === "TimeoutError" ? "timeout" : "", ms: performance.now() - began };
  }
}

function keep(path, tag, text) {
  kept.delete(path);
  if (!tag) return;
  kept.set(path, { tag, text });
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// A 403 because Nomad refused the gateway's own token, which is not the reader's fault.
export const isNomads = answer => answer.text.startsWith("Nomad refused");

// API Gateway's own errors are {"message": "…"}.
function wordsOf(text) {
  const json = parsed(text);
  return json && typeof json.message === "string" ? json.message : text.trim();
}

// A path below the page's own, which need not be the root of its host.
export const at = (...parts) => parts.map(encodeURIComponent).join("/");
