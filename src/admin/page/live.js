// Exchanges as they come.

import { get, listen, Unauthorized } from "./ask.js";
import { change, clock, el, ending, failure, head, milliseconds } from "./dom.js";
import { facts, passage } from "./exchange.js";

const KEPT = 300;

export async function live({ show, signal }) {
  const which = el("select", { id: "which" },
    el("option", { value: "rewrite,undecided,failed,none" }, "Changed, undecided, failed"),
    el("option", { value: "undecided,failed,none" }, "Undecided and failed"),
    el("option", { value: "" }, "All"));
  const code = el("input", { id: "code", inputmode: "numeric", maxlength: 3, placeholder: "any", autocomplete: "off" });
  const text = el("input", { id: "text", type: "search", placeholder: "path, rule, id, reason", autocomplete: "off" });
  const pause = el("button", { type: "button", "aria-pressed": "false" }, "Pause");
  const clear = el("button", { type: "button" }, "Clear");
  const note = el("p", { class: "quiet small", role: "status" });
  const list = el("ul", { class: "tail", "aria-label": "Exchanges, the newest first" });
  const empty = el("p", { class: "empty" });
  let waiting = [];
  let paused = false;
  let ending = new AbortController();

  const tellState = () => {
    note.textContent = paused ? `Paused; ${waiting.length} waiting` : "";
    empty.textContent = "Nothing yet. What fits the filter shows here as it happens.";
    empty.hidden = list.children.length > 0;
  };
  const add = (seen) => {
    list.prepend(item(seen, signal));
    while (list.children.length > KEPT) list.lastChild.remove();
  };
  const take = (seen) => {
    if (paused) waiting.push(seen);
    else add(seen);
    if (waiting.length > KEPT) waiting.shift();
    tellState();
  };
  const restart = async () => {
    ending.abort();
    ending = new AbortController();
    const mine = ending;
    const query = new URLSearchParams({ verdict: which.value, status: code.value, text: text.value, last: 100 });
    list.replaceChildren();
    waiting = [];
    tellState();
    while (!mine.signal.aborted) {
      try {
        await listen(`live?${query}`, mine.signal, take);
      } catch (error) {
        if (mine.signal.aborted) return;
        if (error instanceof Unauthorized) return show(failure(error));
      }
      note.textContent = "The connection was lost; trying again.";
      query.set("last", 0);
      await new Promise((done) => setTimeout(done, 2000));
    }
  };
  signal.addEventListener("abort", () => ending.abort());
  let soon;
  const later = () => {
    clearTimeout(soon);
    soon = setTimeout(restart, 250);
  };
  which.addEventListener("change", restart);
  for (const input of [code, text]) input.addEventListener("input", later);
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", paused);
    pause.textContent = paused ? "Resume" : "Pause";
    if (!paused) waiting.splice(0).forEach(add);
    tellState();
  });
  clear.addEventListener("click", () => {
    list.replaceChildren();
    tellState();
  });
  // Asked first, so that a token that is needed is asked for.
  await get("exchanges?last=0", signal);
  show(head("Live"),
    el("section", { class: "panel stack" },
      el("div", { class: "fields" },
        el("div", {}, el("label", { for: "which" }, "Show"), which),
        el("div", {}, el("label", { for: "code" }, "Status begins with"), code),
        el("div", {}, el("label", { for: "text" }, "Has the text"), text),
        el("div", { class: "row" }, pause, clear)),
      note, list, empty));
  restart();
}

function item(seen, signal) {
  const row = el("li");
  const button = el("button", { type: "button", class: "exchange", "aria-expanded": "false" },
    el("span", { class: "time quiet small" }, clock(seen.at)),
    el("span", { class: "what mono" }, `${seen.method ?? "?"} ${seen.path ?? "a request that could not be read"}`),
    change(seen.upstream_status, seen.status),
    el("span", { class: "by small break" }, seen.rule ? el("span", { class: "mono" }, seen.rule) : ending(seen),
      seen.reason ? ` ${seen.reason}` : "", seen.error && !seen.reason ? ` ${seen.error}` : ""),
    el("span", { class: "took number small quiet" }, milliseconds(seen.total_ms)));
  button.addEventListener("click", async () => {
    const isOpen = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", !isOpen);
    row.querySelector(".detail")?.remove();
    if (isOpen) return;
    const detail = el("div", { class: "detail stack" }, facts(seen));
    row.append(detail);
    try {
      const told = await get(`exchanges/${encodeURIComponent(seen.request_id)}`, signal);
      detail.append(el("div", { class: "stack" }, passage(told)));
    } catch {
      detail.append(el("p", { class: "quiet small" }, "It is no longer kept; its way through the rules cannot be told."));
    }
  });
  row.append(button);
  return row;
}
