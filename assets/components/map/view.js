/* Which part of the plane is on the screen: points are in quantised units with y up, pixels in CSS pixels with y down. */

import { clamp } from "../shared/steps.js";
import { SPAN } from "./points.js";

const LARGEST_ZOOM = 400, SMALLEST_ZOOM = 0.5;

export class MapView {
  /* width, height: pixels of the plot. What a hand has moved stays where it is; else all points are shown. */
  resize(width, height) {
    Object.assign(this, { width, height });
    if (!this.moved || !this.scale) this.reset();
  }

  reset() {
    this.moved = false;
    this.whole = Math.min(this.width, this.height) / SPAN;
    Object.assign(this, { x: SPAN / 2, y: SPAN / 2, scale: this.whole });
  }

  pan(dx, dy) {
    this.moved = true;
    this.x = clamp(this.x - dx / this.scale, 0, SPAN);
    this.y = clamp(this.y + dy / this.scale, 0, SPAN);
  }

  /* What lies under the pixel stays there. */
  zoom(by, x = this.width / 2, y = this.height / 2) {
    const [px, py] = this.toPoint(x, y);
    this.moved = true;
    this.scale = clamp(this.scale * by, SMALLEST_ZOOM * this.whole, LARGEST_ZOOM * this.whole);
    this.x = px - (x - this.width / 2) / this.scale;
    this.y = py + (y - this.height / 2) / this.scale;
  }

  toPoint(x, y) { return [this.x + (x - this.width / 2) / this.scale, this.y - (y - this.height / 2) / this.scale]; }

  toPixel(x, y) { return [(x - this.x) * this.scale + this.width / 2, (this.y - y) * this.scale + this.height / 2]; }

  /* A point's diameter in pixels where there are n: 2 to 7, growing slowly with the zoom up to 14. */
  pointSize(n) {
    const room = 0.42 * Math.sqrt((this.width * this.height) / Math.max(1, n));
    return Math.min(14, clamp(room, 2, 7) * Math.max(1, this.scale / this.whole) ** 0.4);
  }
}
