// The cluster: asked when the page is opened, and on a click.

import { el, foreign } from "./dom.js";
import { t } from "./texts.js";
import { button, heading, note, shape } from "./parts.js";

export const MOST_NODES = 50;

export function clusterView(state) {
  const cluster = state.cluster;
  if (!cluster) return [heading(t("cluster.title")), el("p", { class: "dim" }, t("cluster.loading"))];
  return [
    el("div", { class: "jobhead" }, heading(t("cluster.title")), el("div", { class: "actions" }, button("cluster", t("cluster.again"), state.asking ? { disabled: true } : {}))),
    reach(state, cluster),
    servers(cluster),
    nodes(cluster),
  ];
}

const failed = answer => note("bad", el("p", { class: "said" }, answer.status === 0 ? t("lost.never") : t("cluster.failed", answer)));

function reach(state, { leader, health }) {
  const took = leader.ms === undefined ? null : el("span", { class: "dim" }, " · ", t("cluster.took", { ms: Math.round(leader.ms) }));
  const name = typeof leader.json === "string" ? leader.json : "";
  const says = leader.status === 200 ? (name ? t("cluster.leader", { leader: name }) : t("cluster.noleader"))
    : leader.status === 0 ? t("lost.never") : t("cluster.failed", leader);
  const good = leader.status === 200 && name !== "";
  const mark = good => el("span", { class: `badge s-${good ? "running" : "failed"}` }, shape(good ? "running" : "failed"));
  return el("section", { class: "panel" }, el("h2", {}, t("cluster.reach")), el("dl", { class: "pairs" },
    el("div", {}, el("dt", {}, t("cluster.nomad")), el("dd", {}, mark(good), " ", foreign(says), took)),
    el("div", {}, el("dt", {}, t("cluster.consul")), el("dd", {}, consulView(state, health, mark)))));
}

// A gateway on one machine says whether Consul answers; what is deployed does not.
function consulView(state, health, mark) {
  const consul = health.json && health.json.consul;
  if (consul && typeof consul === "object") {
    return consul.ok === true ? [mark(true), " ", t("cluster.consul.good")] : [mark(false), " ", foreign(consul.error)];
  }
  return t([...state.jobs.values()].some(job => job.live) ? "cluster.consul.live" : "cluster.consul.none");
}

function grid(title, columns, rows) {
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title },
    el("table", { class: "plain" }, el("caption", { class: "hidden" }, title),
      el("thead", {}, el("tr", {}, columns.map(name => el("th", { scope: "col" }, t("cluster." + name))))),
      el("tbody", {}, rows.map(cells => el("tr", {}, cells.map((cell, i) => (i === 0 ? el("th", { scope: "row" }, cell) : el("td", {}, cell))))))));
}

// The word that Nomad has for it, with a shape that says whether it is well.
const status = (word, good) => el("span", { class: `badge s-${good ? "running" : "failed"}` }, shape(good ? "running" : "failed"), foreign(word));

function servers({ members, leader }) {
  const list = members.json && Array.isArray(members.json.Members) ? members.json.Members : null;
  return el("section", { class: "panel" }, el("h2", {}, t("cluster.servers")), list === null ? failed(members)
    : grid(t("cluster.servers"), ["name", "address", "status", "version"], list.map(member => {
      const tags = member.Tags || {};
      const isLeader = `${member.Addr}:${tags.port}` === leader.json;
      return [[foreign(member.Name), isLeader ? el("span", { class: "tag" }, t("cluster.isleader")) : null],
        foreign(`${member.Addr}:${tags.port ?? member.Port}`, { class: "mono" }), status(member.Status, member.Status === "alive"), foreign(tags.build)];
    })));
}

function nodes({ nodes: answer, versions }) {
  const list = Array.isArray(answer.json) ? answer.json : null;
  return el("section", { class: "panel" }, el("h2", {}, t("cluster.nodes")), list === null ? failed(answer) : [
    grid(t("cluster.nodes"), ["name", "address", "dc", "status", "plugin"], list.map(node => [
      foreign(node.Name), foreign(node.HTTPAddr, { class: "mono" }), foreign(node.Datacenter),
      [status(node.Status, node.Status === "ready"), node.StatusDescription ? [" ", foreign(node.StatusDescription)] : null],
      versions.get(node.ID) ? foreign(versions.get(node.ID)) : el("span", { class: "dim" }, t("cluster.plugin.none"))])),
    list.length > MOST_NODES ? el("p", { class: "dim" }, t("cluster.more", { n: MOST_NODES })) : null]);
}
