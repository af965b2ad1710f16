/* A box on the map that keys move and size, in pixels of the plot. */

import { clamp } from "../shared/steps.js";
import { boxCorners } from "./polygon.js";

const STEP = 20;

export class KeyBox {
  constructor(width, height) {
    Object.assign(this, { width, height, x: width / 2, y: height / 2, halfWidth: width / 8, halfHeight: height / 8 });
  }

  move([right, down]) {
    this.x = clamp(this.x + STEP * right, 0, this.width);
    this.y = clamp(this.y + STEP * down, 0, this.height);
  }

  /* Wider to the right, higher upwards. */
  size([right, down]) {
    this.halfWidth = clamp(this.halfWidth + STEP * right, STEP / 2, this.width);
    this.halfHeight = clamp(this.halfHeight - STEP * down, STEP / 2, this.height);
  }

  get corners() { return boxCorners([this.x - this.halfWidth, this.y - this.halfHeight], [this.x + this.halfWidth, this.y + this.halfHeight]); }

  get reach() { return Math.min(this.halfWidth, this.halfHeight); }
}
