/* Small pictures are enlarged by whole factors, so that every pixel stays one; photographs are shown smoothly. */

// up to this many pixels a side an image is one of single pixels, beyond a photograph
const PIXEL_SIDE = 64;

export const isPhoto = (w, h) => Math.max(w, h) > PIXEL_SIDE;

/* Marks a loaded image as one of pixels, or not. */
export const setLook = (image) => image.classList.toggle("pixels", !isPhoto(image.naturalWidth, image.naturalHeight));

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

/* Side on the screen of a cell of the set's sprites in a room of `room` pixels. */
export const cellSide = (cell, room) => (isPhoto(cell, cell) ? room : cell * wholeFactor(cell, room));

/* The cell to ask for: of photographs the one that has the screen's pixels. */
export const cellFor = (cell, room, ratio = globalThis.devicePixelRatio || 1) => (isPhoto(cell, cell) && room * ratio > 1.25 * cell ? 2 * cell : cell);

/* Shows picture `index` of a sprite of n in `room`; `urlOf` gives the address of the sprite with cells of a side. */
export function paintTile(node, urlOf, n, cell, index, room) {
  const asked = cellFor(cell, room);
  node.classList.toggle("pixels", !isPhoto(cell, cell));
  paintCell(node, urlOf(asked), n, asked, index, cellSide(cell, room) / asked);
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
