"""The report's style sheet, its script, and the pieces of HTML that escape what they are given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

STYLE = """
:root{color-scheme:light dark;--ink:#1b1b1b;--soft:#565656;--line:#d0d0d0;--paper:#fff;--card:#f5f5f5}
@media (prefers-color-scheme:dark){:root{--ink:#ececec;--soft:#b4b4b4;--line:#454545;--paper:#161616;--card:#222}}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:1100px;margin:auto;padding:1.5rem}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.5rem;border-bottom:1px solid var(--line)}
h1,figcaption{overflow-wrap:anywhere}
td{overflow-wrap:break-word;max-width:34rem}
small{color:var(--soft)}
.wide{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;font-size:.9rem}
td,th{padding:.25rem .75rem .25rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
td:first-child{min-width:3.5rem}
.chart{height:22rem}.chart.tall{height:36rem}
.cards{display:flex;flex-wrap:wrap;gap:1rem}
figure{margin:0;padding:.75rem;background:var(--card);width:min-content;min-width:11rem;font-size:.9rem}
figure img{display:block;max-width:none;margin-bottom:.5rem;border-radius:0;image-rendering:pixelated}
@media print{figure{break-inside:avoid}}
"""

SCRIPT = """
const figures = FIGURES;
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
"""


def name_html(text: str) -> str:
    """A name from the data, escaped."""
    # bdi, because a name may hold characters that turn the direction of the text around it
    return f"<bdi>{escape(text)}</bdi>"


def words_html(name: str) -> str:
    """One of our own names in words: "label_noise" -> "label noise"."""
    return escape(name.replace("_", " "))


def section_html(title: str, content: str) -> str:
    """A section whose `content` is HTML already."""
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def table_html(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already; nothing where there is no row."""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    titles = f"<tr>{''.join(f'<th>{escape(title)}</th>' for title in head)}</tr>" if any(head) else ""
    return f'<div class="wide"><table>{titles}{body}</table></div>' if body else ""
