/* The inspector. Facts come in one reply, pictures each by its own address; what takes long is asked for last.
   Looking at a neighbour is no rerun. */

import { learnTitles } from "../shared/class_titles.js";
import { answerOf, checked, imageUrl, spriteUrl } from "../shared/server.js";
import { mountOnce, readTheme } from "../shared/widget.js";
import { InspectorView } from "./inspector_view.js";

const MOST_BACK = 50;
const SOON_MS = 250;

class Inspector {
  constructor(root) {
    this.root = root;
    this.past = [];
    this.blobs = [];
    this.view = new InspectorView(root, (row) => this.go(row), () => this.back());
  }

  update(api) {
    const before = this.data;
    this.data = api.data;
    readTheme(this.root);
    learnTitles(this.data.titles);
    // a rerun with the same wish must not throw the reader back to where he started
    if (before?.key === this.data.key && before?.row === this.data.row) return;
    this.past = [];
    this.look(this.data.row);
  }

  go(row) {
    this.past.push(this.row);
    if (this.past.length > MOST_BACK) this.past.shift();
    this.look(row, true);
  }

  back() {
    if (this.past.length) this.look(this.past.pop(), true);
  }

  async look(row, byHand = false) {
    this.stop?.abort();
    const stop = (this.stop = new AbortController());
    this.row = row;
    this.root.removeAttribute("data-taster-ready");
    this.root.removeAttribute("data-taster-whole");
    const { key, cell } = this.data;
    const image = new Image();
    image.src = imageUrl(key, row);
    try {
      const [reply] = await Promise.all([fetch(`/api/inspect/${key}/${row}`, { signal: stop.signal }), image.decode().catch(() => null)]);
      const item = await answerOf(reply);
      if (stop.signal.aborted) return;
      this.dropBlobs();
      this.view.show(Object.assign(item, { cell, spriteUrl: spriteUrl(item.sprite, cell) }), this.data.reviewer, this.past.length > 0);
      this.view.picture.look(image, item.id, { key, row, size: item.size });
      const carried = item.findings.find((finding) => finding.place);
      if (carried) this.view.picture.showPlace(carried.place, `Where pattern ${carried.id} sits, in the image's own pixels.`);
      // the button that was pressed has gone: the keyboard goes on from the top, and Escape still closes the dialog
      if (byHand) this.view.title.focus();
      this.root.dataset.row = row;
      await this.pictures(item, stop);
    } catch (error) {
      if (!stop.signal.aborted) this.view.showTrouble(error.message, () => this.look(row));
    }
  }

  async pictures(item, stop) {
    const asked = item.views.filter((view) => !view.missing);
    const quick = [...item.findings.map((finding) => finding.view), ...asked.filter((view) => !view.slow).map((view) => view.name)];
    const slow = asked.filter((view) => view.slow).map((view) => view.name);
    for (const name of slow) setTimeout(() => !stop.signal.aborted && this.view.tileOf(name)?.dataset.state === "waiting" && this.view.wait(name, "Covering one place after another…"), SOON_MS);
    await Promise.all(quick.map((name) => this.picture(name, item.version, stop)));
    if (stop.signal.aborted) return;
    this.root.setAttribute("data-taster-ready", "1");
    await Promise.all(slow.map((name) => this.picture(name, item.version, stop)));
    if (!stop.signal.aborted) this.root.setAttribute("data-taster-whole", "1");
  }

  async picture(name, version, stop) {
    try {
      const reply = await checked(await fetch(`/api/view/${this.data.key}/${this.row}/${encodeURIComponent(name)}.png?v=${version}`, { signal: stop.signal }));
      const image = new Image();
      image.src = URL.createObjectURL(await reply.blob());
      if (stop.signal.aborted) return URL.revokeObjectURL(image.src);
      this.blobs.push(image.src);
      await image.decode();
      const place = reply.headers.get("X-Taster-Place")?.split(",").map(Number);
      if (place && !stop.signal.aborted) this.view.picture.showPlace(place, "Where covering the image moves the embedding most, in its own pixels.");
      if (!stop.signal.aborted) this.view.fill(name, image, decodeURIComponent(reply.headers.get("X-Taster-Said") || ""));
    } catch (error) {
      if (!stop.signal.aborted) this.view.miss(name, error.message);
    }
  }

  dropBlobs() {
    this.blobs.splice(0).forEach((address) => URL.revokeObjectURL(address));
  }

  destroy() {
    this.stop?.abort();
    this.view.picture.destroy();
    this.dropBlobs();
  }
}

export default (api) => mountOnce(api, (root) => new Inspector(root));
