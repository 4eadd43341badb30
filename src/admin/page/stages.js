// What happens to an exchange on its way through an API.

import { el, panel, status } from "./dom.js";

/** What happens on the way through an API, stage by stage. */
export function stages(told, before, about) {
  const { sent, integration_response: chosen, gateway_response: fault, selection, templates, overridden } = told;
  const by = (place) => place && el("p", { class: "small quiet break" }, "Body by the template at ", place);
  const excerpt = (text) => el("pre", { class: "check" }, text === "" ? "nothing" : text);
  const stage = (name, ...content) => el("li", {}, el("p", { class: "name" }, name), content);
  const message = (start, headers, body) => el("pre", { class: "check" }, `${start}\n${headers.map(([name, value]) => `${name}: ${value}\n`).join("")}\n${body}`);
  return panel("Stage by stage", about, el("ol", { class: "way" },
    sent ? stage("Integration request", message(`${sent.method} – ${sent.target}`, sent.headers, sent.body), by(templates?.request))
      : stage("Integration request", el("p", { class: "small quiet" }, "Nothing is sent to a backend.")),
    sent && stage("Endpoint response", el("p", { class: "small" }, status(before.status ?? 200))),
    selection && stage("Selection", el("p", { class: "small" }, "Patterns are held against "), excerpt(selection.subject),
      selection.patterns.map((tried) => el("div", { class: "check" },
        el("p", {}, el("code", {}, tried.pattern), " → ", status(tried.status)),
        el("p", { class: tried.result === "yes" ? "yes" : "quiet" }, tried.result))),
      selection.default && el("p", { class: "small" }, "The default is ", status(selection.default), ".")),
    chosen && stage("Integration response", el("p", { class: "small break" }, chosen.pattern == null ? "the default one" : ["the pattern ", el("code", {}, chosen.pattern)],
      " on ", el("code", {}, chosen.subject), ", status ", status(chosen.status))),
    fault && el("li", { class: "failed" }, el("p", { class: "name" }, `Gateway response ${fault.kind}`), el("p", { class: "small break" }, fault.cause)),
    told.misfits.map((misfit) => el("li", { class: "undecided" }, el("p", { class: "name" }, "Does not fit its model"), el("p", { class: "small break" }, misfit))),
    stage("Method response", el("p", { class: "small" }, status(told.answer.status)), by(templates?.answer),
      overridden?.length ? el("p", { class: "small quiet" }, `By templates: ${overridden.join(", ")}`) : null)));
}
