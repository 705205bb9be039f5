// The page's address is its state: what is searched, filtered, opened and labelled stands there and nowhere else.

import { $, ask, complain, number, sentence } from "./dom.js";
import { showLabels, labelKey } from "./labels.js";
import { clearList, current, showList, step, turn } from "./list.js";
import { closeReader, showReader } from "./reader.js";
import { plain } from "./text.js";

let about = null;

/** The parameters of the page's address. */
export const state = () => new URLSearchParams(location.search);

const addressOf = (params) => ([...params].length ? `?${params}` : location.pathname);

/** The address with another row opened. */
export function addressOfRow(row) {
  const params = state();
  params.set("id", row);
  return addressOf(params);
}

/** Goes to an address of this page: `change` gets its parameters to change. */
export function go(change, { replace = false } = {}) {
  const params = state();
  change(params);
  history[replace ? "replaceState" : "pushState"](null, "", addressOf(params));
  render();
}

function render() {
  const params = state();
  const labelling = params.get("view") === "labels" && about.labels !== null;
  $("browse").hidden = labelling;
  $("search").hidden = labelling;
  $("labels").hidden = !labelling;
  $("to-browse").setAttribute("aria-current", labelling ? "false" : "page");
  $("to-labels").setAttribute("aria-current", labelling ? "page" : "false");
  if (labelling) {
    showLabels(params);
    return;
  }
  const id = params.get("id");
  document.body.classList.toggle("reading", id !== null);
  if (document.activeElement !== $("q")) $("q").value = params.get("q") ?? "";
  $("in").value = params.get("in") ?? "";
  $("sort").value = params.get("sort") ?? "log";
  showList(params, about);
  if (id === null) closeReader();
  else showReader(id, params, about, current(id));
}

/** Tells how far labelling is. */
export function progress(counts) {
  about.labels = counts;
  $("progress").textContent = `${number(counts.labelled)} of ${number(counts.messages)}`;
}

function told() {
  const parts = [];
  if (about.as_logged) parts.push("Texts are shown as they were logged, before redaction: they hold personal data.");
  else if (about.redacted) parts.push("Texts are shown after redaction; what redaction missed is still in them.");
  else parts.push(`Texts are shown as the stage ${about.writer} left them: this pipeline does not redact, or not last.`);
  if (about.without_text)
    parts.push(
      about.without_text === 1
        ? `One conversation has no text: the stage ${about.writer} was not given it.`
        : `${number(about.without_text)} conversations have no text: the stage ${about.writer} was not given them.`,
    );
  $("shown").textContent = parts.join(" ");
  $("shown").classList.toggle("warn", !about.redacted);
}

const ORDERS = {
  log: "as logged",
  newest: "newest first",
  oldest: "oldest first",
  longest: "most messages first",
  score: "highest moderation score first",
};

function listen() {
  $("search").addEventListener("submit", (event) => {
    event.preventDefault();
    $("q").blur();
    go((params) => {
      for (const name of ["page", "id", "q", "in"]) params.delete(name);
      if ($("q").value.trim()) params.set("q", $("q").value);
      if ($("in").value) params.set("in", $("in").value);
    });
  });
  $("in").addEventListener("change", () => $("q").value.trim() && $("search").requestSubmit());
  $("q").addEventListener("search", () => !$("q").value && state().has("q") && $("search").requestSubmit());
  $("sort").addEventListener("change", () =>
    go((params) => {
      params.delete("page");
      if ($("sort").value === "log") params.delete("sort");
      else params.set("sort", $("sort").value);
    }),
  );
  $("filters-button").addEventListener("click", () => {
    const open = document.body.classList.toggle("filtering");
    $("filters-button").setAttribute("aria-expanded", String(open));
    (open ? $("filters").querySelector("button") : $("filters-button")).focus();
  });
  $("help-button").addEventListener("click", () => $("help").showModal());
  document.addEventListener("click", follow);
  document.addEventListener("keydown", pressed);
  addEventListener("popstate", render);
}

/** Links within the page change its address without loading it anew. */
function follow(event) {
  const link = event.target.closest?.("a[href^='?']");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const address = new URL(link.href);
  history.pushState(null, "", address.search || location.pathname);
  render();
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  const typing = event.target.closest?.("input:not([type=checkbox]), textarea, select");
  if (event.key === "Escape") {
    if (typing) event.target.blur();
    else if (state().has("id") && $("labels").hidden) go((params) => params.delete("id"));
    return;
  }
  if (typing) return;
  const labelling = !$("labels").hidden;
  const keys = {
    "/": () => labelling || $("q").select() || $("q").focus(),
    "?": () => $("help").showModal(),
    b: () => labelling && go((params) => [...params.keys()].forEach((name) => params.delete(name))),
    l: () => about.labels && !labelling && go((params) => params.set("view", "labels")),
    j: () => !labelling && step(1),
    k: () => !labelling && step(-1),
    "]": () => !labelling && turn(1),
    "[": () => !labelling && turn(-1),
  };
  const what = (labelling && labelKey(event.key)) || keys[event.key];
  if (what) {
    event.preventDefault();
    what();
  }
}

async function start() {
  const params = state();
  if (params.has("token")) {
    // The cookie stands for it from here on; an address with a token would end up in bookmarks.
    params.delete("token");
    history.replaceState(null, "", addressOf(params));
  }
  about = await ask("run");
  const name = plain(about.pipeline === about.run ? about.run : `${about.pipeline} / ${about.run}`);
  $("run").textContent = name;
  document.title = `${name}: chatlog browse`;
  for (const role of about.roles) $("in").append(new Option(role, role));
  for (const name of about.sorts) $("sort").append(new Option(sentence(ORDERS[name]).slice(0, -1), name));
  told();
  if (about.labels) {
    $("to-labels").hidden = false;
    progress(about.labels);
  }
  listen();
  render();
}

start().catch((error) => {
  clearList();
  complain($("list"), error);
});
