/* Who hears of a drawing, and when: a gallery on the same page at once, Python when that gallery is painted. */

const LONGEST_SILENCE_MS = 600;

export class Teller {
  constructor(map) {
    this.map = map;
    window.addEventListener("taster-selection-shown", this.onShown = (event) => { if (event.detail.nonce === this.untold?.selection?.nonce) this.now(); });
  }

  /* True where a gallery takes the polygon (or null) up. It asks the server for the images by itself. */
  ahead(polygon, nonce) {
    const detail = { key: this.map.data.key, polygon, nonce };
    return !window.dispatchEvent(new CustomEvent("taster-selection", { cancelable: true, detail }));
  }

  /* Where a gallery is at it, a rerun in the same moment would hold it up. */
  python(selection, followed) {
    clearTimeout(this.timer);
    this.untold = { selection };
    if (followed && selection) this.timer = setTimeout(() => this.now(), LONGEST_SILENCE_MS);
    else this.now();
  }

  now() {
    clearTimeout(this.timer);
    if (this.untold) this.map.api.setStateValue("selection", this.untold.selection);
    this.untold = null;
  }

  close() {
    clearTimeout(this.timer);
    window.removeEventListener("taster-selection-shown", this.onShown);
  }
}
