// The sample: one message at a time, what came before it, and a label. No score is shown: it would sway whoever labels.

import { go, progress } from "./app.js";
import { $, ask, complain, h, number } from "./dom.js";
import { marker, plain } from "./text.js";

let shown = null;
let under = null;
let saving = false;
const mark = marker();

/** Shows the message that the address names, or the first without a label. */
export async function showLabels(params) {
  under?.abort();
  under = new AbortController();
  const { signal } = under;
  const place = params.get("place");
  busy(true);
  try {
    shown = await ask("labels", place === null ? null : new URLSearchParams({ place }), { signal });
    progress(shown.counts);
    draw();
  } catch (error) {
    complain($("labels"), error);
  }
  if (!signal.aborted) busy(false);
}

const busy = (is) => $("labels").setAttribute("aria-busy", String(is));

/** What a key does here; nothing for others. */
export function labelKey(key) {
  const keys = {
    f: () => give(true),
    o: () => give(false),
    u: () => give(null),
    j: () => to(shown.place + 1),
    k: () => to(shown.place - 1),
    ArrowRight: () => to(shown.place + 1),
    ArrowLeft: () => to(shown.place - 1),
  };
  return shown && keys[key];
}

function to(place) {
  if (place >= 0 && place < shown.counts.messages) go((params) => params.set("place", place));
}

async function give(label) {
  if (saving || !shown) return;
  saving = true;
  busy(true);
  $("label-said").textContent = "saving…";
  try {
    const body = JSON.stringify({ id: shown.id, label });
    const told = await ask("labels", null, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    progress(told.counts);
    if (label === null || told.next === null) {
      shown = { ...shown, label, counts: told.counts, next: told.next };
      draw();
      busy(false);
    } else {
      // Until the next message is there, a key must not label this one again.
      shown = null;
      go((params) => params.set("place", told.next));
    }
  } catch (error) {
    complain($("label-said"), error);
    busy(false);
  } finally {
    saving = false;
  }
}

function draw() {
  const { counts, place, label } = shown;
  const role = plain(shown.role ?? "").slice(0, 40);
  const choice = (value, text, key, kind) =>
    h(
      "button",
      { type: "button", className: `choice ${kind}`, "aria-pressed": String(label === value), on: { click: () => give(value) } },
      text,
      h("kbd", { "aria-hidden": "true" }, key),
    );
  const said = { true: "Labelled: should be flagged.", false: "Labelled: should not be flagged.", null: "No label yet." }[label];
  const meter = h("progress", { max: counts.messages, value: counts.labelled, "aria-label": "labelled" });
  const parts = [
    h(
      "div",
      { className: "bar" },
      h("p", {}, `Message ${number(place + 1)} of ${number(counts.messages)}`),
      meter,
      h("p", { className: "small" }, `${number(counts.labelled)} labelled, ${number(counts.flagged)} of them to be flagged`),
    ),
    counts.labelled === counts.messages &&
      h("p", { className: "done" }, "All messages are labelled. Measure with: ", h("code", {}, "chatlog moderation RUN --labels FILE")),
    ...shown.context.map((turn) => context(turn)),
    h(
      "section",
      { className: `message asked ${plain(role)}`, "aria-label": "The message to label" },
      h("h3", {}, h("b", {}, role || "?"), shown.language ? h("span", {}, plain(shown.language)) : null, h("a", { href: `?id=${shown.row_id}` }, "whole conversation")),
      body(shown.message, shown.length),
    ),
    h(
      "div",
      { className: "choices", role: "group", "aria-label": "Should this message be flagged?" },
      h("p", {}, "Should this message be flagged?"),
      choice(true, "⚑ yes, flag it", "f", "yes"),
      choice(false, "✓ no, it is fine", "o", "no"),
      h("button", { type: "button", className: "quiet", disabled: label === null, on: { click: () => give(null) } }, "take the label away"),
      h("p", { id: "label-said", className: "small", role: "status", "aria-live": "polite" }, said),
    ),
    h(
      "nav",
      { className: "pages", "aria-label": "Messages" },
      h("button", { type: "button", className: "quiet", disabled: place === 0, on: { click: () => to(place - 1) } }, "← previous"),
      shown.next !== null && h("button", { type: "button", className: "quiet", on: { click: () => to(shown.next) } }, "next unlabelled"),
      h("button", { type: "button", className: "quiet", disabled: place + 1 >= counts.messages, on: { click: () => to(place + 1) } }, "next →"),
    ),
  ];
  $("labels").replaceChildren(...parts.filter(Boolean));
  $("labels").scrollTop = 0;
}

function context(turn) {
  return h(
    "section",
    { className: "message before" },
    h("h3", {}, h("b", {}, plain(turn.role ?? "?").slice(0, 40)), h("span", {}, "before")),
    body(turn.content, turn.length),
  );
}

function body(text, length) {
  const made = h("div", { className: "text", dir: "auto" }, text ? mark(text) : h("i", {}, "no text"));
  if (text && length > [...text].length) made.append(h("p", { className: "small" }, `… ${number(length)} characters in all; see the whole conversation`));
  return made;
}
