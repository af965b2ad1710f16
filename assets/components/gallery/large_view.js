/* One image as large as the screen allows, in a dialog of its own. */

import { badge } from "../shared/badge.js";
import { classTitle } from "../shared/class_titles.js";
import { el } from "../shared/dom.js";
import { commandKey } from "../shared/keys.js";
import { setLook, setSize, sizeWords } from "../shared/pixels.js";
import { imageUrl } from "../shared/server.js";
import { thousands } from "../shared/words.js";
import { wholeScale } from "../shared/zoom.js";
import { scoreWords, suggestionWords } from "./tile_words.js";

export class LargeView {
  constructor(gallery) {
    this.gallery = gallery;
    this.image = el("img", { class: "pixels", alt: "" });
    this.facts = el("dl");
    this.title = el("strong");
    this.stage = el("div", { class: "stage", tabindex: -1 }, this.image);
    const button = (text, title, onclick) => el("button", { text, title, onclick });
    this.dialog = el(
      "dialog",
      { "aria-label": "Image, large" },
      el(
        "div",
        { class: "large" },
        this.stage,
        el("div", { class: "facts" }, this.title, this.facts, el("div", { class: "moves" }, button("← Previous", "Previous image (←)", () => this.move(-1)), button("Next →", "Next image (→)", () => this.move(1)), button("Close", "Close (Esc)", () => this.dialog.close()))),
      ),
    );
    this.dialog.addEventListener("keydown", (event) => this.onKey(event));
    this.dialog.addEventListener("close", () => gallery.focusTile(this.at));
    this.image.addEventListener("load", () => this.fit());
    gallery.root.append(this.dialog);
  }

  open(i) {
    this.show(i);
    if (!this.dialog.open) this.dialog.showModal();
    // not on the first button: Space is for choosing the image
    this.stage.focus();
    this.fit();
  }

  /* On to the page before or after at either end. */
  async move(step) {
    const to = this.at + step, { page, pages } = this.gallery;
    if (to >= 0 && to < page.rows.length) this.show(to);
    else if (await pages.go(pages.number + step)) this.show(step > 0 ? 0 : this.gallery.page.rows.length - 1);
  }

  show(i) {
    this.at = i;
    const { data, decisions, page } = this.gallery, tile = page.tiles[i];
    this.image.src = imageUrl(data.key, page.rows[i]);
    this.title.textContent = `${thousands(page.from + i + 1)} of ${thousands(this.gallery.pages.list.total)}`;
    const state = decisions.shown(page.rows[i]);
    const facts = [
      ["Image", tile.id],
      ["Given label", classTitle(tile.given) ?? "none"],
      ["Suggestion", suggestionWords(tile)],
      ["Suspicion", scoreWords(tile, 3, "not scored")],
      ["Decision", badge(state, decisions.reviewer) || "none yet"],
      ["Selected", this.gallery.selected.has(i) ? "yes" : "no"],
      ["Size", this.sizeWords = el("span")],
    ];
    this.facts.replaceChildren(...facts.flatMap(([name, value]) => [el("dt", { text: name }), el("dd", {}, value)]));
  }

  fit() {
    const { naturalWidth: w, naturalHeight: h } = this.image;
    if (!w || !this.dialog.open) return;
    const factor = wholeScale([w, h], [this.stage.clientWidth - 32, this.stage.clientHeight - 32]);
    setLook(this.image);
    setSize(this.image, w, h, factor);
    this.sizeWords.textContent = sizeWords(w, h, factor);
  }

  onKey(event) {
    event.stopPropagation();
    const key = event.key;
    if (commandKey(event) === "i" && this.gallery.data.inspectable) {
      this.dialog.close();
      this.gallery.inspect(this.at);
    } else if (key === "ArrowRight" || key === "ArrowDown") this.move(1);
    else if (key === "ArrowLeft" || key === "ArrowUp") this.move(-1);
    else if (key === " " && !event.repeat && event.composedPath()[0].tagName !== "BUTTON") {
      this.gallery.toggle(this.at);
      this.show(this.at);
    } else return;
    event.preventDefault();
  }
}
