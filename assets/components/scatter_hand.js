/* Hands on the map: lasso, box, pan, wheel, hover, and a box by keys alone. It knows pixels; the map knows points. */

const HOVER_MS = 30, HOVER_REACH = 12, STEP = 3, MOST_CORNERS = 400, KEY_STEP = 20, PAN_STEP = 60;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

class MapHand {
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
      if (this.box) this.path = this.corners(this.path[0], at);
      else if (Math.hypot(at[0] - last[0], at[1] - last[1]) >= STEP) this.path.push(at);
      this.map.drawOver();
    } else this.hoverSoon(at);
  }

  corners(from, to) {
    return [from, [to[0], from[1]], to, [from[0], to[1]]];
  }

  up() {
    const path = this.path, tool = this.box ? "box" : "lasso";
    if (this.keyed) this.hoverSoon(null);
    this.drop();
    // a click, or a slip of the hand, is no lasso
    if (!path || path.length < 3 || this.extent(path) < 4) return this.map.drawOver();
    const every = Math.ceil(path.length / MOST_CORNERS);
    this.map.select(path.filter((_, i) => i % every === 0).map(([x, y]) => this.map.toPoint(x, y)), tool);
  }

  extent(path) {
    const span = (k) => Math.max(...path.map((p) => p[k])) - Math.min(...path.map((p) => p[k]));
    return Math.min(span(0), span(1));
  }

  drop() {
    this.path = this.drag = this.keyed = null;
    this.plot.classList.remove("panning");
  }

  wheel(event) {
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
    const { width, height } = this.map;
    this.box = true;
    this.keyed = { x: width / 2, y: height / 2, halfWidth: width / 8, halfHeight: height / 8 };
    this.moveKeyBox([0, 0], false);
    this.map.showStatus();
  }

  moveKeyBox([right, down], sizing) {
    const k = this.keyed, { width, height } = this.map, within = (v, least, most) => Math.max(least, Math.min(most, v));
    if (sizing) Object.assign(k, { halfWidth: within(k.halfWidth + KEY_STEP * right, KEY_STEP / 2, width), halfHeight: within(k.halfHeight - KEY_STEP * down, KEY_STEP / 2, height) });
    else Object.assign(k, { x: within(k.x + KEY_STEP * right, 0, width), y: within(k.y + KEY_STEP * down, 0, height) });
    this.path = this.corners([k.x - k.halfWidth, k.y - k.halfHeight], [k.x + k.halfWidth, k.y + k.halfHeight]);
    this.map.drawOver();
    this.hoverSoon([k.x, k.y], Math.min(k.halfWidth, k.halfHeight));
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
      const [x, y] = this.map.toPoint(...at);
      this.map.hover(this.map.points?.nearest(x, y, reach / this.map.view.scale) ?? -1);
    }, HOVER_MS);
  }

  close() { clearTimeout(this.timer); }
}
