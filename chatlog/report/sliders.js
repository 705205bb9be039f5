"use strict";
// Moderation under other thresholds: counts over the scores that the page holds, and the query that gives the same.
(() => {
  const box = document.getElementById("thresholds-live");
  const told = chatlog.data.scores;
  if (!box || !told) return;
  const { unpack, escaped, cut, element, number } = chatlog;
  const MISSING = 255, TOP = 12;
  const names = told.categories.map((category) => category.name);
  const levels = names.map((name) => unpack(told.levels[name], "u1"));
  const asRun = unpack(told.flagged, "u1");
  const inputs = names.map((name) => document.querySelector(`input[data-category="${CSS.escape(name)}"]`));
  const groups = Object.entries(told.groups).map(([name, group]) => ({
    name,
    codes: unpack(group.codes, name === "topic" ? "u2" : "u1"),
    names: group.names,
  }));

  const shown = (step) => (step / 100).toString();
  const condition = (place, step) => `"${names[place]}" >= ${shown(step)}`;

  function query(name, steps) {
    return told.sql[name]
      .replace(told.marks.condition, steps.map((step, place) => condition(place, step)).join(" OR "))
      .replace(told.marks.counts, steps.map((step, place) => `count(*) FILTER (${condition(place, step)}) AS "${names[place]}"`).join(",\n         "));
  }

  function count() {
    const steps = inputs.map((input) => Number(input.value));
    const byCategory = new Array(names.length).fill(0);
    const flagged = new Uint8Array(told.n);
    for (let place = 0; place < names.length; place++) {
      const level = levels[place], step = steps[place];
      for (let i = 0; i < told.n; i++) if (level[i] >= step && level[i] !== MISSING) (byCategory[place]++, (flagged[i] = 1));
    }
    const tables = { category: names.map((name, place) => ({ name, flagged: byCategory[place] })) };
    for (const group of groups) {
      const rows = new Map();
      for (let i = 0; i < told.n; i++) {
        const code = group.codes[i];
        let row = rows.get(code);
        if (!row) rows.set(code, (row = { name: group.names[code] === undefined ? "others" : group.names[code], judged: 0, asRun: 0, flagged: 0 }));
        row.judged++;
        row.asRun += asRun[i];
        row.flagged += flagged[i];
      }
      tables[group.name] = [...rows.values()].sort((a, b) => b.judged - a.judged);
    }
    let hits = 0, before = 0;
    for (let i = 0; i < told.n; i++) (hits += flagged[i]), (before += asRun[i]);
    return { steps, tables, hits, before };
  }

  function draw(target, name, rows) {
    const top = rows.slice(0, name === "category" ? rows.length : TOP);
    const share = (hits, row) => (row.judged ? hits / row.judged : 0);
    const places = top.map((_, place) => place);
    const values = top.map((row) => (name === "category" ? row.flagged : share(row.flagged, row)));
    const marks = top.map((row) => (name === "category" ? 0 : share(row.asRun, row)));
    const data = [{
      type: "bar", orientation: "h", y: places, x: values, cliponaxis: false, textposition: "none",
      customdata: top.map((row) => escaped(name === "category" ? row.name : `${row.name}: ${row.flagged} of ${row.judged}, as run ${row.asRun}`)),
      hovertemplate: "%{customdata}<extra></extra>",
    }];
    if (name !== "category") {
      data.push({
        type: "scatter", mode: "markers", y: places, x: marks, hoverinfo: "skip", cliponaxis: false,
        marker: { symbol: "line-ns-open", size: 18, line: { width: 2.5 } },
      });
    }
    const percent = (value) => `${(100 * value).toFixed(1)}%`;
    const tell = (row, place) => {
      if (name === "category") return number(row.flagged);
      const now = percent(values[place]), before = percent(marks[place]);
      return now === before ? now : `${now}, run ${before}`;
    };
    // The number stands past the mark where that is farther than the bar.
    data.push({
      type: "scatter", mode: "text", y: places, x: values.map((value, place) => Math.max(value, marks[place])),
      text: top.map((row, place) => `\u2002${tell(row, place)}`),
      textposition: "middle right", hoverinfo: "skip", cliponaxis: false,
    });
    const widest = Math.max(1e-9, ...data.flatMap((trace) => trace.x));
    const layout = {
      height: 26 * top.length + 40, showlegend: false, bargap: 0.32, margin: { l: 8, r: 16, t: 4, b: 28 },
      yaxis: { autorange: "reversed", tickmode: "array", tickvals: places, ticktext: top.map((row) => escaped(cut(row.name, 24))), automargin: true, showgrid: false, fixedrange: true, ticklabelstandoff: 6, zeroline: false },
      xaxis: { range: [0, widest * (name === "category" ? 1.2 : 1.6)], fixedrange: true, nticks: 5, zeroline: false, tickformat: name === "category" ? "~s" : ".0%" },
    };
    Plotly.react(target, data, chatlog.layout(layout, target.clientWidth), chatlog.STILL);
  }

  function tabulate(body, name, rows) {
    body.replaceChildren(...rows.map((row) => {
      const line = element("tr");
      const cells = name === "category" ? [row.flagged] : [row.judged, row.asRun, row.flagged];
      line.append(element("td", row.name), ...cells.map((value) => element("td", number(value), { class: "num" })));
      return line;
    }));
  }

  function refresh() {
    const { steps, tables, hits, before } = count();
    inputs.forEach((input, place) => {
      input.setAttribute("aria-valuetext", shown(steps[place]));
      input.nextElementSibling.textContent = (steps[place] / 100).toFixed(2);
    });
    document.getElementById("live-total").textContent =
      `At these thresholds ${number(hits)} of ${number(told.n)} judged conversations are flagged; the run flagged ${number(before)}.`;
    for (const part of box.querySelectorAll("[data-live]")) {
      const name = part.dataset.live;
      draw(part.querySelector(".plot"), name, tables[name]);
      tabulate(part.querySelector("tbody"), name, tables[name]);
      part.querySelector("code").textContent = query(name, steps);
    }
  }

  const starts = inputs.map((input) => input.value);
  let waiting = 0;
  box.addEventListener("input", (event) => {
    if (event.target.id === "threshold-all") inputs.forEach((input) => (input.value = event.target.value));
    if (!waiting) waiting = requestAnimationFrame(() => ((waiting = 0), refresh()));
  });
  document.getElementById("threshold-reset").addEventListener("click", () => {
    inputs.forEach((input, place) => (input.value = starts[place]));
    refresh();
  });
  chatlog.whenNear(box, refresh);
})();
