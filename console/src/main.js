// Where the page is, what it draws, and what a click does.

import { el, morph, recall, remember } from "./dom.js";
import { currentLanguage, speak, t } from "./texts.js";
import { useToken } from "./api.js";
import { keepHistories } from "./history.js";
import { jobsView, problemView } from "./jobs.js";
import { jobView } from "./job.js";
import { editView, placeFindings } from "./edit.js";
import { EXAMPLE } from "./draft.js";
import { clusterView } from "./cluster.js";
import { lockView, notesView, title, topView } from "./frame.js";
import { askToken } from "./dialogs.js";
import { askCluster, measure, refresh, rest } from "./poll.js";
import { adopt, fillEditor, openDraft, openFile, pause, rebase, remove, resume, send, unsaved, write } from "./write.js";
import { draw, drawNow, drawWith, state } from "./state.js";

const VIEWS = { jobs: jobsView, job: jobView, edit: editView, cluster: clusterView };

drawWith(() => {
  if (state.view === "edit" && !state.locked) {
    openDraft(state.id);
    adopt();
  }
  document.querySelector(".skip").textContent = t("skip");
  morph(document.getElementById("top"), el("header", { id: "top" }, topView()));
  const body = state.locked ? lockView() : [notesView(), problemView(state), VIEWS[state.view](state, Date.now())];
  morph(document.getElementById("main"), el("main", { id: "main", tabindex: "-1", class: "v-" + (state.locked ? "lock" : state.view) }, body));
  if (state.view === "edit" && !state.locked) fillEditor();
  title();
});

function where() {
  const [, first = "", rest] = /^#\/([^/]*)(?:\/(.*))?$/.exec(location.hash) || [];
  let id = null;
  try {
    id = rest === undefined ? null : decodeURIComponent(rest);
  } catch { /* No ID of ours. */ }
  if (first === "job" && id) return { view: "job", id };
  if (first === "edit" && id) return { view: "edit", id };
  if (first === "new") return { view: "edit", id: null };
  if (first === "cluster") return { view: "cluster", id: null };
  return { view: "jobs", id: null };
}

function go(keepNotice) {
  const next = where();
  Object.assign(state, next, { allocations: null, evaluations: null, eventsFailed: null, only: null, cluster: null });
  if (!keepNotice) state.notice = null;
  drawNow();
  const heading = document.getElementById("title");
  if (heading) heading.focus({ preventScroll: true });
  window.scrollTo(0, 0);
  refresh();
  if (state.view === "cluster") askCluster();
}

function unlock(token) {
  useToken(token || null);
  Object.assign(state, { locked: null, problem: null, notice: null, fetched: 0, whole: false, allocations: null, nodes: null });
  state.jobs.clear();
  draw();
  refresh();
  if (state.view === "cluster") askCluster();
}

// Another page of this one, with the note of what was done.
function leave(hash) {
  if (location.hash === hash) go(true);
  else {
    keepsNotice = true;
    location.hash = hash;
  }
}

let keepsNotice = false;

// ---- What a click does -------------------------------------------------------

const ACTIONS = {
  skip: () => document.getElementById("main").focus(),
  again: () => refresh(),
  dismiss: () => { state.notice = null; draw(); },
  all: () => { Object.assign(state, { only: null, search: "" }); document.getElementById("search").value = ""; draw(); },
  only: data => { state.only = state.only === data.state ? null : data.state; draw(); },
  language: () => { speak(currentLanguage() === "zh" ? "en" : "zh"); draw(); },
  theme: data => { paint(data.theme); draw(); },
  token: async () => {
    const answer = await askToken();
    if (answer) unlock(answer.token);
  },
  pause: () => pause(state.jobs.get(state.id)),
  resume: () => resume(state.jobs.get(state.id)),
  delete: async () => {
    if (await remove(state.jobs.get(state.id))) leave("#/");
  },
  measure: () => measure(state.jobs.get(state.id)),
  cluster: () => askCluster(),
  example: () => { state.edit.version++; write(EXAMPLE); },
  rebase,
  send: async () => {
    const id = await send();
    if (id !== null) leave("#/job/" + encodeURIComponent(id));
  },
  goto: data => {
    const box = document.getElementById("draft");
    const lines = box.value.split("\n");
    const from = lines.slice(0, data.line - 1).join("\n").length + (data.line > 1 ? 1 : 0);
    box.focus();
    box.setSelectionRange(from, from + (lines[data.line - 1] || "").length);
  },
};

function paint(theme) {
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  remember("localStorage", "dtle-theme", theme === "auto" ? null : theme);
}

document.addEventListener("click", event => {
  const found = event.target.closest("[data-do]");
  if (!found || found.tagName === "FORM" || found.disabled) return;
  if (found.tagName === "A") event.preventDefault();
  ACTIONS[found.dataset.do](found.dataset);
});
document.addEventListener("submit", event => {
  if (event.target.dataset.do !== "unlock") return;
  event.preventDefault();
  unlock(document.getElementById("token").value.trim());
});
document.addEventListener("input", event => {
  if (event.target.dataset.type === "search") { state.search = event.target.value; draw(); }
  if (event.target.id === "draft") write(event.target.value);
  if (event.target.dataset.tick === "paused") state.edit.paused = event.target.checked;
});
document.addEventListener("change", event => { if (event.target.id === "file") openFile(event.target.files[0]); });
document.addEventListener("scroll", event => { if (event.target.id === "draft") placeFindings(); }, true);
document.addEventListener("dragover", event => { if (event.target.closest("[data-drop]")) event.preventDefault(); });
document.addEventListener("drop", event => {
  if (!event.target.closest("[data-drop]") || !event.dataTransfer.files.length) return;
  event.preventDefault();
  openFile(event.dataTransfer.files[0]);
});
document.addEventListener("keydown", event => {
  const search = document.getElementById("search");
  if (event.key !== "/" || !search || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || document.querySelector("dialog")) return;
  event.preventDefault();
  search.focus();
});
document.addEventListener("visibilitychange", () => (document.visibilityState === "visible" ? refresh() : rest()));
window.addEventListener("hashchange", () => { go(keepsNotice); keepsNotice = false; });
window.addEventListener("pagehide", keepHistories);
window.addEventListener("resize", placeFindings);
window.addEventListener("beforeunload", event => { if (unsaved()) event.preventDefault(); });

paint(recall("localStorage", "dtle-theme") || "auto");
speak(currentLanguage());
go(false);
