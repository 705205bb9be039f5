// Elements are made one by one and texts only ever become text nodes: no string of a log is read as markup.

/** An element with properties and children; a child is a node, a text, or nothing. */
export function h(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") for (const [event, what] of Object.entries(value)) made.addEventListener(event, what);
    else if (name === "data") Object.assign(made.dataset, value);
    else if (name in made && name !== "list" && name !== "form") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export const $ = (id) => document.getElementById(id);

export const number = (value) => value.toLocaleString("en");

/** What went wrong, in the words of the server where it has some. */
export class Told extends Error {}

/** The answer to a question of the API; throws Told. */
export async function ask(path, params = null, options = {}) {
  let answer;
  try {
    answer = await fetch(`api/${path}${params && [...params].length ? `?${params}` : ""}`, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Told("The server does not answer; was chatlog browse ended?");
  }
  let value = null;
  try {
    value = await answer.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Told("The server's answer cannot be read; was chatlog browse ended?");
  }
  if (!answer.ok) throw new Told(sentence(value.error || answer.statusText));
  return value;
}

export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.?!]$/.test(text) ? "" : ".");

/** Gives an error to people, or goes on throwing what is none of the server's. */
export function complain(place, error) {
  if (error.name === "AbortError") return;
  if (!(error instanceof Told)) throw error;
  place.replaceChildren(h("p", { className: "warn", role: "alert" }, error.message));
}
