/* The points as the server packs them: who is nearest, who is inside. No drawing here. */

import { clamp } from "../shared/steps.js";

export const NONE = 255;
export const NO_LABEL = 65535;
export const SPAN = 65535;
const DECISION_OF = { keep: 1, relabel: 2, exclude: 3, needs_review: 4 };

export class PointSet {
  constructor(bytes) {
    this.bytes = bytes;
    this.n = Math.floor(bytes.byteLength / 8);
    const { n } = this;
    this.x = new Uint16Array(bytes, 0, n);
    this.y = new Uint16Array(bytes, 2 * n, n);
    this.suspicion = new Uint8Array(bytes, 4 * n, n);
    this.verdict = new Uint8Array(bytes, 5 * n, n);
    this.label = new Uint16Array(bytes, 6 * n, n);
    this.decision = new Uint8Array(n);
    this.buildIndex();
  }

  // ---- the grid index: rows of each of 256 × 256 squares, by counting

  buildIndex() {
    const starts = new Uint32Array(65537);
    for (let i = 0; i < this.n; i++) starts[this.square(this.x[i], this.y[i]) + 1]++;
    for (let s = 0; s < 65536; s++) starts[s + 1] += starts[s];
    const next = starts.slice(), rows = new Uint32Array(this.n);
    for (let i = 0; i < this.n; i++) rows[next[this.square(this.x[i], this.y[i])]++] = i;
    Object.assign(this, { starts, order: rows });
  }

  square(x, y) { return ((y >> 8) << 8) | (x >> 8); }

  /* The row nearest to (x, y) within `reach`, or −1. */
  nearest(x, y, reach) {
    let best = -1, least = reach * reach;
    const square = (v) => clamp(Math.floor(v / 256), 0, 255);
    for (let sy = square(y - reach); sy <= square(y + reach); sy++) {
      const first = this.starts[(sy << 8) | square(x - reach)], last = this.starts[((sy << 8) | square(x + reach)) + 1];
      for (let k = first; k < last; k++) {
        const i = this.order[k], dx = this.x[i] - x, dy = this.y[i] - y, away = dx * dx + dy * dy;
        if (away <= least) { least = away; best = i; }
      }
    }
    return best;
  }

  /* uint8 per row: inside the polygon by the even-odd rule; the same arithmetic as the server's. */
  inside(polygon) {
    const { x, y, n } = this, hit = new Uint8Array(n), m = polygon.length;
    if (m < 3) return hit;
    const xs = polygon.map((p) => p[0]), ys = polygon.map((p) => p[1]);
    const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    for (let i = 0; i < n; i++) {
      const px = x[i], py = y[i];
      if (px < left || px > right || py < low || py > high) continue;
      let odd = 0;
      for (let a = 0, b = 1; a < m; a++, b = b + 1 === m ? 0 : b + 1) {
        if (ys[a] > py !== ys[b] > py && px < ((xs[b] - xs[a]) * (py - ys[a])) / (ys[b] - ys[a]) + xs[a]) odd ^= 1;
      }
      hit[i] = odd;
    }
    return hit;
  }

  setDecision(row, action) {
    if (row < this.n) this.decision[row] = DECISION_OF[action] || 0;
  }
}
