// The list of conversations, its filters and its pages.

import { addressOfRow, go, state } from "./app.js";
import { $, ask, complain, h, number } from "./dom.js";
import { marker, plain, wordsOf } from "./text.js";

const FIRST = 8;
const SAME = { user: "the same user", cluster: "one duplicate cluster", prompt: "one prompt cluster", battle: "one battle" };

let about = null;
let asked = null;
let under = null;
let shown = { items: [], total: 0, page: 0, size: 40 };
const opened = new Set();

/** The item of the list that is a row, where it is on the page. */
export const current = (id) => shown.items.find((item) => String(item.row_id) === id);

/** Shows what the address asks for; asks the server when that has changed. */
export function showList(params, run) {
  about = run;
  const query = new URLSearchParams([...params].filter(([name]) => name !== "id" && name !== "view"));
  if (String(query) !== asked) {
    asked = String(query);
    load(query);
  }
  mark();
}

export function clearList() {
  asked = null;
  $("count").textContent = "";
}

async function load(query) {
  under?.abort();
  under = new AbortController();
  const { signal } = under;
  $("results").setAttribute("aria-busy", "true");
  $("count").textContent = "Searching…";
  $("results").scrollTop = 0;
  try {
    for (let done = false; !done; ) {
      const found = await ask("search", query, { signal });
      done = found.done;
      draw(found, query);
    }
  } catch (error) {
    if (error.name === "AbortError") return;
    clearList();
    $("pages").replaceChildren();
    complain($("list"), error);
  }
  $("results").setAttribute("aria-busy", "false");
}

function draw(found, query) {
  const same = JSON.stringify(found.items) === JSON.stringify(shown.items) && $("list").querySelector("li a");
  shown = found;
  const searched = found.done ? "" : `, ${Math.floor((100 * found.searched) / found.rows)} % searched`;
  const what = found.total === 1 ? "conversation" : "conversations";
  $("count").textContent = `${number(found.total)} ${what}${found.done ? "" : " so far"}${searched}`;
  if (!same) {
    const mark = marker(wordsOf(query.get("q") ?? ""));
    const items = found.items.map((item) => h("li", {}, entry(item, mark)));
    const none = found.done ? "No conversation is like that. Take a filter away, or search for other words." : "Searching…";
    $("list").replaceChildren(...(items.length ? items : [h("li", { className: "none" }, none)]));
    $("list").start = found.page * found.size + 1;
  }
  drawChosen(query);
  drawFacets(found.facets, query);
  drawPages(found, query);
  mark();
}

function entry(item, mark) {
  const about_ = [item.f_language, item.f_model].filter(Boolean).map(plain);
  if (item.messages !== null) about_.push(item.messages === 1 ? "1 message" : `${number(item.messages)} messages`);
  if (item.created_at) about_.push(item.created_at.slice(0, 10));
  const text = item.place ? mark(trimmed(item.place)) : item.opening ? mark(item.opening) : null;
  return h(
    "a",
    { className: "entry", data: { row: item.row_id } },
    h("span", { className: "opening", dir: "auto" }, text ?? h("i", {}, item.messages === null ? "no text" : "empty")),
    h("span", { className: "meta" }, about_.map((part) => h("bdi", {}, part))),
    h("span", { className: "chips" }, chips(item)),
  );
}

const trimmed = (place) => (place.at > 60 ? "… " : "") + place.text.replace(/\s+/g, " ");

function chips(item) {
  const made = [];
  const chip = (kind, text) => made.push(h("span", { className: `chip ${kind}` }, plain(text)));
  if (item.f_flagged === "flagged") {
    const why = item.f_category?.length ? `: ${item.f_category.join(", ")}` : "";
    chip("flagged", `⚑ flagged${why}`);
  }
  if (item.f_flagged === "failed") chip("failed", "⚠ not judged: failed");
  if (item.f_duplicate && item.f_duplicate !== "no duplicate")
    chip("duplicate", item.f_duplicate.startsWith("kept") ? "⧉ has duplicates" : `⧉ duplicate: ${item.f_duplicate}`);
  else if (item.f_release && item.f_release !== "released") chip("out", `✕ left out: ${item.f_release}`);
  if (item.f_pii?.length) chip("pii", `▮ ${item.f_pii.length === 1 ? item.f_pii[0] : `${item.f_pii.length} types`} replaced`);
  if (item.f_benchmark?.length) chip("out", `≡ ${item.f_benchmark.join(", ")}`);
  return made;
}

function mark() {
  const id = state().get("id");
  for (const link of $("list").querySelectorAll("a.entry")) {
    const open = link.dataset.row === id;
    link.href = addressOfRow(link.dataset.row);
    if (open && !link.hasAttribute("aria-current")) link.scrollIntoView({ block: "nearest" });
    if (open) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

/** Opens the next or the previous conversation of the list. */
export function step(by) {
  const links = [...$("list").querySelectorAll("a.entry")];
  const at = links.findIndex((link) => link.hasAttribute("aria-current"));
  const next = links[at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by];
  if (!next) return turn(by);
  go((params) => params.set("id", next.dataset.row), { replace: at >= 0 });
  if (getComputedStyle($("results")).display !== "none") next.focus({ preventScroll: true });
}

/** Turns the page. */
export function turn(by) {
  const page = shown.page + by;
  if (page < 0 || page * shown.size >= shown.total) return;
  go((params) => {
    params.delete("id");
    params.set("page", page);
    if (!page) params.delete("page");
  });
}

function drawPages(found, query) {
  const last = Math.max(0, Math.ceil(found.total / found.size) - 1);
  const link = (page, text, rel) => {
    const params = new URLSearchParams(query);
    params.set("page", page);
    return page < 0 || page > last
      ? h("span", { className: "off", "aria-hidden": "true" }, text)
      : h("a", { href: `?${params}`, rel }, text);
  };
  const place = `page ${number(found.page + 1)} of ${number(last + 1)}`;
  $("pages").replaceChildren(
    ...(last || found.page ? [link(found.page - 1, "← previous", "prev"), h("span", {}, place), link(found.page + 1, "next →", "next")] : []),
  );
}

/** Changes the filters; the list begins at its first page again. */
function filter(change) {
  go((params) => {
    params.delete("page");
    params.delete("id");
    change(params);
  });
}

function drawChosen(query) {
  const made = [];
  const chip = (text, remove) =>
    made.push(
      h("li", {}, h("button", { type: "button", title: "take this filter away", on: { click: () => filter(remove) } }, h("bdi", {}, plain(text)), h("span", { "aria-hidden": "true" }, " ✕"))),
    );
  for (const facet of about.facets)
    for (const value of query.getAll(facet.name))
      chip(`${facet.title}: ${value || facet.missing}`, (params) => params.delete(facet.name, value));
  for (const name of about.same)
    if (query.has(name)) chip(`Only ${SAME[name]}`, (params) => params.delete(name));
  if (query.has("since")) chip(`From ${query.get("since")}`, (params) => params.delete("since"));
  if (query.has("until")) chip(`Until ${query.get("until")}`, (params) => params.delete("until"));
  if (query.has("q")) chip(`Text: ${query.get("q").slice(0, 80)}`, (params) => (params.delete("q"), params.delete("in")));
  $("chosen").replaceChildren(...made);
  $("filters-button").textContent = made.length ? `Filters (${made.length})` : "Filters";
}

function drawFacets(facets, query) {
  const held = document.activeElement?.closest?.("#filters") ? document.activeElement.id : null;
  const made = facets.map((facet) => drawFacet(about.facets.find((one) => one.name === facet.name), facet, query));
  if (about.dated) made.push(dates(query));
  const close = h("button", { type: "button", className: "quiet close-filters", on: { click: () => $("filters-button").click() } }, `Show ${number(shown.total)} conversations`);
  $("filters").replaceChildren(close, ...made);
  if (held) document.getElementById(held)?.focus({ preventScroll: true });
}

function drawFacet({ name, title, missing }, { values, more }, query) {
  const chosen = query.getAll(name);
  const told = new Map(values.map(({ value, n }) => [value, n]));
  for (const value of chosen) if (!told.has(value)) told.set(value, 0);
  const all = [...told];
  const long = all.length > FIRST;
  const most = Math.max(1, ...told.values());
  const inside = opened.has(name) || !long ? all : all.filter(([value], place) => place < FIRST || chosen.includes(value));
  const boxes = inside.map(([value, n]) => {
    const box = h("input", {
      type: "checkbox",
      id: `facet ${name} ${value}`,
      checked: chosen.includes(value),
      on: { change: () => filter((params) => (box.checked ? params.append(name, value) : params.delete(name, value))) },
    });
    const label = h("label", {}, box, h("bdi", { className: value ? "value" : "value missing" }, plain(value || missing)), h("span", { className: "n" }, number(n)));
    label.style.setProperty("--share", n / most);
    return h("li", {}, label);
  });
  const toggle = () => {
    if (!opened.delete(name)) opened.add(name);
    drawFacets(shown.facets, query);
  };
  const rest = all.length - FIRST;
  return h(
    "fieldset",
    { className: "facet", data: { facet: name } },
    h("legend", {}, title),
    h("ul", {}, boxes),
    long && h("button", { type: "button", className: "quiet", id: `more ${name}`, "aria-expanded": String(opened.has(name)), on: { click: toggle } }, opened.has(name) ? "fewer" : `${number(rest)} more`),
    opened.has(name) && more && h("p", { className: "small" }, "and rarer ones, by search or chatlog sql"),
  );
}

function dates(query) {
  const field = (name, text) => {
    const input = h("input", { type: "date", id: `facet ${name}`, value: query.get(name) ?? "" });
    input.addEventListener("change", () => filter((params) => (input.value ? params.set(name, input.value) : params.delete(name))));
    return h("label", { className: "day" }, text, input);
  };
  return h("fieldset", { className: "facet" }, h("legend", {}, "Day (UTC)"), field("since", "from"), field("until", "until"));
}
