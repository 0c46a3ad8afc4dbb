// Questions that are asked before something happens.

import { el } from "./dom.js";
import { t } from "./texts.js";
import { hasToken } from "./api.js";
import { tokenField } from "./frame.js";

// A dialog that is answered with its form: { form, button }, or null.
function dialog(content, focus) {
  return new Promise(answer => {
    const box = el("dialog", { "aria-labelledby": "dialog-title" }, el("form", { method: "dialog" }, content));
    document.body.append(box);
    let given = null;
    box.addEventListener("submit", event => {
      event.preventDefault();
      given = { form: new FormData(event.target), button: event.submitter ? event.submitter.value : "" };
      box.close();
    });
    box.addEventListener("click", event => { if (event.target.closest("[data-cancel]")) box.close(); });
    box.addEventListener("close", () => { box.remove(); answer(given); });
    box.showModal();
    if (focus) box.querySelector(focus).focus();
  });
}

const dialogTitle = text => el("h2", { id: "dialog-title" }, text);
const choices = (text, kind, attributes) => el("p", { class: "bar" },
  el("button", { type: "submit", class: kind, ...attributes }, text), el("button", { type: "button", "data-cancel": "true" }, t("cancel")));

// Whether the job is to be paused.
export const askPause = job => dialog([dialogTitle(t("ask.pause", { name: job.name })), el("p", {}, t("ask.pause.text")), choices(t("job.pause"), "primary")]);

// Whether it is to be deleted: { forget }, or null.
export async function askDelete(job) {
  const answered = dialog([
    dialogTitle(t("ask.delete", { name: job.name })),
    el("p", {}, t("ask.delete.text")),
    el("label", {}, t("ask.delete.type", { id: job.id }), el("input", { id: "typed", class: "mono", autocomplete: "off", spellcheck: "false", autocapitalize: "off" })),
    el("label", { class: "tick" }, el("input", { type: "checkbox", name: "forget", "aria-describedby": "forget-text" }), " ", t("ask.delete.forget")),
    el("p", { class: "dim sub", id: "forget-text" }, t("ask.delete.forget.text")),
    choices(t("job.delete"), "danger", { id: "really", disabled: true })], "#typed");
  const typed = document.getElementById("typed");
  typed.addEventListener("input", () => { document.getElementById("really").disabled = typed.value.trim() !== job.id; });
  const answer = await answered;
  return answer && { forget: Boolean(answer.form.get("forget")) };
}

// { token }, which is null when it is to be forgotten; null when nothing is.
export async function askToken() {
  const answer = await dialog([dialogTitle(t("token.title")), el("p", { class: "dim" }, t("token.text")), tokenField(),
    el("p", { class: "bar" }, el("button", { type: "submit", class: "primary" }, t("token.use")),
      hasToken() ? el("button", { type: "submit", value: "forget", formnovalidate: true }, t("token.forget")) : null,
      el("button", { type: "button", "data-cancel": "true" }, t("cancel")))], "#token");
  return answer && { token: answer.button === "forget" ? null : answer.form.get("token").trim() };
}
