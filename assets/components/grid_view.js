/* How the gallery looks: one tile, and the large view. */

const SIZES = { S: 64, M: 96, L: 192 };

function drawTile(grid, i) {
  const { data, page } = grid, tile = page.tiles[i];
  const score = tile.score === null || tile.score === undefined ? "" : tile.score.toFixed(2);
  const node = el("div", { class: "tile", role: "option", tabindex: i === 0 ? 0 : -1, "aria-selected": "false", "data-i": i });
  const picture = el("div", { class: "pic pixels" });
  paintCell(picture, page.sprite_url, page.rows.length, data.cell, i, wholeFactor(data.cell, SIZES[grid.size]));
  // append would write a null as text
  node.append(...[
    el("div", { class: "top" }, el("span", { class: "box", "aria-hidden": "true" }), el("span", { class: "score", text: score, title: "Suspicion, 0 to 1" })),
    picture,
    data.inspectable ? el("button", { class: "look", tabindex: -1, title: "All about this image (I, or double-click)", "aria-label": "All about this image" }) : null,
    el("div", { class: "labels" }, el("div", {}, el("span", { class: "name", text: tile.given ?? "unlabelled" })), suggestionLine(tile)),
    el("div", { class: "foot" }),
  ].filter(Boolean));
  return node;
}

function suggestionLine(tile) {
  if (tile.suggested === null || tile.suggested === undefined) return el("div", { class: "muted", text: "no suggestion" });
  if (tile.suggested === tile.given) return el("div", { class: "muted", text: "suggestion agrees" });
  const sure = tile.confidence === null || tile.confidence === undefined ? "" : percent(tile.confidence);
  return el("div", { class: "suggested" }, el("span", { text: "→" }), el("span", { class: "name", text: tile.suggested, title: tile.suggested }), el("span", { class: "muted", text: sure }));
}

/* The line under a tile: what was decided, else the end of its id. */
function drawFoot(node, tile, state, me) {
  const mark = badge(state, me);
  const foot = node.querySelector(".foot");
  // the end of a path tells images apart; all of it is in the tooltip
  foot.replaceChildren(mark || tile.id.split("/").pop() || tile.id);
  foot.title = tile.id;
  node.classList.toggle("done", Boolean(state.action));
  const said = state.action ? `, decided: ${decisionWords(state)}` : "";
  node.setAttribute("aria-label", `${tile.id}, label ${tile.given ?? "none"}, suggestion ${tile.suggested ?? "none"}${said}`);
}

/* What accepting means for one image: its suggested label, or its own where they agree; null without a suggestion. */
function acceptOf(tile) {
  if (tile.suggested === null || tile.suggested === undefined) return null;
  return tile.suggested === tile.given ? { action: "keep", label: "" } : { action: "relabel", label: tile.suggested };
}

/* One event for each (action, label), because that is what one line of the log can say; undo takes back one. */
function groupsOf(chosen, action, label) {
  const groups = new Map();
  let without = 0;
  for (const [row, tile] of chosen) {
    const what = action === "accept" ? acceptOf(tile) : { action, label };
    if (!what) { without += 1; continue; }
    const name = JSON.stringify([what.action, what.label]);
    groups.set(name, [...(groups.get(name) || []), row]);
  }
  return { groups, without };
}

/* One image as large as whole pixels allow, in a dialog of its own. */
class LargeView {
  constructor(grid) {
    this.grid = grid;
    this.image = el("img", { class: "pixels", alt: "" });
    this.facts = el("dl");
    this.title = el("strong");
    this.stage = el("div", { class: "stage", tabindex: -1 }, this.image);
    const button = (text, title, onclick) => el("button", { text, title, onclick });
    this.dialog = el(
      "dialog",
      { "aria-label": "Image, large" },
      el(
        "div",
        { class: "large" },
        this.stage,
        el("div", { class: "facts" }, this.title, this.facts, el("div", { class: "moves" }, button("← Previous", "Previous image (←)", () => this.move(-1)), button("Next →", "Next image (→)", () => this.move(1)), button("Close", "Close (Esc)", () => this.dialog.close()))),
      ),
    );
    this.dialog.addEventListener("keydown", (event) => this.onKey(event));
    this.dialog.addEventListener("close", () => grid.focusTile(this.at));
    this.image.addEventListener("load", () => this.fit());
    grid.root.append(this.dialog);
  }

  open(i) {
    this.show(i);
    if (!this.dialog.open) this.dialog.showModal();
    // not on the first button: Space is for choosing the image
    this.stage.focus();
    this.fit();
  }

  /* On to the page before or after at either end. */
  async move(step) {
    const to = this.at + step, { page, pages } = this.grid;
    if (to >= 0 && to < page.rows.length) this.show(to);
    else if (await pages.go(pages.number + step)) this.show(step > 0 ? 0 : this.grid.page.rows.length - 1);
  }

  show(i) {
    this.at = i;
    const { data, decisions, page } = this.grid, tile = page.tiles[i];
    this.image.src = `/api/image/${data.key}/${page.rows[i]}.png`;
    this.title.textContent = `${(page.from + i + 1).toLocaleString("en")} of ${this.grid.pages.list.total.toLocaleString("en")}`;
    const state = decisions.shown(page.rows[i]);
    const facts = [
      ["Image", tile.id],
      ["Given label", tile.given ?? "none"],
      ["Suggestion", tile.suggested === null || tile.suggested === undefined ? "none" : `${tile.suggested}${tile.confidence === null || tile.confidence === undefined ? "" : `, ${percent(tile.confidence)} sure`}`],
      ["Suspicion", tile.score === null || tile.score === undefined ? "not scored" : tile.score.toFixed(3)],
      ["Decision", badge(state, decisions.reviewer) || "none yet"],
      ["Selected", this.grid.selected.has(i) ? "yes" : "no"],
      ["Size", this.sizeWords = el("span")],
    ];
    this.facts.replaceChildren(...facts.flatMap(([name, value]) => [el("dt", { text: name }), el("dd", {}, value)]));
  }

  fit() {
    const { naturalWidth: w, naturalHeight: h } = this.image;
    if (!w || !this.dialog.open) return;
    const factor = Math.max(1, Math.min(Math.floor((this.stage.clientWidth - 32) / w), Math.floor((this.stage.clientHeight - 32) / h)));
    Object.assign(this.image.style, { width: `${w * factor}px`, height: `${h * factor}px` });
    this.sizeWords.textContent = `${w} × ${h} pixels, shown ${factor} : 1`;
  }

  onKey(event) {
    event.stopPropagation();
    const key = event.key;
    if (commandKey(event) === "i" && this.grid.data.inspectable) {
      this.dialog.close();
      this.grid.inspect(this.at);
    } else if (key === "ArrowRight" || key === "ArrowDown") this.move(1);
    else if (key === "ArrowLeft" || key === "ArrowUp") this.move(-1);
    else if (key === " " && !event.repeat && event.composedPath()[0].tagName !== "BUTTON") {
      this.grid.toggle(this.at);
      this.show(this.at);
    } else return;
    event.preventDefault();
  }
}
