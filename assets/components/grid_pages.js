/* The pages of a gallery, turned without asking Python: the next one is fetched ahead, so that a click only swaps. And
   the list that a drawing on the map brings, asked for as soon as it is drawn. */

const KEPT_PAGES = 6, REPORT_MS = 1200;
const EMPTY_PAGE = { from: 0, rows: [], tiles: [], sprite_url: "" };

/* What tells one list from another; a page of the same list is never drawn anew because Python sent it again. */
const signOf = (list) => JSON.stringify([list.token, list.total, list.threshold_at ?? null, list.heading, list.selected || []]);

async function answerOf(reply) {
  if (!reply.ok) throw new Error((await reply.text()).split("\n")[0].slice(0, 300));
  return reply.json();
}

class Pages {
  constructor(grid) {
    this.grid = grid;
    this.held = new Map();
    this.number = this.wanted = 1;
    this.pagers = ["top", "foot"].map((place) => new Pager(this, place));
    window.addEventListener("taster-selection", this.onSelection = (event) => this.selection(event));
  }

  get last() { return this.list ? Math.max(1, Math.ceil(this.list.total / this.grid.data.page_size)) : 1; }

  /* Another list, whose page `number` is already here. */
  adopt(list, number, page) {
    clearTimeout(this.timer);
    this.list = { ...list, sign: signOf(list) };
    this.held.clear();
    this.number = this.wanted = number;
    this.keep(number, Promise.resolve(page));
    this.showPagers();
    this.grid.draw(page);
  }

  // ---- turning

  async go(number) {
    const to = Math.max(1, Math.min(this.last, number)), { list } = this;
    if (to === this.wanted) return false;
    this.wanted = to;
    this.showPagers();
    try {
      const page = await this.fetch(to);
      if (this.wanted !== to || this.list !== list) return false;
      this.number = to;
      this.grid.draw(page);
      this.reportLater();
      return true;
    } catch (error) {
      if (this.wanted !== to || this.list !== list) return false;
      this.wanted = this.number;
      this.showPagers();
      this.grid.say(`Page ${to} could not be loaded: ${error.message}`);
      return false;
    }
  }

  fetch(number) {
    if (this.held.has(number)) return this.held.get(number);
    const { key, page_size: size } = this.grid.data, held = this.held;
    const page = fetch(`/api/tiles/${key}/${this.list.token}?from=${(number - 1) * size}&count=${size}`).then(answerOf);
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
      page.picture.src = page.sprite_url;
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
    this.timer = this.grid.data.reports_page ? setTimeout(() => this.report(), REPORT_MS) : 0;
  }

  report() {
    if (!this.timer) return;
    clearTimeout(this.timer);
    this.timer = 0;
    this.grid.api.setStateValue("page", { token: this.list.token, number: this.number });
  }

  showPagers() { this.pagers.forEach((pager) => pager.show(this.wanted, this.last)); }

  // ---- what Python sends, and what the map brings before it

  update(data) {
    if (this.awaits && (data.follow?.nonce ?? null) !== this.awaited) return;
    this.awaits = false;
    if (this.list?.sign !== signOf(data)) this.adopt(data, data.page.number, data.page);
  }

  selection(event) {
    const { data } = this.grid, { key, polygon, nonce } = event.detail;
    if (!data?.follow || key !== data.key) return;
    // tells the map that its drawing is shown here, and that Python may hear of it afterwards
    event.preventDefault();
    this.awaits = true;
    this.awaited = nonce;
    if (polygon) this.gather(data, polygon, nonce);
    else this.adopt({ token: "", total: 0, heading: "" }, 1, EMPTY_PAGE);
  }

  async gather(data, polygon, nonce) {
    const headers = { "Content-Type": "application/json", "X-Taster-Token": data.write.token };
    try {
      const found = await answerOf(await fetch("/api/select", { method: "POST", headers, body: JSON.stringify({ key: data.key, polygon, count: data.page_size }) }));
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

/* Back, the number to type, Next; one above the tiles and one at their end. */
class Pager {
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
    this.of.textContent = `of ${last.toLocaleString("en")}`;
    this.back.disabled = number <= 1;
    this.next.disabled = number >= last;
  }

  async step(by) {
    const turned = await this.pages.go(this.pages.wanted + by);
    if (turned && this.place === "foot") this.pages.grid.toTop();
    // a button that went grey has lost the focus
    const home = this.pages.pagers[0], lost = by > 0 ? home.next : home.back;
    if (turned && (this.place === "foot" || lost.disabled)) (lost.disabled ? (by > 0 ? home.back : home.next) : lost).focus({ preventScroll: true });
  }

  typed() {
    const asked = Number(this.input.value.replace(/\D/g, ""));
    if (asked >= 1) this.pages.go(asked);
    this.show(this.pages.wanted, this.pages.last);
  }
}
