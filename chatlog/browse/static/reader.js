// One conversation: what was decided about it, and its messages, piece by piece.

import { addressOfRow, state } from "./app.js";
import { $, Told, ask, complain, h, number } from "./dom.js";
import { marker, plain, wordsOf } from "./text.js";

const PIECE = 12000;
const SAME = { user: "of this user", cluster: "of this duplicate cluster", prompt: "that begin like this", battle: "of this battle" };
const ROLES = { user: "User", assistant: "Assistant", system: "System", tool: "Tool" };

let open = null;
let under = null;

export function closeReader() {
  under?.abort();
  open = null;
  $("reader").replaceChildren(h("p", { className: "hint" }, "Choose a conversation, or press ", h("kbd", {}, "j"), "."));
}

/** Shows a row; `item` is its entry in the list, which knows where the search found something. */
export async function showReader(id, params, about, item) {
  const key = `${id} ${params.get("q") ?? ""}`;
  if (key === open) return;
  open = key;
  under?.abort();
  under = new AbortController();
  const { signal } = under;
  const reader = $("reader");
  reader.setAttribute("aria-busy", "true");
  try {
    if (!/^\d{1,18}$/.test(id)) throw new Told("The address names no row of the run.");
    const told = await ask(`conversation/${id}`, null, { signal });
    const mark = marker(wordsOf(params.get("q") ?? ""), told.placeholders);
    const talk = h("div", { className: "talk" });
    reader.replaceChildren(head(told, about), facts(told), ...others(told), talk);
    reader.scrollTop = 0;
    if (told.system) talk.append(message(id, { position: -1, role: "system", ...told.system }, mark));
    if (told.messages === null)
      talk.append(h("p", { className: "hint" }, `No text is shown: the stage ${about.writer} was not given this conversation.`));
    fill(talk, id, told.shown, told.messages ?? 0, mark);
    await toPlace(talk, id, item?.place, told, mark, signal);
  } catch (error) {
    complain(reader, error);
  } finally {
    if (open === key) reader.setAttribute("aria-busy", "false");
  }
}

function head(told, about) {
  const back = state();
  back.delete("id");
  return h(
    "header",
    {},
    h("a", { className: "back", href: `?${back}` }, "← list"),
    h("h2", { tabIndex: -1 }, h("bdi", {}, plain(told.conversation_id ?? "").slice(0, 200))),
    h("p", { className: "small" }, `row ${told.row_id}`, about.as_logged ? h("b", {}, " · as logged, before redaction") : null),
  );
}

function facts(told) {
  const rows = told.facts.map((fact) => {
    const text = fact.row === null ? plain(fact.text) : h("a", { href: addressOfRow(fact.row) }, plain(fact.text));
    return h("div", { className: `fact${fact.part ? " part" : ""}${fact.against ? " against" : ""}` }, h("dt", {}, plain(fact.name)), h("dd", { dir: "auto" }, text));
  });
  return h("dl", { className: "facts" }, rows);
}

function others(told) {
  const links = Object.entries(told.same)
    .filter(([name, value]) => value !== null && (told.alike[name] ?? 2) > 1)
    .map(([name, value]) => h("a", { href: `?${new URLSearchParams({ [name]: value })}` }, SAME[name]));
  return links.length ? [h("p", { className: "others small" }, "All ", links.flatMap((link, place) => (place ? [" · ", link] : [link])))] : [];
}

/** Puts messages in, and a button for those that come after. */
function fill(talk, id, shown, count, mark) {
  for (const one of shown) talk.append(message(id, one, mark));
  const next = (shown.at(-1)?.position ?? -1) + 1;
  if (!shown.length || next >= count) return;
  const button = h("button", { type: "button", className: "quiet" }, `${number(count - next)} more messages`);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const more = await ask(`conversation/${id}`, new URLSearchParams({ start: next }));
      button.remove();
      fill(talk, id, more.shown, count, mark);
      talk.querySelector(`[data-position="${next}"]`)?.focus({ preventScroll: true });
    } catch (error) {
      button.disabled = false;
      complain(talk.appendChild(h("div")), error);
    }
  });
  talk.append(button);
}

function message(id, told, mark) {
  const body = h("div", { className: "text", dir: "auto" });
  const made = h(
    "section",
    { className: `message ${ROLES[told.role] ? told.role : "other"}`, tabIndex: -1, data: { position: told.position } },
    h(
      "h3",
      {},
      h("b", {}, ROLES[told.role] ?? plain(told.role ?? "?").slice(0, 40)),
      told.name ? h("bdi", {}, plain(told.name)) : null,
      told.language ? h("span", {}, plain(told.language)) : null,
      told.created_at ? h("time", { dateTime: told.created_at }, told.created_at.slice(0, 16).replace("T", " ")) : null,
      told.sampled !== null && told.sampled !== undefined
        ? h("a", { href: `?view=labels&place=${told.sampled}` }, `in the sample, no. ${told.sampled + 1}`)
        : null,
    ),
    body,
    verdict(told.verdict),
  );
  if (told.content === null) body.append(h("i", {}, "no text"));
  else if (!told.content.trim()) body.append(h("i", {}, told.content ? "blank" : "empty"));
  else write(body, id, told, 0, told.content, mark);
  return made;
}

/** Writes a piece of a message, and a button for what follows; pieces grow. */
function write(body, id, told, start, content, mark, size = PIECE) {
  body.append(...mark(content));
  const next = start + [...content].length;
  if (next >= told.length || !content) return;
  const button = h("button", { type: "button", className: "quiet" }, `${number(told.length - next)} more characters`);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const more = await piece(id, told.position, next, size * 4);
      button.remove();
      write(body, id, told, next, more.content, mark, Math.min(size * 4, 200_000));
    } catch (error) {
      button.disabled = false;
      complain(body.appendChild(h("div")), error);
    }
  });
  body.append(button);
}

const piece = (id, position, start, size, signal) =>
  ask(`message/${id}/${position < 0 ? "system" : position}`, new URLSearchParams({ start, size }), { signal });

/** Brings what was searched for into sight: further messages, or a place far into a long one. */
async function toPlace(talk, id, place, told, mark, signal) {
  if (!place) return;
  let target = talk.querySelector(`[data-position="${place.message}"]`);
  if (!target) {
    const more = await ask(`conversation/${id}`, new URLSearchParams({ start: place.message }), { signal });
    talk.append(h("p", { className: "hint" }, `The search found this in message ${number(place.message + 1)}:`));
    fill(talk, id, more.shown, told.messages, mark);
    target = [...talk.querySelectorAll(`[data-position="${place.message}"]`)].at(-1);
  }
  if (place.at >= PIECE) {
    const from = Math.max(0, place.at - 300);
    const found = await piece(id, place.message, from, 2000, signal);
    const text = h("div", { className: "text", dir: "auto" }, "… ", mark(found.content), " …");
    target?.append(h("div", { className: "far" }, h("p", { className: "small" }, `Found at character ${number(place.at + 1)}:`), text));
  }
  (target?.querySelector("mark") ?? target)?.scrollIntoView({ block: "nearest" });
}

function verdict(told) {
  if (!told) return null;
  if (told.hidden) return h("p", { className: "verdict small" }, "verdict hidden until you have labelled this message");
  const status = { error: "⚠ not judged: failed", skipped: "skipped: no text" }[told.status];
  const summary = status ?? (told.flagged ? "⚑ flagged" : "not flagged");
  const score = told.score === null || told.score === undefined ? "" : `, score ${told.score.toFixed(2)}`;
  const rows = told.categories.map((one) => {
    const bar = h("span", { className: "score" });
    bar.style.setProperty("--share", one.score ?? 0);
    return h("tr", { className: one.hit ? "hit" : "" }, h("th", { scope: "row" }, one.name), h("td", {}, one.score === null ? "–" : one.score.toFixed(2)), h("td", {}, bar));
  });
  const line = h("span", { className: told.flagged ? "chip flagged" : "" }, summary);
  if (!rows.length) return h("p", { className: "verdict small" }, line, score);
  return h("details", { className: "verdict small", open: told.flagged === true }, h("summary", {}, line, score), h("table", {}, h("tbody", {}, rows)));
}
