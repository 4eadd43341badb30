// The rules in force, and what each has done.

import { get } from "./ask.js";
import { change, count, day, el, head, panel, table } from "./dom.js";

const COLUMNS = [{ name: "Rule" }, { name: "When" }, { name: "Then" }, { name: "Hits", number: true }, { name: "From → to" }];

const SHOWN = 150;

const BY = { signal: "SIGHUP", request: "a request", file: "a changed file" };

export async function rules({ show, signal }) {
  const seen = await get("rules", signal);
  const all = seen.sets.flatMap((set) => set.rules);
  const isUsed = (rule) => rule.decided + rule.shadow + rule.failed > 0;
  const only = el("input", { type: "checkbox", id: "only" });
  const sets = el("div", { class: "stack" });
  const draw = () => sets.replaceChildren(...seen.sets.map((set) => ofSet(set, only.checked ? (rule) => !isUsed(rule) : () => true)));
  only.addEventListener("change", draw);
  draw();
  const never = all.filter((rule) => rule.mode !== "off" && !isUsed(rule)).length;
  show(
    head("Rules", `Loaded ${day(seen.configuration.since)}. ${all.length} rules, ${never} of them never hit.`),
    ofReload(seen.configuration),
    seen.sets.length ? el("div", { class: "stack" },
      el("label", { class: "switch", for: "only" }, only, "Only rules that were never hit"), sets, ofRoutes(seen))
      : el("div", { class: "stack" }, el("p", { class: "panel empty" }, "No rules are in force."), ofRoutes(seen)));
}

/** What became of the last reload; nothing where there was none. */
function ofReload({ generation, last_reload: last }) {
  if (!last) return null;
  const when = `${day(last.at)}, by ${BY[last.trigger]}`;
  if (!last.problems) return el("p", { class: "quiet" }, `Last reload ${when}: generation ${generation} is in force.`);
  return el("section", { class: "panel" },
    el("h2", {}, el("span", { class: "tag warn" }, "refused"), ` Last reload ${when}`),
    el("p", { class: "about" }, `The configuration has problems; generation ${generation} stays in force.`),
    el("pre", { class: "break" }, last.problems));
}

function ofSet(set, admits) {
  const rows = set.rules.filter(admits).map((rule) => [
    el("div", {}, el("p", { class: "mono break" }, rule.rule), el("p", { class: "list" }, tags(rule))),
    condition(rule.when),
    el("span", { class: "small" }, rule.then),
    hits(rule),
    el("div", { class: "list" }, [...rule.matrix].sort((a, b) => b.count - a.count).slice(0, 6)
      .map((cell) => change(cell.from, cell.to, cell.count))),
  ]);
  const edit = el("a", { class: "button", href: `#/playground?set=${encodeURIComponent(set.name)}` },
    "Try out", el("span", { class: "hidden-text" }, ` ${set.name}`));
  return el("section", { class: "panel" },
    el("div", { class: "row spread" }, el("h2", { class: "mono" }, set.name), edit),
    el("p", { class: "about" }, `Tried from first to last. When none matches: ${set.default}.`),
    rows.length ? wide(table(`Rules of ${set.name}`, COLUMNS, rows)) : el("p", { class: "quiet" }, "Every rule was hit."));
}

/** A condition; of a long one its beginning, until somebody wants to see it all. */
function condition(text) {
  if (text.length <= SHOWN) return el("code", { class: "break" }, text);
  const whole = el("details", { class: "more" },
    el("summary", {}, el("code", { class: "break" }, `${text.slice(0, SHOWN)}…`)), el("code", { class: "break" }, text));
  return whole;
}

function tags(rule) {
  const isUsed = rule.decided + rule.shadow + rule.failed > 0;
  return [
    rule.mode === "shadow" && el("span", { class: "tag info" }, "shadow"),
    rule.mode === "off" && el("span", { class: "tag" }, "off"),
    !isUsed && rule.mode !== "off" && el("span", { class: "tag warn" }, "never hit"),
  ];
}

function wide(region) {
  region.classList.add("of-rules");
  return region;
}

function hits(rule) {
  const parts = [[rule.decided, "enforced"], [rule.shadow, "in shadow"], [rule.failed, "failed"]].filter(([times]) => times);
  if (!parts.length) return el("span", { class: "quiet" }, "0");
  return parts.map(([times, word]) => el("p", {}, count(times), el("span", { class: "quiet small" }, ` ${word}`)));
}

function ofRoutes(seen) {
  const columns = [{ name: "Route" }, { name: "Methods" }, { name: "Upstream" }, { name: "Rule set" }];
  const rows = seen.routes.map((route) => [
    el("span", { class: "mono break" }, route.route), route.methods.join(", ") || "all", route.upstream ?? "–",
    route.rule_set ?? "none",
  ]);
  const api = seen.api ? "Requests that no route takes go through the API Gateway definition." : null;
  return panel("Routes", api, rows.length ? table("Routes", columns, rows) : el("p", { class: "quiet" }, "There are no routes."));
}
