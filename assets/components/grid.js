/* The gallery: tiles from one sprite, chosen by mouse or keyboard, decided in groups. */

const IDLE_MS = 10000;
const BAR = [
  ["a", "Accept suggestions", "accept", "Give each image its suggested label"],
  ["k", "Keep labels", "keep", "The given labels are right"],
  ["x", "Exclude", "exclude", "Leave the images out of the cleansed set"],
  ["n", "Needs review", "needs_review", "Somebody should look again"],
];

class Grid {
  constructor(root) {
    this.root = root;
    this.size = "M";
    this.selected = new Set();
    this.at = 0;
    this.anchor = 0;
    this.nodes = [];
    this.decisions = new Decisions((rows) => this.redraw(rows), () => this.saved?.show());
    this.saved = savedLine(this.decisions);
    this.build();
    this.large = new LargeView(this);
    this.picker = new ClassPicker(root, (name) => this.decide("relabel", name), () => this.focusTile(this.at));
    root.addEventListener("keydown", this.onKey = (event) => this.key(event));
    this.resizer = new ResizeObserver(() => this.lines = null);
    this.resizer.observe(root);
  }

  build() {
    this.root.classList.add("grid");
    this.total = el("span", { class: "muted" });
    this.tiles = el("div", { class: "tiles", role: "listbox", "aria-multiselectable": "true", "aria-label": "Images" });
    this.tiles.addEventListener("click", (event) => this.click(event));
    this.tiles.addEventListener("dblclick", (event) => { const i = this.indexOf(event); if (i >= 0) this.large.open(i); });
    this.tiles.addEventListener("focusin", (event) => { const i = this.indexOf(event); if (i >= 0) this.rove(i); });
    this.smooth = el("button", { text: "Smooth", "aria-pressed": "false", title: "Blur between pixels; off shows every pixel as it is", onclick: () => this.setSmooth() });
    this.sizes = Object.keys(SIZES).map((size) => el("button", { text: size, title: `Tile size ${size}`, "aria-pressed": String(size === this.size), onclick: () => this.setSize(size) }));
    const all = el("button", { text: "Select all", title: "Select all (Ctrl+A)", onclick: () => this.selectAll() });
    const none = el("button", { text: "None", title: "Select none (Esc)", onclick: () => this.selectNone() });
    this.count = el("span", { class: "count", role: "status", "aria-live": "polite" });
    this.actions = BAR.map(([key, text, action, title]) => this.barButton(key, text, `${title} (${key.toUpperCase()})`, () => this.decide(action)));
    this.other = this.barButton("o", "Relabel to…", "Choose any class (O)", () => this.pick());
    const undo = this.barButton("u", "Undo", "Take back your last decision (U)", () => this.undo());
    this.root.append(
      el("div", { class: "tools" }, this.total, all, none, el("span", { class: "spacer" }), this.smooth, el("span", { class: "group", role: "group", "aria-label": "Tile size" }, ...this.sizes)),
      this.tiles,
      el("div", { class: "bar" }, this.count, ...this.actions, this.other, undo, el("span", { class: "spacer" }), this.saved.line),
    );
  }

  barButton(key, text, title, onclick) {
    return el("button", { title, onclick }, el("kbd", { text: key.toUpperCase() }), text);
  }

  update(api) {
    this.api = api;
    readTheme(this.root);
    const before = this.data;
    this.data = api.data;
    this.decisions.configure(this.data.write, this.data.key);
    if (before?.token !== this.data.token || before?.sprite_url !== this.data.sprite_url || JSON.stringify(before?.tiles) !== JSON.stringify(this.data.tiles)) this.draw();
  }

  // ---- drawing

  draw() {
    const { rows, threshold_at: cut, selected } = this.data;
    this.selected = new Set((selected || []).map((row) => rows.indexOf(row)).filter((i) => i >= 0));
    this.at = this.anchor = 0;
    this.root.removeAttribute("data-taster-ready");
    // asked for first, so that the picture travels while the tiles are built
    this.awaitSprite();
    this.nodes = rows.map((_, i) => drawTile(this, i));
    const parts = [...this.nodes];
    if (cut !== null && cut !== undefined && cut >= 0 && cut <= rows.length) parts.splice(cut, 0, el("div", { class: "threshold", role: "separator", text: "above: suspicious · below: not" }));
    this.tiles.replaceChildren(...(rows.length ? parts : [el("div", { class: "empty", text: "No images here. Change the filter to see some." })]));
    this.layout();
    this.redraw(rows);
    this.showSelection();
  }

  layout() {
    const side = this.data.cell * wholeFactor(this.data.cell, SIZES[this.size]);
    this.tiles.style.gridTemplateColumns = this.data.rows.length ? `repeat(auto-fill, minmax(${Math.max(96, side) + 14}px, 1fr))` : "1fr";
    this.lines = null;
  }

  awaitSprite() {
    const url = this.data.sprite_url, sprite = new Image();
    const ready = () => {
      if (url !== this.data.sprite_url) return;
      this.root.setAttribute("data-taster-ready", "1");
      performance.mark("taster-grid-painted");
    };
    if (!this.data.rows.length) return ready();
    sprite.onload = () => requestAnimationFrame(ready);
    sprite.onerror = () => { this.total.textContent = "The images could not be loaded. Reload the page."; };
    sprite.src = url;
  }

  redraw(rows) {
    if (!this.data) return;
    const wanted = new Set(rows);
    this.data.rows.forEach((row, i) => { if (wanted.has(row)) drawFoot(this.nodes[i], this.data.tiles[i], this.decisions.shown(row), this.decisions.reviewer); });
    if (this.large.dialog.open) { this.large.show(this.large.at); this.large.fit(); }
    this.announceLater();
  }

  setSize(size) {
    this.size = size;
    this.sizes.forEach((button) => button.setAttribute("aria-pressed", String(button.textContent === size)));
    const factor = wholeFactor(this.data.cell, SIZES[size]);
    this.nodes.forEach((node, i) => paintCell(node.querySelector(".pic"), this.data.sprite_url, this.nodes.length, this.data.cell, i, factor));
    this.layout();
  }

  setSmooth() {
    this.smooth.setAttribute("aria-pressed", String(this.root.classList.toggle("smooth")));
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
    if (!this.selected.delete(i)) this.selected.add(i);
    this.anchor = i;
    this.showSelection();
  }

  selectRange(to) {
    const [first, last] = [Math.min(this.anchor, to), Math.max(this.anchor, to)];
    for (let i = first; i <= last; i++) this.selected.add(i);
    this.showSelection();
  }

  selectAll() {
    this.nodes.forEach((_, i) => this.selected.add(i));
    this.showSelection();
  }

  selectNone() {
    this.selected.clear();
    this.showSelection();
  }

  showSelection() {
    this.nodes.forEach((node, i) => node.setAttribute("aria-selected", String(this.selected.has(i))));
    this.total.textContent = plural(this.nodes.length, "image");
    this.count.textContent = this.selected.size ? `${this.selected.size} selected` : "None selected";
    for (const button of [...this.actions, this.other]) button.disabled = !this.selected.size;
  }

  click(event) {
    const i = this.indexOf(event);
    if (i < 0) return;
    if (event.shiftKey) this.selectRange(i);
    else this.toggle(i);
    this.focusTile(i);
  }

  // ---- keys

  key(event) {
    if (this.picker.isOpen || this.large.dialog.open || !this.nodes.length) return;
    const onTile = event.composedPath().includes(this.tiles);
    if (onTile && this.moveKey(event)) return event.preventDefault();
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "a") this.selectAll();
    else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !event.repeat) this.undo();
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
    else return false;
    return true;
  }

  moveKey(event) {
    const to = this.target(event.key);
    if (to === null || event.ctrlKey || event.metaKey || event.altKey) return false;
    this.focusTile(to);
    if (event.shiftKey) this.selectRange(to);
    return true;
  }

  target(key) {
    const last = this.nodes.length - 1;
    if (key === "Home") return 0;
    if (key === "End") return last;
    if (key === "ArrowRight") return Math.min(last, this.at + 1);
    if (key === "ArrowLeft") return Math.max(0, this.at - 1);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: this.page(), PageUp: -this.page() }[key];
    return step === undefined ? null : this.vertical(step);
  }

  page() {
    return Math.max(1, Math.floor(window.innerHeight / (this.nodes[0].offsetHeight + 8)) - 1);
  }

  /* The tile `step` lines away that lies nearest to the column of this one (the threshold breaks lines short). */
  vertical(step) {
    this.lines ??= [...this.groupLines().values()];
    const line = this.lines.findIndex((tiles) => tiles.includes(this.at));
    const there = this.lines[Math.max(0, Math.min(this.lines.length - 1, line + step))];
    const left = this.nodes[this.at].offsetLeft;
    return there.reduce((best, i) => (Math.abs(this.nodes[i].offsetLeft - left) < Math.abs(this.nodes[best].offsetLeft - left) ? i : best));
  }

  groupLines() {
    const lines = new Map();
    this.nodes.forEach((node, i) => lines.set(node.offsetTop, [...(lines.get(node.offsetTop) || []), i]));
    return lines;
  }

  // ---- deciding

  /* One event for each (action, label), because that is what one line of the log can say; undo takes back one. */
  decide(action, label = "") {
    if (!this.selected.size) return;
    if (!this.decisions.reviewer) return this.say("Enter your name in the sidebar first");
    const groups = new Map();
    let without = 0;
    for (const i of [...this.selected].sort((a, b) => a - b)) {
      const tile = this.data.tiles[i];
      const what = action === "accept" ? acceptOf(tile) : { action, label };
      if (!what) { without += 1; continue; }
      const name = JSON.stringify([what.action, what.label]);
      groups.set(name, [...(groups.get(name) || []), this.data.rows[i]]);
    }
    for (const [name, rows] of groups) this.decisions.decide(rows, ...JSON.parse(name));
    this.selectNone();
    if (without) this.say(`${plural(without, "image")} left undecided: no suggestion`);
  }

  undo() {
    if (!this.decisions.reviewer) return this.say("Enter your name in the sidebar first");
    this.decisions.undo();
  }

  pick() {
    if (this.selected.size) this.picker.open(this.other, this.data.classes);
  }

  say(words) {
    this.saved.line.className = "saved bad";
    this.saved.line.textContent = words;
  }

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
    this.root.removeEventListener("keydown", this.onKey);
    this.decisions.close();
  }
}

/* What accepting means for one image: its suggested label, or its own where they agree; null without a suggestion. */
function acceptOf(tile) {
  if (tile.suggested === null || tile.suggested === undefined) return null;
  return tile.suggested === tile.given ? { action: "keep", label: "" } : { action: "relabel", label: tile.suggested };
}

export default (api) => mountOnce(api, (root) => new Grid(root));
