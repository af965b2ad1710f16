const dark = window.matchMedia("(prefers-color-scheme: dark)");
function draw() {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink").trim(), line = style.getPropertyValue("--line").trim();
  const axis = {gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true};
  for (const [id, figure] of Object.entries(figures)) {
    const layout = {...figure.layout, autosize: true, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)"};
    layout.font = {color: ink};
    layout.margin = {t: 20, r: 10, b: 45};
    layout.legend = {orientation: "h", y: 1.02, yanchor: "bottom"};
    layout.xaxis = {...figure.layout.xaxis, ...axis};
    layout.yaxis = {...figure.layout.yaxis, ...axis};
    Plotly.react(id, figure.data, layout, {displaylogo: false, responsive: true});
  }
}
draw();
dark.addEventListener("change", draw);
