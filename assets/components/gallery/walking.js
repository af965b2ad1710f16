/* Where an arrow key leads among tiles, which wrap into lines as the width allows. No drawing here. */

import { clamp } from "../shared/steps.js";

/* Lines of tile numbers, from the top of each tile. */
export function linesOf(tops) {
  const lines = new Map();
  tops.forEach((top, i) => lines.has(top) ? lines.get(top).push(i) : lines.set(top, [i]));
  return [...lines.values()];
}

/* How many whole tiles of `height` a window shows, less one to keep the place; at least 1. */
export const screenful = (windowHeight, height) => Math.max(1, Math.floor(windowHeight / (height + 8)) - 1);

/* The tile `step` lines away that lies nearest to the column of this one (the threshold breaks lines short). */
export function vertical(at, step, lines, lefts) {
  const line = lines.findIndex((tiles) => tiles.includes(at));
  const there = lines[clamp(line + step, 0, lines.length - 1)];
  return there.reduce((best, i) => (Math.abs(lefts[i] - lefts[at]) < Math.abs(lefts[best] - lefts[at]) ? i : best));
}

/* The tile that `key` leads to from `at`, or null. layout() gives { lines, lefts, screen }: it is asked for only where a key needs it. */
export function target(key, at, n, layout) {
  if (key === "Home") return 0;
  if (key === "End") return n - 1;
  if (key === "ArrowRight") return Math.min(n - 1, at + 1);
  if (key === "ArrowLeft") return Math.max(0, at - 1);
  if (!["ArrowDown", "ArrowUp", "PageDown", "PageUp"].includes(key)) return null;
  const { lines, lefts, screen } = layout();
  return vertical(at, (key.startsWith("Page") ? screen : 1) * (key.endsWith("Down") ? 1 : -1), lines, lefts);
}
