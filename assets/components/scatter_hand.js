/* Hands on the map: lasso, box, pan, wheel, hover. It knows pixels; the map knows points. */

const HOVER_MS = 30, HOVER_REACH = 12, STEP = 3, MOST_CORNERS = 400;

class MapHand {
  constructor(plot, map) {
    Object.assign(this, { plot, map, tool: "lasso", path: null, drag: null, space: false });
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
    on("blur", () => { this.space = false; });
  }

  place(event) {
    const box = this.plot.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  down(event) {
    if (event.button > 1 || event.target.closest("button")) return;
    const at = this.place(event);
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
    } else if (this.path) {
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
    this.path = this.drag = null;
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
    const step = 60, moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    const key = event.key === " " ? " " : commandKey(event) || (moves[event.key] ? event.key : "");
    if (key === " ") this.space = true;
    else if (key === "Escape") { this.drop(); this.map.select(null, this.tool); }
    else if (moves[key]) this.map.pan(...moves[key]);
    else if (key === "+" || key === "=") this.map.zoom(1.3);
    else if (key === "-") this.map.zoom(1 / 1.3);
    else if (key === "0") this.map.reset();
    else if ({ l: 1, b: 1, p: 1 }[key]) this.map.setTool({ l: "lasso", b: "box", p: "pan" }[key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  hoverSoon(at) {
    clearTimeout(this.timer);
    if (!at) return this.map.hover(-1);
    this.timer = setTimeout(() => {
      const [x, y] = this.map.toPoint(...at);
      this.map.hover(this.map.points?.nearest(x, y, HOVER_REACH / this.map.view.scale) ?? -1);
    }, HOVER_MS);
  }

  close() { clearTimeout(this.timer); }
}
