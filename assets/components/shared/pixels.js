/* Pictures enlarged by whole factors, so that every pixel stays one. */

const spriteColumns = (n) => Math.max(1, Math.ceil(Math.sqrt(n)));

/* The largest whole factor by which `side` fits into `room`, at least 1. */
export const wholeFactor = (side, room) => Math.max(1, Math.floor(room / side));

/* The same for w × h pixels, but below 1 for what is larger than the room. */
export function fitFactor(w, h, room) {
  const fits = room / Math.max(w, h);
  return fits >= 1 ? Math.floor(fits) : fits;
}

export const sizeWords = (w, h, factor) => `${w} × ${h} pixels, shown ${factor >= 1 ? `${factor} : 1` : "smaller"}`;

/* Sizes `node` for w × h pixels enlarged by `factor`. */
export function setSize(node, w, h, factor) {
  Object.assign(node.style, { width: `${w * factor}px`, height: `${h * factor}px` });
}

/* Sizes a loaded image to fit into `room`; returns words. */
export function fitInto(image, room) {
  const { naturalWidth: w, naturalHeight: h } = image, factor = fitFactor(w, h, room);
  setSize(image, w, h, factor);
  return sizeWords(w, h, factor);
}

/* Shows cell `index` of a sprite of n cells. */
export function paintCell(node, url, n, cell, index, factor) {
  const columns = spriteColumns(n), side = cell * factor;
  setSize(node, cell, cell, factor);
  Object.assign(node.style, {
    backgroundImage: `url("${url}")`,
    backgroundSize: `${columns * side}px auto`,
    backgroundPosition: `${-(index % columns) * side}px ${-Math.floor(index / columns) * side}px`,
  });
}
