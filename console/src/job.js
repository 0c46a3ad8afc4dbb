// One job: what is wrong on top, then what happened, where it stands, what it copies.

import { el, foreign, visible } from "./dom.js";
import { isText, moment, number, span, t } from "./texts.js";
import { TROUBLE, withoutPasswords } from "./model.js";
import { parseGtidSet, transactionsBehind } from "./gtid.js";
import { leaves } from "./json.js";
import { badge, button, copied, copyBar, heading, note, scrolls, sparkline, stage, standing } from "./parts.js";

export function jobView(state, now) {
  const job = state.jobs.get(state.id);
  const back = el("p", { class: "back" }, el("a", { href: "#/" }, "← ", t("job.back")));
  if (!job) {
    const words = state.fetched ? t("job.gone") : t("job.loading");
    return [back, heading(foreign(state.id)), state.problem && !state.fetched ? null : el("p", {}, words)];
  }
  return [
    back,
    el("div", { class: "jobhead" },
      el("div", {}, heading(foreign(job.name || job.id)), badge(job)),
      actions(state, job)),
    TROUBLE.has(job.state) ? note(job.state === "failed" ? "bad" : "warn", el("h2", {}, t("cause")),
      el("p", { class: "said", ...scrolls(job.cause) }, job.cause ? foreign(job.cause) : t("cause.none"))) : null,
    el("div", { class: "columns" },
      el("div", {}, replication(state, job, now), lag(state, job, now)),
      events(state, job)),
    tables(job),
    settings(job),
    el("details", { class: "panel", "data-key": "raw" }, el("summary", {}, t("job.raw")),
      el("pre", { tabindex: "0" }, visible(JSON.stringify(withoutPasswords(job.job, "*"), null, 2)))),
  ];
}

function actions(state, job) {
  if (state.readOnly) return null;
  const asleep = job.state === "paused" || job.state === "failed" || job.state === "complete";
  const busy = state.busy ? { disabled: true } : {};
  return el("div", { class: "actions" },
    asleep ? button("resume", t(job.state === "paused" ? "job.resume" : "job.restart"), busy) : button("pause", t("job.pause"), busy),
    el("a", { class: "button", href: "#/edit/" + encodeURIComponent(job.id) }, t("job.edit")),
    button("delete", t("job.delete"), { class: "danger", ...busy }));
}

const panel = (key, title, ...children) => el("section", { class: "panel", "data-key": key }, el("h2", {}, title), children);
const pair = (name, ...children) => el("div", {}, el("dt", {}, name), el("dd", {}, children));

function replication(state, job, now) {
  const still = standing(job, now);
  const end = side => [foreign(side.place, { class: "mono" }), " ", el("span", { class: "dim" }, foreign(side.kind), side.detail ? [" · ", foreign(side.detail)] : null, side.user ? [" · ", t("job.user", { user: side.user })] : null)];
  const moving = job.state === "running" || job.state === "copying";
  return panel("replication", t("job.replication"), el("dl", { class: "pairs" },
    pair(t("side.Src"), end(job.src)),
    pair(t("side.Dest"), end(job.dest)),
    moving && stage(job) ? pair(t("job.stage"), stage(job), job.copied && job.state === "copying" ? [" · ", copied(job), copyBar(job)] : null) : null,
    moving && sparkline(job) ? pair(t("col.progress"), sparkline(job)) : null,
    job.file ? pair(t("job.binlog"), foreign(`${job.file}:${job.position}`, { class: "mono" }), job.live ? null : [" ", el("span", { class: "dim" }, t("registered"))]) : null,
    pair(t("job.gtid"), job.gtid ? foreign(job.gtid.replace(/,\s*/g, ",\n"), { class: "mono pre" }) : el("span", { class: "dim" }, t("position.none")),
      still ? [" ", el("span", { class: "still" }, still)] : null),
    pair(t("job.id"), foreign(job.id, { class: "mono" })),
    pair(t("job.status"), foreign(job.status, { class: "mono" }))));
}

// ---- Lag, measured on a click ------------------------------------------------

// When the plugin made its figures, by its own clock.
const sampled = figures => (figures && figures.Timestamp > 0 ? moment(figures.Timestamp / 1e6) : "?");

const FIGURES = [
  ["Stage", s => s.Stage],
  ["ProgressPct", s => s.ProgressPct],
  ["ReadMasterTxCount", s => s.ReadMasterTxCount],
  ["ExecMasterTxCount", s => s.ExecMasterTxCount],
  ["ReadMasterRowCount", s => s.ReadMasterRowCount],
  ["ExecMasterRowCount", s => s.ExecMasterRowCount],
  ["Delay", s => s.DelayCount && typeof s.DelayCount.Time === "number" ? span(s.DelayCount.Time * 1000) : null],
  ["ETA", s => s.ETA],
  ["Backlog", s => s.Backlog],
  ["Queues", s => s.BufferStat && [s.BufferStat.ExtractorTxQueueSize, s.BufferStat.ApplierTxQueueSize, s.BufferStat.ApplierGroupTxQueueSize].filter(n => typeof n === "number").map(number).join(" / ")],
  ["Bytes", s => s.MsgStat && `${number(s.MsgStat.InBytes ?? 0)} / ${number(s.MsgStat.OutBytes ?? 0)}`],
  ["Sample", s => sampled(s)],
];

const shownFigure = value => (typeof value === "number" ? number(value) : value);

export const runningTasks = state => (state.allocations || []).filter(a => a.ClientStatus === "running" && a.DesiredStatus === "run");

function lag(state, job, now) {
  const measured = state.measured.get(job.id);
  const can = runningTasks(state).length > 0 && (job.state === "running" || job.state === "copying" || job.state === "retrying");
  const tasks = measured ? ["Src", "Dest"].filter(side => measured.tasks[side]) : [];
  return panel("measure", t("job.measure"),
    measured && tasks.length ? [
      el("p", { class: "figure" }, measured.behind === null ? el("span", { class: "dim" }, t("job.measure.unknown"))
        : [el("b", {}, number(measured.behind)), " ", t("job.measure.behind")],
        el("span", { class: "dim sub" }, measured.behind === null ? null : [t("job.measure.behind.text", { time: sampled(measured.tasks.Src) }), " · "], t("behind.measured", { span: span(now - measured.at) }))),
      el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("job.measure.at", { time: moment(measured.at) }) },
        el("table", { class: "plain" },
          el("caption", { class: "hidden" }, t("job.measure.at", { time: moment(measured.at) })),
          el("thead", {}, el("tr", {}, el("th", { scope: "col" }, t("job.measure.task")), tasks.map(side => el("th", { scope: "col" }, t("side." + side))))),
          el("tbody", {}, FIGURES.map(([name, of]) => [name, tasks.map(side => of(measured.tasks[side]))])
            .filter(([, values]) => values.some(value => value !== null && value !== undefined && value !== ""))
            .map(([name, values]) => el("tr", {}, el("th", { scope: "row" }, t("m." + name)), values.map(value => el("td", {}, foreign(shownFigure(value) ?? ""))))))))] : null,
    measured && measured.failed ? note("bad", el("p", { class: "said" }, t("job.measure.failed", measured.failed))) : null,
    el("p", { class: "dim" }, can || measured ? t("job.measure.text") : t("job.measure.none")),
    can ? el("p", {}, button("measure", t(state.measuring ? "job.measure.busy" : "job.measure.now"), state.measuring || (measured && now - measured.at < 15000) ? { disabled: true } : {})) : null);
}

// Of the statistics of both tasks: how many transactions the source task has read that
// are not stored as applied.
export function behindOf(tasks, job) {
  const read = parseGtidSet(tasks.Src && tasks.Src.CurrentCoordinates && tasks.Src.CurrentCoordinates.GtidSet);
  const applied = job.live && job.gtid ? job.gtidSet : parseGtidSet(tasks.Dest && tasks.Dest.CurrentCoordinates && tasks.Dest.CurrentCoordinates.ExecutedGtidSet);
  if (!read || read.size === 0 || !applied || applied.size === 0) return null;
  return transactionsBehind(read, applied);
}

// ---- Events ------------------------------------------------------------------

const BAD = new Set(["Driver Failure", "Setup Failure", "Failed Validation", "Not Restarting", "Sibling Task Failed", "Killing Failed"]);

function happened(state) {
  const list = [];
  for (const allocation of state.allocations || []) {
    const node = (state.nodes || []).find(node => node.ID === allocation.NodeID);
    for (const [side, task] of Object.entries(allocation.TaskStates || {})) {
      for (const event of (task && task.Events) || []) {
        const words = [event.DriverError, event.SetupError, event.KillError, event.Message, event.DriverMessage, event.RestartReason, event.KillReason, event.FailedSibling, event.TaskSignalReason]
          .filter(text => typeof text === "string" && text !== "");
        if (event.ExitCode) words.push(t("job.exit", { n: event.ExitCode }));
        if (event.StartDelay > 0) words.push(t("job.delay", { span: span(event.StartDelay / 1e6) }));
        if (event.Type === "Received") words.push(t("event.node", { node: node ? node.Name : String(allocation.NodeID).slice(0, 8) }));
        list.push({
          at: Date.parse(event.Time), order: list.length, side, kind: String(event.Type), words: [...new Set(words)],
          bad: BAD.has(event.Type) || event.FailsTask === true || (event.Type === "Terminated" && event.ExitCode !== 0),
        });
      }
    }
  }
  return list.sort((a, b) => b.at - a.at || b.order - a.order);
}

// What an evaluation says of a task that no node takes.
function unplaced(state) {
  const open = (state.evaluations || []).filter(one => one.Status === "blocked" || one.Status === "pending");
  return open.flatMap(one => Object.keys(one.FailedTGAllocs || {}));
}

function events(state) {
  const list = happened(state);
  const missing = [...new Set(unplaced(state))];
  const side = name => (isText("side." + name) ? t("side." + name) : name);
  const line = (key, bad, when, who, what, words) => el("li", { class: bad ? "bad" : "", "data-key": key },
    el("span", { class: "when" }, when), el("span", { class: `side side-${who === "Src" || who === "Dest" ? who : "other"}` }, foreign(side(who))),
    el("span", { class: "what" }, what), words.length ? el("span", { class: "words", ...scrolls(words.join("\n")) }, words.map((text, i) => [i ? " · " : "", foreign(text)])) : null);
  return panel("events", t("job.events"),
    state.eventsFailed ? note("bad", el("p", { class: "said" }, t("job.events.failed", state.eventsFailed))) : null,
    !state.allocations && !state.eventsFailed ? el("p", { class: "dim" }, t("job.events.loading")) : null,
    state.allocations && list.length === 0 && missing.length === 0 ? el("p", { class: "dim" }, t("job.events.none")) : null,
    el("ol", { class: "events", "aria-label": t("job.events.table") },
      missing.map(name => line("missing-" + name, true, "", name, t("event.Placement"), [t("event.waiting", { task: side(name) })])),
      list.map(event => line(`${event.at}-${event.side}-${event.kind}`, event.bad, el("time", { datetime: isFinite(event.at) ? new Date(event.at).toISOString() : "" }, isFinite(event.at) ? moment(event.at) : ""),
        event.side, isText("event." + event.kind) ? t("event." + event.kind) : visible(event.kind), event.words))));
}

// ---- What is copied, and how -------------------------------------------------

function tables(job) {
  const pattern = thing => (thing.regex ? el("span", { class: "dim" }, ` (${t("job.tables.regex")})`) : null);
  const rows = job.schemas.flatMap(schema => (schema.tables.length ? schema.tables : [null]).map((table, i) => el("tr", {},
    el("td", {}, i === 0 ? [foreign(schema.name), pattern(schema), schema.rename ? [" → ", foreign(schema.rename)] : null] : null),
    el("td", {}, table ? [foreign(table.name), pattern(table)] : el("span", { class: "dim" }, t("job.tables.whole"))),
    el("td", {}, table && table.rename ? foreign(table.rename) : null),
    el("td", { class: "mono" }, table && table.where && table.where !== "true" ? foreign(table.where) : null))));
  const ignored = job.ignored.flatMap(schema => (schema.tables.length ? schema.tables.map(table => `${schema.name}.${table.name}`) : [schema.name]));
  return panel("tables", t("job.tables"),
    rows.length === 0 ? el("p", {}, t("job.tables.all")) : el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("job.tables.table") },
      el("table", { class: "plain" },
        el("caption", { class: "hidden" }, t("job.tables.table")),
        el("thead", {}, el("tr", {}, ["schema", "name", "rename", "where"].map(name => el("th", { scope: "col" }, t("job.tables." + name))))),
        el("tbody", {}, rows))),
    ignored.length ? el("p", {}, t("job.tables.ignored"), ": ", foreign(ignored.join(", "))) : null);
}

const ELSEWHERE = /^(ReplicateDoDb|ReplicateIgnoreDb|Gtid|BinlogFile|BinlogPos|NatsAddr)\b/;

function settings(job) {
  const sides = (Array.isArray(job.job.Tasks) ? job.job.Tasks : []).filter(task => task && typeof task === "object");
  const found = sides.map(task => leaves(withoutPasswords(task.Config || {})));
  const keys = [...new Set(found.flatMap(map => [...map.keys()]))].filter(key => key !== "" && !ELSEWHERE.test(key)).sort();
  const shown = value => (typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value));
  return panel("settings", t("job.settings"),
    el("p", { class: "dim" }, t("job.settings.text")),
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("job.settings") },
      el("table", { class: "plain" },
        el("caption", { class: "hidden" }, t("job.settings")),
        el("thead", {}, el("tr", {}, el("th", { scope: "col" }, t("job.settings.key")), sides.map(task => el("th", { scope: "col" }, isText("side." + task.Type) ? t("side." + task.Type) : visible(task.Type))))),
        el("tbody", {}, keys.map(key => el("tr", {}, el("th", { scope: "row", class: "mono" }, foreign(key)), found.map(map => el("td", { class: "mono" }, foreign(shown(map.get(key)))))))))));
}
