/* A part of an image in its own pixels, where a place lies, with the place marked. */

import { el } from "./dom.js";
import { cropUrl } from "./server.js";
import { closeLook, inPixels } from "./zoom.js";

/* size: of the image, [w, h].  place: shares of it.  room: pixels a side.  whole: the scale at which the whole shows.
   Returns the node, words for its scale, and `ready`, which resolves when it is there (false: it cannot be read). */
export function closeUp({ key, row, size, place, room, whole }) {
  const part = closeLook(place, size, room, whole), box = inPixels(place, size), { factor } = part;
  const image = el("img", { class: factor > 1 ? "pixels" : "", alt: "" }), node = el("div", { class: "closeup" }, image);
  const ready = new Promise((resolve) => { image.onload = () => resolve(true); image.onerror = () => resolve(false); });
  Object.assign(node.style, { width: `${part.w * factor}px`, height: `${part.h * factor}px` });
  image.src = cropUrl(key, row, part);
  if (box.w && box.h) {
    const mark = el("div", { class: "mark" });
    Object.assign(mark.style, { left: `${(box.x - part.x) * factor}px`, top: `${(box.y - part.y) * factor}px`, width: `${box.w * factor}px`, height: `${box.h * factor}px` });
    node.append(mark);
  }
  return { node, ready, said: `${factor} : 1` };
}
