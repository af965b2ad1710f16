/* How the inspector looks: one image, its labels, its neighbours, the ways to look at it, and its scores. */

import { badge } from "../shared/badge.js";
import { classTitle, shortTitle } from "../shared/class_titles.js";
import { el } from "../shared/dom.js";
import { columnsIn, sideMark, sideOf } from "../shared/neighbours.js";
import { cellSide, fitInto, isPhoto, paintTile } from "../shared/pixels.js";
import { spriteAt } from "../shared/server.js";
import { percent, plural } from "../shared/words.js";
import { number } from "./numbers.js";
import { ZoomStage } from "./zoom_stage.js";

const LARGE = 384;
const SMALL = 256;
const NEAR = 96;
const VIEW_SIDE = SMALL;

/* What is said above the findings of one image. */
function findingsTitle(findings) {
  if (findings.every((finding) => finding.unseen)) return "It stands apart from its class";
  return findings.length === 1 ? "It carries a pattern" : `It belongs to ${findings.length} findings`;
}

export class InspectorView {
  constructor(root, go, back) {
    this.root = root;
    this.go = go;
    root.classList.add("inspect");
    this.back = el("button", { hidden: true, title: "Back to the image that was looked at before", onclick: back }, "← Back");
    this.title = el("h3", { "aria-live": "polite", tabindex: "-1" });
    this.picture = new ZoomStage(root, LARGE, "This image cannot be read.");
    this.why = el("ul", { class: "why" });
    this.near = el("div", { class: "near" });
    this.nearKey = el("p", { class: "key" });
    this.nearHead = el("h4", { text: "Nearest by content" });
    this.findings = el("section", { class: "findings" });
    this.views = el("div", { class: "views" });
    this.scores = el("section", { class: "scores" });
    this.notes = el("div", { class: "notes" });
    this.trouble = el("p", { class: "trouble", role: "alert", hidden: true });
    this.body = el(
      "div",
      {},
      el("div", { class: "top" },
        this.picture.node,
        el("div", {}, el("div", { class: "head" }, this.back, this.title), this.why, this.nearHead, this.near, this.nearKey)),
      this.notes, this.findings,
      el("section", {}, el("h4", { text: "Other ways to look at it" }), this.views),
      this.scores,
    );
    root.append(this.trouble, this.body);
  }

  showTrouble(words, again) {
    this.trouble.hidden = !words;
    if (words) this.trouble.replaceChildren(words, " ", el("button", { text: "Try again", onclick: again }));
  }

  /* All of `item` but the pictures that have an address of their own. */
  show(item, me, canGoBack) {
    this.showTrouble("");
    this.photo = item.size !== null && isPhoto(...item.size);
    this.back.hidden = !canGoBack;
    this.showTitle(item, me);
    this.picture.name(item.id);
    this.why.replaceChildren(...item.why.map((sentence) => el("li", { text: sentence })));
    this.showNeighbours(item);
    this.notes.replaceChildren(...item.notes.map((line) => el("p", { text: line })));
    this.showFindings(item);
    this.views.replaceChildren(...item.views.map((view) => this.tile(view.name, view.title, view.look_for, view.missing)));
    this.showScores(item.scores);
  }

  showTitle(item, me) {
    const parts = ["labelled", el("span", { class: "name", text: classTitle(item.given) ?? "nothing" })];
    if (item.suggested === null) parts.push(el("span", { class: "sure", text: "no suggestion" }));
    else if (item.suggested === item.given) parts.push(el("span", { class: "sure", text: "the suggestion agrees" }));
    else parts.push("→ suggested", el("span", { class: "name", text: classTitle(item.suggested) }));
    if (item.suggested !== null && item.confidence !== null) parts.push(el("span", { class: "sure", text: percent(item.confidence) }));
    if (item.verdict_words) parts.push(el("span", { class: `verdict${item.suspicious ? " bad" : ""}`, text: item.verdict_words }));
    const mark = item.decision ? badge(item.decision, me) : null;
    parts.push(mark ?? el("span", { class: "sure", text: "not decided yet" }));
    this.title.replaceChildren(...parts);
  }

  showNeighbours(item) {
    const n = item.neighbours.length, side = cellSide(item.cell, NEAR);
    this.nearHead.hidden = !n;
    const columns = columnsIn(this.near.clientWidth, side + 16);
    this.near.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    this.nearKey.hidden = !n;
    this.nearKey.textContent = `= labelled as given${item.suggested !== null && item.suggested !== item.given ? " · → labelled as suggested" : ""} · number: similarity, 1 = same · click one to look at it`;
    this.near.replaceChildren(
      ...item.neighbours.map((neighbour, i) => {
        const side = sideOf(neighbour, item);
        const picture = el("span");
        paintTile(picture, (cell) => spriteAt(item.spriteUrl, cell), n, item.cell, i, NEAR);
        const label = shortTitle(neighbour.label) ?? "unlabelled";
        return el(
          "button",
          { class: `neighbour ${side}`, "data-row": neighbour.row, title: `Look at this one: ${classTitle(neighbour.label) ?? label}`, onclick: () => this.go(neighbour.row) },
          picture,
          el("span", { class: "caption" }, sideMark(side), el("bdi", { text: label })),
          el("span", { class: "similarity", text: neighbour.similarity.toFixed(2), title: "Similarity to the image (cosine, at most 1)" }),
        );
      }),
    );
  }

  showFindings(item) {
    this.findings.hidden = !item.findings.length;
    if (!item.findings.length) return;
    this.findings.replaceChildren(
      el("h4", { text: findingsTitle(item.findings) }),
      ...item.findings.map((finding) => el("div", { class: "finding" }, this.tile(finding.view, "", ""), el("div", {}, ...this.findingLines(finding)))),
    );
  }

  findingLines(finding) {
    const target = finding.label === null ? "several labels" : el("span", { class: "name", text: classTitle(finding.label) });
    const lines = [
      el("p", {}, el("strong", { text: `${finding.unseen ? "Group" : "Pattern"} ${finding.id}` }), `: ${finding.kind}. It goes with the label `, target, `, in ${plural(finding.images, "image")}.`),
      el("p", { text: finding.poisoned ? "This image is judged poisoned by it." : "This image carries it, but its label is not what the pattern points to: perhaps a decoy, or a coincidence." }),
    ];
    if (finding.score !== null) lines.push(el("p", { class: "muted", text: `It carries the pattern with strength ${number(finding.score)}; from ${number(finding.threshold)} on, an image counts as carrying it (in deviations of images that do not).` }));
    if (finding.false_alarm !== null) lines.push(el("p", { class: "muted", text: `About ${percent(finding.false_alarm, 2)} of images without it would be taken for triggered images.` }));
    return lines;
  }

  /* A figure that waits for its picture: see `fill`. */
  tile(name, title, lookFor, missing = "") {
    const frame = el("div", { class: "frame" }, el("p", { text: missing || "" }));
    return el("figure", { class: "tile", "data-view": name, "data-state": missing ? "missing" : "waiting" }, title ? el("h5", { text: title }) : null, frame, el("figcaption", {}, lookFor ? el("p", { text: lookFor }) : null, el("p", { class: "said muted" })));
  }

  tileOf(name) {
    return this.root.querySelector(`.tile[data-view="${CSS.escape(name)}"]`);
  }

  wait(name, words) {
    const tile = this.tileOf(name);
    if (tile) tile.querySelector(".frame").replaceChildren(el("p", { text: words }));
  }

  fill(name, image, said) {
    const tile = this.tileOf(name);
    if (!tile) return;
    image.classList.toggle("pixels", !this.photo);
    image.alt = tile.querySelector("h5")?.textContent || "the pattern's region in the image";
    fitInto(image, VIEW_SIDE + (name.startsWith("pattern-") ? 64 : 0));
    tile.querySelector(".frame").replaceChildren(image);
    tile.querySelector(".said").textContent = said;
    tile.dataset.state = "shown";
  }

  miss(name, words) {
    const tile = this.tileOf(name);
    if (!tile) return;
    tile.querySelector(".frame").replaceChildren(el("p", { text: words }));
    tile.dataset.state = "missing";
  }

  showScores(scores) {
    const row = (s) =>
      el(
        "tr",
        {},
        el("th", { scope: "row", text: s.words }),
        el("td", { class: "number", text: number(s.value) }),
        el("td", { class: "rank" }, ...(s.percentile === null ? [el("span", { class: "muted", text: "cannot be judged" })] : [el("span", { class: "bar", "aria-hidden": "true" }, el("span", { style: `width:${s.percentile}%` })), el("span", { text: `${s.percentile.toFixed(1)} %` })])),
        el("td", {}, el("p", { text: s.says }), s.asks ? el("p", { class: "muted", text: s.asks }) : null),
        el("td", { class: "muted", text: s.blind }),
      );
    this.scores.replaceChildren(
      el("h4", { text: "What the scores say" }),
      el("p", { class: "muted", text: "Higher is always more suspicious. “Higher than” is the share of the set with a lower score." }),
      el("table", {}, el("thead", {}, el("tr", {}, ...["Score", "Value", "Higher than", "What it says, and what it asks", "What it cannot see"].map((text) => el("th", { scope: "col", text })))), el("tbody", {}, ...scores.map(row))),
    );
  }
}
