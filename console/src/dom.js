// Making nodes, and changing a page as little as possible.
//
// Everything is made with createElement and text nodes: nothing that comes from the
// API is ever taken for HTML. The page's policy forbids that altogether.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(9)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child);
  }
  return node;
}

// An element: el("p", { class: "dim" }, "text", anotherElement, [more], null).
export const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);

export const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

// Control characters and those that turn the direction of writing around are shown by
// their number: a name must not look like another one.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

export const visible = text => String(text ?? "").replace(HIDDEN, character =>
  "\\u" + character.charCodeAt(0).toString(16).padStart(4, "0"));

// A foreign text, apart from what stands around it.
export const foreign = (text, attributes) => el("bdi", attributes, visible(text));

// Makes `old` like `next` and keeps every node that can stay, so that focus, selection,
// scrolling and opened details survive a refresh. Children are told apart by data-key.
export function morph(old, next) {
  for (const { name } of [...old.attributes]) {
    if (!next.hasAttribute(name) && !isTheUsers(old, name)) old.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (old.getAttribute(name) !== value && !isTheUsers(old, name)) old.setAttribute(name, value);
  }
  if (["SELECT", "INPUT", "TEXTAREA"].includes(old.tagName)) return;
  morphChildren(old, next);
}

const isTheUsers = (node, name) => (node.tagName === "DETAILS" && name === "open") || (node.tagName === "INPUT" && name === "value");

function morphChildren(old, next) {
  const keyed = new Map();
  for (const child of old.children) {
    if (child.dataset && child.dataset.key !== undefined) keyed.set(child.dataset.key, child);
  }
  let at = old.firstChild;
  for (const wanted of [...next.childNodes]) {
    const key = wanted.dataset && wanted.dataset.key;
    let found = key === undefined ? at : keyed.get(key);
    if (found && key === undefined && found.dataset && found.dataset.key !== undefined) found = null;
    keyed.delete(key);
    if (!found || found.nodeName !== wanted.nodeName) {
      old.insertBefore(wanted, at);
      continue;
    }
    if (found === at) at = at.nextSibling;
    else old.insertBefore(found, at);
    if (found.nodeType === Node.TEXT_NODE) {
      if (found.data !== wanted.data) found.data = wanted.data;
    } else {
      morph(found, wanted);
    }
  }
  while (at) {
    const after = at.nextSibling;
    at.remove();
    at = after;
  }
}

// What a browser may refuse to keep, when it is told to.
export function remember(store, name, value) {
  try {
    if (value === null) window[store].removeItem(name);
    else window[store].setItem(name, value);
  } catch { /* Then it lasts as long as the page. */ }
}

export function recall(store, name) {
  try {
    return window[store].getItem(name);
  } catch {
    return null;
  }
}
