/* Drawn outlines: lists of [x, y]. */

const MOST_CORNERS = 400;

/* Hundredths of a quantised step: finer than a pixel at the largest zoom. Null for what encloses nothing. */
export const rounded = (polygon) => (polygon && polygon.length >= 3 ? polygon.map((corner) => corner.map((v) => Math.round(v * 100) / 100)) : null);

/* Corners left out evenly, so that at most 400 stay. */
export function thinned(path) {
  const every = Math.ceil(path.length / MOST_CORNERS);
  return path.filter((_, i) => i % every === 0);
}

export const boxCorners = (from, to) => [from, [to[0], from[1]], to, [from[0], to[1]]];

/* The shorter side of what surrounds the path. */
export function extent(path) {
  const span = (k) => Math.max(...path.map((p) => p[k])) - Math.min(...path.map((p) => p[k]));
  return Math.min(span(0), span(1));
}
