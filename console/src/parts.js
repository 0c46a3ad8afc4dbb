// What several views show: the shape and word of a state, a sparkline, notes.

import { el, foreign, svg, visible } from "./dom.js";
import { number, span, t } from "./texts.js";
import { steps, unchanged } from "./history.js";

// Each state has a shape of its own, so that no colour is needed to tell them apart.
const SHAPES = {
  failed: [["path", { d: "M5 1h6l4 4v6l-4 4H5l-4-4V5z", class: "solid" }], ["path", { d: "M5.5 5.5l5 5m0-5l-5 5", class: "cut" }]],
  retrying: [["path", { d: "M8 1l7.4 13.5H.6z", class: "solid" }], ["path", { d: "M8 5.5v4.2m0 2v.6", class: "cut" }]],
  waiting: [["path", { d: "M8 .8L15.2 8 8 15.2.8 8z", class: "solid" }], ["path", { d: "M8 4.5V9m0 2.2v.4", class: "cut" }]],
  unknown: [["circle", { cx: 8, cy: 8, r: 6.5, class: "line" }], ["path", { d: "M6.2 6.4c0-2.4 3.7-2.3 3.7 0 0 1.5-1.9 1.6-1.9 3m0 1.7v.4", class: "line" }]],
  starting: [["circle", { cx: 8, cy: 8, r: 6.5, class: "line dashed" }]],
  copying: [["circle", { cx: 8, cy: 8, r: 6.5, class: "line" }], ["path", { d: "M8 4v7m-3-3l3 3.2L11 8", class: "line" }]],
  running: [["circle", { cx: 8, cy: 8, r: 7, class: "solid" }], ["path", { d: "M6.3 4.8v6.4L11.4 8z", class: "hole" }]],
  paused: [["rect", { x: 1.5, y: 1.5, width: 13, height: 13, rx: 3, class: "line" }], ["path", { d: "M6 5v6m4-6v6", class: "line" }]],
  complete: [["rect", { x: 2.5, y: 2.5, width: 11, height: 11, rx: 1, class: "solid" }]],
};

export const shape = state => svg("svg", { class: "shape", viewBox: "0 0 16 16", "aria-hidden": "true", focusable: "false" },
  (SHAPES[state] || SHAPES.unknown).map(([tag, attributes]) => svg(tag, attributes)));

// A long text scrolls in its place, which the keyboard has to reach.
export const scrolls = text => (String(text).length > 300 || String(text).split("\n").length > 6 ? { tabindex: "0" } : {});

export const badge = job => el("span", { class: `badge s-${job.state}` }, shape(job.state),
  el("span", {}, t("state." + job.state), job.state === "unknown" ? [" ", foreign(job.status)] : null));

export const route = job => el("span", { class: "route" },
  foreign(job.src.place, { class: "mono" }),
  el("span", { class: "arrow", "aria-hidden": "true" }, " → "), el("span", { class: "hidden" }, ` ${t("to")} `),
  foreign(job.dest.place, { class: "mono" }));

export function schemasShort(job) {
  if (job.schemas.length === 0) return t("job.tables.all");
  const some = job.schemas.slice(0, 3).map(({ name, tables }) =>
    visible(name) + (tables.length === 0 ? "" : tables.length === 1 ? "." + visible(tables[0].name) : ` (${tables.length})`));
  return some.join(", ") + (job.schemas.length > 3 ? ` +${job.schemas.length - 3}` : "");
}

// Bars for what was done between two looks, the latest at the right, and their sum.
export function sparkline(job) {
  const found = steps(job);
  if (!found || found.steps.length < 2) return null;
  const values = { n: found.sum === 1 ? 1 : number(found.sum), span: span(found.ms) };
  const shown = found.steps.slice(-40);
  const most = Math.max(...shown, 1);
  const bars = shown.map((value, i) => {
    const height = value === 0 ? 1 : Math.max(2, (value / most) * 18);
    return svg("rect", { x: i * 5, y: 19 - height, width: 4, height, class: value === 0 ? "none" : "bar" });
  });
  return [
    svg("svg", { class: "spark", viewBox: "0 0 200 20", preserveAspectRatio: "xMinYMid meet", role: "img", "aria-label": t("spark." + found.unit, values) }, bars),
    found.sum ? el("span", { class: "dim sub", "aria-hidden": "true" }, t("short." + found.unit, values)) : null,
  ];
}

export function copyBar(job) {
  if (!job.copied || job.stage !== "full") return null;
  const part = Math.max(0, Math.min(1, job.copied.rows / job.copied.of));
  // Rounded down: a hundred says that it is done.
  return el("progress", { max: 1, value: part, "aria-label": t("stage.full") }, `${Math.floor(part * 100)} %`);
}

export const copied = job => t("copied", {
  pct: Math.floor(Math.max(0, Math.min(1, job.copied.rows / job.copied.of)) * 100), rows: number(job.copied.rows), of: number(job.copied.of),
});

export function stage(job) {
  if (job.state === "copying") return t("stage.full");
  if (job.stage === "incr") return t("stage.incr");
  return null;
}

// Since when the position stands still, where that was seen and is worth a word.
export function standing(job, now) {
  const found = unchanged(job, now);
  if (!found || found.ms < 60000) return null;
  return t(found.atLeast ? "unchanged.least" : "unchanged", { span: span(found.ms) });
}

export function binlog(job) {
  if (!job.file) return job.gtid ? foreign(shortGtid(job.gtid), { class: "mono" }) : null;
  return foreign(`${job.file}:${job.position}`, { class: "mono" });
}

const shortGtid = gtid => {
  const last = gtid.split(",").pop().trim();
  return last.length > 28 ? `${last.slice(0, 8)}…${last.slice(last.indexOf(":"))}` : last;
};

// A button that does something; `what` names it for the page's one click handler.
export const button = (what, text, attributes) => el("button", { type: "button", "data-do": what, ...attributes }, text);

// A note: "bad", "warn" or "info".
export const note = (kind, ...children) => el("div", { class: `note ${kind}` },
  shape(kind === "bad" ? "failed" : kind === "warn" ? "retrying" : "unknown"), el("div", {}, children));

export const heading = (text, level = 1) => el("h" + level, level === 1 ? { tabindex: "-1", id: "title" } : {}, text);
