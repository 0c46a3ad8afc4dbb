// Writing a job, new or registered.

import { el, foreign, visible } from "./dom.js";
import { t } from "./texts.js";
import { addedTables, difference, editable, isSecret } from "./draft.js";
import { button, heading, note } from "./parts.js";

const LINE = 20;

export function editView(state) {
  const edit = state.edit;
  const base = edit.base;
  const back = el("p", { class: "back" }, edit.id === null ? el("a", { href: "#/" }, "← ", t("job.back"))
    : el("a", { href: "#/job/" + encodeURIComponent(edit.id) }, "← ", foreign(base ? base.name || base.id : edit.id)));
  if (edit.id !== null && !base) {
    return [back, heading(foreign(edit.id)), state.problem && !state.fetched ? null : el("p", {}, state.fetched ? t("job.gone") : t("edit.loading"))];
  }
  if (state.readOnly) return [back, heading(base ? t("edit.edit", { name: base.name }) : t("edit.new"))];
  const draft = edit.draft;
  const findings = [...edit.findings].sort((a, b) => a.line - b.line);
  const faults = findings.filter(one => one.kind !== "warn").length;
  const changes = base && draft.job ? difference(editable(base.job), draft.job) : [];
  const ready = Boolean(draft.job) && faults === 0 && edit.checked && !edit.checking && !state.busy && (!base || changes.length > 0);
  return [
    back,
    heading(base ? t("edit.edit", { name: base.name || base.id }) : t("edit.new")),
    el("p", { class: "dim" }, t("edit.text")),
    base ? el("p", { class: "dim" }, t("edit.text.edit")) : null,
    el("p", { class: "bar" },
      el("label", { class: "button" }, t("edit.file"), el("input", { type: "file", class: "hidden", id: "file", accept: ".json,application/json,text/plain" })),
      draft.empty && !base ? button("example", t("edit.example")) : null),
    edit.conflict ? note("bad", el("p", {}, t(base ? "edit.conflict" : "edit.conflict.new")), base ? button("rebase", t("edit.reload")) : null) : null,
    editor(edit, findings),
    el("p", { role: "status", class: faults ? "verdict bad" : "verdict" }, verdict(edit, faults)),
    edit.unchecked ? note("warn", el("p", { class: "said" }, t("edit.unchecked", edit.unchecked))) : null,
    edit.suggested && draft.job && !base && !hasId(draft.job) ? el("p", { class: "dim" }, t("edit.noid", { id: edit.suggested })) : null,
    base && draft.job ? changed(changes, addedTables(editable(base.job), draft.job)) : null,
    el("p", {}, el("label", { class: "tick" }, el("input", { type: "checkbox", id: "paused", "data-tick": "paused" }), " ",
      t(base && base.state === "paused" ? "edit.keep.paused" : "edit.paused"))),
    el("p", { class: "bar" }, button("send", state.busy ? t("edit.saving") : t(base ? "edit.save" : "edit.create"), { class: "primary", ...(ready ? {} : { disabled: true }) })),
  ];
}

const hasId = job => Object.keys(job).some(key => key.toLowerCase() === "id" && job[key]);

function verdict(edit, faults) {
  if (edit.draft.empty) return t("edit.empty");
  if (faults) return t("edit.faults", { n: faults });
  if (edit.checking) return t("edit.checking");
  return edit.checked ? t("edit.good") : "";
}

function editor(edit, findings) {
  const lines = edit.text.split("\n").length;
  const worst = new Map();
  for (const { line, kind } of findings) if (worst.get(line) !== "bad") worst.set(line, kind === "warn" ? "warn" : "bad");
  return el("div", { class: "editor", "data-drop": "true" },
    el("div", { class: "gutter", "aria-hidden": "true" }, Array.from({ length: lines }, (_, i) =>
      el("span", { class: worst.get(i + 1) || "" }, worst.has(i + 1) ? (worst.get(i + 1) === "bad" ? "✕" : "!") : "", String(i + 1)))),
    el("textarea", { id: "draft", "aria-label": t("edit.label"), "aria-describedby": "findings", spellcheck: "false", autocomplete: "off", autocapitalize: "off", wrap: "off", rows: Math.min(28, Math.max(16, lines + 1)) }),
    el("ol", { id: "findings", class: "findings", "aria-label": t("edit.notes") }, findings.map(({ line, text, kind }) =>
      el("li", { class: kind === "warn" ? "warn" : "bad", "data-line": line }, button("goto", t("edit.line", { n: line }), { class: "link", "data-line": line }), " ", foreign(text)))));
}

// Puts each finding beside its line, the next one below it where there is no room.
export function placeFindings() {
  const box = document.getElementById("draft");
  const list = document.getElementById("findings");
  if (!box || !list) return;
  document.querySelector(".gutter").scrollTop = box.scrollTop;
  if (getComputedStyle(list).position !== "absolute") return;
  let free = -Infinity;
  for (const item of list.children) {
    const top = Math.max((Number(item.dataset.line) - 1) * LINE - box.scrollTop, free);
    item.style.top = `${top}px`;
    free = top + item.offsetHeight + 4;
  }
}

function changed(changes, added) {
  const shown = (path, value) => {
    if (value === undefined) return el("span", { class: "dim" }, "—");
    return isSecret(path) ? el("span", { class: "dim" }, t("edit.change.hidden")) : foreign(typeof value === "string" ? value || '""' : JSON.stringify(value));
  };
  return el("section", { class: "panel", "data-key": "changes" }, el("h2", {}, t("edit.changes")),
    added.length ? note("warn", el("p", {}, t("edit.added"), " ", t("edit.added.stop")), el("p", { class: "mono" }, visible(added.join(", ")))) : null,
    changes.length === 0 ? el("p", { class: "dim" }, t("edit.changes.none"))
      : el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("edit.changes.table") },
        el("table", { class: "plain" },
          el("caption", { class: "hidden" }, t("edit.changes.table")),
          el("thead", {}, el("tr", {}, ["path", "before", "after"].map(name => el("th", { scope: "col" }, t("edit.change." + name))))),
          el("tbody", {}, changes.map(({ path, before, after }) => el("tr", {},
            el("th", { scope: "row", class: "mono" }, foreign(path)), el("td", { class: "mono" }, shown(path, before)), el("td", { class: "mono" }, shown(path, after))))))));
}
