// What stands around every view: the head, notes, the question for a token.

import { el, visible } from "./dom.js";
import { clock, currentLanguage, t } from "./texts.js";
import { hasToken } from "./api.js";
import { TROUBLE } from "./model.js";
import { button, note, shape } from "./parts.js";
import { say, state } from "./state.js";

export function topView() {
  const link = (href, view, text) => el("a", { href, "aria-current": view ? "page" : null }, text);
  const theme = document.documentElement.dataset.theme || "auto";
  const next = { auto: "light", light: "dark", dark: "auto" }[theme];
  const words = state.fetched && !state.locked ? t(state.view === "jobs" || state.view === "job" ? "updated.every" : "updated.paused", { time: clock(state.fetched) }) : "";
  return [
    el("a", { href: "#/", class: "brand", "aria-label": t("title") + " – " + t("nav.jobs") }, "dtle"),
    el("nav", { "aria-label": t("nav") },
      link("#/", state.view === "jobs", t("nav.jobs")),
      state.readOnly ? null : link("#/new", state.view === "edit" && state.id === null, t("nav.new")),
      link("#/cluster", state.view === "cluster", t("nav.cluster")),
      el("a", { href: "docs" }, t("docs"))),
    el("span", { class: "asof dim" + (state.problem ? " old" : "") }, words),
    el("div", { class: "switches" },
      button("theme", [shapeOfTheme(theme), el("span", { class: "hidden" }, `${t("theme")}: ${t("theme." + theme)}`)], { "data-theme": next, title: `${t("theme")}: ${t("theme." + theme)}` }),
      button("language", currentLanguage() === "zh" ? "English" : "中文", { lang: currentLanguage() === "zh" ? "en" : "zh-CN" }),
      button("token", t("token"), hasToken() ? { class: "has" } : {})),
  ];
}

const shapeOfTheme = theme => el("span", { "aria-hidden": "true" }, { auto: "◐", light: "○", dark: "●" }[theme]);

// What is to be said above a view.
export const notesView = () => [
  noticeView(),
  state.readOnly ? note("info", el("p", {}, t("read.only")), el("p", { class: "said dim" }, visible(state.readOnly))) : null,
  state.warning ? note("warn", el("p", { class: "said" }, visible(state.warning))) : null,
];

function noticeView() {
  const { notice } = state;
  return notice ? el("div", { class: "note " + notice.kind, "data-key": "notice" }, shape({ bad: "failed", warn: "retrying", good: "running" }[notice.kind] || "unknown"),
    el("div", {}, el("p", { class: "said" }, visible(notice.text)), notice.warning ? el("p", { class: "said" }, el("b", {}, t("warning"), ": "), visible(notice.warning)) : null),
    button("dismiss", "✕", { class: "link", "aria-label": t("close") })) : null;
}

export function lockView() {
  return el("form", { class: "panel lock", "data-do": "unlock" },
    el("h1", { tabindex: "-1", id: "title" }, t(hasToken() ? "token.wrong" : "token.needed")),
    el("p", { class: "dim" }, t("token.text")),
    tokenField(),
    state.locked.text ? el("p", { class: "said dim" }, t("token.says", { text: `${state.locked.status} ${state.locked.text}` })) : null,
    el("p", { class: "bar" }, el("button", { type: "submit", class: "primary" }, t("token.use"))));
}

export const tokenField = () => el("label", {}, t("token.label"), el("input", { type: "password", id: "token", name: "token", required: true, autocomplete: "off", spellcheck: "false" }));

const ICONS = {
  bad: "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath d='M5 1h6l4 4v6l-4 4H5l-4-4V5z' fill='%23c5221f'/%3E%3Cpath d='M5.5 5.5l5 5m0-5l-5 5' stroke='%23fff' stroke-width='2'/%3E%3C/svg%3E",
  good: "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='7' fill='%23667'/%3E%3Cpath d='M6.3 4.8v6.4L11.4 8z' fill='%23fff'/%3E%3C/svg%3E",
};

let announced = null;

export function title() {
  const broken = state.whole ? [...state.jobs.values()].filter(job => TROUBLE.has(job.state)).length : 0;
  const job = state.jobs.get(state.id);
  const names = { jobs: t("nav.jobs"), job: visible(job ? job.name : state.id), edit: t(state.id === null ? "edit.new" : "job.edit"), cluster: t("nav.cluster") };
  const count = state.view === "jobs" && broken ? `(${broken}) ` : state.view === "job" && job && TROUBLE.has(job.state) ? "(!) " : "";
  document.title = `${count}${names[state.view]} · dtle`;
  const icon = count || state.problem ? ICONS.bad : ICONS.good;
  const link = document.querySelector("link[rel=icon]");
  if (link.getAttribute("href") !== icon) link.setAttribute("href", icon);
  // Heard only when it changes.
  const words = state.problem ? t("lost", { time: clock(state.problem.since) }) : state.whole && state.view === "jobs"
    ? (broken ? t("jobs.trouble", { n: broken, all: state.jobs.size }) : t("jobs.fine")) : announced;
  if (words !== announced) say(words);
  announced = words;
}

