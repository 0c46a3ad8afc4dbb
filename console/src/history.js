// What the page has seen of each job's position, for as long as its tab is open: since
// when it has not moved, and how fast it moved before. Nothing is asked for it.

import { recall, remember } from "./dom.js";

const KEPT = 60;
const MOST_JOBS = 300;
const STORE = "dtle-history";

// By ID: { seen, since, at, samples: [[ms, value, unit]] }. `value` only grows.
const histories = new Map(restore());

function restore() {
  try {
    const entries = JSON.parse(recall("sessionStorage", STORE) || "[]");
    return Array.isArray(entries) ? entries.filter(entry => Array.isArray(entry) && entry.length === 2 && Array.isArray(entry[1]?.samples)) : [];
  } catch {
    return [];
  }
}

export function keepHistories() {
  remember("sessionStorage", STORE, JSON.stringify([...histories].slice(0, MOST_JOBS)));
}

const moves = job => job.state === "running" || job.state === "copying";

// Notes where a job is now.
export function look(job, now) {
  if (!moves(job) || !(job.live || job.copied)) {
    histories.delete(job.id);
    return;
  }
  const place = [job.gtid, job.file, job.position, job.copied ? job.copied.rows : ""].join("|");
  let history = histories.get(job.id);
  if (!history) {
    history = { seen: now, since: now, place, samples: [] };
    histories.set(job.id, history);
  }
  if (history.place !== place) {
    history.place = place;
    history.since = now;
    history.moved = true;
  }
  const [value, unit] = job.copied && job.stage === "full" ? [job.copied.rows, "rows"] : [job.transactions, "tx"];
  history.samples.push([now, value, unit, job.file, job.position]);
  if (history.samples.length > KEPT) history.samples.shift();
}

export function forgetOthers(ids) {
  for (const id of histories.keys()) if (!ids.has(id)) histories.delete(id);
}

// { ms, atLeast }: how long the position has not moved, as far as was seen.
export function unchanged(job, now) {
  const history = histories.get(job.id);
  return history ? { ms: now - history.since, atLeast: !history.moved } : null;
}

// What was done between one look and the next: { unit, steps, sum, ms }; the unit is
// rows, tx or bytes. Plugins of 3.x store a GTID set that stands still while the binary
// log's position moves: then the bytes say how far it came.
export function steps(job) {
  const history = histories.get(job.id);
  if (!history) return null;
  const unit = history.samples[history.samples.length - 1]?.[2];
  const same = history.samples.filter(sample => sample[2] === unit);
  if (same.length < 2) return null;
  const between = step => same.slice(1).map((sample, i) => Math.max(0, step(same[i], sample)));
  const sum = list => list.reduce((a, b) => a + b, 0);
  const ms = same[same.length - 1][0] - same[0][0];
  const found = between((a, b) => b[1] - a[1]);
  if (unit === "rows" || sum(found) > 0) return { unit, steps: found, sum: sum(found), ms };
  const bytes = between((a, b) => (a[3] === b[3] ? b[4] - a[4] : b[4]));
  return sum(bytes) > 0 ? { unit: "bytes", steps: bytes, sum: sum(bytes), ms } : { unit, steps: found, sum: 0, ms };
}
