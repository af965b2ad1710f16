/* The card beside the point under the cursor: the picture, pixel for pixel, and what is known of it. */

import { el } from "../shared/dom.js";
import { setLook, setSize, wholeFactor } from "../shared/pixels.js";
import { checked, thumbUrl } from "../shared/server.js";
import { clamp } from "../shared/steps.js";

const THUMB = 96;

export class HoverCard {
  constructor(plot) {
    this.image = el("img", { class: "pixels", alt: "" });
    this.thumb = el("div", { class: "thumb" }, this.image);
    this.facts = el("div", { class: "facts" });
    this.card = el("div", { class: "hover", hidden: true }, this.thumb, this.facts);
    this.image.addEventListener("load", () => this.enlarge());
    plot.append(this.card);
  }

  show(key, row, facts, [x, y], { width, height }) {
    this.row = row;
    this.id = el("div", { class: "name" });
    const lines = [["label", facts.label], ["suspicion", facts.suspicion], ["verdict", facts.verdict], ["decision", facts.decision]];
    this.facts.replaceChildren(this.id, ...lines.map(([name, value]) => el("div", {}, el("span", { class: "muted", text: `${name} ` }), value)));
    this.image.style.visibility = "hidden";
    this.card.hidden = false;
    this.place(x, y, width, height);
    this.fetchThumb(thumbUrl(key, row), row);
  }

  place(x, y, width, height) {
    const { offsetWidth: w, offsetHeight: h } = this.card;
    this.card.style.left = `${x + 16 + w > width ? Math.max(0, x - 16 - w) : x + 16}px`;
    this.card.style.top = `${clamp(y - h / 2, 0, height - h)}px`;
  }

  /* By fetch rather than src, because the id comes as a header of the picture. */
  async fetchThumb(url, row) {
    try {
      const reply = await checked(await fetch(url));
      const blob = await reply.blob();
      if (this.row !== row) return;
      this.id.textContent = nameOf(reply.headers.get("X-Taster-Id") || "");
      this.forget();
      this.image.src = this.url = URL.createObjectURL(blob);
    } catch (error) {
      if (this.row === row) this.id.textContent = error.message;
    }
  }

  enlarge() {
    const { naturalWidth: w, naturalHeight: h } = this.image, factor = wholeFactor(Math.max(w, h), THUMB);
    setLook(this.image);
    setSize(this.image, w, h, factor);
    this.image.style.visibility = "visible";
  }

  hide() {
    this.row = -1;
    this.card.hidden = true;
  }

  forget() {
    if (this.url) URL.revokeObjectURL(this.url);
  }

  close() { this.forget(); }
}

function nameOf(quoted) {
  try {
    return decodeURIComponent(quoted);
  } catch {
    // a file name that is no valid text stays as it was sent
    return quoted;
  }
}
