// What happened since the start, and how it goes now.

import { get } from "./ask.js";
import { flow, histogram, legend, timeline } from "./charts.js";
import { change, count, day, el, failure, head, milliseconds, panel, percent, table } from "./dom.js";

const AGAIN = 2000;

export async function overview({ show, signal }) {
  const body = el("div");
  const about = el("span");
  const draw = (seen) => {
    about.textContent = `Since ${day(seen.since)}`;
    body.replaceChildren(...picture(seen));
  };
  draw(await get("overview", signal));
  show(head("Overview", about), body);
  const again = async () => {
    if (signal.aborted) return;
    try {
      if (!document.hidden) draw(await get("overview", signal));
    } catch (error) {
      if (signal.aborted) return;
      body.replaceChildren(failure(error));
    }
    setTimeout(again, AGAIN);
  };
  setTimeout(again, AGAIN);
}

function picture(seen) {
  if (!seen.requests) return [nothing(seen)];
  const rate = seen.history.steps.at(-1);
  const perSecond = rate ? (rate.requests * 1000) / seen.history.step_ms : 0;
  return [el("div", { class: "grid" },
    figure("Requests", count(seen.requests), `${Number(perSecond.toFixed(1))} a second now`),
    figure("Errors brought to light", count(seen.hidden), `${percent(seen.hidden, seen.requests)} of requests: called fine by the upstream`),
    figure("Undecided", count(seen.verdicts.undecided),
      seen.undecided.map(({ reason, count: times }) => `${reason}: ${times}`).join(", ") || "every answer could be decided"),
    figure("Half took up to", milliseconds(seen.took_ms.p50), `99 of 100: ${milliseconds(seen.took_ms.p99)}`),
    wide("two-thirds", panel("Requests a second", null, legend(), timeline(seen.history))),
    wide("third", verdicts(seen)),
    wide("half", panel("What was said, and what was sent", "Bands grow with the root of how often.", flow(seen.matrix))),
    wide("half", panel("How long exchanges took", "From the request's head to the end of the answer.", histogram(seen.took_ms))),
    routes(seen.routes))];
}

function nothing(seen) {
  return el("div", { class: "panel empty" },
    el("h2", {}, "No requests yet"),
    el("p", {}, "Send one through Candor, and it shows here:"),
    el("p", {}, el("code", {}, `curl -i http://${seen.listen}/`)));
}

function figure(name, value, note) {
  return el("div", { class: "panel quarter" },
    el("p", { class: "figure-label" }, name), el("p", { class: "figure" }, value), el("p", { class: "figure-note" }, note));
}

function wide(width, section) {
  section.classList.add(width);
  return section;
}

const WORDS = [
  ["pass", "Passed as they came"], ["rewrite", "Changed by a rule"], ["undecided", "Undecided"],
  ["failed", "A rule failed"], ["none", "No rule was asked: an API, or no answer"],
];

function verdicts(seen) {
  const rows = WORDS.filter(([word]) => seen.verdicts[word] || word === "pass" || word === "rewrite").map(([word, text]) =>
    [text, count(seen.verdicts[word]), percent(seen.verdicts[word], seen.requests)]);
  return panel("What was decided", null,
    table("What was decided", [{ name: "Verdict" }, { name: "Count", number: true }, { name: "Part", number: true }], rows));
}

function routes(all) {
  const columns = [{ name: "Route" }, { name: "Requests", number: true }, { name: "Brought to light", number: true },
    { name: "p50", number: true }, { name: "p99", number: true }, { name: "From → to" }];
  const rows = [...all].sort((a, b) => b.requests - a.requests).map((route) => [
    el("span", { class: "mono whole" }, route.route || "no route"),
    count(route.requests),
    `${count(route.hidden)} (${percent(route.hidden, route.requests)})`,
    milliseconds(route.took_ms.p50), milliseconds(route.took_ms.p99),
    el("div", { class: "list" }, [...route.matrix].sort((a, b) => b.count - a.count).slice(0, 8)
      .map((cell) => change(cell.from, cell.to, cell.count))),
  ]);
  return panel("Routes", null, table("Routes", columns, rows));
}
