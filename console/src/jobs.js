// All jobs, those first that need somebody.

import { el, foreign, visible } from "./dom.js";
import { clock, moment, number, span, t } from "./texts.js";
import { STATES, TROUBLE, compareJobs } from "./model.js";
import { badge, binlog, button, copied, copyBar, heading, note, route, schemasShort, scrolls, shape, sparkline, stage, standing } from "./parts.js";

const COLUMNS = ["state", "job", "route", "progress", "behind", "position"];

const haystack = job => [job.name, job.id, job.src.place, job.dest.place, job.src.detail, job.dest.detail, job.cause,
  ...job.schemas.flatMap(schema => [schema.name, ...schema.tables.map(table => table.name)])].join("\n").toLowerCase();

export function jobsView(state, now) {
  const jobs = [...state.jobs.values()].sort(compareJobs);
  const broken = jobs.filter(job => TROUBLE.has(job.state)).length;
  if (!state.fetched) return [heading(t("nav.jobs")), state.problem ? null : el("p", { class: "dim" }, t("jobs.loading"))];
  if (jobs.length === 0) {
    return [heading(t("jobs.none")), state.readOnly ? null : el("p", {}, el("a", { href: "#/new" }, t("jobs.none.text")))];
  }
  const words = state.search.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = jobs.filter(job => (state.only === null || job.state === state.only) && words.every(word => haystack(job).includes(word)));
  return [
    el("div", { class: "headline" },
      heading([broken ? shape("failed") : null, broken ? t("jobs.trouble", { n: broken, all: jobs.length }) : t("jobs.fine")]),
      broken ? null : el("p", { class: "dim" }, t("jobs.count", { n: jobs.length }))),
    el("div", { class: "tools" },
      chips(state, jobs),
      el("input", { type: "search", id: "search", placeholder: t("jobs.search"), "aria-label": t("jobs.search"), "data-type": "search", autocomplete: "off", spellcheck: "false" })),
    shown.length === 0
      ? el("p", { class: "empty" }, t("jobs.nomatch"), " ", button("all", t("jobs.nomatch.all", { n: jobs.length })))
      : table(state, shown, now),
    el("p", { class: "dim", role: "status" }, shown.length < jobs.length ? t("jobs.shown", { n: shown.length, all: jobs.length }) : ""),
  ];
}

function chips(state, jobs) {
  const counts = STATES.map(name => [name, jobs.filter(job => job.state === name).length]).filter(([, count]) => count > 0);
  return el("div", { class: "chips", role: "group", "aria-label": t("jobs.filter") }, counts.map(([name, count]) =>
    button("only", [shape(name), el("span", {}, t("state." + name)), el("b", {}, number(count))],
      { class: `chip s-${name}`, "data-state": name, "data-key": name, "aria-pressed": String(state.only === name) })));
}

// A table for those who hear it, a grid or cards for those who see it: the roles are
// written out, since a browser forgets them when a table is laid out otherwise.
function table(state, jobs, now) {
  return el("table", { class: "jobs", role: "table", "aria-label": t("jobs.list") },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" },
      COLUMNS.map(name => el("th", { role: "columnheader", scope: "col", class: "c-" + name }, t("col." + name))))),
    el("tbody", { role: "rowgroup" }, jobs.map(job => row(state, job, now))));
}

function row(state, job, now) {
  const cell = (name, ...children) => el("td", { role: "cell", class: "c-" + name }, children);
  const trouble = TROUBLE.has(job.state);
  return el("tr", { role: "row", "data-key": "job-" + job.id, class: `row s-${job.state}${trouble ? " trouble" : ""}` },
    cell("state", badge(job)),
    cell("job", el("a", { href: "#/job/" + encodeURIComponent(job.id), class: "name" }, foreign(job.name || job.id)),
      job.name !== job.id ? foreign(job.id, { class: "id mono dim" }) : null,
      trouble ? cause(job) : null),
    cell("route", label("route"), route(job), el("span", { class: "dim sub" }, schemasShort(job))),
    cell("progress", progress(job)),
    cell("behind", behind(state, job, now)),
    cell("position", position(job, now)));
}

const label = name => el("span", { class: "label", "aria-hidden": "true" }, t("col." + name));

function cause(job) {
  return el("div", { class: "cause", ...scrolls(job.cause) }, el("span", { class: "hidden" }, t("cause") + ": "),
    job.cause ? foreign(job.cause) : t("cause.none"));
}

function progress(job) {
  if (job.state === "copying" || job.state === "running") {
    const what = stage(job);
    const line = job.state === "copying" && job.copied ? copied(job) : null;
    const spark = sparkline(job);
    if (!what && !line && !spark) return null;
    return [label("progress"), el("span", {}, what), copyBar(job), line ? el("span", { class: "dim sub" }, line) : null, spark];
  }
  return null;
}

function behind(state, job, now) {
  if (job.state !== "running" && job.state !== "copying") return null;
  const measured = state.measured.get(job.id);
  if (!measured || measured.behind === null) return [label("behind"), el("span", { class: "dim" }, t("behind.unmeasured"))];
  return [label("behind"), el("span", {}, t("behind.tx", { n: measured.behind === 1 ? 1 : number(measured.behind) })),
    el("span", { class: "dim sub" }, t("behind.measured", { span: span(now - measured.at) }))];
}

function position(job, now) {
  if (job.state === "complete") return null;
  const where = binlog(job);
  const still = standing(job, now);
  if (!where && !still) return null;
  return [label("position"), where,
    still ? el("span", { class: "sub still" }, still) : job.live ? null : el("span", { class: "dim sub" }, t("registered"))];
}

// What is wrong with the reading itself, above every view.
export function problemView(state) {
  const problem = state.problem;
  if (!problem) return null;
  const old = state.fetched ? [" ", t("lost.old", { time: moment(state.fetched) })] : null;
  const again = el("p", {}, button("again", t("retry")));
  if (problem.status === 0) {
    return note("bad", el("p", {}, el("b", {}, t("lost", { time: clock(problem.since) })), old), again);
  }
  return note("bad", el("p", {}, el("b", {}, t("failed.read", { status: problem.status })), old), el("p", { class: "said", ...scrolls(problem.text) }, visible(problem.text)), again);
}
