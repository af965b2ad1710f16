/* Hands on the map: lasso, box, pan, wheel, hover, and a box by keys alone. It knows pixels; the map knows points. */

import { commandKey } from "../shared/keys.js";
import { KeyBox } from "./key_box.js";
import { boxCorners, extent, thinned } from "./polygon.js";

const HOVER_MS = 30, HOVER_REACH = 12, STEP = 3, PAN_STEP = 60;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class MapHand {
  constructor(plot, map) {
    Object.assign(this, { plot, map, tool: "lasso", path: null, drag: null, keyed: null, space: false });
    const on = (kind, handle, options) => plot.addEventListener(kind, handle, options);
    on("pointerdown", (event) => this.down(event));
    // the middle button would start the browser's own scrolling
    on("mousedown", (event) => { if (event.button === 1) event.preventDefault(); });
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.up(event));
    on("pointercancel", () => this.drop());
    on("pointerleave", () => this.hoverSoon(null));
    on("wheel", (event) => this.wheel(event), { passive: false });
    on("dblclick", () => map.select(null, this.tool));
    on("keydown", (event) => this.key(event));
    on("keyup", (event) => { if (event.key === " ") this.space = false; });
    on("blur", () => { this.space = false; this.leaveKeyBox(); });
  }

  place(event) {
    const box = this.plot.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  down(event) {
    if (event.button > 1 || event.target.closest("button")) return;
    const at = this.place(event);
    this.leaveKeyBox();
    this.plot.setPointerCapture(event.pointerId);
    this.hoverSoon(null);
    if (event.button === 1 || this.space || this.tool === "pan") {
      this.drag = at;
      this.plot.classList.add("panning");
    } else {
      this.box = this.tool === "box" || event.shiftKey;
      this.path = [at];
    }
  }

  move(event) {
    const at = this.place(event);
    if (this.drag) {
      this.map.pan(at[0] - this.drag[0], at[1] - this.drag[1]);
      this.drag = at;
    } else if (this.path && !this.keyed) {
      const last = this.path[this.path.length - 1];
      if (this.box) this.path = boxCorners(this.path[0], at);
      else if (Math.hypot(at[0] - last[0], at[1] - last[1]) >= STEP) this.path.push(at);
      this.map.drawOver();
    } else this.hoverSoon(at);
  }

  up() {
    const path = this.path, tool = this.box ? "box" : "lasso";
    if (this.keyed) this.hoverSoon(null);
    this.drop();
    // a click, or a slip of the hand, is no lasso
    if (!path || path.length < 3 || extent(path) < 4) return this.map.drawOver();
    this.map.select(thinned(path).map(([x, y]) => this.map.view.toPoint(x, y)), tool);
  }

  drop() {
    this.path = this.drag = this.keyed = null;
    this.plot.classList.remove("panning");
  }

  /* Until the map has the focus, the wheel scrolls the page; a pinch, which comes as a wheel with Ctrl, always zooms. */
  wheel(event) {
    if (!event.ctrlKey && !this.plot.matches(":focus, :focus-within")) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.hoverSoon(null);
    this.map.zoom(Math.exp(-event.deltaY * lines * 0.0015), ...this.place(event));
  }

  key(event) {
    if (event.target !== this.plot) return;
    const arrow = ARROWS[event.key], key = event.key === " " ? " " : commandKey(event) || (arrow ? event.key : "");
    if (this.keyed && arrow) this.moveKeyBox(arrow, event.shiftKey);
    else if (this.keyed && key === "Enter") this.up();
    else if (this.keyed && key === "Escape") this.leaveKeyBox();
    else if (key === "s") this.startKeyBox();
    else if (key === " ") this.space = true;
    else if (key === "Escape") { this.drop(); this.map.select(null, this.tool); }
    else if (arrow) this.map.pan(-PAN_STEP * arrow[0], -PAN_STEP * arrow[1]);
    else if (key === "+" || key === "=") this.map.zoom(1.3);
    else if (key === "-") this.map.zoom(1 / 1.3);
    else if (key === "0") this.map.reset();
    else if ({ l: 1, b: 1, p: 1 }[key]) this.map.setTool({ l: "lasso", b: "box", p: "pan" }[key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // ---- a box by keys: S places it, arrows move it, Shift and arrows size it, Enter selects what is in it

  startKeyBox() {
    const { width, height } = this.map.view;
    this.box = true;
    this.keyed = new KeyBox(width, height);
    this.moveKeyBox([0, 0], false);
    this.map.showStatus();
  }

  moveKeyBox(arrow, sizing) {
    const { keyed } = this;
    if (sizing) keyed.size(arrow);
    else keyed.move(arrow);
    this.path = keyed.corners;
    this.map.drawOver();
    this.hoverSoon([keyed.x, keyed.y], keyed.reach);
  }

  leaveKeyBox() {
    if (!this.keyed) return;
    this.drop();
    this.hoverSoon(null);
    this.map.drawOver();
    this.map.showStatus();
  }

  hoverSoon(at, reach = HOVER_REACH) {
    clearTimeout(this.timer);
    if (!at) return this.map.hover(-1);
    this.timer = setTimeout(() => {
      const [x, y] = this.map.view.toPoint(...at);
      this.map.hover(this.map.points?.nearest(x, y, reach / this.map.view.scale) ?? -1);
    }, HOVER_MS);
  }

  close() { clearTimeout(this.timer); }
}
