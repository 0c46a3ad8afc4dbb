// GTID sets of MySQL: "uuid:1-5:7,uuid:1-3".

// A set as a map from source to sorted, disjoint intervals; null for what is none.
export function parseGtidSet(text) {
  const set = new Map();
  for (const part of String(text ?? "").split(",")) {
    const [source, ...intervals] = part.trim().split(":");
    if (source === "" && intervals.length === 0) continue;
    if (!/^[0-9a-f-]{36}$/i.test(source) || intervals.length === 0) return null;
    const known = set.get(source.toLowerCase()) || [];
    for (const interval of intervals) {
      const match = /^(\d{1,19})(?:-(\d{1,19}))?$/.exec(interval.trim());
      if (!match) return null;
      const from = Number(match[1]);
      const to = Number(match[2] ?? match[1]);
      if (to >= from) known.push([from, to]);
    }
    set.set(source.toLowerCase(), known);
  }
  for (const [source, intervals] of set) set.set(source, merged(intervals));
  return set;
}

function merged(intervals) {
  const result = [];
  for (const [from, to] of intervals.sort((a, b) => a[0] - b[0])) {
    const last = result[result.length - 1];
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else result.push([from, to]);
  }
  return result;
}

export function countGtidSet(set) {
  let count = 0;
  for (const intervals of set.values()) for (const [from, to] of intervals) count += to - from + 1;
  return count;
}

// How many transactions of `read` are not in `applied`. Sources that `read` does not
// name do not count.
export function transactionsBehind(read, applied) {
  let behind = 0;
  for (const [source, intervals] of read) {
    const done = applied.get(source) || [];
    for (const [from, to] of intervals) {
      let missing = to - from + 1;
      for (const [a, b] of done) missing -= Math.max(0, Math.min(to, b) - Math.max(from, a) + 1);
      behind += missing;
    }
  }
  return behind;
}
