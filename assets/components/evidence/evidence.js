/* What a finding looks like: its pictures in two lines, and a strip of triggered images. */

import { closeUp } from "../shared/close_up.js";
import { el } from "../shared/dom.js";
import { afterDialog } from "../shared/focus.js";
import { markedPicture, markToggle } from "../shared/marked_picture.js";
import { checked, imageUrl, thumbUrl } from "../shared/server.js";
import { mountOnce, readTheme } from "../shared/widget.js";
import { wholeScale } from "../shared/zoom.js";

const FIGURE = 192;
const WIDE_FIGURE = 288;
const WIDE = 1280;
const STRIP_SIDE = 96;

class Evidence {
  constructor(root) {
    this.root = root;
    root.classList.add("evidence");
  }

  update(api) {
    const { data } = api;
    this.api = api;
    readTheme(this.root);
    const now = JSON.stringify(data);
    if (now === this.shown) return;
    this.shown = now;
    this.data = data;
    this.forget();
    this.root.classList.toggle("wide", this.root.clientWidth >= WIDE);
    const figures = data.figures.map((figure) => this.figure(figure));
    const strip = data.strip.map((tile) => this.tile(tile));
    this.root.replaceChildren(
      el("div", { class: "figures" }, ...figures.map((made) => made.node)),
      el("div", { class: "tools" }, el("span", { text: data.strip_words }), el("span", { class: "spacer" }), markToggle(this.root, data.mark)),
      el("div", { class: "strip", role: "list", "aria-label": "Images of the finding" }, ...strip.map((made) => made.node)),
    );
    this.root.removeAttribute("data-taster-ready");
    Promise.all([...figures, ...strip].map((made) => made.ready)).then(() => { if (now === this.shown) this.root.setAttribute("data-taster-ready", "1"); });
  }

  figure(figure) {
    const { title, words, url, row, shift } = figure;
    const stage = el("div", { class: "stage" }), factor = el("span", { class: "muted" });
    const node = el("figure", {}, stage, el("figcaption", {}, el("strong", { text: title }), " ", factor, el("div", { class: "muted", text: words })));
    if (figure.place) return { node, ready: this.closeBy(figure, stage, factor) };
    const ready = url ? this.fetched(url, stage, factor) : this.place(imageUrl(this.data.key, row), stage, shift);
    return { node, ready };
  }

  /* Fetched by hand, because the factor by which the values were multiplied comes with the picture. */
  async fetched(url, stage, said) {
    stage.replaceChildren(el("p", { class: "muted", text: "drawing…" }));
    try {
      const reply = await checked(await fetch(url));
      const factor = Number(reply.headers.get("X-Taster-Amplified"));
      const held = URL.createObjectURL(await reply.blob());
      this.held.push(held);
      await this.place(held, stage, null);
      if (factor !== 1) said.textContent = `× ${factor}`;
      said.title = "The values are multiplied by this factor to be seen";
    } catch (error) {
      stage.replaceChildren(el("p", { class: "muted", text: error.message || "This picture cannot be drawn." }));
    }
  }

  /* The image's own pixels where the pattern sits. */
  closeBy({ row, size, place }, stage, said) {
    const room = this.room, made = closeUp({ key: this.data.key, row, size, place, room, whole: wholeScale(size, [room, room]) });
    said.textContent = made.said;
    stage.replaceChildren(made.node);
    return made.ready;
  }

  get room() { return this.root.classList.contains("wide") ? WIDE_FIGURE : FIGURE; }

  place(src, stage, shift) {
    const { box, ready } = markedPicture(src, this.room, this.data.mark, shift);
    stage.replaceChildren(box);
    return ready;
  }

  tile({ row, label, line, says, shift }) {
    const { box, ready } = markedPicture(thumbUrl(this.data.key, row), STRIP_SIDE, this.data.mark, shift);
    const button = el(
      "button",
      { type: "button", class: "tile", title: `labelled ${label}; ${says}. Click to look closely` },
      el("span", { class: "room" }, box),
      el("span", { class: "caption name", text: label }),
      el("span", { class: "caption muted", text: line }),
    );
    button.addEventListener("click", () => {
      afterDialog(() => button.focus({ preventScroll: true }));
      this.api.setTriggerValue("inspect", { row });
    });
    return { node: el("div", { role: "listitem" }, button), ready };
  }

  forget() {
    (this.held || []).forEach((address) => URL.revokeObjectURL(address));
    this.held = [];
  }

  destroy() { this.forget(); }
}

export default (api) => mountOnce(api, (root) => new Evidence(root));
