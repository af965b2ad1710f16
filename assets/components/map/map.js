/* The map: points from one address, fetched once; colours, selection and hover without asking the server again. */

import { learnTitles } from "../shared/class_titles.js";
import { Decisions } from "../shared/decisions.js";
import { el } from "../shared/dom.js";
import { randomHex } from "../shared/random.js";
import { checked } from "../shared/server.js";
import { mountOnce, readTheme } from "../shared/widget.js";
import { plural, thousands } from "../shared/words.js";
import { factsOf, legend, schemeOf, SCHEMES, tints } from "./colouring.js";
import { MapHand } from "./hand.js";
import { HoverCard } from "./hover_card.js";
import { Legend } from "./legend.js";
import { PointCloud } from "./point_cloud.js";
import { PointSet } from "./points.js";
import { rounded } from "./polygon.js";
import { Teller } from "./teller.js";
import { MapView } from "./view.js";

const TOOLS = { lasso: ["Lasso", "Draw around points (L)"], box: ["Box", "Draw a box (B, or hold Shift)"], pan: ["Pan", "Move the map (P, or hold Space)"] };
const loaded = new Map();

class ScatterMap {
  constructor(root) {
    this.root = root;
    Object.assign(this, { view: new MapView(), polygon: null, mask: null, entry: null, hovered: -1, schemeName: null, nonces: new Set() });
    root.classList.add("scatter");
    this.build();
    this.hand = new MapHand(this.plot, this);
    this.hoverCard = new HoverCard(this.plot);
    this.teller = new Teller(this);
    this.decisions = new Decisions((rows) => this.decided(rows), () => {});
    this.cloud = new PointCloud(this.canvas);
    this.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.canvas.addEventListener("webglcontextrestored", () => { this.cloud.prepare(); this.drawSoon(); });
    this.resizer = new ResizeObserver(() => this.resize());
    this.resizer.observe(this.plot);
  }

  build() {
    const button = (text, title, onclick) => el("button", { text, title, onclick, "aria-pressed": "false" });
    this.tools = Object.entries(TOOLS).map(([tool, [text, title]]) => Object.assign(button(text, title, () => this.setTool(tool)), { tool }));
    this.schemes = Object.entries(SCHEMES).map(([name, text]) => Object.assign(button(text, `Colour by ${text.toLowerCase()}`, () => this.setScheme(name)), { scheme: name }));
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.over = el("canvas", { class: "over", "aria-hidden": "true" });
    this.status = el("div", { class: "status", role: "status", "aria-live": "polite" });
    this.note = el("div", { class: "note", text: "Loading the map…" });
    this.plot = el("div", { class: "plot", tabindex: 0, role: "application", "aria-label": "Map of the images. Drag to draw a lasso, or press S for a box that keys move; arrows move the map, plus and minus zoom, Escape clears." }, this.canvas, this.over, this.status, this.note);
    this.legend = new Legend((i) => this.emphasise(i));
    const group = (label, buttons) => el("span", { class: "group", role: "group", "aria-label": label }, ...buttons);
    const around = [el("button", { text: "+", title: "Closer (+)", onclick: () => this.zoom(1.5) }), el("button", { text: "−", title: "Further away (-)", onclick: () => this.zoom(1 / 1.5) }), el("button", { text: "Reset view", title: "Show all points (0)", onclick: () => this.reset() })];
    this.root.append(
      el("div", { class: "tools" }, group("Tool", this.tools), group("View", around), el("span", { class: "label", text: "Colour by" }), group("Colour by", this.schemes)),
      this.plot,
      this.legend.node,
    );
    this.showTool();
  }

  update(api) {
    const before = this.data;
    this.api = api;
    this.data = api.data;
    this.theme = readTheme(this.root);
    learnTitles(this.data.titles);
    this.root.style.height = `${this.data.height}px`;
    if (!this.cloud.gl) return this.withoutGl();
    this.schemeName ??= SCHEMES[this.data.color_by] ? this.data.color_by : "label";
    if (before && before.color_by !== this.data.color_by && SCHEMES[this.data.color_by]) this.schemeName = this.data.color_by;
    this.decisions.configure({ token: "", reviewer: "" }, this.data.key);
    if (before?.points_url !== this.data.points_url) this.fetchPoints();
    else this.recolour();
    this.adopt(this.data.selection, before?.selection);
  }

  withoutGl() {
    this.note.textContent = "This browser cannot draw the map (no WebGL 2).";
    if (!this.told) this.api.setStateValue("no_webgl", true);
    this.told = true;
  }

  async fetchPoints() {
    const url = this.data.points_url;
    this.root.removeAttribute("data-taster-ready");
    this.note.hidden = false;
    try {
      if (!loaded.has(url)) {
        const reply = await checked(await fetch(url));
        // one map at a time is kept for the next mount of this page
        const bytes = await reply.arrayBuffer();
        loaded.clear();
        loaded.set(url, bytes);
      }
    } catch (error) {
      this.note.replaceChildren(el("p", {}, `The map could not be loaded: ${error.message} `, el("button", { text: "Try again", onclick: () => this.fetchPoints() })));
      return;
    }
    if (url === this.data.points_url) this.take(new PointSet(loaded.get(url)));
  }

  take(points) {
    this.points = points;
    this.colourBytes = new Uint8Array(8 * points.n);
    this.cloud.setPoints(points.bytes, points.n);
    for (const [row, state] of this.decisions.server) points.setDecision(row, state.action);
    this.note.hidden = points.n > 0;
    this.note.textContent = "There are no images to show.";
    this.hovered = -1;
    this.mask = this.polygon ? points.inside(this.polygon) : null;
    this.resize();
    this.recolour();
  }

  // ---- selection

  /* Takes a selection that the page hands back (after a change of page), but never an echo of one sent from here. */
  adopt(selection, before) {
    if ((selection?.nonce ?? null) === (before?.nonce ?? null) || (selection && this.nonces.has(selection.nonce))) return;
    this.show(selection?.polygon || null);
  }

  show(polygon) {
    this.polygon = polygon && polygon.length >= 3 ? polygon : null;
    this.mask = this.polygon && this.points ? this.points.inside(this.polygon) : null;
    this.recolour();
  }

  select(polygon, tool) {
    if (!polygon && !this.polygon) { this.entry = null; return this.recolour(); }
    const drawn = rounded(polygon);
    const nonce = drawn ? randomHex(6) : null;
    if (nonce) this.nonces.add(nonce);
    // before the points are coloured anew: the answer travels meanwhile
    const followed = this.teller.ahead(drawn, nonce);
    this.show(drawn);
    this.teller.python(drawn ? { polygon: drawn, tool, n_selected: this.nSelected(), nonce } : null, followed);
  }

  nSelected() { return this.mask ? this.mask.reduce((sum, hit) => sum + hit, 0) : 0; }

  // ---- view

  resize() {
    const box = this.plot.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
    if (!box.width || !box.height) return;
    this.ratio = ratio;
    for (const canvas of [this.canvas, this.over]) Object.assign(canvas, { width: Math.round(box.width * ratio), height: Math.round(box.height * ratio) });
    this.view.resize(box.width, box.height);
    this.drawSoon();
  }

  reset() {
    this.view.reset();
    this.drawSoon();
  }

  pan(dx, dy) {
    this.view.pan(dx, dy);
    this.drawSoon();
  }

  zoom(by, x, y) {
    this.view.zoom(by, x, y);
    this.drawSoon();
  }

  get pointSize() { return this.view.pointSize(this.points.n); }

  // ---- drawing

  drawSoon() {
    this.frame ??= requestAnimationFrame(() => { this.frame = null; this.draw(); });
  }

  draw() {
    if (!this.points || !this.view.width || this.cloud.gl.isContextLost()) return;
    this.cloud.draw(this.view, this.pointSize * this.ratio);
    this.drawOver();
    if (this.root.hasAttribute("data-taster-ready")) return;
    this.cloud.settle();
    performance.mark("taster-map-painted");
    this.root.setAttribute("data-taster-ready", "1");
  }

  drawOver() {
    const pen = this.over.getContext("2d");
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    pen.clearRect(0, 0, this.view.width, this.view.height);
    const path = this.hand.path || this.polygon?.map(([x, y]) => this.view.toPixel(x, y));
    if (path) this.trace(pen, path);
    if (this.hovered < 0) return;
    const [x, y] = this.view.toPixel(this.points.x[this.hovered], this.points.y[this.hovered]);
    pen.beginPath();
    pen.arc(x, y, this.pointSize / 2 + 4, 0, 2 * Math.PI);
    pen.lineWidth = 2;
    pen.strokeStyle = `rgb(${this.theme.text})`;
    pen.stroke();
  }

  trace(pen, path) {
    pen.beginPath();
    path.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
    pen.closePath();
    pen.fillStyle = `rgba(${this.theme.text}, .06)`;
    pen.fill("evenodd");
    pen.lineWidth = 1.5;
    pen.setLineDash(this.hand.path ? [] : [5, 4]);
    pen.strokeStyle = `rgb(${this.theme.text})`;
    pen.stroke();
    pen.setLineDash([]);
  }

  recolour() {
    if (!this.points) return;
    const scheme = schemeOf(this.points, this.schemeName, this.theme.dark, this.data);
    this.cloud.setColours(tints(this.points, scheme, this.mask, this.entry, this.theme.dark, this.colourBytes));
    this.showLegend(scheme);
    this.showStatus();
    this.drawSoon();
  }

  // ---- legend, tools, words

  showLegend(scheme) {
    this.legend.show(legend(this.points, scheme, this.mask), this.entry, this.mask ? "In the selection" : "All images");
    for (const button of this.schemes) button.setAttribute("aria-pressed", String(button.scheme === this.schemeName));
  }

  emphasise(i) {
    this.entry = this.entry === i ? null : i;
    this.recolour();
  }

  setScheme(name) { this.schemeName = name; this.entry = null; this.recolour(); }

  setTool(tool) { this.hand.tool = tool; this.showTool(); }

  showTool() {
    const tool = this.hand?.tool || "lasso";
    this.tools.forEach((button) => button.setAttribute("aria-pressed", String(button.tool === tool)));
    this.plot.classList.toggle("pan", tool === "pan");
  }

  showStatus() {
    if (!this.points) return;
    if (this.hand?.keyed) return this.status.replaceChildren("Arrows move the box, Shift + arrows size it, Enter selects, Esc puts it away");
    if (!this.mask) return this.status.replaceChildren(plural(this.points.n, "image"));
    const clear = el("button", { class: "plain", text: "Clear", title: "Select nothing (Esc)", onclick: () => this.select(null, this.hand.tool) });
    this.status.replaceChildren(el("strong", { text: `${thousands(this.nSelected())} selected` }), `of ${thousands(this.points.n)}`, clear);
  }

  hover(row) {
    if (row === this.hovered || !this.points) return;
    this.hovered = row;
    this.drawOver();
    if (row < 0) return this.hoverCard.hide();
    this.hoverCard.show(this.data.key, row, factsOf(this.points, row, this.data), this.view.toPixel(this.points.x[row], this.points.y[row]), this.view);
  }

  decided(rows) {
    if (!this.points) return;
    for (const row of rows) this.points.setDecision(row, this.decisions.server.get(row)?.action);
    if (this.schemeName === "decision") this.recolour();
  }

  destroy() {
    cancelAnimationFrame(this.frame);
    this.resizer.disconnect();
    this.hand.close();
    this.hoverCard.close();
    this.teller.close();
    this.decisions.close();
    this.cloud.free();
  }
}

export default (api) => mountOnce(api, (root) => new ScatterMap(root));
