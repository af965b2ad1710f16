/* One image, as large as whole pixels allow, and below it its size, its address and its id. */

import { el, smoothToggle } from "./dom.js";
import { fitInto } from "./pixels.js";

export class ImageStage {
  /* room: pixels a side.  unreadable: the words for an image that cannot be read. */
  constructor(root, room, unreadable) {
    Object.assign(this, { room, unreadable });
    this.stage = el("div", { class: "stage" });
    this.size = el("span");
    this.full = el("a", { text: "full size", target: "_blank", rel: "noopener", title: "Open the picture in a tab of its own" });
    this.id = el("bdi");
    this.node = el(
      "div", {}, this.stage,
      el("div", { class: "under" }, this.size, el("span", { class: "spacer" }), this.full, smoothToggle(root, "plain")),
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
    Object.assign(image, { className: "pixels", alt });
    this.full.href = image.src;
    this.stage.replaceChildren(image);
  }
}
