/* The relabel queue. A decision paints the next image at once, from what was fetched ahead; the sending goes on
   behind. No key counts for an image that has not been on the screen. */

import { savedLine } from "../shared/badge.js";
import { ClassPicker } from "../shared/class_picker.js";
import { learnTitles } from "../shared/class_titles.js";
import { Decisions, touches } from "../shared/decisions.js";
import { afterDialog } from "../shared/focus.js";
import { commandKey, isUndo, listenToKeys } from "../shared/keys.js";
import { answerOf, imageUrl, spriteUrl } from "../shared/server.js";
import { clamp, nextOpen } from "../shared/steps.js";
import { mountOnce, readTheme } from "../shared/widget.js";
import { NAME_FIRST } from "../shared/words.js";
import { choiceOf, countActions, relabelOrKeep } from "./choices.js";
import { QueueView } from "./queue_view.js";

const WINDOW = 12;
const AHEAD = 6;
const IDLE_MS = 10000;
const KEPT_IMAGES = 40;

class Queue {
  constructor(root) {
    this.root = root;
    root.tabIndex = -1;
    this.rows = [];
    this.decisions = new Decisions((rows, why) => this.changed(rows, why), () => this.saved?.show());
    this.saved = savedLine(this.decisions);
    this.view = new QueueView(root, (key) => this.press(key));
    this.view.attach(this.saved.line);
    this.picker = new ClassPicker(root, (name) => this.decide(relabelOrKeep(name, this.items.get(this.at).given)), () => root.focus({ preventScroll: true }));
    this.stopKeys = listenToKeys(root, (event) => this.onKey(event));
  }

  update(api) {
    const before = this.data;
    this.api = api;
    this.data = api.data;
    readTheme(this.root);
    learnTitles(this.data.titles);
    this.decisions.configure(this.data.write, this.data.key);
    if (before?.token !== this.data.token || before?.key !== this.data.key) this.start();
  }

  async start() {
    Object.assign(this, { windows: new Map(), items: new Map(), images: new Map(), rows: [], at: null, painted: false });
    const token = this.data.token;
    try {
      const [first] = await Promise.all([this.fetchWindow(0, "&rows=1"), this.decisions.known]);
      if (token !== this.data.token) return;
      this.rows = first.rows;
    } catch (error) {
      return this.view.showTrouble(error.message, () => this.start());
    }
    this.indexOf = new Map(this.rows.map((row, i) => [row, i]));
    // the keys should work at once, unless somebody is typing elsewhere
    if (document.activeElement === document.body) this.root.focus({ preventScroll: true });
    this.go(this.nextOpen(-1));
  }

  // ---- fetching ahead

  async fetchWindow(w, more = "") {
    if (this.windows.has(w)) return this.windows.get(w);
    const { key, token, cell } = this.data, items = this.items;
    const loading = (async () => {
      const answer = await answerOf(await fetch(`/api/queue/${key}/${token}?from=${w * WINDOW}&count=${WINDOW}${more}`));
      answer.items.forEach((item, i) => items.set(w * WINDOW + i, Object.assign(item, { cell, spriteUrl: spriteUrl(item.sprite, cell) })));
      return answer;
    })();
    this.windows.set(w, loading);
    // a failed window may be asked for again
    loading.catch(() => this.windows.delete(w));
    return loading;
  }

  async item(i) {
    if (!this.items.has(i)) await this.fetchWindow(Math.floor(i / WINDOW));
    return this.items.get(i);
  }

  /* The decoded image of item i: a promise of it, made once. */
  image(i) {
    if (!this.images.has(i)) {
      const image = new Image();
      image.src = imageUrl(this.data.key, this.rows[i]);
      // an image that cannot be read is shown as such, and can be decided on all the same
      const ready = image.decode().then(() => image, () => image);
      ready.then(() => { image.ready = true; });
      this.images.set(i, { image, ready });
      if (this.images.size > KEPT_IMAGES) this.images.delete(this.images.keys().next().value);
    }
    return this.images.get(i);
  }

  async fetchAhead() {
    let i = this.at;
    for (let step = 0; step < AHEAD && i !== null; step++) {
      i = this.nextOpen(i, false);
      if (i === null) return;
      this.image(i);
      try {
        const item = await this.item(i);
        if (item.sprite && !item.warm) (item.warm = new Image()).src = item.spriteUrl;
      } catch {
        // going there will ask again, and say what is wrong
        return;
      }
    }
  }

  // ---- moving

  isOpen(i) {
    const { action, unsaved } = this.decisions.shown(this.rows[i]);
    // what waits for a server that is away has been decided all the same
    return !action && !unsaved;
  }

  /* The next undecided index after i (from the start again, where `around`), or null. */
  nextOpen(i, around = true) {
    return nextOpen(this.rows.length, i, (j) => this.isOpen(j), around);
  }

  go(i) {
    this.painted = false;
    this.at = i;
    if (i === null) return this.finish();
    const held = this.images.get(i), item = this.items.get(i);
    // no await on the fast path: the swap happens within the key's own event
    if (held?.image.ready && item) return this.paint(i, item, held.image);
    this.load(i);
  }

  async load(i) {
    try {
      const [item, image] = await Promise.all([this.item(i), this.image(i).ready]);
      if (this.at === i) this.paint(i, item, image);
    } catch (error) {
      if (this.at === i) this.view.showTrouble(error.message, () => this.go(i));
    }
  }

  paint(i, item, image) {
    this.view.show(item, image, this.decisions.shown(item.row), this.decisions.reviewer);
    this.showProgress();
    this.root.dataset.row = item.row;
    requestAnimationFrame(() => {
      if (this.at !== i) return;
      this.painted = true;
      setTimeout(() => {
        performance.mark("taster-painted", { detail: { row: item.row } });
        this.root.setAttribute("data-taster-ready", "1");
      });
    });
    this.fetchAhead();
  }

  showProgress() {
    const counts = this.counts();
    this.view.showProgress(this.at, this.rows.length, Object.values(counts).reduce((a, b) => a + b, 0));
  }

  counts() {
    const touched = new Set([...this.decisions.server.keys(), ...this.decisions.outbox.entries.flatMap(touches)]);
    return countActions([...touched].filter((row) => this.indexOf.has(row)).map((row) => this.decisions.shown(row).action));
  }

  finish() {
    this.view.showEnd(this.rows.length, this.counts());
    this.showProgress();
    this.root.setAttribute("data-taster-ready", "1");
    this.announce();
  }

  // ---- keys

  onKey(event) {
    if (this.picker.isOpen) return;
    const key = isUndo(event) ? "u" : commandKey(event);
    // Enter and Space belong to the button that has the focus
    if (!key || !this.press(key)) return;
    event.preventDefault();
    // Streamlit's own shortcuts listen further out
    event.stopPropagation();
  }

  press(key) {
    const item = this.items?.get(this.at);
    const choice = item && choiceOf(key, item);
    if (key === "u") this.undo();
    else if (key === "Home" && this.rows.length) this.go(0);
    else if (key === "ArrowLeft" || key === "j") this.step(-1);
    else if (key === "ArrowRight" || key === "l") this.step(1);
    else if (!item) return false;
    else if (choice) this.decide(choice);
    else if (key === "i") this.inspect();
    else if (key === "o") this.painted && this.picker.open(this.view.other, this.data.classes);
    else return false;
    return true;
  }

  /* The page opens the inspector; the queue stays where it is. */
  inspect() {
    // telling of the progress now would be a rerun, and close what is just being opened
    if (this.idle) this.announceLater();
    afterDialog(() => this.root.focus({ preventScroll: true }));
    this.api.setTriggerValue("inspect", this.rows[this.at]);
  }

  step(by) {
    if (!this.rows.length) return;
    const from = this.at ?? this.rows.length;
    this.go(clamp(from + by, 0, this.rows.length - 1));
  }

  decide({ action, label }) {
    if (!this.painted) return;
    if (!this.decisions.reviewer) return this.saved.say(NAME_FIRST);
    performance.mark("taster-key", { detail: { row: this.rows[this.at] } });
    const at = this.at;
    // first, so that a second key within this frame finds nothing to decide
    this.painted = false;
    this.decisions.decide([this.rows[at]], action, label);
    this.go(this.nextOpen(at));
    this.announceLater();
  }

  undo() {
    if (!this.decisions.reviewer) return this.saved.say(NAME_FIRST);
    const [row] = this.decisions.undo();
    this.returning = row === undefined;
    if (this.indexOf?.has(row)) this.go(this.indexOf.get(row));
  }

  /* Decisions changed: mine, saved, taken back, refused, or somebody else's. */
  changed(rows, why) {
    if (!this.indexOf) return;
    const back = rows.find((row) => this.indexOf.has(row));
    if (why === "undone" && this.returning && back !== undefined) {
      this.returning = false;
      this.go(this.indexOf.get(back));
    } else if (this.at !== null && rows.includes(this.rows[this.at])) {
      const item = this.items.get(this.at);
      if (item) this.view.showTitle(item, this.decisions.shown(item.row), this.decisions.reviewer);
    } else if (this.at === null && this.nextOpen(-1) !== null) this.go(this.nextOpen(-1));
    this.showProgress();
    if (why === "saved" && this.at === null) this.announce();
  }

  // ---- telling Python, rarely

  announceLater() {
    clearTimeout(this.idle);
    this.idle = setTimeout(() => this.announce(), IDLE_MS);
  }

  announce() {
    clearTimeout(this.idle);
    // what is still on its way is not in the database yet, so a count would be wrong; a rerun would close a dialog
    if (document.querySelector('[role="dialog"]')) return this.announceLater();
    if (this.decisions.status().pending) return this.announceLater();
    if (!this.data.announce || this.announced === this.decisions.lastSaved || !this.decisions.lastSaved) return;
    this.announced = this.decisions.lastSaved;
    this.api.setTriggerValue("progress", { head: this.announced, finished: this.at === null, counts: this.counts() });
  }

  destroy() {
    clearTimeout(this.idle);
    this.stopKeys();
    this.decisions.close();
  }
}

export default (api) => mountOnce(api, (root) => new Queue(root));
