// Rules tried out on an answer. What is edited here stays here: nothing that is served changes.

import { get, post } from "./ask.js";
import { change, el, failure, head, panel, status, verdict } from "./dom.js";
import { comparisons, way } from "./exchange.js";
import { SAMPLES } from "./samples.js";
import { stages } from "./stages.js";

const BY_ROUTE = "";
const NEW = "(new)";
const DEFINITION = "(definition)";
const PATIENCE = 350;
const EXAMPLE = "rules:\n  - name: no-such-order\n    when: { status: 200, json: $.statusCode, matches: '4\\d{2}' }\n    then: { status: { from: $.statusCode }, body: problem }\n";

export async function playground({ show, signal, query }) {
  const { sets, templates, definition } = await get("rules", signal);
  const field = (id, label, input, hint) => el("div", {}, el("label", { for: id }, label), input, hint && el("p", { class: "hint" }, hint));
  const area = (id, rows, text) => Object.assign(el("textarea", { id, rows, spellcheck: "false", autocomplete: "off", wrap: "off" }), { value: text });

  const method = el("select", { id: "method" }, ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].map((name) => el("option", {}, name)));
  const path = el("input", { id: "path", class: "mono", value: query.get("path") ?? "/orders/17", autocomplete: "off", spellcheck: "false" });
  const more = area("more", 2, "");
  const sample = el("select", { id: "sample" }, el("option", { value: "" }, "Pick one…"), SAMPLES.map((each, index) => el("option", { value: index }, each.name)));
  const answer = area("answer", 9, SAMPLES[0].text);
  const which = el("select", { id: "set" }, el("option", { value: BY_ROUTE }, "Those of the route"),
    sets.map((set) => el("option", { value: set.name }, set.name)), el("option", { value: NEW }, "New ones"),
    definition ? el("option", { value: DEFINITION }, "The API Gateway definition") : []);
  const text = area("rules", 12, "");
  const files = templateFiles(templates, { field, area, changed: () => later() });
  const editor = el("div", { class: "stack" });
  const result = el("div", { class: "stack", "aria-live": "polite" });
  const reasons = el("div", { class: "stack" });
  const keep = keeper((name) => post("case", trial(name), signal));
  if (query.get("method")) method.value = query.get("method");
  which.value = query.get("set") ?? BY_ROUTE;
  if (which.selectedIndex < 0) which.value = BY_ROUTE;

  let defined = null;
  const original = () => which.value === NEW ? EXAMPLE : which.value === DEFINITION ? defined : sets.find((set) => set.name === which.value)?.text ?? null;
  const trial = (name) => {
    const asked = { method: method.value, path: path.value || "/" };
    const headers = fields(more.value);
    if (Object.keys(headers).length) asked.headers = headers;
    const value = { request: asked, upstream: saved(answer.value) };
    if (which.value === BY_ROUTE) return { ...value, name };
    if (which.value === DEFINITION) return { ...value, name, definition: text.value };
    const isEdited = original() !== null && text.value !== original();
    if (which.value !== NEW) value.rule_set = which.value;
    if (which.value === NEW || isEdited) value.rules = text.value;
    const changed = files.changed();
    if (Object.keys(changed).length) value.templates = changed;
    return { ...value, name };
  };

  let running = new AbortController();
  const run = async () => {
    running.abort();
    running = new AbortController();
    const own = running.signal;
    keep.forget();
    try {
      const given = trial();
      const told = await post("evaluate", given, own);
      if (own.aborted) return;
      result.replaceChildren(...(told.problems ? problems(told.problems) : [outcome(told, given)]));
      reasons.replaceChildren(...(told.problems ? [] : why(told, given)));
      keep.panel.hidden = Boolean(told.problems);
    } catch (error) {
      if (own.aborted) return;
      result.replaceChildren(failure(error));
      reasons.replaceChildren();
    }
  };
  let soon;
  const later = () => {
    clearTimeout(soon);
    soon = setTimeout(run, PATIENCE);
  };
  const chooseSet = async () => {
    const chosen = which.value;
    try {
      if (chosen === DEFINITION) defined ??= (await get("definition", signal)).text;
    } catch (error) {
      if (!signal.aborted) result.replaceChildren(failure(error));
      return;
    }
    if (which.value !== chosen) return;
    const begin = original();
    const named = sets.find((set) => set.name === which.value)?.templates ?? [];
    text.value = begin ?? "";
    files.begin(named[0]);
    const back = el("button", { type: "button", onclick: () => { text.value = original(); files.begin(named[0]); run(); } }, "Back to those in force");
    editor.replaceChildren(...(begin === null ? [] : [
      which.value === DEFINITION ? field("rules", `Definition ${definition}`, text, "All of it, its mapping templates among it. Editing changes nothing that is served.")
        : field("rules", which.value === NEW ? "Rules" : `Rule set ${which.value}`, text, "YAML, as in a rule set of the configuration. Editing changes nothing that is served."),
      which.value === DEFINITION ? "" : files.part,
      which.value === NEW ? "" : el("div", {}, back)]));
    run();
  };
  which.addEventListener("change", chooseSet);
  sample.addEventListener("change", () => {
    if (sample.value !== "") answer.value = SAMPLES[sample.value].text;
    run();
  });
  method.addEventListener("change", run);
  for (const input of [path, more, answer, text]) input.addEventListener("input", later);
  signal.addEventListener("abort", () => {
    clearTimeout(soon);
    running.abort();
  });

  const form = el("form", { class: "stack", onsubmit: (event) => { event.preventDefault(); run(); } },
    el("section", { class: "panel stack" }, el("h2", {}, "Request"),
      el("div", { class: "fields" }, field("method", "Method", method), field("path", "Path", path)),
      el("details", {}, el("summary", {}, "Headers"), field("more", "Headers, one a line", more, "name: value"))),
    el("section", { class: "panel stack" }, el("h2", {}, "What the upstream answers"),
      field("sample", "Begin with", sample),
      field("answer", "Status line, headers, an empty line, body", answer, "As curl -i prints it.")),
    el("section", { class: "panel stack" }, el("h2", {}, "Rules"), field("set", "Rules to meet", which), editor,
      el("div", { class: "row" }, el("button", { class: "main" }, "Try"), el("span", { class: "quiet small" }, "It is tried as you type, too."))));
  show(head("Playground", "What rules make of an answer. Nothing here changes what is served."),
    el("div", { class: "bench" }, form, el("div", { class: "stack" }, result, keep.panel, reasons)));
  chooseSet();
}

/** `name: value` lines as an object; of a name that comes again, all its values. */
function fields(text) {
  const headers = {};
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon < 1) continue;
    const [name, value] = [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
    headers[name] = name in headers ? [headers[name], value].flat() : value;
  }
  return headers;
}

/** An answer as `curl -i` prints it; what is no status line and headers is a body. */
function saved(text) {
  const begin = /^HTTP\/[\d.]+ +(\d{3})[^\n]*\n/.exec(text.replaceAll("\r\n", "\n"));
  if (!begin) return { body: text };
  const rest = text.replaceAll("\r\n", "\n").slice(begin[0].length);
  const end = rest.startsWith("\n") ? 0 : rest.indexOf("\n\n");
  const head = end < 0 ? rest : rest.slice(0, end);
  const body = end < 0 ? "" : rest.slice(end + (end === 0 ? 1 : 2));
  const { "content-length": _length, "transfer-encoding": _coding, ...headers } = fields(head);
  return { status: Number(begin[1]), headers, body: body.replace(/\n$/, "") };
}

function problems(all) {
  return [el("section", { class: "panel", role: "alert" }, el("h2", {}, all.length === 1 ? "There is a mistake" : `There are ${all.length} mistakes`),
    el("p", { class: "about" }, "Nothing was tried."),
    all.map((problem) => el("div", { class: "problem" }, el("p", {}, place(problem), problem.message),
      problem.help && el("p", { class: "small" }, problem.help))))];
}

/** Where a mistake is, if that is in something that is edited here. */
function place({ file, line }) {
  if (!line || file === "trial") return null;
  return el("strong", {}, ["rules", "definition"].includes(file) ? `Line ${line}: ` : `${file}, line ${line}: `);
}

/** The template files that the configuration names, one at a time, and what is changed in their texts. */
function templateFiles(templates, { field, area, changed }) {
  const texts = new Map();
  const inForce = (file) => templates.find((template) => template.file === file).text;
  const which = el("select", { id: "template" }, el("option", { value: "" }, "Pick one…"), templates.map(({ file }) => el("option", { value: file }, file)));
  const text = area("template-text", 8, "");
  const editor = el("div");
  const show = () => {
    const file = which.value;
    if (file) text.value = texts.get(file) ?? inForce(file);
    editor.replaceChildren(...(file ? [field("template-text", `Text of ${file}`, text, "It is read so while you try things out; the file stays as it is.")] : []));
  };
  which.addEventListener("change", show);
  text.addEventListener("input", () => {
    texts.set(which.value, text.value);
    changed();
  });
  return {
    part: templates.length ? el("div", { class: "stack" },
      field("template", "Template file", which, ["Rules may name any of them: ", el("code", {}, "template: { file: … }"), ". No other file is read."]), editor) : "",
    begin: (file) => {
      texts.clear();
      which.value = file ?? "";
      show();
    },
    changed: () => Object.fromEntries([...texts].filter(([file, text]) => text !== inForce(file))),
  };
}

function outcome(told, given) {
  const before = given.upstream;
  const { answer } = told;
  return el("section", { class: "panel stack" },
    el("div", { class: "verdict" }, change(before.status ?? 200, answer.status),
      told.through === "api" ? el("span", { class: "tag info" }, "through the API") : told.verdict === null ? el("span", { class: "tag bad" }, "refused") : verdict(told.verdict),
      told.rule && el("span", { class: "mono break" }, told.rule)),
    told.reason && el("p", {}, told.reason),
    (told.shadows ?? []).map((shadow) => el("p", {}, el("span", { class: "tag info" }, "shadow"), " ", el("span", { class: "mono" }, shadow.rule), " would send ", status(shadow.status))),
    el("div", {}, el("h3", {}, "What the client gets"), response(answer, before)));
}

/** How it came about. */
function why(told, given) {
  return [
    told.through === "api" ? stages(told, given.upstream) : null,
    told.trace?.length ? panel("Every comparison", "What each rule looked at; marked is what matched or, where a pattern stopped, what still fitted.", way(told.trace, comparisons)) : null,
  ].filter(Boolean);
}

/** The answer as text, with what is new in it marked. */
function response(answer, before) {
  const had = new Map(Object.entries(before.headers ?? {}).map(([name, value]) => [name, [value].flat().join("\n")]));
  const lines = [el("span", { class: answer.status === (before.status ?? 200) ? null : "new" }, `HTTP/1.1 ${answer.status} ${answer.reason}`), "\n"];
  for (const [name, value] of answer.headers) {
    const isNew = name !== "content-length" && !(had.get(name) ?? "\0").split("\n").includes(value);
    lines.push(el("span", { class: isNew ? "new" : null }, `${name}: ${value}`), "\n");
  }
  const names = new Set(answer.headers.map(([name]) => name));
  for (const [name, value] of had) if (!names.has(name)) lines.push(el("span", { class: "gone" }, `${name}: ${value}`), "\n");
  const body = answer.body ?? `${answer.body_base64} (base64)`;
  return el("pre", { class: "message", tabindex: "0", "aria-label": "The final response" }, lines, "\n", el("span", { class: body === before.body ? null : "new" }, body));
}

/** Keeps what came out as a case for `candor test`. */
function keeper(keep) {
  const name = el("input", { id: "case-name", value: "a case from the playground", autocomplete: "off" });
  const out = el("div", { class: "stack", "aria-live": "polite" });
  const save = async (event) => {
    event.preventDefault();
    try {
      const told = await keep(name.value);
      out.replaceChildren(...(told.problems ? problems(told.problems) : written(told.text, name.value)));
    } catch (error) {
      out.replaceChildren(failure(error));
    }
  };
  const panel = el("section", { class: "panel stack", hidden: true },
    el("h2", {}, "Keep it as a test case"),
    el("form", { class: "stack", onsubmit: save },
      el("div", {}, el("label", { for: "case-name" }, "The fact it states"), name),
      el("div", {}, el("button", {}, "Write the case"))), out);
  return { panel, forget: () => out.replaceChildren() };
}

function written(text, name) {
  const file = `${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-|-$/g, "") || "case"}.yaml`;
  const url = URL.createObjectURL(new Blob([text], { type: "application/yaml" }));
  return [
    el("pre", { class: "message", id: "case", tabindex: "0", "aria-label": "The case" }, text),
    el("div", { class: "row" }, el("a", { class: "button", href: url, download: file }, "Save"),
      el("span", { class: "quiet small" }, "Then: ", el("code", {}, `candor test ${file}`)))];
}
