"use strict";
// Draws the plots that stand in the page as JSON. Colours come from the style sheet.
(() => {
  const { data, font, whenNear } = chatlog;

  function shortened(text, length) {
    // An entity ("&lt;") is one character to the reader and must not be cut in two.
    const units = text.match(/&[a-z]+;|[\s\S]/gu) || [];
    return units.length <= length ? text : units.slice(0, length - 1).join("") + "…";
  }

  chatlog.layout = (given, width) => {
    const layout = Object.assign({}, given, {
      autosize: true,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: font, size: 13 },
      margin: given.margin || { l: 8, r: 16, t: 4, b: 44 },
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
    return layout;
  };

  chatlog.STILL = { responsive: true, displayModeBar: false, scrollZoom: false };

  for (const target of document.querySelectorAll("[data-plot]")) {
    const plot = data.plots[target.dataset.plot];
    whenNear(target, () =>
      Plotly.newPlot(target, plot.data, chatlog.layout(plot.layout, target.clientWidth), chatlog.STILL)
    );
  }
})();
