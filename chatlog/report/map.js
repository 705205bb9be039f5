"use strict";
// The map of topics. Plotly has the axes, moves, zooms and labels; the points are put into an image under it, as
// datashader does: a hundred thousand of them take milliseconds without a graphics card, and nothing that the policy refuses.
(() => {
  const box = document.getElementById("map");
  const told = chatlog.data.map;
  if (!box || !told) return;
  const { unpack, escaped, cut, element, number, dark } = chatlog;
  const PALETTE = chatlog.data.palette;
  const SIDE = 65535;
  const canvas = document.getElementById("map-points");
  const plot = document.getElementById("map-plot");
  const tip = document.getElementById("map-tip");
  const legend = document.getElementById("map-legend");
  const colourBy = document.getElementById("map-colour");
  const search = document.getElementById("map-search");
  const status = document.getElementById("map-status");
  const list = document.getElementById("map-topics");
  const x = unpack(told.x, "u2"), y = unpack(told.y, "u2"), topic = unpack(told.topic, "u2");
  const language = unpack(told.language, "u1"), model = unpack(told.model, "u1"), flagged = unpack(told.flagged, "u1");
  const n = told.n, topics = told.topics, none = topics.length;
  const colour = new Uint32Array(n), shown = new Uint8Array(n);
  let only = null; // the group of the legend that stands alone
  let found = null; // the topics that the search found
  let range = null; // x0, x1, y0, y1 that are seen

  const pixel = (hex) => 0xff000000 | (parseInt(hex.slice(5, 7), 16) << 16) | (parseInt(hex.slice(3, 5), 16) << 8) | parseInt(hex.slice(1, 3), 16);
  const grey = () => (dark() ? "#6b7580" : "#9aa4ae");
  const faint = () => pixel(dark() ? "#2b333b" : "#dfe4e9");

  // What a colour stands for, by the choice: a group for each point, a name and a colour for each group.
  function grouping() {
    const ranked = (codes, names) => {
      const own = Math.min(names.length, PALETTE.length);
      const groups = names.slice(0, own).map((name, place) => [name, PALETTE[place]]);
      return { of: (i) => Math.min(codes[i], own), groups: codes.some((code) => code >= own) ? [...groups, ["others", grey()]] : groups };
    };
    if (colourBy.value === "language") return ranked(language, told.languages);
    if (colourBy.value === "model") return ranked(model, told.models);
    if (colourBy.value === "flagged") {
      return { of: (i) => flagged[i], groups: [["not flagged", grey()], ["flagged", dark() ? "#E69F00" : "#D55E00"]], strong: 1 };
    }
    if (colourBy.value === "theme") return ranked(topic.map((t) => (t < none && topics[t].theme >= 0 ? topics[t].theme : told.themes.length)), told.themes);
    return { of: (i) => topic[i], groups: topics.map((t, place) => [t.name, PALETTE[place % PALETTE.length]]).concat([["none", grey()]]), list: true };
  }
  let grouped = grouping();

  function recolour() {
    grouped = grouping();
    const inks = grouped.groups.map(([, hex]) => pixel(hex));
    for (let i = 0; i < n; i++) {
      const group = grouped.of(i);
      colour[i] = inks[group];
      shown[i] = (only === null || group === only) && (found === null || found.has(topic[i])) ? (grouped.strong === group ? 2 : 1) : 0;
    }
  }

  // The pixels of a disc, as steps from the one in its middle.
  function disc(radius, width) {
    const offsets = [];
    const reach = Math.ceil(radius);
    for (let b = -reach; b <= reach; b++) for (let a = -reach; a <= reach; a++) if (a * a + b * b <= radius * radius + 0.5) offsets.push(b * width + a);
    return Int32Array.from(offsets);
  }

  function draw() {
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const width = Math.round(box.clientWidth * ratio), height = Math.round(box.clientHeight * ratio);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    const [x0, x1, y0, y1] = range;
    const across = width / (x1 - x0), up = height / (y1 - y0);
    const zoom = Math.sqrt((SIDE * 1.1) / (x1 - x0));
    const base = n > 50000 ? 0.8 : n > 10000 ? 1.2 : n > 2000 ? 1.8 : 3;
    const radius = Math.min(base * Math.max(zoom, 1), 6) * ratio;
    const dim = faint();
    // What is left out of a choice lies under the rest; what is strong on top.
    for (const pass of [0, 1, 2]) {
      const stamp = disc(pass === 2 ? radius * 1.6 + ratio : radius, width);
      const edge = Math.ceil(radius * 1.6 + ratio) + 1;
      for (let i = 0; i < n; i++) {
        if (shown[i] !== pass) continue;
        const px = ((x[i] - x0) * across) | 0, py = ((y1 - y[i]) * up) | 0;
        if (px < edge || py < edge || px >= width - edge || py >= height - edge) continue;
        const ink = pass ? colour[i] : dim;
        const at = py * width + px;
        for (let k = 0; k < stamp.length; k++) pixels[at + stamp[k]] = ink;
      }
    }
    context.putImageData(image, 0, 0);
  }

  // Names at the middle of their topics, the largest first, none over another.
  function labels() {
    const [x0, x1, y0, y1] = range;
    const width = box.clientWidth, height = box.clientHeight;
    const taken = [], made = [];
    for (let t = 0; t < none && made.length < (width < 560 ? 14 : 45); t++) {
      const at = topics[t];
      if (at.x === null || at.x < x0 || at.x > x1 || at.y < y0 || at.y > y1 || (found && !found.has(t))) continue;
      const text = cut(at.name, 26);
      const w = text.length * 7.2 + 10, px = ((at.x - x0) / (x1 - x0)) * width, py = ((y1 - at.y) / (y1 - y0)) * height;
      const here = [px - w / 2, px + w / 2, py - 10, py + 10];
      if (here[0] < 0 || here[1] > width || taken.some((b) => here[0] < b[1] && here[1] > b[0] && here[2] < b[3] && here[3] > b[2])) continue;
      taken.push(here);
      made.push({ x: at.x, y: at.y, text: escaped(text), showarrow: false, font: { size: 12 } });
    }
    return made;
  }

  let drawing = 0;
  function redraw() {
    if (!drawing) drawing = requestAnimationFrame(() => ((drawing = 0), draw()));
  }
  function seen() {
    const { xaxis, yaxis } = plot.layout;
    range = [xaxis.range[0], xaxis.range[1], yaxis.range[0], yaxis.range[1]];
  }
  let naming = 0;
  function settle() {
    seen();
    redraw();
    // Names are placed anew when a move or zoom has come to rest.
    clearTimeout(naming);
    naming = setTimeout(name, 120);
  }
  function name() {
    const next = labels();
    if (JSON.stringify(next) !== JSON.stringify(plot.layout.annotations || [])) Plotly.relayout(plot, { annotations: next });
  }
  function look(x0, x1, y0, y1) {
    return Plotly.relayout(plot, { "xaxis.range": [x0, x1], "yaxis.range": [y0, y1] });
  }
  const whole = () => {
    let right = 0, top = 0;
    for (let i = 0; i < n; i++) (x[i] > right && (right = x[i]), y[i] > top && (top = y[i]));
    const pad = SIDE * 0.04;
    return [-pad, right + pad, -pad, top + pad];
  };
  function zoom(factor, cx, cy) {
    const [x0, x1, y0, y1] = range;
    const mx = cx === undefined ? (x0 + x1) / 2 : cx, my = cy === undefined ? (y0 + y1) / 2 : cy;
    look(mx - (mx - x0) * factor, mx + (x1 - mx) * factor, my - (my - y0) * factor, my + (y1 - my) * factor);
  }
  function move(dx, dy) {
    const [x0, x1, y0, y1] = range;
    look(x0 + dx * (x1 - x0), x1 + dx * (x1 - x0), y0 + dy * (y1 - y0), y1 + dy * (y1 - y0));
  }

  function refresh() {
    recolour();
    legend.replaceChildren();
    if (!grouped.list) {
      grouped.groups.forEach(([name, hex], group) => {
        const button = element("button", name, { type: "button", "aria-pressed": String(only === group) });
        const mark = element("span", "", { class: "dot", "aria-hidden": "true" });
        mark.style.background = hex;
        button.prepend(mark);
        button.addEventListener("click", () => ((only = only === group ? null : group), refresh()));
        const item = element("li");
        item.append(button);
        legend.append(item);
      });
    }
    let count = 0;
    for (let i = 0; i < n; i++) count += shown[i] > 0;
    const which = found ? `, ${number(found.size)} ${found.size === 1 ? "topic" : "topics"} found` : "";
    status.textContent = `${number(count)} of ${number(n)} conversations shown${which}.`;
    if (range) settle();
  }

  function searched() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    found = words.length
      ? new Set(topics.flatMap((t, place) => (words.every((word) => `${t.name} ${t.keywords}`.toLowerCase().includes(word)) ? [place] : [])))
      : null;
    [...list.children].forEach((item, place) => (item.hidden = found !== null && !found.has(place)));
    refresh();
  }

  function show(t) {
    const mine = [];
    for (let i = 0; i < n; i++) if (topic[i] === t) mine.push(i);
    const middle = (values) => [0.03, 0.97].map((q) => values[Math.floor(q * (values.length - 1))]);
    const [x0, x1] = middle(mine.map((i) => x[i]).sort((a, b) => a - b)), [y0, y1] = middle(mine.map((i) => y[i]).sort((a, b) => a - b));
    const pad = Math.max(x1 - x0, y1 - y0, SIDE / 30) * 0.25;
    look(x0 - pad, x1 + pad, y0 - pad, y1 + pad);
    box.scrollIntoView({ block: "nearest" });
  }

  // The nearest point is looked for in cells of a grid, not among all.
  const CELLS = 256, cell = (v) => Math.min(CELLS - 1, (v * CELLS) >> 16);
  const starts = new Uint32Array(CELLS * CELLS + 1), members = new Uint32Array(n);
  for (let i = 0; i < n; i++) starts[cell(y[i]) * CELLS + cell(x[i]) + 1]++;
  for (let c = 0; c < CELLS * CELLS; c++) starts[c + 1] += starts[c];
  const fill = starts.slice();
  for (let i = 0; i < n; i++) members[fill[cell(y[i]) * CELLS + cell(x[i])]++] = i;
  function nearest(ux, uy, reach) {
    let best = -1, least = reach * reach;
    const low = (v) => cell(Math.max(0, v - reach)), high = (v) => cell(Math.min(SIDE, Math.max(0, v + reach)));
    for (let r = low(uy); r <= high(uy); r++)
      for (let k = starts[r * CELLS + low(ux)]; k < starts[r * CELLS + high(ux) + 1]; k++) {
        const i = members[k], d = (x[i] - ux) ** 2 + (y[i] - uy) ** 2;
        if (d < least && shown[i]) (least = d), (best = i);
      }
    return best;
  }
  function point(event) {
    const frame = box.getBoundingClientRect();
    const fx = (event.clientX - frame.left) / frame.width, fy = (event.clientY - frame.top) / frame.height;
    const [x0, x1, y0, y1] = range;
    return { fx, fy, ux: x0 + fx * (x1 - x0), uy: y1 - fy * (y1 - y0), unit: (x1 - x0) / frame.width };
  }
  function hover(event) {
    if (!range || event.buttons) return void (tip.hidden = true);
    const { fx, fy, ux, uy, unit } = point(event);
    const i = nearest(ux, uy, 9 * unit);
    tip.hidden = i < 0;
    if (i < 0) return;
    const at = topics[topic[i]];
    const title = element("b", at ? at.name : "no topic");
    const more = [at && at.theme >= 0 ? told.themes[at.theme] : "", told.languages[language[i]] || "another language", told.models[model[i]] || "another model", told.judged ? (flagged[i] ? "flagged" : "not flagged") : ""];
    tip.replaceChildren(title, ...more.filter(Boolean).map((text) => element("span", text)));
    tip.style.left = `${Math.min(fx * 100, 100)}%`;
    tip.style.top = `${fy * 100}%`;
    tip.classList.toggle("left", fx > 0.6);
    tip.classList.toggle("up", fy > 0.7);
  }

  topics.forEach((t, place) => {
    const button = element("button", t.name, { type: "button", title: t.keywords });
    button.append(element("span", ` ${number(t.n)}`, { class: "aside" }));
    button.addEventListener("click", () => show(place));
    const item = element("li");
    item.append(button);
    list.append(item);
  });
  colourBy.addEventListener("change", () => ((only = null), refresh()));
  search.addEventListener("input", searched);
  for (const button of document.querySelectorAll("[data-map]")) {
    const acts = { in: () => zoom(0.6), out: () => zoom(1 / 0.6), all: () => ((search.value = ""), (only = null), searched(), look(...whole())) };
    button.addEventListener("click", acts[button.dataset.map]);
  }
  box.addEventListener("pointermove", hover);
  box.addEventListener("pointerleave", () => (tip.hidden = true));
  box.addEventListener("wheel", (event) => {
    // The page scrolls over the map as it does elsewhere; with Ctrl, and by a pinch on a touch pad, the map zooms.
    if (!event.ctrlKey) return;
    event.preventDefault();
    const { ux, uy } = point(event);
    zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) / 150), ux, uy);
  }, { passive: false });
  box.addEventListener("keydown", (event) => {
    const acts = { ArrowLeft: () => move(-0.15, 0), ArrowRight: () => move(0.15, 0), ArrowUp: () => move(0, 0.15), ArrowDown: () => move(0, -0.15), "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1 / 0.6), 0: () => look(...whole()) };
    if (!acts[event.key] || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    acts[event.key]();
  });
  for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", () => range && refresh());

  chatlog.whenNear(box, () => {
    const hidden = { visible: false, showgrid: false, zeroline: false, fixedrange: false };
    const [x0, x1, y0, y1] = whole();
    const layout = {
      xaxis: Object.assign({ range: [x0, x1] }, hidden),
      // One unit is as long across as it is up: distances are what a map tells.
      yaxis: Object.assign({ range: [y0, y1], scaleanchor: "x", scaleratio: 1 }, hidden),
      margin: { l: 0, r: 0, t: 0, b: 0 }, showlegend: false, hovermode: false,
      // A finger that moves across the map moves the page; the buttons zoom.
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "pan",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { family: chatlog.font },
    };
    Plotly.newPlot(plot, [{ type: "scatter", x: [0], y: [0], mode: "markers", marker: { opacity: 0 } }], layout, {
      responsive: true, displayModeBar: false, scrollZoom: false, doubleClick: false,
    }).then(() => {
      seen();
      plot.on("plotly_relayouting", (event) => {
        if (event["xaxis.range[0]"] === undefined) return;
        range = [event["xaxis.range[0]"], event["xaxis.range[1]"], event["yaxis.range[0]"], event["yaxis.range[1]"]];
        redraw();
      });
      plot.on("plotly_relayout", settle);
      plot.on("plotly_afterplot", () => (seen(), redraw()));
      refresh();
      name();
      box.dataset.ready = "yes";
    });
  });
})();
