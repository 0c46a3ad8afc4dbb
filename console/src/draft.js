// A job that is being written: what is wrong with it, on which line, and how it differs
// from what is registered.

import { leaves, parseJson } from "./json.js";
import { t } from "./texts.js";

const isObject = value => value !== null && typeof value === "object" && !Array.isArray(value);

// What can be edited of a job as the API shows it: without what the API adds.
export function editable(job) {
  const { ID, Name, Region, Datacenters, Failover, Tasks } = job;
  return {
    ID, Name, Region, Datacenters, Failover,
    Tasks: (Array.isArray(Tasks) ? Tasks : []).map(task => {
      const { Type, Driver, NodeID, NodeName, Config } = task;
      const config = { ...Config };
      // Where the tasks talk to each other, and Dest's copy of where Src is.
      delete config.NatsAddr;
      if (Type === "Dest") for (const key of ["Gtid", "BinlogFile", "BinlogPos"]) delete config[key];
      return { Type, Driver, ...(NodeID ? { NodeID } : {}), ...(NodeName ? { NodeName } : {}), Config: config };
    }),
  };
}

// { empty } or { findings } when it is no job, else { job, raw, root, places }.
export function readDraft(text) {
  if (text.trim() === "") return { empty: true, findings: [] };
  const parsed = parseJson(text);
  if (parsed.fault) return { findings: [{ line: parsed.line, text: t(parsed.fault) }] };
  let root = "";
  let job = parsed.value;
  for (const wrapper of ["Job", "JobSummary"]) {
    if (isObject(job) && isObject(job[wrapper])) [root, job] = [wrapper, job[wrapper]];
  }
  if (!isObject(job)) return { findings: [{ line: 1, text: t("json.object") }] };
  const place = parsed.places.get(root);
  return { job, root, places: parsed.places, raw: text.slice(place.from, place.to), findings: [] };
}

export const field = (object, name) => {
  const key = Object.keys(object).find(key => key.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : object[key];
};

const tasksOf = job => (Array.isArray(field(job, "Tasks")) ? field(job, "Tasks").filter(isObject) : []);

// The text of the job with this ID put in, where it has none.
export const rawWithId = (draft, id) => (field(draft.job, "ID") ? draft.raw : draft.raw.replace("{", `{"ID": ${JSON.stringify(id)}${Object.keys(draft.job).some(key => key !== "ID") ? "," : ""} `));

// The line that a message of the API is about: the path at its beginning, a side and a
// path, or else the first name in it that stands in the job.
export function lineOf(message, draft, task) {
  const lines = new Map();
  for (const [path, place] of draft.places) if (!lines.has(path.toLowerCase())) lines.set(path.toLowerCase(), place.line);
  const under = draft.root === "" ? "" : draft.root + ".";
  const find = path => {
    for (let rest = path.toLowerCase(); rest !== ""; rest = rest.replace(/(?:\.|^)[^.[]+$|\[\d+\]$/, "")) {
      if (lines.has(rest)) return lines.get(rest);
      if (!/[.[]/.test(rest)) break;
    }
    return null;
  };
  const config = side => {
    const at = tasksOf(draft.job).findIndex(one => field(one, "Type") === side);
    return at < 0 ? null : `${under}Tasks[${at}].Config`;
  };
  const path = (/^[A-Za-z][\w-]*(?:\[\d+\])?(?:\.[\w-]+(?:\[\d+\])?)*/.exec(message) || [""])[0];
  const side = task || (/^(Src|Dest)\b/.exec(message) || [])[1];
  const tries = [under + path];
  if (side && config(side)) tries.push(`${config(side)}.${path.replace(/^(Src|Dest)\.?/, "")}`.replace(/\.$/, ""));
  for (const one of tries) {
    const line = find(one);
    if (line !== null) return line;
  }
  for (const word of message.match(/[A-Za-z]\w*/g) || []) {
    for (const [known, line] of lines) if (known === word.toLowerCase() || known.endsWith("." + word.toLowerCase())) return line;
  }
  return 1;
}

// The report of validate/job, and its warnings, as findings beside lines.
export function findingsOf(report, warning, draft) {
  const found = [];
  const add = (text, kind, task) => found.push({ line: lineOf(text, draft, task), text, kind });
  for (const text of String(report.Error || "").split("; ").filter(Boolean)) add(text, "bad");
  for (const task of Array.isArray(report.ValidationTasks) ? report.ValidationTasks : []) {
    for (const check of Object.values(task)) if (isObject(check) && check.Error) add(String(check.Error), "bad", task.Type);
  }
  // A browser joins several of a header with commas.
  for (const text of String(warning || "").split(/, (?=Tasks\[)|; (?=Tasks\[)/).filter(Boolean)) add(text, "warn");
  return found;
}

// What the page itself sees, before anybody is asked.
export function ownFindings(draft, base) {
  const found = [];
  if (base && field(draft.job, "ID") !== undefined && field(draft.job, "ID") !== base.id) {
    found.push({ line: lineOf("ID", draft), text: t("edit.otherid"), kind: "bad" });
  }
  if (!base) {
    for (const [path, place] of draft.places) {
      if (/(^|\.)password$/i.test(path) && draft.raw.slice(place.from - draft.places.get(draft.root).from, place.to - draft.places.get(draft.root).from) === '"*"') {
        found.push({ line: place.line, text: t("edit.masked"), kind: "bad" });
      }
    }
  }
  return found;
}

// ---- The difference ----------------------------------------------------------

// Leaves by a path that names sides, schemas and tables instead of counting them.
function named(job) {
  const result = new Map();
  const put = (path, value) => {
    let free = path;
    for (let n = 2; result.has(free); n++) free = `${path} #${n}`;
    result.set(free, value);
  };
  const all = (value, path) => leaves(value, path).forEach((leaf, at) => put(at, leaf));
  for (const [key, value] of Object.entries(job)) {
    if (key.toLowerCase() !== "tasks") { if (value !== undefined) all(value, key); continue; }
    for (const [position, task] of tasksOf(job).entries()) {
      const side = field(task, "Type") ?? `Tasks[${position}]`;
      for (const [name, item] of Object.entries(task)) {
        if (name.toLowerCase() !== "config" || !isObject(item)) { all(item, `${side}.${name}`); continue; }
        for (const [option, setting] of Object.entries(item)) {
          const at = `${side}.${option}`;
          if (!/^Replicate(Do|Ignore)Db$/i.test(option) || !Array.isArray(setting) || setting.length === 0) { all(setting, at); continue; }
          for (const schema of setting) {
            const under = `${at} ${isObject(schema) ? field(schema, "TableSchema") ?? field(schema, "TableSchemaRegex") ?? "?" : "?"}`;
            if (!isObject(schema)) { all(schema, under); continue; }
            for (const [part, piece] of Object.entries(schema)) {
              if (part.toLowerCase() !== "tables" || !Array.isArray(piece)) { all(piece, `${under}.${part}`); continue; }
              for (const table of piece) all(table, `${under}.${isObject(table) ? field(table, "TableName") ?? field(table, "TableRegex") ?? "?" : "?"}`);
            }
          }
        }
      }
    }
  }
  return result;
}

// [{ path, before, after }], a value undefined where there is none.
export function difference(before, after) {
  const [old, fresh] = [named(before), named(after)];
  const low = new Map([...fresh].map(([path, value]) => [path.toLowerCase(), value]));
  const seen = new Set();
  const found = [];
  for (const [path, value] of old) {
    const now = low.get(path.toLowerCase());
    seen.add(path.toLowerCase());
    if (JSON.stringify(value) !== JSON.stringify(now)) found.push({ path, before: value, after: now });
  }
  for (const [path, value] of fresh) if (!seen.has(path.toLowerCase()) && value !== undefined) found.push({ path, before: undefined, after: value });
  return found;
}

// The tables by schema; null where there is no source to copy from.
function copiedTables(job) {
  const src = tasksOf(job).find(task => field(task, "Type") === "Src");
  if (!src || !isObject(field(src, "Config"))) return null;
  const list = field(field(src, "Config"), "ReplicateDoDb");
  const schemas = new Map();
  for (const schema of (Array.isArray(list) ? list : []).filter(isObject)) {
    const tables = field(schema, "Tables");
    const names = (Array.isArray(tables) ? tables : []).filter(isObject).map(table => String(field(table, "TableName") ?? field(table, "TableRegex") ?? "?"));
    const name = String(field(schema, "TableSchema") ?? field(schema, "TableSchemaRegex") ?? "?");
    schemas.set(name, [...(schemas.get(name) || []), ...(names.length ? names : ["*"])]);
  }
  return schemas;
}

// The schemas and tables that the new job copies and the old one does not; "*.*" when
// it now copies everything.
export function addedTables(before, after) {
  const [old, fresh] = [copiedTables(before), copiedTables(after)];
  if (!old || !fresh || old.size === 0) return [];
  if (fresh.size === 0) return ["*.*"];
  return [...fresh].flatMap(([schema, tables]) => {
    const known = old.get(schema) || [];
    return known.includes("*") ? [] : tables.filter(table => !known.includes(table)).map(table => `${schema}.${table}`);
  });
}

export const isSecret = path => /passw|secret|token/i.test(path);

export const EXAMPLE = `{
  "ID": "orders-1",
  "Name": "orders",
  "Tasks": [
    {
      "Type": "Src",
      "Config": {
        "Gtid": "",
        "ReplicateDoDb": [
          {"TableSchema": "shop", "Tables": [{"TableName": "orders"}]}
        ],
        "ConnectionConfig": {
          "Host": "10.0.0.11",
          "Port": 3306,
          "User": "dtle",
          "Password": ""
        }
      }
    },
    {
      "Type": "Dest",
      "Config": {
        "ConnectionConfig": {
          "Host": "10.0.0.12",
          "Port": 3306,
          "User": "dtle",
          "Password": ""
        }
      }
    }
  ]
}
`;

// A random UUID; crypto.randomUUID is there on HTTPS and loopback addresses only.
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map(byte => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

