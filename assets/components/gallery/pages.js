/* The pages of a gallery, turned without asking Python: the next one is fetched ahead, so that a click only swaps. And
   the list that a drawing on the map brings, asked for as soon as it is drawn. */

import { cellFor } from "../shared/pixels.js";
import { answerOf, post, spriteAt } from "../shared/server.js";
import { Pager } from "./pager.js";
import { EMPTY_PAGE, lastPage, pageQuery, pageWithin, signOf } from "./paging.js";
import { SIZES } from "./tile.js";

const KEPT_PAGES = 6, REPORT_MS = 1200;

export class Pages {
  constructor(gallery) {
    this.gallery = gallery;
    this.held = new Map();
    this.number = this.wanted = 1;
    this.pagers = ["top", "foot"].map((place) => new Pager(this, place));
    window.addEventListener("taster-selection", this.onSelection = (event) => this.selection(event));
  }

  get last() { return this.list ? lastPage(this.list.total, this.gallery.data.page_size) : 1; }

  /* Another list, whose page `number` is already here. */
  adopt(list, number, page) {
    clearTimeout(this.timer);
    this.list = { ...list, sign: signOf(list) };
    this.held.clear();
    this.number = this.wanted = number;
    this.keep(number, Promise.resolve(page));
    this.showPagers();
    this.gallery.draw(page);
  }

  // ---- turning

  async go(number) {
    const to = pageWithin(number, this.last), { list } = this;
    if (to === this.wanted) return false;
    this.wanted = to;
    this.showPagers();
    try {
      const page = await this.fetch(to);
      if (this.wanted !== to || this.list !== list) return false;
      this.number = to;
      this.gallery.draw(page);
      this.reportLater();
      return true;
    } catch (error) {
      if (this.wanted !== to || this.list !== list) return false;
      this.wanted = this.number;
      this.showPagers();
      this.gallery.saved.say(`Page ${to} could not be loaded: ${error.message}`);
      return false;
    }
  }

  fetch(number) {
    if (this.held.has(number)) return this.held.get(number);
    const { key, page_size: size } = this.gallery.data, held = this.held;
    const page = fetch(`/api/tiles/${key}/${this.list.token}?${pageQuery(number, size)}`).then(answerOf);
    page.catch(() => held.delete(number));
    return this.keep(number, page);
  }

  keep(number, page) {
    this.held.set(number, page);
    if (this.held.size > KEPT_PAGES) this.held.delete(this.held.keys().next().value);
    return page;
  }

  /* The sprite of a page, loaded once and held as long as the page is, so that the browser keeps its pixels. */
  sprite(page) {
    if (!page.picture) {
      page.picture = new Image();
      page.picture.src = spriteAt(page.sprite_url, cellFor(this.gallery.data.cell, SIZES[this.gallery.size]));
      page.loaded = page.picture.decode();
    }
    return page.loaded;
  }

  /* What will probably be wanted next; a failure is told when it is really wanted. */
  ahead() {
    if (this.number < this.last) this.fetch(this.number + 1).then((page) => this.sprite(page)).catch(() => {});
  }

  /* Python hears the number when the turning has come to rest: for the address, not for the drawing. */
  reportLater() {
    clearTimeout(this.timer);
    this.timer = this.gallery.data.reports_page ? setTimeout(() => this.report(), REPORT_MS) : 0;
  }

  report() {
    if (!this.timer) return;
    clearTimeout(this.timer);
    this.timer = 0;
    this.gallery.api.setStateValue("page", { token: this.list.token, number: this.number });
  }

  showPagers() { this.pagers.forEach((pager) => pager.show(this.wanted, this.last)); }

  // ---- what Python sends, and what the map brings before it

  update(data) {
    if (this.awaits && (data.follow?.nonce ?? null) !== this.awaited) return;
    this.awaits = false;
    if (this.list?.sign !== signOf(data)) this.adopt(data, data.page.number, data.page);
  }

  selection(event) {
    const { data } = this.gallery, { key, polygon, nonce } = event.detail;
    if (!data?.follow || key !== data.key) return;
    // tells the map that its drawing is shown here, and that Python may hear of it afterwards
    event.preventDefault();
    this.awaits = true;
    this.awaited = nonce;
    if (polygon) this.gather(data, polygon, nonce);
    else this.adopt({ token: "", total: 0, heading: "" }, 1, EMPTY_PAGE);
  }

  async gather(data, polygon, nonce) {
    try {
      const found = await answerOf(await post("/api/select", data.write.token, { key: data.key, polygon, count: data.page_size }));
      if (this.awaited !== nonce) return;
      this.brought = nonce;
      if (this.list.sign === signOf(found)) return this.painted();
      this.adopt(found, 1, { from: found.from, rows: found.rows, tiles: found.tiles, sprite_url: found.sprite_url });
      if (!found.total) this.painted();
    } catch {
      // Python finds the same rows, only later
      this.brought = nonce;
      this.painted();
    }
  }

  painted() {
    if (this.brought) window.dispatchEvent(new CustomEvent("taster-selection-shown", { detail: { nonce: this.brought } }));
    this.brought = null;
  }

  close() {
    clearTimeout(this.timer);
    window.removeEventListener("taster-selection", this.onSelection);
  }
}
