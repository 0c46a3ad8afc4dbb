// The page's own words, in the reader's language. Texts of the database, the plugin and
// Nomad are shown as they came.

import { recall, remember, visible } from "./dom.js";

// Put in by the build: { en: { "key": "text" }, zh: { … } }
const TEXTS = "{{texts}}";

const LANGUAGES = ["en", "zh"];

function preferred() {
  const chosen = recall("localStorage", "dtle-language");
  if (LANGUAGES.includes(chosen)) return chosen;
  for (const wanted of navigator.languages || [navigator.language || ""]) {
    const known = LANGUAGES.find(language => wanted.toLowerCase().split("-")[0] === language);
    if (known) return known;
  }
  return "en";
}

let language = preferred();

export const currentLanguage = () => language;

export function speak(wanted) {
  language = wanted;
  remember("localStorage", "dtle-language", wanted);
  document.documentElement.lang = wanted === "zh" ? "zh-CN" : "en";
}

// A text with its {places} filled. English has a second text, KEY.one, for one of a thing.
export function t(key, values = {}) {
  const one = values.n === 1 ? TEXTS[language][key + ".one"] : undefined;
  const text = one ?? TEXTS[language][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => visible(values[name]));
}

export const isText = key => TEXTS[language][key] !== undefined;

const locale = () => (language === "zh" ? "zh-CN" : "en-GB");

export const number = value => new Intl.NumberFormat(locale()).format(value);

export function clock(ms) {
  return new Intl.DateTimeFormat(locale(), { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(ms);
}

// A time of day, with its date when that is not today's.
export function moment(ms) {
  if (new Date(ms).toDateString() === new Date().toDateString()) return clock(ms);
  return new Intl.DateTimeFormat(locale(), { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(ms);
}

// "3 min", "2 h", "5 d": rounded down.
export function span(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return t("span.s", { n: seconds });
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return t("span.min", { n: minutes });
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return t("span.h", { n: hours });
  return t("span.d", { n: Math.floor(hours / 24) });
}
