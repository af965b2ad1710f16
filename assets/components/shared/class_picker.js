/* A search among all classes, opened beside a button. */

import { search } from "./class_search.js";
import { classTitle } from "./class_titles.js";
import { el } from "./dom.js";
import { clamp } from "./steps.js";

export class ClassPicker {
  constructor(root, onPick, onClose) {
    this.root = root;
    this.onPick = onPick;
    this.onClose = onClose;
    this.input = el("input", { type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "picker-list", "aria-label": "Search a class", placeholder: "Search a class…", autocomplete: "off", spellcheck: "false" });
    this.list = el("ul", { role: "listbox", id: "picker-list", "aria-label": "Classes" });
    this.panel = el("div", { class: "picker", hidden: true }, this.input, this.list);
    this.input.addEventListener("input", () => this.filter());
    this.input.addEventListener("keydown", (event) => this.onKey(event));
    this.panel.addEventListener("focusout", (event) => { if (!this.panel.contains(event.relatedTarget)) this.close(false); });
    root.append(this.panel);
  }

  get isOpen() { return !this.panel.hidden; }

  open(anchor, classes) {
    this.classes = classes;
    this.panel.hidden = false;
    const box = anchor.getBoundingClientRect();
    const home = this.root.getBoundingClientRect();
    this.panel.style.left = `${clamp(box.left - home.left, 0, home.width - 284)}px`;
    // above the button where there is more room there, because the bar sits at the foot of the page
    const above = box.top > window.innerHeight - box.bottom;
    this.panel.style.top = above ? "auto" : `${box.bottom - home.top + 4}px`;
    this.panel.style.bottom = above ? `${home.bottom - box.top + 4}px` : "auto";
    this.input.value = "";
    this.filter();
    this.input.focus();
  }

  close(refocus = true) {
    if (!this.isOpen) return;
    this.panel.hidden = true;
    if (refocus) this.onClose();
  }

  filter() {
    this.found = search(this.classes, this.input.value);
    this.active = 0;
    this.list.replaceChildren(...this.found.map((name, i) => el("li", { role: "option", id: `pick-${i}`, text: classTitle(name) || "(no name)", onmousedown: (e) => { e.preventDefault(); this.pick(i); } })));
    if (!this.found.length) this.list.append(el("li", { class: "none", text: "No class has this in its name" }));
    this.mark();
  }

  mark() {
    [...this.list.children].forEach((item, i) => { if (this.found.length) item.setAttribute("aria-selected", String(i === this.active)); });
    this.input.setAttribute("aria-activedescendant", this.found.length ? `pick-${this.active}` : "");
    if (this.found.length) this.list.children[this.active].scrollIntoView({ block: "nearest" });
  }

  pick(i) {
    const name = this.found[i];
    if (name === undefined) return;
    this.close();
    this.onPick(name);
  }

  onKey(event) {
    event.stopPropagation();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.found.length) this.active = (this.active + step + this.found.length) % this.found.length;
    else if (event.key === "Enter" && !event.repeat) this.pick(this.active);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
    if (this.isOpen) this.mark();
  }
}
