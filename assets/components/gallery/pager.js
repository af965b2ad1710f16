/* Back, the number to type, Next; one above the tiles and one at their end. */

import { el } from "../shared/dom.js";
import { thousands } from "../shared/words.js";
import { typedPage } from "./paging.js";

export class Pager {
  constructor(pages, place) {
    this.pages = pages;
    this.place = place;
    this.back = el("button", { text: "‹ Back", title: "Page before (Page Up)", onclick: () => this.step(-1) });
    this.next = el("button", { text: "Next ›", title: "Next page (Page Down)", onclick: () => this.step(1) });
    this.input = el("input", { type: "text", inputmode: "numeric", "aria-label": "Page", autocomplete: "off", onchange: () => this.typed() });
    this.of = el("span", { class: "muted" });
    this.node = el("span", { class: `pager ${place}`, hidden: true, role: "group", "aria-label": "Pages" }, this.back, el("span", { class: "muted", text: "page" }), this.input, this.of, this.next);
  }

  show(number, last) {
    this.node.hidden = last < 2;
    this.input.value = String(number);
    this.of.textContent = `of ${thousands(last)}`;
    this.back.disabled = number <= 1;
    this.next.disabled = number >= last;
  }

  async step(by) {
    const turned = await this.pages.go(this.pages.wanted + by);
    if (turned && this.place === "foot") this.pages.gallery.toTop();
    // a button that went grey has lost the focus
    const home = this.pages.pagers[0], lost = by > 0 ? home.next : home.back;
    if (turned && (this.place === "foot" || lost.disabled)) (lost.disabled ? (by > 0 ? home.back : home.next) : lost).focus({ preventScroll: true });
  }

  typed() {
    const asked = typedPage(this.input.value);
    if (asked >= 1) this.pages.go(asked);
    this.show(this.pages.wanted, this.pages.last);
  }
}
