// Opens the view that the address names, and keeps the bar at the top true.

import { get, remember, Unauthorized } from "./ask.js";
import { el, failure, head } from "./dom.js";
import { live } from "./live.js";
import { overview } from "./overview.js";
import { playground } from "./playground.js";
import { rules } from "./rules.js";
import { why } from "./why.js";

const VIEWS = { overview, live, rules, playground, why };
const main = document.getElementById("main");
const phase = document.getElementById("phase");
let closing = new AbortController();
let opened = false;

/** `#/why/ID?x=y`: the view, what follows its name, and the parameters. */
function address() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/");
  return { name: VIEWS[name] ? name : "overview", rest: rest.map(decodeURIComponent), query: new URLSearchParams(query) };
}

async function open() {
  closing.abort();
  closing = new AbortController();
  const { signal } = closing;
  const { name, rest, query } = address();
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#/${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${name[0].toUpperCase()}${name.slice(1)} – Candor`;
  main.replaceChildren(el("p", { class: "loading", role: "status" }, "Loading…"));
  const show = (...content) => {
    if (!signal.aborted) main.replaceChildren(...content.filter((part) => part != null));
  };
  try {
    await VIEWS[name]({ show, signal, rest, query });
    // Whoever moves by keyboard or listens goes on at the heading, but not when the page is new.
    if (opened && !signal.aborted) main.querySelector("h1")?.focus();
  } catch (error) {
    if (signal.aborted) return;
    show(error instanceof Unauthorized ? signIn() : failure(error));
  }
  opened = true;
}

function signIn() {
  const token = el("input", { id: "token", type: "password", autocomplete: "current-password", required: true });
  const enter = (event) => {
    event.preventDefault();
    remember(token.value.trim());
    open();
    look();
  };
  return el("form", { class: "panel stack", onsubmit: enter },
    head("This console asks for its token"),
    el("div", {}, el("label", { for: "token" }, "Token"), token,
      el("p", { class: "hint" }, "The value of ", el("code", {}, "admin.token"), ". It is kept until this tab is closed.")),
    el("div", {}, el("button", { class: "main" }, "Open")));
}

async function look() {
  try {
    const { phase: word, version } = await get("overview");
    phase.dataset.phase = word;
    phase.textContent = `${word}, ${version}`;
  } catch (error) {
    phase.dataset.phase = "lost";
    phase.textContent = error instanceof Unauthorized ? "locked" : "not reached";
  }
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
window.addEventListener("hashchange", open);
setInterval(() => document.hidden || look(), 10_000);
open();
look();
