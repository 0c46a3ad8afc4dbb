// Asking: the list every 10 s while somebody looks, everything else when it is opened
// or on a click.

import { ask, at, isNomads } from "./api.js";
import { readJob } from "./model.js";
import { forgetOthers, look } from "./history.js";
import { behindOf, runningTasks } from "./job.js";
import { MOST_NODES } from "./cluster.js";
import { draw, state } from "./state.js";

const EVERY = 10000;
const SLOWEST = 60000;
// The plugin makes new figures this often.
const SAMPLE = 15000;

let timer = null;
let running = null;
let failures = 0;
let ticks = 0;

// Reads what the view shows, then waits. One request at a time, none while nobody looks.
export async function refresh() {
  clearTimeout(timer);
  if (running) running.abort();
  if (document.visibilityState === "hidden" || state.locked) return;
  const mine = new AbortController();
  running = mine;
  const { view, id } = state;
  const ok = await readJobs(id, mine.signal);
  if (running !== mine) return;
  if (ok && view === "job") await readEvents(id, mine.signal);
  if (running !== mine) return;
  running = null;
  failures = ok ? 0 : failures + 1;
  draw();
  // What is written or asked for once does not change under the reader's hands.
  if (view === "jobs" || view === "job" || !ok) timer = setTimeout(refresh, Math.min(SLOWEST, EVERY * Math.max(1, failures)));
}

async function readJobs(id, signal) {
  const answer = await ask("GET", "v1/jobs?progress=true" + (id === null ? "" : "&prefix=" + encodeURIComponent(id)), undefined, signal);
  if (answer.aborted) return false;
  const now = Date.now();
  if (answer.status === 401 || (answer.status === 403 && !isNomads(answer))) {
    state.locked = answer;
    state.jobs.clear();
    state.fetched = 0;
    draw();
    return false;
  }
  if (answer.status !== 200 || !Array.isArray(answer.json)) {
    const since = state.problem ? state.problem.since : now;
    state.problem = { status: answer.status, text: answer.text, since };
    return false;
  }
  state.problem = null;
  state.warning = answer.warning;
  const jobs = answer.json.map(readJob).filter(job => id === null || job.id === id);
  if (id === null) {
    state.jobs = new Map(jobs.map(job => [job.id, job]));
    state.whole = true;
    forgetOthers(new Set(state.jobs.keys()));
  } else {
    state.jobs.delete(id);
    for (const job of jobs) state.jobs.set(id, job);
  }
  for (const job of jobs) look(job, now);
  state.fetched = now;
  return true;
}

export function rest() {
  clearTimeout(timer);
}

let eventsOf = "";

// The events: when the job is opened, when something about it has changed, and else
// with every third refresh.
async function readEvents(id, signal) {
  const job = state.jobs.get(id);
  if (!job) return;
  const mark = [id, job.status, job.cause, job.index, job.entry.ModifyIndex].join("|");
  ticks++;
  if (state.allocations && mark === eventsOf && ticks % 3 !== 0) return;
  eventsOf = mark;
  draw();
  const wanted = [ask("GET", at("v1", "job", id, "allocations"), undefined, signal)];
  if (job.status === "pending") wanted.push(ask("GET", at("v1", "job", id, "evaluations"), undefined, signal));
  if (!state.nodes) ask("GET", "v1/nodes").then(nodes => { if (Array.isArray(nodes.json)) state.nodes = nodes.json; draw(); });
  const [allocations, evaluations] = await Promise.all(wanted);
  if (allocations.aborted || state.id !== id) return;
  if (Array.isArray(allocations.json)) {
    state.allocations = allocations.json;
    state.eventsFailed = null;
  } else {
    state.eventsFailed = allocations;
  }
  state.evaluations = evaluations && Array.isArray(evaluations.json) ? evaluations.json : null;
}

export async function askCluster() {
  state.asking = true;
  draw();
  const [leader, members, nodes, health] = await Promise.all(["v1/leader", "v1/members", "v1/nodes", "health"].map(path => ask("GET", path)));
  const versions = new Map();
  const list = Array.isArray(nodes.json) ? nodes.json.slice(0, MOST_NODES) : [];
  const next = async () => {
    for (let node = list.shift(); node; node = list.shift()) {
      const { json } = await ask("GET", at("v1", "node", node.ID));
      if (json && json.Attributes && typeof json.Attributes["dtle.version"] === "string") versions.set(node.ID, json.Attributes["dtle.version"]);
    }
  };
  await Promise.all([next(), next(), next(), next()]);
  state.asking = false;
  if (state.view === "cluster") state.cluster = { leader, members, nodes, health, versions };
  draw();
}

export async function measure(job) {
  state.measuring = true;
  draw();
  const answers = await Promise.all(runningTasks(state).map(one => ask("GET", at("v1", "agent", "allocation", one.ID, "stats"))));
  const tasks = {};
  for (const { json } of answers) if (json && json.Tasks && typeof json.Tasks === "object") Object.assign(tasks, json.Tasks);
  const failed = answers.find(answer => answer.status !== 200);
  // Where the job is by now, after the figures.
  await readJobs(job.id, undefined);
  const current = state.jobs.get(job.id) || job;
  state.measured.set(job.id, { at: Date.now(), tasks, behind: behindOf(tasks, current), failed: failed ? { status: failed.status, text: failed.text } : null });
  state.measuring = false;
  draw();
  // The button can be pressed again once the plugin has newer figures.
  setTimeout(draw, SAMPLE + 100);
}

