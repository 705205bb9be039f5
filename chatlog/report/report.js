"use strict";
// Draws the plots that stand in the page as JSON. Colours come from the style sheet.
(function () {
  const plots = JSON.parse(document.getElementById("plots").textContent);
  const font = getComputedStyle(document.body).fontFamily;

  function shortened(text, length) {
    // An entity ("&lt;") is one character to the reader and must not be cut in two.
    const units = text.match(/&[a-z]+;|[\s\S]/gu) || [];
    return units.length <= length ? text : units.slice(0, length - 1).join("") + "…";
  }

  function layoutOf(plot, width) {
    const layout = Object.assign({}, plot.layout, {
      autosize: true,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: font, size: 13 },
      margin: plot.layout.margin || { l: 8, r: 16, t: 4, b: 44 },
      hoverlabel: { align: "left", font: { family: font, size: 13 } },
      separators: ".\u202f",
    });
    if (layout.yaxis && layout.yaxis.ticktext && width < 560) {
      layout.yaxis = Object.assign({}, layout.yaxis, {
        ticktext: layout.yaxis.ticktext.map((text) => shortened(text, 19)),
      });
    }
    for (const name of ["xaxis", "yaxis"]) {
      if (layout[name] && layout[name].title) {
        layout[name] = Object.assign({ automargin: true, ticks: "" }, layout[name]);
        layout[name].title = Object.assign({ standoff: 8, font: { size: 12 } }, layout[name].title);
      }
    }
    // A finger that moves across the map moves the page; the buttons still zoom.
    if (layout.dragmode && matchMedia("(pointer: coarse)").matches) layout.dragmode = false;
    layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: "#7d8690", activecolor: "#7d8690" };
    return layout;
  }

  function draw(element) {
    const plot = plots[element.dataset.plot];
    const isMap = plot.tone === "map";
    Plotly.newPlot(element, plot.data, layoutOf(plot, element.clientWidth), {
      responsive: true,
      displaylogo: false,
      displayModeBar: isMap,
      modeBarButtons: [["zoomIn2d", "zoomOut2d", "resetScale2d"]],
      // The page scrolls over the map as it does elsewhere.
      scrollZoom: false,
    });
  }

  // A plot is drawn when it comes near the view, and all of them before printing.
  const waiting = new Set(document.querySelectorAll("[data-plot]"));
  function drawOnce(element) {
    if (waiting.delete(element)) draw(element);
  }
  const observer = new IntersectionObserver(
    (entries) => entries.filter((e) => e.isIntersecting).forEach((e) => drawOnce(e.target)),
    { rootMargin: "600px" }
  );
  waiting.forEach((element) => observer.observe(element));
  window.addEventListener("beforeprint", () => [...waiting].forEach(drawOnce));
})();
