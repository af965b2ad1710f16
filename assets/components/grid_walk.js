/* Where an arrow key leads among the tiles, which wrap into lines as the width allows. */

class TileWalk {
  constructor(grid) { this.grid = grid; }

  /* Forget the lines: the tiles or the width have changed. */
  forget() { this.lines = null; }

  target(key) {
    const { at, nodes } = this.grid, last = nodes.length - 1;
    if (key === "Home") return 0;
    if (key === "End") return last;
    if (key === "ArrowRight") return Math.min(last, at + 1);
    if (key === "ArrowLeft") return Math.max(0, at - 1);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: this.screenful(), PageUp: -this.screenful() }[key];
    return step === undefined ? null : this.vertical(step);
  }

  screenful() {
    return Math.max(1, Math.floor(window.innerHeight / (this.grid.nodes[0].offsetHeight + 8)) - 1);
  }

  /* The tile `step` lines away that lies nearest to the column of this one (the threshold breaks lines short). */
  vertical(step) {
    const { at, nodes } = this.grid;
    this.lines ??= [...this.groupLines().values()];
    const line = this.lines.findIndex((tiles) => tiles.includes(at));
    const there = this.lines[Math.max(0, Math.min(this.lines.length - 1, line + step))];
    const left = nodes[at].offsetLeft;
    return there.reduce((best, i) => (Math.abs(nodes[i].offsetLeft - left) < Math.abs(nodes[best].offsetLeft - left) ? i : best));
  }

  groupLines() {
    const lines = new Map();
    this.grid.nodes.forEach((node, i) => lines.set(node.offsetTop, [...(lines.get(node.offsetTop) || []), i]));
    return lines;
  }
}
