// What became of one exchange, by the id on it.

import { get } from "./ask.js";
import { change, clock, el, ending, head } from "./dom.js";
import { facts, passage } from "./exchange.js";

export async function why({ show, signal, rest }) {
  const id = rest[0] ?? "";
  const field = el("input", { id: "id", value: id, class: "mono", autocomplete: "off", spellcheck: "false", required: true });
  const look = (event) => {
    event.preventDefault();
    location.hash = `#/why/${encodeURIComponent(field.value.trim())}`;
  };
  const form = el("form", { class: "panel", onsubmit: look },
    el("label", { for: "id" }, "Request id"),
    el("div", { class: "row" }, el("div", { class: "grow" }, field), el("button", { class: "main" }, "Look")),
    el("p", { class: "hint" }, "Every answer carries it in ", el("code", {}, "x-request-id"), ", and every line of the log in ",
      el("code", {}, "request_id"), "."));
  const found = id ? await told(id, signal) : null;
  show(head("Why", "What became of one exchange, and which rule decided."), el("div", { class: "stack" }, form, found));
}

async function told(id, signal) {
  let seen;
  try {
    seen = await get(`exchanges/${encodeURIComponent(id)}`, signal);
  } catch (error) {
    if (signal.aborted || error.constructor !== Error) throw error;
    return el("div", { class: "notice", role: "status" },
      el("h2", {}, "That one is not kept"),
      el("p", {}, "The last 500 exchanges of each worker are: 400 that were changed, undecided or failed, 100 that passed. ",
        "Of one second at most 100 and 25. The log has them all."));
  }
  const { exchange } = seen;
  return [
    el("section", { class: "panel stack" },
      el("div", { class: "verdict" }, change(exchange.upstream_status, exchange.status), ending(exchange),
        el("span", { class: "mono break" }, `${exchange.method ?? "?"} ${exchange.path ?? ""}`),
        el("span", { class: "quiet small" }, clock(exchange.at))),
      facts(exchange)),
    passage(seen),
  ];
}
