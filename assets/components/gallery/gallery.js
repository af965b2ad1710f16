/* The gallery: tiles from one sprite, chosen by mouse or keyboard, decided in groups. */

import { savedLine } from "../shared/badge.js";
import { ClassPicker } from "../shared/class_picker.js";
import { learnTitles } from "../shared/class_titles.js";
import { Decisions } from "../shared/decisions.js";
import { el, smoothToggle } from "../shared/dom.js";
import { afterDialog } from "../shared/focus.js";
import { commandKey, isUndo } from "../shared/keys.js";
import { cellSide, isPhoto } from "../shared/pixels.js";
import { mountOnce, readTheme } from "../shared/widget.js";
import { NAME_FIRST, plural } from "../shared/words.js";
import { groupsOf } from "./accepting.js";
import { Choice } from "./choice.js";
import { LargeView } from "./large_view.js";
import { Pages } from "./pages.js";
import { EMPTY_PAGE, placesOf, rangeWords, thresholdCut } from "./paging.js";
import { drawFoot, drawTile, paintPicture, SIZES } from "./tile.js";
import { TilePlaces } from "./tile_places.js";
import { target } from "./walking.js";

const IDLE_MS = 10000;
const BAR = [
  ["a", "Accept suggestions", "accept", "Give each image its suggested label"],
  ["k", "Keep labels", "keep", "The given labels are right"],
  ["x", "Exclude", "exclude", "Leave the images out of the cleansed set"],
  ["n", "Needs review", "needs_review", "Somebody should look again"],
];

class Gallery {
  constructor(root) {
    this.root = root;
    this.size = "M";
    this.selected = new Choice();
    this.at = 0;
    this.nodes = [];
    this.page = EMPTY_PAGE;
    this.decisions = new Decisions((rows) => this.redraw(rows), () => this.saved?.show());
    this.saved = savedLine(this.decisions);
    this.pages = new Pages(this);
    this.places = new TilePlaces();
    this.build();
    this.large = new LargeView(this);
    this.picker = new ClassPicker(root, (name) => this.decide("relabel", name), () => this.focusTile(this.at));
    root.addEventListener("keydown", this.onKey = (event) => this.key(event));
    this.resizer = new ResizeObserver(() => this.places.forget());
    this.resizer.observe(root);
  }

  build() {
    this.root.classList.add("grid");
    this.heading = el("div", { class: "heading", hidden: true });
    this.total = el("span", { class: "muted" });
    this.tiles = el("div", { class: "tiles", role: "listbox", "aria-multiselectable": "true", "aria-label": "Images" });
    this.tiles.addEventListener("click", (event) => this.click(event));
    this.tiles.addEventListener("dblclick", (event) => this.doubled(event));
    this.tiles.addEventListener("focusin", (event) => { const i = this.indexOf(event); if (i >= 0) this.rove(i); });
    this.sizes = Object.keys(SIZES).map((size) => el("button", { text: size, title: `Tile size ${size}`, "aria-pressed": String(size === this.size), onclick: () => this.setSize(size) }));
    const all = el("button", { text: "Select all", title: "Select all (Ctrl+A)", onclick: () => this.selectAll() });
    const none = el("button", { text: "None", title: "Select none (Esc)", onclick: () => this.selectNone() });
    this.count = el("span", { class: "count", role: "status", "aria-live": "polite" });
    const keyed = (key, text, title, onclick) => el("button", { title: `${title} (${key.toUpperCase()})`, onclick }, el("kbd", { text: key.toUpperCase() }), text);
    this.actions = BAR.map(([key, text, action, title]) => keyed(key, text, title, () => this.decide(action)));
    this.other = keyed("o", "Relabel to…", "Choose any class", () => this.pick());
    const undo = keyed("u", "Undo", "Take back your last decision", () => this.undo());
    this.hint = el("p", { class: "hint muted" });
    const [top, foot] = this.pages.pagers;
    this.smooth = smoothToggle(this.root);
    this.root.append(
      this.heading,
      el("div", { class: "tools" }, this.total, all, none, el("span", { class: "spacer" }), top.node, el("span", { class: "spacer" }), this.smooth, el("span", { class: "group", role: "group", "aria-label": "Tile size" }, ...this.sizes)),
      this.tiles,
      foot.node,
      el("div", { class: "bar" }, this.count, ...this.actions, this.other, undo, el("span", { class: "spacer" }), this.saved.line, this.hint),
    );
  }

  update(api) {
    this.api = api;
    readTheme(this.root);
    learnTitles(api.data.titles);
    this.hint.textContent = `Keys: arrows move, Space selects, Enter enlarges${api.data.inspectable ? ", I looks closely" : ""}; the letters above decide what is selected.`;
    this.data = api.data;
    this.decisions.configure(this.data.write, this.data.key);
    this.pages.update(this.data);
  }

  // ---- drawing

  draw(page) {
    const { threshold_at: line, selected, heading, total } = this.pages.list, { rows } = this.page = page;
    const onTile = this.nodes.includes(this.root.getRootNode().activeElement);
    this.selected = new Choice(placesOf(selected, rows));
    this.at = 0;
    this.root.removeAttribute("data-taster-ready");
    // asked for first, so that the picture travels while the tiles are built
    this.awaitSprite(page);
    this.nodes = rows.map((_, i) => drawTile(this, i));
    const parts = [...this.nodes], cut = thresholdCut(line, page.from, rows.length, total);
    if (cut >= 0) parts.splice(cut, 0, el("div", { class: "threshold", role: "separator", text: "above: suspicious · below: not" }));
    this.tiles.replaceChildren(...(rows.length ? parts : [el("div", { class: "empty", text: this.data.empty })]));
    this.root.classList.toggle("bare", !rows.length);
    this.heading.textContent = heading || "";
    this.heading.hidden = !heading;
    this.layout();
    this.redraw(rows);
    this.showSelection();
    if (onTile) this.toTop(this.focusTile(0));
  }

  toTop() { this.root.scrollIntoView({ block: "start" }); }

  layout() {
    const side = cellSide(this.data.cell, SIZES[this.size]);
    this.smooth.hidden = isPhoto(this.data.cell, this.data.cell);
    this.tiles.style.setProperty("--side", `${side}px`);
    this.tiles.style.gridTemplateColumns = this.page.rows.length ? `repeat(auto-fill, minmax(${Math.max(96, side) + 14}px, 1fr))` : "1fr";
    this.places.forget();
  }

  async awaitSprite(page) {
    if (!page.rows.length) return;
    try {
      await this.pages.sprite(page);
    } catch {
      if (page === this.page) this.saved.say("The images could not be loaded. Reload the page.");
      return;
    }
    // the second frame begins when the first is on its way to the screen
    requestAnimationFrame(() => requestAnimationFrame(() => { if (page === this.page) this.painted(); }));
  }

  painted() {
    this.root.setAttribute("data-taster-ready", "1");
    performance.mark("taster-grid-painted");
    this.pages.painted();
    this.pages.ahead();
  }

  redraw(rows) {
    if (!this.data) return;
    const wanted = new Set(rows);
    this.page.rows.forEach((row, i) => { if (wanted.has(row)) drawFoot(this.nodes[i], this.page.tiles[i], this.decisions.shown(row), this.decisions.reviewer); });
    if (this.large.dialog.open) { this.large.show(this.large.at); this.large.fit(); }
    this.announceLater();
  }

  setSize(size) {
    this.size = size;
    this.sizes.forEach((button) => button.setAttribute("aria-pressed", String(button.textContent === size)));
    this.nodes.forEach((node, i) => paintPicture(this, node.querySelector(".pic"), i));
    this.layout();
  }

  // ---- choosing

  indexOf(event) {
    const tile = event.target.closest?.(".tile");
    return tile ? Number(tile.dataset.i) : -1;
  }

  rove(i) {
    this.nodes[this.at]?.setAttribute("tabindex", "-1");
    this.at = i;
    this.nodes[i]?.setAttribute("tabindex", "0");
  }

  focusTile(i) {
    if (!this.nodes[i]) return;
    this.rove(i);
    this.nodes[i].focus();
  }

  toggle(i) {
    this.selected.toggle(i);
    this.showSelection();
  }

  selectRange(to) {
    this.selected.extend(to);
    this.showSelection();
  }

  selectAll() { this.selected.all(this.nodes.length); this.showSelection(); }

  selectNone() { this.selected.clear(); this.showSelection(); }

  showSelection() {
    this.nodes.forEach((node, i) => node.setAttribute("aria-selected", String(this.selected.has(i))));
    this.total.textContent = rangeWords(this.page.from, this.nodes.length, this.pages.list.total);
    this.count.textContent = this.selected.size ? `${this.selected.size} selected` : "None selected";
    for (const button of [...this.actions, this.other]) button.disabled = !this.selected.size;
  }

  click(event) {
    const i = this.indexOf(event);
    if (i < 0) return;
    if (event.target.closest(".look")) return this.inspect(i);
    if (event.shiftKey) this.selectRange(i);
    else this.toggle(i);
    this.focusTile(i);
  }

  doubled(event) {
    const i = this.indexOf(event);
    if (i < 0 || event.target.closest(".look")) return;
    if (this.data.inspectable) this.inspect(i);
    else this.large.open(i);
  }

  /* Asks the page for everything about one image. The number of the page goes first: heard later, it would shut what opens. */
  inspect(i) {
    if (!this.data.inspectable || !this.nodes[i]) return;
    this.focusTile(i);
    this.pages.report();
    afterDialog(() => this.focusTile(i));
    this.api.setTriggerValue("inspect", { row: this.page.rows[i] });
  }

  // ---- keys

  key(event) {
    if (this.picker.isOpen || this.large.dialog.open || !this.nodes.length) return;
    const onTile = event.composedPath().includes(this.tiles);
    if (onTile && this.moveKey(event)) return event.preventDefault();
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "a") this.selectAll();
    else if (isUndo(event)) this.undo();
    else if (!this.command(commandKey(event), onTile)) return;
    event.preventDefault();
    // Streamlit's own shortcuts listen further out
    event.stopPropagation();
  }

  command(key, onTile) {
    const entry = BAR.find(([letter]) => letter === key);
    if (entry) this.decide(entry[2]);
    else if (key === "o") this.pick();
    else if (key === "u") this.undo();
    else if (key === "Escape") this.selectNone();
    else if (key === " " && onTile) this.toggle(this.at);
    else if (key === "Enter" && onTile) this.large.open(this.at);
    else if (key === "i" && onTile) this.inspect(this.at);
    else return false;
    return true;
  }

  moveKey(event) {
    const turn = { PageDown: 1, PageUp: -1 }[event.key];
    if (turn && this.pages.last > 1) {
      if (!event.repeat) this.pages.go(this.pages.wanted + turn);
      return true;
    }
    const to = target(event.key, this.at, this.nodes.length, () => this.places.of(this.nodes));
    if (to === null || event.ctrlKey || event.metaKey || event.altKey) return false;
    this.focusTile(to);
    if (event.shiftKey) this.selectRange(to);
    return true;
  }

  // ---- deciding

  decide(action, label = "") {
    if (!this.selected.size) return;
    if (!this.decisions.reviewer) return this.saved.say(NAME_FIRST);
    const chosen = this.selected.sorted.map((i) => [this.page.rows[i], this.page.tiles[i]]);
    const { groups, without } = groupsOf(chosen, action, label);
    for (const [name, rows] of groups) this.decisions.decide(rows, ...JSON.parse(name));
    this.selectNone();
    if (without) this.saved.say(`${plural(without, "image")} left undecided: no suggestion`);
  }

  undo() {
    if (!this.decisions.reviewer) return this.saved.say(NAME_FIRST);
    this.decisions.undo();
  }

  pick() { if (this.selected.size) this.picker.open(this.other, this.data.classes); }

  /* Python hears of it when the hands are still, so that counts elsewhere on the page can follow. */
  announceLater() {
    clearTimeout(this.idle);
    if (!this.data.announce || !this.decisions.lastSaved) return;
    this.idle = setTimeout(() => {
      if (this.announced === this.decisions.lastSaved) return;
      this.announced = this.decisions.lastSaved;
      this.api.setTriggerValue("progress", { head: this.announced });
    }, IDLE_MS);
  }

  destroy() {
    clearTimeout(this.idle);
    this.resizer.disconnect();
    this.pages.close();
    this.root.removeEventListener("keydown", this.onKey);
    this.decisions.close();
  }
}

export default (api) => mountOnce(api, (root) => new Gallery(root));
