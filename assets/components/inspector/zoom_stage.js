/* One image to look into: the whole at first, closer by wheel, pinch, keys and buttons; parts of a large one come in their
   own pixels. Below it, at the place that the evidence points to, a close look. */

import { closeUp } from "../shared/close_up.js";
import { el } from "../shared/dom.js";
import { ImageStage } from "../shared/image_stage.js";
import { isPhoto } from "../shared/pixels.js";
import { cropUrl } from "../shared/server.js";
import { atOneToOne, inPixels, inWindow, isWhole, moved, resized, scaled, scaleWords, seen, stepped, wholeView } from "../shared/zoom.js";
import { StageHand } from "./stage_hand.js";

const LOUPE = 256, SOON_MS = 120, MOST_CROP = 1024;

export class ZoomStage extends ImageStage {
  constructor(root, room, unreadable) {
    super(root, room, unreadable);
    const button = (text, title, act) => el("button", { text, title, "aria-label": title, onclick: () => this.turn(act) });
    this.oneToOne = button("1 : 1", "One pixel of the image to one of the screen (1)", (view) => atOneToOne(view, this.place));
    this.tools = el("span", { class: "zoom", role: "group", "aria-label": "Zoom" }, button("−", "Further away (-)", (view) => stepped(view, -1)), button("+", "Closer (+)", (view) => this.closer(view)), this.oneToOne, button("Whole", "The whole image (0)", (view) => wholeView(view.image, view.room)));
    this.marker = el("button", { text: "Mark", "aria-pressed": "true", hidden: true, title: "Draw a box around the place that the evidence points to" });
    this.marker.onclick = () => this.marker.setAttribute("aria-pressed", String(!this.stage.classList.toggle("unmarked")));
    this.tools.append(this.marker);
    this.size.before(this.tools);
    this.loupe = el("figure", { class: "loupe", hidden: true });
    this.node.append(this.loupe);
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "group");
    this.hand = new StageHand(this.stage, this);
    this.resizer = new ResizeObserver(() => this.view && this.turn((view) => resized(view, this.window())));
    this.resizer.observe(this.stage);
  }

  window() {
    return [this.stage.clientWidth || this.room, this.stage.clientHeight || this.room];
  }

  /* where: { key, row, size: [w, h] of the image in its own pixels }. */
  look(image, alt, where) {
    this.place = this.view = this.sharp = null;
    this.loupe.hidden = this.marker.hidden = true;
    super.show(image, alt);
    this.tools.hidden = !image.naturalWidth;
    if (!image.naturalWidth) return;
    this.where = where;
    this.image = image;
    this.mark = el("div", { class: "mark", hidden: true });
    this.stage.append(this.mark);
    this.stage.setAttribute("aria-label", `${alt}. Plus and minus zoom, arrows move, 1 shows single pixels, 0 the whole.`);
    this.view = wholeView(where.size ?? [image.naturalWidth, image.naturalHeight], this.window());
    this.draw();
  }

  /* Marks a place and opens the close look there; `words` say what it is. */
  showPlace(place, words) {
    if (!this.view || this.place) return;
    this.place = place;
    this.marker.hidden = false;
    this.draw();
    const whole = wholeView(this.view.image, this.view.room).scale;
    if (!isPhoto(...this.view.image)) return;
    const { node, said } = closeUp({ ...this.where, size: this.view.image, place, room: LOUPE, whole });
    this.loupe.replaceChildren(node, el("figcaption", { class: "muted" }, el("strong", { text: said }), ` ${words}`));
    this.loupe.hidden = false;
  }

  turn(act) {
    if (!this.view) return false;
    this.view = act(this.view);
    this.draw();
    return true;
  }

  get whole() { return !this.view || isWhole(this.view); }

  /* One step closer; from the whole, towards the place that the evidence points to. */
  closer(view) {
    if (!this.place || !isWhole(view)) return stepped(view, 1);
    const { left, top, width, height } = inWindow(view, inPixels(this.place, view.image));
    return stepped(view, 1, [left + width / 2, top + height / 2]);
  }

  pan(right, down) { return this.turn((view) => moved(view, right, down)); }

  zoom(by, at) { return this.turn((view) => scaled(view, view.scale * by, at)); }

  /* What a key does; whether it did anything. */
  press(key) {
    if (key === "+" || key === "=") return this.turn((view) => this.closer(view));
    if (key === "-" || key === "_") return this.turn((view) => stepped(view, -1));
    if (key === "0") return this.turn((view) => wholeView(view.image, view.room));
    return key === "1" && this.turn((view) => atOneToOne(view, this.place));
  }

  draw() {
    const { view, where } = this, [w, h] = view.image;
    set(this.image, inWindow(view, { x: 0, y: 0, w, h }));
    this.stage.classList.toggle("near", !isWhole(view));
    this.size.textContent = `${w} × ${h} pixels, ${scaleWords(view.scale)}`;
    this.oneToOne.disabled = wholeView(view.image, view.room).scale >= 1 && view.scale === 1;
    this.mark.hidden = !this.place;
    if (this.place) set(this.mark, inWindow(view, inPixels(this.place, view.image)));
    if (this.sharp) set(this.sharp, inWindow(view, this.sharpPart));
    clearTimeout(this.timer);
    // the picture at hand was made smaller, and shows fewer pixels than would be seen
    if (view.scale * w > this.image.naturalWidth * 1.01 && this.image.naturalWidth < w) this.timer = setTimeout(() => this.sharpen(where, seen(view)), SOON_MS);
  }

  async sharpen(where, part) {
    if (part.w > MOST_CROP || part.h > MOST_CROP || where !== this.where) return;
    const image = Object.assign(new Image(), { src: cropUrl(where.key, where.row, part), className: "own", alt: "" });
    await image.decode().catch(() => null);
    if (where !== this.where || !image.naturalWidth) return;
    this.sharp?.remove();
    // not a property of the element: `part` means something else there
    Object.assign(this, { sharp: image, sharpPart: part });
    this.image.after(image);
    this.draw();
  }

  destroy() {
    clearTimeout(this.timer);
    this.resizer.disconnect();
  }
}

function set(node, { left, top, width, height }) {
  Object.assign(node.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
}
