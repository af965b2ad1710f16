/* The legend beside the map: what each colour stands for and how many there are; of many classes the largest, and a search. */

import { el } from "../shared/dom.js";
import { thousands } from "../shared/words.js";
import { shownLines } from "./colouring.js";

export class Legend {
  /* choose: called with the number of the entry that is pressed. */
  constructor(choose) {
    Object.assign(this, { choose, all: false });
    this.scope = el("div", { class: "what" });
    this.search = el("input", { type: "search", hidden: true, placeholder: "Search a class…", "aria-label": "Search a class", autocomplete: "off", spellcheck: "false" });
    this.search.addEventListener("input", () => this.draw());
    // letters typed here are no tools of the map
    this.search.addEventListener("keydown", (event) => event.stopPropagation());
    this.entries = el("div", { class: "entries" });
    this.node = el("div", { class: "legend" }, this.scope, this.search, this.entries);
  }

  /* lines: of `legend`.  entry: the one that is lit, or null. */
  show(lines, entry, scope) {
    Object.assign(this, { lines, entry });
    this.scope.textContent = scope;
    this.draw();
  }

  draw() {
    const { shown, left, searchable } = shownLines(this.lines, this.search.value, this.all, this.entry), place = this.entries.scrollTop;
    const held = this.entries.contains(this.entries.getRootNode().activeElement);
    this.search.hidden = !searchable;
    this.entries.replaceChildren(...shown.map((line) => this.line(line)));
    if (left) this.entries.append(el("button", { class: "more", text: `Show all: ${thousands(left)} more`, onclick: () => { this.all = true; this.draw(); } }));
    if (!shown.length) this.entries.append(el("div", { class: "what", text: "No class has this in its name" }));
    this.entries.scrollTop = place;
    // the button that was pressed has been drawn anew, and the keyboard goes on from it
    if (held) this.entries.querySelector(`[data-i="${this.pressed}"]`)?.focus({ preventScroll: true });
  }

  line({ name, colour, i, count }) {
    const swatch = el("span", { class: "swatch" });
    swatch.style.background = `rgb(${colour})`;
    const press = () => { this.pressed = i; this.choose(i); };
    return el("button", { title: `${name}: show only these in colour`, "data-i": i, "aria-pressed": String(this.entry === i), class: count ? "" : "off", onclick: press }, swatch, el("span", { class: "text", text: name }), el("span", { class: "number", text: thousands(count) }));
  }
}
