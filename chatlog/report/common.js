"use strict";
// What the page's scripts share: the data, and ways to put texts of a run into the page that cannot become markup.
const chatlog = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const KINDS = { u1: Uint8Array, u2: Uint16Array };

  function unpack(text, kind) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return new KINDS[kind](bytes.buffer);
  }

  // Plotly reads a little HTML in its texts.
  function escaped(text) {
    return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  }

  // By letters, not by halves of those that take two units.
  function cut(text, length) {
    const letters = [...text];
    return letters.length <= length ? text : letters.slice(0, length - 1).join("") + "…";
  }

  function element(tag, text, attributes) {
    const made = document.createElement(tag);
    if (text) made.textContent = text;
    for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
    return made;
  }

  function number(value) {
    return value.toLocaleString("en-US").replace(/,/g, "\u202f");
  }

  function dark() {
    return matchMedia("(prefers-color-scheme: dark)").matches && !matchMedia("print").matches;
  }

  // A drawing that costs time is made when it comes near the view, and before printing.
  function whenNear(target, draw) {
    let waiting = true;
    const once = () => {
      if (waiting) draw();
      waiting = false;
    };
    const observer = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && (observer.disconnect(), once()),
      { rootMargin: "600px" }
    );
    observer.observe(target);
    window.addEventListener("beforeprint", once);
  }

  const font = getComputedStyle(document.body).fontFamily;
  return { data, unpack, escaped, cut, element, number, dark, whenNear, font };
})();
