// Texts of a log as nodes: words that were searched for, placeholders, and characters that cannot be seen or that would
// turn the text around are marked; everything else is a text node.

import { h } from "./dom.js";

const MARKS = 2000;
const UNSEEN =
  "[\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069\\ufeff\\u{e0000}-\\u{e007f}]+";

const NAMES = {
  0: "null",
  0x1b: "escape",
  0x2028: "line separator",
  0x2029: "paragraph separator",
  0x202a: "left-to-right embedding",
  0x202b: "right-to-left embedding",
  0x202c: "end of a direction",
  0x202d: "left-to-right override",
  0x202e: "right-to-left override",
  0x2066: "left-to-right isolate",
  0x2067: "right-to-left isolate",
  0x2068: "first strong isolate",
  0x2069: "end of an isolate",
  0xfeff: "byte order mark",
};

const quoted = (text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

/** The words and phrases that a search asks for. */
export function wordsOf(search) {
  const found = [];
  for (const [, minus, phrase, word] of search.matchAll(/(-?)(?:"([^"]*)"?|(\S+))/g)) {
    const text = phrase ?? word;
    if (!minus && text && text.trim()) found.push(text);
  }
  return found;
}

/** A function from a text to nodes; `placeholders` maps each to its type. */
export function marker(words = [], placeholders = {}) {
  const longest = (texts) => texts.slice(0, 300).sort((a, b) => b.length - a.length).map(quoted).join("|");
  const parts = [
    `(?<unseen>${UNSEEN})`,
    `(?<placeholder>${longest(Object.keys(placeholders)) || "(?!)"})`,
    `(?<word>${longest(words) || "(?!)"})`,
  ];
  const pattern = new RegExp(parts.join("|"), "giu");
  return (text) => {
    const nodes = [];
    let from = 0;
    for (const found of text.matchAll(pattern)) {
      if (nodes.length >= MARKS) break;
      const [whole] = found;
      if (found.index > from) nodes.push(text.slice(from, found.index));
      from = found.index + whole.length;
      if (found.groups.unseen !== undefined) nodes.push(unseen(whole));
      else if (found.groups.word !== undefined) nodes.push(h("mark", {}, whole));
      else nodes.push(h("span", { className: "placeholder", title: `replaced: ${placeholders[whole] ?? ""}` }, whole));
    }
    const rest = text.slice(from);
    // Past the limit nothing is marked, but what turns text around must not work either.
    nodes.push(nodes.length >= MARKS ? rest.replace(new RegExp(UNSEEN, "gu"), "\ufffd") : rest);
    return nodes;
  };
}

/** Short texts, as names: one line, nothing marked, nothing unseen. */
export const plain = (text) => String(text).replace(new RegExp(UNSEEN, "gu"), "\ufffd").replace(/\s+/g, " ");

function unseen(characters) {
  const points = [...characters].map((one) => one.codePointAt(0));
  const told = points.slice(0, 3).map((point) => `U+${point.toString(16).toUpperCase().padStart(4, "0")}`);
  const more = points.length > 3 ? ` +${points.length - 3}` : "";
  const names = [...new Set(points)].slice(0, 5).map((point) => NAMES[point] ?? "cannot be seen");
  return h("span", { className: "code-point", title: [...new Set(names)].join(", ") }, told.join(" ") + more);
}
