/* What the points mean: colours, legend entries, who is nearest, who is inside. No drawing here. */

const NONE = 255, NO_LABEL = 65535, SPAN = 65535;
const VERDICT_NAMES = ["clean", "label mistake", "poison, wrong label", "poison, right label", "out of place", "near duplicate"];
const DECISION_NAMES = ["undecided", "kept", "relabelled", "excluded", "needs review"];
const DECISION_OF = { keep: 1, relabel: 2, exclude: 3, needs_review: 4 };

/* After Okabe and Ito, for all kinds of colour vision; darkened or lightened until each stands 3 : 1 off its ground. */
const TEN = {
  light: ["#0072b2", "#c26a00", "#00805c", "#d0431f", "#a64d86", "#2b8cc4", "#8a7a00", "#4f4f9e", "#7a4a2b", "#5c6770"],
  dark: ["#56b4e9", "#f0a830", "#2fbf90", "#ff7a45", "#df9cc6", "#8fd0ff", "#e6dc55", "#a6a6ff", "#c99b78", "#b4bec8"],
};
const VERDICT_COLOURS = {
  light: ["#7d8a97", "#b87400", "#cc3311", "#9b3fa5", "#0d8a8a", "#7a5230"],
  dark: ["#8390a0", "#eab54d", "#ff6a4d", "#d78be0", "#4cc9c9", "#c9a27e"],
};
const DECISION_COLOURS = {
  light: ["#8b96a1", "#00805c", "#0072b2", "#cc3311", "#b87400"],
  dark: ["#77828e", "#3ecf9d", "#5cb8f0", "#ff6a4d", "#eab54d"],
};
const SUSPECT = 127; // suspicion 0.5 of 254 steps
/* Rises evenly in lightness (and away from the ground), so that more suspicion always reads as more. */
const RAMP = {
  light: ["#b9c0c9", "#b79ab0", "#bd6a91", "#b03a68", "#8c1444", "#560224"],
  dark: ["#4a5463", "#6f5a85", "#a65f8c", "#d9707a", "#f59b62", "#ffe07a"],
};
const RANGES = ["0.0 – 0.2", "0.2 – 0.4", "0.4 – 0.6", "0.6 – 0.8", "0.8 – 1.0"];

const hexRgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

function hueWheel(n, dark) {
  // golden-angle steps keep neighbours in the list apart; three lightnesses double the room
  return Array.from({ length: n }, (_, i) => rgbOf(`hsl(${(i * 137.508) % 360} ${dark ? 70 : 65}% ${(dark ? [68, 58, 76] : [42, 34, 50])[i % 3]}%)`));
}

function rampColour(share, stops) {
  const at = share * (stops.length - 1), low = Math.min(stops.length - 2, Math.floor(at)), t = at - low;
  return stops[low].map((v, c) => Math.round(v + (stops[low + 1][c] - v) * t));
}

class PointSet {
  constructor(bytes, classes) {
    this.bytes = bytes;
    this.classes = classes;
    this.n = Math.floor(bytes.byteLength / 8);
    const { n } = this;
    this.x = new Uint16Array(bytes, 0, n);
    this.y = new Uint16Array(bytes, 2 * n, n);
    this.suspicion = new Uint8Array(bytes, 4 * n, n);
    this.verdict = new Uint8Array(bytes, 5 * n, n);
    this.label = new Uint16Array(bytes, 6 * n, n);
    this.decision = new Uint8Array(n);
    this.buildIndex();
  }

  // ---- the grid index: rows of each of 256 × 256 squares, by counting

  buildIndex() {
    const starts = new Uint32Array(65537);
    for (let i = 0; i < this.n; i++) starts[this.square(this.x[i], this.y[i]) + 1]++;
    for (let s = 0; s < 65536; s++) starts[s + 1] += starts[s];
    const next = starts.slice(), rows = new Uint32Array(this.n);
    for (let i = 0; i < this.n; i++) rows[next[this.square(this.x[i], this.y[i])]++] = i;
    Object.assign(this, { starts, order: rows });
  }

  square(x, y) { return ((y >> 8) << 8) | (x >> 8); }

  /* The row nearest to (x, y) within `reach`, or −1. */
  nearest(x, y, reach) {
    let best = -1, least = reach * reach;
    const clamp = (v) => Math.max(0, Math.min(255, Math.floor(v / 256)));
    for (let sy = clamp(y - reach); sy <= clamp(y + reach); sy++) {
      const first = this.starts[(sy << 8) | clamp(x - reach)], last = this.starts[((sy << 8) | clamp(x + reach)) + 1];
      for (let k = first; k < last; k++) {
        const i = this.order[k], dx = this.x[i] - x, dy = this.y[i] - y, away = dx * dx + dy * dy;
        if (away <= least) { least = away; best = i; }
      }
    }
    return best;
  }

  /* uint8 per row: inside the polygon by the even-odd rule; the same arithmetic as the server's. */
  inside(polygon) {
    const { x, y, n } = this, hit = new Uint8Array(n), m = polygon.length;
    if (m < 3) return hit;
    const xs = polygon.map((p) => p[0]), ys = polygon.map((p) => p[1]);
    const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    for (let i = 0; i < n; i++) {
      const px = x[i], py = y[i];
      if (px < left || px > right || py < low || py > high) continue;
      let odd = 0;
      for (let a = 0, b = 1; a < m; a++, b = b + 1 === m ? 0 : b + 1) {
        if (ys[a] > py !== ys[b] > py && px < ((xs[b] - xs[a]) * (py - ys[a])) / (ys[b] - ys[a]) + xs[a]) odd ^= 1;
      }
      hit[i] = odd;
    }
    return hit;
  }

  setDecision(row, action) {
    if (row < this.n) this.decision[row] = DECISION_OF[action] || 0;
  }

  // ---- the ways to colour

  /* { entries: [{name, colour}], of: row -> entry, colour: row -> rgb }; the last entry stands for "none". */
  scheme(name, dark) {
    const shade = dark ? "dark" : "light", grey = hexRgb(dark ? "#7a838e" : "#8b939c");
    if (name === "suspicion") return this.suspicionScheme(shade, grey);
    if (name === "verdict") return this.listScheme(VERDICT_NAMES, VERDICT_COLOURS[shade].map(hexRgb), this.verdict, NONE, "no verdict", grey);
    if (name === "decision") return this.listScheme(DECISION_NAMES, DECISION_COLOURS[shade].map(hexRgb), this.decision, NONE, null, grey);
    const colours = this.classes.length <= 10 ? TEN[shade].map(hexRgb) : hueWheel(this.classes.length, dark);
    return this.listScheme(this.classes, colours, this.label, NO_LABEL, "unlabelled", grey);
  }

  listScheme(names, colours, column, none, noneName, grey) {
    const entries = names.map((name, i) => ({ name, colour: colours[i % colours.length] }));
    if (noneName) entries.push({ name: noneName, colour: grey });
    const last = entries.length - 1;
    const of = (i) => (column[i] === none ? last : Math.min(column[i], last));
    return { entries, of, colour: (i) => entries[of(i)].colour };
  }

  suspicionScheme(shade, grey) {
    const stops = RAMP[shade].map(hexRgb), table = Array.from({ length: 255 }, (_, v) => rampColour(v / 254, stops));
    const entries = RANGES.map((name, i) => ({ name, colour: rampColour((i + 0.5) / 5, stops) })).reverse();
    entries.push({ name: "not scored", colour: grey });
    const of = (i) => (this.suspicion[i] === NONE ? 5 : 4 - Math.min(4, Math.floor((this.suspicion[i] * 5) / 254)));
    return { entries, of, colour: (i) => (this.suspicion[i] === NONE ? grey : table[this.suspicion[i]]) };
  }

  /* 8 bytes a point: red green blue alpha lit (255 for suspects, 128 for others, 0 for grey). Lit are the rows in `mask` (or all) that belong to `entry` (or any). */
  colours(scheme, mask, entry, dark, out) {
    const grey = dark ? [128, 136, 146] : [150, 156, 164];
    for (let i = 0, o = 0; i < this.n; i++, o += 8) {
      const lit = (!mask || mask[i]) && (entry === null || scheme.of(i) === entry);
      const rgb = lit ? scheme.colour(i) : grey;
      out[o] = rgb[0]; out[o + 1] = rgb[1]; out[o + 2] = rgb[2];
      const suspect = this.suspicion[i] >= SUSPECT && this.suspicion[i] !== NONE;
      out[o + 3] = lit ? (suspect ? 255 : 215) : 70;
      out[o + 4] = lit ? (suspect ? 255 : 128) : 0;
    }
    return out;
  }

  counts(scheme, mask) {
    const counts = new Array(scheme.entries.length).fill(0);
    for (let i = 0; i < this.n; i++) if (!mask || mask[i]) counts[scheme.of(i)]++;
    return counts;
  }

  facts(row) {
    const decided = this.decision[row];
    return {
      label: this.label[row] === NO_LABEL ? "unlabelled" : this.classes[this.label[row]],
      suspicion: this.suspicion[row] === NONE ? "not scored" : (this.suspicion[row] / 254).toFixed(2),
      verdict: this.verdict[row] === NONE ? "none" : VERDICT_NAMES[this.verdict[row]],
      decision: DECISION_NAMES[decided],
    };
  }
}
