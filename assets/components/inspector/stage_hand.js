/* Hands on the stage: wheel, one finger or the mouse to move, two fingers to pinch, and keys. */

const ARROWS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const ARROW_STEP = 48, WHEEL = 1.0016, CLICK_STEP = 2.5;

export class StageHand {
  constructor(stage, zoom) {
    Object.assign(this, { stage, zoom, down: new Map() });
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this.press(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    for (const kind of ["pointerup", "pointercancel"]) stage.addEventListener(kind, (event) => this.down.delete(event.pointerId));
    stage.addEventListener("dblclick", (event) => zoom.zoom(CLICK_STEP, this.at(event)));
    stage.addEventListener("dragstart", (event) => event.preventDefault());
    stage.addEventListener("keydown", (event) => this.key(event));
  }

  at(event) {
    const box = this.stage.getBoundingClientRect();
    return [event.clientX - box.left - this.stage.clientLeft, event.clientY - box.top - this.stage.clientTop];
  }

  wheel(event) {
    // away from an image that shows whole already, the page goes on scrolling
    if (event.deltaY > 0 && this.zoom.whole) return;
    const lines = event.deltaMode === 1 ? 24 : 1;
    // a pinch on a touchpad comes as a wheel of small steps with Ctrl
    if (this.zoom.zoom(WHEEL ** (-event.deltaY * lines * (event.ctrlKey ? 6 : 1)), this.at(event))) event.preventDefault();
  }

  press(event) {
    if (event.button > 0) return;
    this.down.set(event.pointerId, this.at(event));
    if (!this.zoom.whole || this.down.size > 1) this.stage.setPointerCapture(event.pointerId);
  }

  move(event) {
    const before = this.down.get(event.pointerId);
    if (!before) return;
    const now = this.at(event), other = [...this.down].find(([id]) => id !== event.pointerId)?.[1];
    this.down.set(event.pointerId, now);
    if (other) {
      const apart = (point) => Math.max(1, Math.hypot(point[0] - other[0], point[1] - other[1]));
      this.zoom.zoom(apart(now) / apart(before), [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]);
    } else if (!this.zoom.whole) this.zoom.pan(now[0] - before[0], now[1] - before[1]);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const way = ARROWS[event.key];
    if (way ? !this.zoom.whole && this.zoom.pan(ARROW_STEP * way[0], ARROW_STEP * way[1]) : this.zoom.press(event.key)) {
      event.preventDefault();
      event.stopPropagation();
    }
  }
}
