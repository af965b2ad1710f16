/* A picture as large as its place allows, with the pattern's region outlined over it. */

import { el } from "./dom.js";
import { fitFactor, setLook, setSize } from "./pixels.js";

const SVG = "http://www.w3.org/2000/svg";

/* The outline as a layer over an image: dark below light, so that it shows on anything; one screen pixel wide however
   large the picture is. `shift` is [down, right] in the finding's pixels. */
function outlineOf(mark, shift) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${mark.w} ${mark.h}`);
  // a picture of another aspect was stretched when the pattern was looked for, and the outline is stretched back
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  for (const kind of ["under", "over"]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", mark.d);
    path.setAttribute("class", kind);
    path.setAttribute("transform", `translate(${shift[1]} ${shift[0]})`);
    svg.append(path);
  }
  return svg;
}

/* Loads `src` into a box of at most `room` pixels a side; `ready` resolves when it is there (false: it cannot be read). */
export function markedPicture(src, room, mark, shift) {
  const image = el("img", { alt: "" });
  const box = el("div", { class: "marked" }, image);
  const ready = new Promise((resolve) => {
    image.onload = () => {
      const { naturalWidth: w, naturalHeight: h } = image, factor = fitFactor(w, h, room);
      setLook(image);
      setSize(box, w, h, factor);
      if (mark && shift) box.append(outlineOf(mark, shift));
      resolve(factor);
    };
    image.onerror = () => {
      box.replaceChildren(el("p", { class: "muted", text: "This image cannot be read." }));
      resolve(false);
    };
  });
  image.src = src;
  return { box, ready };
}

export function markToggle(root, mark) {
  const button = el("button", { text: "Mark the pattern's region", "aria-pressed": "true", hidden: !mark, title: "Draw a line around the place where the pattern sits" });
  button.onclick = () => button.setAttribute("aria-pressed", String(!root.classList.toggle("unmarked")));
  return button;
}
