/* One image, as large as its place allows, and below it its size, its address and its id. */

import { el, smoothToggle } from "./dom.js";
import { fitInto, setLook } from "./pixels.js";

export class ImageStage {
  /* room: pixels a side.  unreadable: the words for an image that cannot be read. */
  constructor(root, room, unreadable) {
    Object.assign(this, { room, unreadable });
    this.stage = el("div", { class: "stage" });
    this.size = el("span");
    this.full = el("a", { text: "full size", target: "_blank", rel: "noopener", title: "Open the picture in a tab of its own" });
    this.id = el("bdi");
    this.smooth = smoothToggle(root, "plain");
    this.node = el(
      "div", {}, this.stage,
      el("div", { class: "under" }, this.size, el("span", { class: "spacer" }), this.full, this.smooth),
      el("div", { class: "under" }, el("span", { class: "id" }, this.id)),
    );
  }

  name(id) {
    this.id.textContent = this.id.parentNode.title = id;
  }

  show(image, alt) {
    const readable = image.naturalWidth > 0;
    this.full.hidden = !readable;
    this.size.textContent = readable ? fitInto(image, this.room) : "";
    if (!readable) return this.stage.replaceChildren(el("p", { text: this.unreadable }));
    setLook(Object.assign(image, { className: "", alt }));
    this.smooth.hidden = !image.classList.contains("pixels");
    this.full.href = image.src;
    this.stage.replaceChildren(image);
  }
}
