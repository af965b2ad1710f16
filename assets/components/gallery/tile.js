/* How one tile of the gallery looks. */

import { badge } from "../shared/badge.js";
import { classTitle, shortTitle } from "../shared/class_titles.js";
import { decisionWords } from "../shared/decision_words.js";
import { el } from "../shared/dom.js";
import { paintTile } from "../shared/pixels.js";
import { spriteAt } from "../shared/server.js";
import { confidenceWords, scoreWords } from "./tile_words.js";

export const SIZES = { S: 64, M: 96, L: 192 };

export function drawTile(gallery, i) {
  const { data, page } = gallery, tile = page.tiles[i];
  const node = el("div", { class: "tile", role: "option", tabindex: i === 0 ? 0 : -1, "aria-selected": "false", "data-i": i });
  const picture = el("div", { class: "pic" });
  paintPicture(gallery, picture, i);
  // append would write a null as text
  node.append(...[
    el("div", { class: "top" }, el("span", { class: "box", "aria-hidden": "true" }), el("span", { class: "score", text: scoreWords(tile, 2), title: "Suspicion, 0 to 1" })),
    picture,
    data.inspectable ? el("button", { class: "look", tabindex: -1, title: "All about this image (I, or double-click)", "aria-label": "All about this image" }) : null,
    el("div", { class: "labels" }, el("div", {}, el("span", { class: "name", text: shortTitle(tile.given) ?? "unlabelled", title: classTitle(tile.given) })), suggestionLine(tile)),
    el("div", { class: "foot" }),
  ].filter(Boolean));
  return node;
}

/* Picture `i` of the page in view, at the size in view. */
export function paintPicture({ data, page, size }, node, i) {
  paintTile(node, (cell) => spriteAt(page.sprite_url, cell), page.rows.length, data.cell, i, SIZES[size]);
}

function suggestionLine(tile) {
  if (tile.suggested == null) return el("div", { class: "muted", text: "no suggestion" });
  if (tile.suggested === tile.given) return el("div", { class: "muted", text: "suggestion agrees" });
  return el("div", { class: "suggested" }, el("span", { text: "→" }), el("span", { class: "name", text: shortTitle(tile.suggested), title: classTitle(tile.suggested) }), el("span", { class: "muted", text: confidenceWords(tile) }));
}

/* The line under a tile: what was decided, else the end of its id. */
export function drawFoot(node, tile, state, me) {
  const mark = badge(state, me);
  const foot = node.querySelector(".foot");
  // the end of a path tells images apart; all of it is in the tooltip
  foot.replaceChildren(mark || tile.id.split("/").pop() || tile.id);
  foot.title = tile.id;
  node.classList.toggle("done", Boolean(state.action));
  const said = state.action ? `, decided: ${decisionWords(state)}` : "";
  node.setAttribute("aria-label", `${tile.id}, label ${classTitle(tile.given) ?? "none"}, suggestion ${classTitle(tile.suggested) ?? "none"}${said}`);
}
