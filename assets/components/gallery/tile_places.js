/* Where the tiles stand, measured once until they or the width change. */

import { linesOf, screenful } from "./walking.js";

export class TilePlaces {
  forget() { this.held = null; }

  of(nodes) {
    this.held ??= { lines: linesOf(nodes.map((node) => node.offsetTop)), lefts: nodes.map((node) => node.offsetLeft) };
    return { ...this.held, screen: screenful(window.innerHeight, nodes[0].offsetHeight) };
  }
}
