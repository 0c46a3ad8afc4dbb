// What the page knows, and when it is drawn anew.

import { whyReadOnly } from "./api.js";

export const state = {
  // What is looked at: jobs, job, edit or cluster, and the job's ID.
  view: "jobs", id: null,
  // The jobs by ID, when they were read last, whether all of them ever were, and what
  // the list came with.
  jobs: new Map(), fetched: 0, whole: false, problem: null, warning: null,
  // The answer that asked for a token, and the one that refused a write.
  locked: null, readOnly: whyReadOnly(),
  // What is searched for, and the one state that is shown.
  search: "", only: null,
  // Of the job that is looked at.
  allocations: null, evaluations: null, eventsFailed: null, nodes: null,
  // Lag by ID, as it was measured on a click.
  measured: new Map(), measuring: false,
  edit: null, cluster: null, asking: false,
  // Whether a change is on its way, and what came of the last one.
  busy: false, notice: null,
};

let drawer = () => {};
let waiting = false;

export function drawWith(draw) {
  drawer = draw;
}

export function drawNow() {
  state.readOnly = whyReadOnly();
  drawer();
}

export function draw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; drawNow(); });
}

// Heard by those who do not see the page.
export function say(words) {
  document.getElementById("live").textContent = words || "";
}
