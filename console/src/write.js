// Changing jobs: pause, resume, delete, and writing one.

import { ask, at, isNomads } from "./api.js";
import { t } from "./texts.js";
import { askDelete, askPause } from "./dialogs.js";
import { editable, field, findingsOf, newId, ownFindings, rawWithId, readDraft } from "./draft.js";
import { placeFindings } from "./edit.js";
import { refresh } from "./poll.js";
import { draw, say, state } from "./state.js";

// How long nothing is written before what is written is checked.
const CHECK_AFTER = 700;

// Sends a change and says what came of it.
async function change(method, path, body, done, name) {
  state.busy = true;
  state.notice = null;
  draw();
  const answer = await ask(method, path, body);
  state.busy = false;
  if (answer.status === 200) {
    const nothing = answer.json && answer.json.Success === false;
    state.notice = { kind: answer.warning ? "warn" : "good", text: nothing ? t("done.nothing") : t(done, { name }), warning: answer.warning };
    say(state.notice.text);
  } else if (answer.status === 401) {
    state.locked = answer;
  } else if (answer.status !== 403 || isNomads(answer)) {
    refuse(answer);
  }
  draw();
  return answer;
}

function refuse(answer) {
  state.notice = { kind: "bad", text: answer.status === 0 ? t("failed.write.lost") : t("failed.write", answer) };
  say(state.notice.text);
}

async function pauseOrResume(what, job) {
  const answer = await change("POST", at("v1", "job", job.id, what), undefined, "done." + what, job.name);
  if (answer.status === 200) {
    refresh();
    setTimeout(refresh, 2000);
  }
}

export async function pause(job) {
  if (await askPause(job)) pauseOrResume("pause", job);
}

export const resume = job => pauseOrResume("resume", job);

// True when it is deleted.
export async function remove(job) {
  const wanted = await askDelete(job);
  if (!wanted) return false;
  const { status } = await change("DELETE", at("v1", "job", job.id) + (wanted.forget ? "?forget=true" : ""), undefined, "done.delete", job.name);
  if (status === 200) state.jobs.delete(job.id);
  return status === 200;
}

let checkTimer = null;

export function openDraft(id) {
  if (state.edit && state.edit.id === id) return;
  state.edit = { id, base: null, text: "", version: 0, draft: readDraft(""), findings: [], checked: false, checking: false, unchecked: null, conflict: false, paused: false, suggested: newId() };
}

// Takes the registered job as what is edited, once it has come.
export function adopt() {
  const { edit } = state;
  const job = state.jobs.get(edit.id);
  if (edit.id === null || edit.base || !job) return;
  edit.base = job;
  edit.paused = job.state === "paused";
  if (edit.text === "") {
    edit.version++;
    write(asText(job));
  } else {
    write(edit.text);
  }
}

export function fillEditor() {
  const box = document.getElementById("draft");
  const { edit } = state;
  if (!box) return;
  if (box.version !== edit.version) {
    box.version = edit.version;
    box.value = edit.text;
  }
  const tick = document.getElementById("paused");
  if (tick && tick.checked !== edit.paused) tick.checked = edit.paused;
  placeFindings();
}

export function write(text) {
  const { edit } = state;
  edit.text = text;
  edit.draft = readDraft(text);
  edit.findings = edit.draft.job ? ownFindings(edit.draft, edit.base) : edit.draft.findings;
  Object.assign(edit, { checked: false, checking: Boolean(edit.draft.job), unchecked: null });
  clearTimeout(checkTimer);
  if (edit.draft.job) checkTimer = setTimeout(check, CHECK_AFTER);
  draw();
}

const sent = edit => rawWithId(edit.draft, edit.id ?? edit.suggested);

async function check() {
  const { edit } = state;
  const { draft } = edit;
  const answer = await ask("POST", "v1/validate/job", sent(edit));
  // Something else was written meanwhile.
  if (state.edit !== edit || edit.draft !== draft) return;
  edit.checking = false;
  const own = ownFindings(draft, edit.base);
  if (answer.status === 200 && answer.json) {
    edit.checked = true;
    edit.findings = [...own, ...findingsOf(answer.json, answer.warning, draft)];
  } else if (answer.status === 400) {
    edit.checked = true;
    edit.findings = [...own, ...findingsOf({ Error: answer.text }, null, draft)];
  } else if (answer.status === 401) {
    state.locked = answer;
  } else if (answer.status !== 403 || isNomads(answer)) {
    edit.unchecked = { status: answer.status, text: answer.text || t("lost.never") };
  }
  draw();
}

// The ID of the job, once it is written; else null.
export async function send() {
  const { edit } = state;
  const { base, draft } = edit;
  const id = base ? base.id : field(draft.job, "ID") || edit.suggested;
  // Somebody else's change since then is not overwritten, nor another job of this ID.
  const body = `{"Job": ${sent(edit)}, "EnforceIndex": true, "JobModifyIndex": ${base ? base.index : 0}}`;
  const path = (base ? at("v1", "job", base.id) : "v1/jobs") + (edit.paused ? "?paused=true" : "");
  const answer = await change("POST", path, body, "done.save", String(field(draft.job, "Name") ?? id));
  if (answer.status === 200) {
    state.edit = null;
    return id;
  }
  if (answer.status === 500 && answer.text.startsWith("Enforcing job modify index")) {
    edit.conflict = true;
    draw();
  } else if (answer.status === 400) {
    edit.findings = [...ownFindings(draft, base), ...findingsOf({ Error: answer.text }, null, draft)];
    draw();
  }
  return null;
}

export function rebase() {
  Object.assign(state.edit, { base: null, conflict: false });
  state.notice = null;
  refresh();
}

export async function openFile(file) {
  if (!file) return;
  state.edit.version++;
  write(await file.text());
}

// Whether something is written that would be lost with the page.
export function unsaved() {
  const { edit } = state;
  return Boolean(edit && edit.draft.job) && !(edit.base && edit.text === asText(edit.base));
}

const asText = job => JSON.stringify(editable(job.job), null, 2) + "\n";
