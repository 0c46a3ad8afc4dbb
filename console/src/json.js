// JSON with the places of its values, so that a fault can be shown beside its line.

const DEEPEST = 64;

// { value, places } or { fault, line, column }. `places` maps paths such as
// Tasks[0].Config to { line, from, to }, lines counted from 1, offsets into the text.
export function parseJson(text) {
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  const places = new Map();
  let line = 1;
  let lineStart = 0;

  class Fault extends Error {}
  const fail = why => { throw new Fault(why); };
  const space = () => {
    for (; at < text.length && " \t\r\n".includes(text[at]); at++) {
      if (text[at] === "\n") { line++; lineStart = at + 1; }
    }
  };
  const string = () => {
    const from = at;
    for (at++; text[at] !== '"'; at++) {
      if (at >= text.length || text[at] === "\n") fail("json.string");
      if (text[at] === "\\") at++;
    }
    at++;
    try {
      return JSON.parse(text.slice(from, at));
    } catch {
      at = from;
      return fail("json.string");
    }
  };
  const value = (path, depth) => {
    if (depth > DEEPEST) fail("json.deep");
    space();
    const place = { line, from: at, to: at };
    places.set(path, place);
    let result;
    if (text[at] === "{") {
      result = Object.create(null);
      at++;
      space();
      if (text[at] === "}") at++;
      else for (;;) {
        space();
        if (text[at] !== '"') fail(at >= text.length ? "json.early" : "json.name");
        const [nameLine, nameAt, nameStart] = [line, at, lineStart];
        const name = string();
        const inner = path === "" ? name : `${path}.${name}`;
        if (name in result) { [line, at, lineStart] = [nameLine, nameAt, nameStart]; fail("json.twice"); }
        space();
        if (text[at] !== ":") fail(at >= text.length ? "json.early" : "json.colon");
        at++;
        result[name] = value(inner, depth + 1);
        // A key's line is where its name stands.
        places.get(inner).line = nameLine;
        if (next("}")) break;
      }
    } else if (text[at] === "[") {
      result = [];
      at++;
      space();
      if (text[at] === "]") at++;
      else for (;;) {
        result.push(value(`${path}[${result.length}]`, depth + 1));
        if (next("]")) break;
      }
    } else if (text[at] === '"') {
      result = string();
    } else {
      const match = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w.])/.exec(text.slice(at, at + 400));
      if (!match) fail(at >= text.length ? "json.early" : "json.value");
      result = JSON.parse(match[0]);
      at += match[0].length;
    }
    place.to = at;
    return result;
  };
  const next = end => {
    space();
    if (text[at] === end) { at++; return true; }
    if (text[at] !== ",") fail(at >= text.length ? "json.early" : "json.comma");
    at++;
    return false;
  };

  try {
    const result = value("", 0);
    space();
    if (at < text.length) fail("json.after");
    return { value: result, places };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { fault: error.message, line, column: at - lineStart + 1 };
  }
}

// The leaves of a value by path; empty objects and arrays are leaves.
export function leaves(value, path = "", found = new Map()) {
  const entries = Array.isArray(value) ? value.map((item, index) => [`${path}[${index}]`, item])
    : value !== null && typeof value === "object"
      ? Object.entries(value).map(([name, item]) => [path === "" ? name : `${path}.${name}`, item]) : null;
  if (!entries || entries.length === 0) found.set(path, value);
  else for (const [inner, item] of entries) leaves(item, inner, found);
  return found;
}
