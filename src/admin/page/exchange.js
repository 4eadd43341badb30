// One exchange: its facts, and its way through the rules or an API.

import { clock, el, milliseconds, panel, status } from "./dom.js";
import { stages } from "./stages.js";

export function facts(seen) {
  const rows = [
    ["Began", clock(seen.at)],
    ["Request id", el("a", { class: "mono", href: `#/why/${encodeURIComponent(seen.request_id)}` }, seen.request_id)],
    ["Trace id", seen.trace_id], ["Client", seen.client], ["Route", seen.route], ["Upstream", seen.upstream],
    ["Rule set", seen.rule_set], ["Rule", seen.rule], ["Reason", seen.reason], ["Error", seen.error],
    ["Integration response", seen.integration_response], ["Gateway response", seen.gateway_response],
    ["To the upstream's head", seen.upstream_ms == null ? null : milliseconds(seen.upstream_ms)],
    ["To the end", milliseconds(seen.total_ms)],
    ["Held", seen.held_bytes == null ? null : `${seen.held_bytes} bytes for ${milliseconds(seen.held_ms)}`],
    ["Sent", `${seen.sent_bytes} bytes`], ["Tries", seen.attempts > 1 ? seen.attempts : null],
  ];
  const shadows = seen.shadows.map((shadow) => el("p", {}, shadow.rule, " would send ", status(shadow.status)));
  if (shadows.length) rows.push(["In shadow", shadows]);
  return el("dl", { class: "facts" }, rows.filter(([, value]) => value != null && value !== "").map(([name, value]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

const KINDS = {
  "fired": ["fired", "good"], "failed": ["failed", "bad"], "would fire (shadow)": ["shadow", "info"],
  "undecided": ["undecided", "warn"], "no match, or undecided": ["undecided", "warn"],
  "not reached": ["later", ""], "off": ["later", ""],
};

/** The rules in their order with what became of each; `more` adds what is known of a step. */
export function way(steps, more = () => null) {
  const item = (step) => {
    const [kind, tag] = KINDS[step.result] ?? ["", ""];
    const name = [el("span", { class: "name" }, step.rule), " ", el("span", { class: `tag ${tag}` }, step.result)];
    const failed = (step.checks ?? []).find((check) => check.holds === false);
    // A rule that did not match is told in a line; more of it is there for those who ask.
    const inside = [
      step.note && el("p", { class: "small" }, step.note),
      step.when && el("p", { class: "small quiet break" }, "when ", el("code", {}, step.when), step.then && [", then ", step.then]),
      more(step)];
    if (step.result === "no match" && (failed || step.when)) {
      const why = failed && `${failed.subject} ${failed.note ?? (failed.found ? `is ${failed.found}` : "does not fit")}`;
      return el("li", {}, el("details", { class: "more" },
        el("summary", {}, name, " ", why && el("span", { class: "small quiet break" }, why)), inside));
    }
    return el("li", { class: kind }, el("div", { class: "row" }, name), inside);
  };
  const later = (step) => step.result === "not reached" || step.result === "off";
  const asked = steps.filter((step) => !later(step));
  const rest = steps.filter(later);
  return [
    el("ol", { class: "way" }, asked.map(item)),
    rest.length ? el("details", {}, el("summary", {}, `${rest.length} not reached`), el("ol", { class: "way" }, rest.map(item))) : null,
  ];
}

const SIGNS = { true: ["yes", "holds"], false: ["no", "does not hold"], null: ["unknown", "not known"] };

/** Every comparison of a step, with the part that matched marked. */
export function comparisons(step) {
  return (step.checks ?? []).map((check) => {
    const [sign, word] = SIGNS[check.holds];
    const { excerpt } = check;
    return el("div", { class: "check" },
      el("p", {}, el("span", { class: sign }, word), el("span", { class: "test" }, `${check.subject} ${check.test}`)),
      excerpt ? el("pre", {}, excerpt.before, excerpt.marked ? el("mark", {}, excerpt.marked) : null, excerpt.after) : null,
      check.note && el("p", { class: "quiet" }, check.note));
  });
}

/** What became of an exchange on its way: with what each rule found in it, or an API did, where it was captured, else without. */
export function passage({ exchange, way: steps, captured }) {
  if (captured) {
    const { status: code, headers, body, cut, trace, api } = captured;
    const lines = headers.map(([name, value]) => `${name}: ${value}\n`).join("");
    return [
      api && stages(api, { status: code }, "What the definition of now makes of the captured request and answer."),
      trace?.length ? panel("Every comparison", "What each rule of now finds in the captured answer; marked is what matched or, where a pattern stopped, what still fitted.", way(trace, comparisons)) : null,
      panel("What the upstream answered", `As it was captured, secrets redacted${cut ? "; the end of the body is missing" : ""}.`,
        el("pre", { class: "message", tabindex: "0", "aria-label": "The captured answer" }, `HTTP/1.1 ${code}\n${lines}\n${body}`)),
    ];
  }
  const again = new URLSearchParams({ method: exchange.method ?? "GET", path: exchange.path ?? "/" });
  if (exchange.by_api) {
    return panel("Its way through the API",
      ["Bodies are kept by captures alone, so its stages are not known. Paste an answer like it into the ",
        el("a", { href: `#/playground?${again}` }, "playground"), " to see them."]);
  }
  return steps.length ? panel("Its way through the rules",
    ["Bodies are kept by captures alone, so what each rule found in this one is not known. Paste an answer like it into the ",
      el("a", { href: `#/playground?${again}` }, "playground"), " to see every comparison."], way(steps)) : null;
}
