// Elements and the small parts that views share. Text is always put in as text.

export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return element;
}

export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.flat(Infinity).filter((child) => child != null));
  return element;
}

/** The heading of a view, which gets the focus when the view is opened. */
export function head(title, ...about) {
  return el("div", { class: "head" }, el("h1", { tabindex: "-1" }, title), about.length ? el("p", {}, about) : null);
}

export function panel(title, about, ...content) {
  return el("section", { class: "panel" }, el("h2", {}, title), about && el("p", { class: "about" }, about), content);
}

export function status(code) {
  const kind = code ? `s${Math.floor(code / 100)}` : "s0";
  return el("span", { class: `status ${kind}` }, code ?? "none");
}

/** From one status to another, perhaps with how often. */
export function change(from, to, times) {
  return el("span", { class: "change" },
    status(from), el("span", { class: "arrow", "aria-label": "to" }, "→"), status(to),
    times == null ? null : el("span", { class: "times" }, `× ${count(times)}`));
}

const VERDICTS = {
  pass: ["", "passed"], rewrite: ["good", "changed"], undecided: ["warn", "undecided"], failed: ["bad", "failed"],
};

export function verdict(word) {
  const [kind, text] = VERDICTS[word] ?? ["bad", "no answer"];
  return el("span", { class: `tag ${kind}` }, text);
}

/** What became of an exchange, through rules or an API. */
export function ending(seen) {
  if (!seen.by_api) return verdict(seen.verdict);
  if (seen.gateway_response) return el("span", { class: "tag bad" }, seen.gateway_response);
  return el("span", { class: "tag info" }, "through the API");
}

export function failure(error) {
  return el("div", { class: "notice bad", role: "alert" },
    el("h2", {}, "That did not work"), el("p", {}, error.message));
}

export function table(caption, columns, rows) {
  const cell = (value, column) => el("td", { class: column.number ? "number" : null }, value);
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", {},
      el("caption", { class: "hidden-text" }, caption),
      el("thead", {}, el("tr", {}, columns.map((column) =>
        el("th", { scope: "col", class: column.number ? "number" : null }, column.name)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map((value, index) => cell(value, columns[index])))))));
}

export function count(number) {
  return number >= 1e6 ? `${(number / 1e6).toFixed(number >= 1e7 ? 0 : 1)} M`
    : number >= 1e4 ? `${(number / 1e3).toFixed(number >= 1e5 ? 0 : 1)} k` : String(number);
}

export function milliseconds(time) {
  if (time == null) return "–";
  if (time >= 10_000) return `${(time / 1000).toFixed(0)} s`;
  if (time >= 1000) return `${(time / 1000).toFixed(1)} s`;
  return `${time >= 100 ? time.toFixed(0) : time >= 10 ? time.toFixed(1) : time.toFixed(2)} ms`;
}

export function clock(at) {
  return new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
}

export function day(at) {
  return new Date(at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

export function percent(part, whole) {
  if (!whole) return "0 %";
  const ratio = (100 * part) / whole;
  return `${ratio > 0 && ratio < 0.1 ? "< 0.1" : ratio.toFixed(ratio < 10 ? 1 : 0)} %`;
}
