// What the page knows of a job, read from its entry in the list.

import { parseGtidSet, countGtidSet } from "./gtid.js";

// The states, those that need somebody first.
export const STATES = ["failed", "retrying", "waiting", "unknown", "starting", "copying", "running", "paused", "complete"];
export const TROUBLE = new Set(["failed", "retrying", "waiting", "unknown"]);

function stateOf(status, cause, stage) {
  switch (status) {
    case "dead": return "failed";
    case "pause": return "paused";
    case "complete": return "complete";
    // Nomad still restarts the task, or has no place for it.
    case "pending": return cause ? "waiting" : "starting";
    case "running": return cause ? "retrying" : stage === "full" ? "copying" : "running";
    default: return "unknown";
  }
}

const object = value => (value !== null && typeof value === "object" && !Array.isArray(value) ? value : {});
const array = value => (Array.isArray(value) ? value : []);
const text = value => (typeof value === "string" ? value : typeof value === "number" ? String(value) : "");

function endpoint(task) {
  const config = object(task.Config);
  if (task.Driver === "Kafka") {
    return { place: array(config.Brokers).map(text).join(", ") || "?", detail: text(config.Topic), user: "", kind: "Kafka" };
  }
  const oracle = config.SrcOracleConfig && object(config.SrcOracleConfig);
  const connection = oracle || object(config.ConnectionConfig);
  const host = text(connection.Host);
  const bracketed = host.includes(":") ? `[${host}]` : host;
  return {
    place: host ? `${bracketed}:${text(connection.Port)}` : "?",
    detail: oracle ? text(connection.ServiceName) : "",
    user: text(connection.User),
    kind: oracle ? "Oracle" : text(task.Driver) || "MySQL",
  };
}

// The schemas that are copied, each with its tables; no tables means all of them.
function schemasOf(list) {
  return array(list).map(object).map(entry => ({
    name: text(entry.TableSchema) || text(entry.TableSchemaRegex) || "?",
    regex: !entry.TableSchema && Boolean(entry.TableSchemaRegex),
    rename: text(entry.TableSchemaRename) || text(entry.TableSchemaRenameRegex),
    tables: array(entry.Tables).map(object).map(table => ({
      name: text(table.TableName) || text(table.TableRegex) || "?",
      regex: !table.TableName && Boolean(table.TableRegex),
      rename: text(table.TableRename) || text(table.TableRenameRegex),
      where: text(table.Where),
    })),
  }));
}

// What the plugin has stored of a job, where the gateway knows Consul and is asked for
// it: null where it does not say.
function progressOf(job) {
  const own = object(job.Progress);
  const [rows, of] = [Number(own.RowsCopied), Number(own.RowsTotal)];
  return {
    stage: { job_stage_full: "full", job_stage_incr: "incr" }[text(own.JobStage)] || null,
    copied: rows >= 0 && of > 0 ? { rows, of } : null,
    gtid: text(own.Gtid),
  };
}

export function readJob(entry) {
  const job = object(object(entry).JobSummary);
  const tasks = array(job.Tasks).map(object);
  const src = tasks.find(task => task.Type === "Src") || {};
  const dest = tasks.find(task => task.Type === "Dest") || {};
  const config = object(src.Config);
  const cause = text(entry.StatusDescription);
  const progress = progressOf(job);
  const { stage, copied } = progress;
  const gtid = text(config.Gtid);
  const set = parseGtidSet(gtid);
  return {
    id: text(entry.ID),
    name: text(entry.Name),
    status: text(entry.Status),
    state: stateOf(entry.Status, cause, stage),
    cause,
    stage,
    copied,
    src: endpoint(src),
    dest: endpoint(dest),
    schemas: schemasOf(config.ReplicateDoDb),
    ignored: schemasOf(config.ReplicateIgnoreDb),
    gtid,
    gtidSet: set,
    transactions: set ? countGtidSet(set) : 0,
    file: text(config.BinlogFile),
    position: Number(config.BinlogPos) || 0,
    // Whether the position is the plugin's own, and not what was registered. The address
    // of the transport is there once the plugin has stored its progress.
    live: progress.gtid !== "" || stage !== null || text(config.NatsAddr) !== "",
    index: Number(entry.JobModifyIndex) || 0,
    job,
    entry,
  };
}

// A copy without any value of a password, whatever its key is called.
export function withoutPasswords(value, mask) {
  if (Array.isArray(value)) return value.map(item => withoutPasswords(item, mask)).filter(item => item !== undefined);
  if (value === null || typeof value !== "object") return value;
  const copy = {};
  for (const [key, item] of Object.entries(value)) {
    if (!/passw|secret|token/i.test(key)) Object.defineProperty(copy, key, { value: withoutPasswords(item, mask), enumerable: true, configurable: true, writable: true });
    else if (mask !== undefined) copy[key] = mask;
  }
  return copy;
}

export const compareJobs = (a, b) =>
  STATES.indexOf(a.state) - STATES.indexOf(b.state) || a.name.localeCompare(b.name) || (a.id < b.id ? -1 : 1);
