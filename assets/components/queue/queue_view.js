/* How the relabel queue looks: one image, its neighbours, the words and the buttons. */

import { badge } from "../shared/badge.js";
import { classTitle, shortTitle } from "../shared/class_titles.js";
import { el } from "../shared/dom.js";
import { ImageStage } from "../shared/image_stage.js";
import { columnsIn, sideMark, sideOf } from "../shared/neighbours.js";
import { cellSide, paintTile } from "../shared/pixels.js";
import { spriteAt } from "../shared/server.js";
import { percent } from "../shared/words.js";

const STAGE = 320;
const NEAR = 96;
const MAIN_KEYS = [
  ["a", "Accept", "Do what is proposed"],
  ["k", "Keep label", "The given label is right"],
  ["x", "Exclude", "Leave it out of the cleansed set"],
  ["n", "Needs review", "Somebody should look again"],
];

export class QueueView {
  constructor(root, act) {
    this.root = root;
    this.act = act;
    root.classList.add("queue");
    this.position = el("strong");
    this.fill = el("div");
    this.progress = el("div", { class: "progress", role: "progressbar", "aria-label": "Decided", "aria-valuemin": 0 }, this.fill);
    this.picture = new ImageStage(root, STAGE, "This image cannot be read. You can still exclude it.");
    this.title = el("h3", { "aria-live": "polite" });
    this.why = el("ul", { class: "why" });
    this.near = el("div", { class: "near", role: "list", "aria-label": "Nearest images" });
    this.key = el("div", { class: "key" });
    this.acts = el("div", { class: "acts" });
    this.buildActs();
    this.body = el(
      "div",
      { class: "body" },
      this.picture.node,
      el("div", {}, this.title, this.acts, this.why, this.near, this.key),
    );
    this.end = el("div", { class: "end", hidden: true });
  }

  attach(savedNode) {
    this.root.append(el("div", { class: "head" }, this.position, el("span", { class: "spacer" }), savedNode), this.progress, this.body, this.end);
  }

  buildActs() {
    const button = (key, text, title, shown = key.toUpperCase()) => el("button", { title: `${title} (${shown})`, onclick: () => this.act(key) }, el("kbd", { text: shown }), el("span", { text }));
    this.main = MAIN_KEYS.map(([key, text, title]) => button(key, text, title));
    this.main[0].classList.add("lead");
    this.digits = Array.from({ length: 9 }, (_, i) => button(String(i + 1), "", "Relabel"));
    this.other = button("o", "Any class…", "Choose any class");
    const around = [button("u", "Undo", "Take back your last decision"), button("ArrowLeft", "Back", "Previous image, undecided", "←"), button("ArrowRight", "Skip", "Next image, without deciding", "→"), button("i", "Look closely", "Everything known about this image")];
    const line = () => el("span", { class: "line" });
    this.acts.append(...this.main, line(), ...this.digits, this.other, line(), ...around);
  }

  // ---- one item

  show(item, image, state, me) {
    this.end.hidden = true;
    this.body.hidden = false;
    this.item = item;
    this.picture.name(item.id);
    this.picture.show(image, item.id);
    this.showTitle(item, state, me);
    this.why.replaceChildren(...item.why.map((sentence) => el("li", { text: sentence })));
    this.showActs(item);
    this.showNeighbours(item);
  }

  showTitle(item, state, me) {
    const { proposal, suggested, given } = item, parts = ["given", el("span", { class: "name", text: classTitle(given) ?? "no label" })];
    if (!proposal) parts.push(el("span", { class: "sure", text: "nothing is proposed" }));
    else if (proposal.action === "relabel") parts.push("→ proposed", el("span", { class: "name", text: classTitle(proposal.label) }));
    else parts.push("→ proposed:", el("span", { class: "name", text: proposal.action }));
    if (proposal && proposal.confidence !== null) parts.push(el("span", { class: "sure", title: proposal.action === "exclude" ? "Estimated chance that something is wrong with it" : "Estimated chance that this label is right", text: `${percent(proposal.confidence)} sure` }));
    if (proposal && proposal.action !== "relabel" && suggested !== null && suggested !== given) parts.push(this.looksLike(item));
    const mark = state.action || state.unsaved ? badge(state, me) : null;
    this.title.replaceChildren(...parts, ...(mark ? [mark] : []));
  }

  /* What the content looks like, where that is not what is proposed. */
  looksLike({ suggested, confidence }) {
    const sure = confidence === null ? "" : `, ${percent(confidence)} sure`;
    return el("span", { class: "sure" }, "· content looks like ", el("span", { class: "name", text: classTitle(suggested) }), sure);
  }

  showActs(item) {
    const accept = this.main[0], { proposal } = item;
    accept.disabled = !proposal;
    accept.lastChild.replaceChildren(...this.acceptWords(item));
    accept.title = `${proposal ? { relabel: `Change its label to ${classTitle(proposal.label)}`, exclude: "Leave it out of the cleansed set", keep: "Its label stays as it is" }[proposal.action] : "Nothing is proposed"} (A)`;
    this.digits.forEach((button, i) => {
      const candidate = item.candidates[i];
      button.hidden = !candidate;
      if (!candidate) return;
      button.lastChild.replaceChildren(el("span", { class: "name", text: shortTitle(candidate.label) }), ` ${percent(candidate.share)}`);
      button.title = `Relabel to ${classTitle(candidate.label)} (${i + 1}); ${percent(candidate.share)} of the images most like it are called so`;
    });
  }

  /* The button says what accepting does. */
  acceptWords({ proposal, given }) {
    if (!proposal) return ["Accept"];
    if (proposal.action === "exclude") return ["Accept: exclude"];
    const named = el("span", { class: "name", text: shortTitle(proposal.label ?? given) });
    return [proposal.action === "keep" ? "Accept: keep " : "Accept: relabel to ", named];
  }

  showNeighbours(item) {
    const n = item.neighbours.length, counts = { given: 0, suggested: 0 }, side = cellSide(item.cell, NEAR);
    const columns = columnsIn(this.near.clientWidth, side + 14);
    this.near.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    this.near.replaceChildren(
      ...item.neighbours.map((neighbour, i) => {
        const side = sideOf(neighbour, item);
        if (side) counts[side] += 1;
        const picture = el("div");
        paintTile(picture, (cell) => spriteAt(item.spriteUrl, cell), n, item.cell, i, NEAR);
        return el(
          "div",
          { role: "listitem", class: `neighbour${side === "given" ? " with-given" : side === "suggested" ? " with-suggestion" : ""}`, title: classTitle(neighbour.label) ?? "unlabelled" },
          picture,
          el("div", { class: "caption" }, sideMark(side), el("span", { class: "name", text: shortTitle(neighbour.label) ?? "unlabelled" })),
          el("div", { class: "similarity", text: neighbour.similarity.toFixed(2), title: "Similarity to the image (cosine, at most 1)" }),
        );
      }),
    );
    const rest = n - counts.given - counts.suggested;
    const agrees = item.given === item.suggested || item.suggested === null;
    this.key.replaceChildren(
      el("span", { text: `= labelled as given: ${counts.given}` }),
      ...(agrees ? [] : [el("span", { text: `→ labelled as suggested: ${counts.suggested}` })]),
      el("span", { text: `other: ${rest}` }),
      el("span", { text: "number: similarity" }),
    );
    this.key.hidden = !n;
  }

  // ---- where we are

  showProgress(index, total, decided) {
    this.position.textContent = index === null ? `${decided} of ${total} decided` : `${index + 1} of ${total} · ${decided} decided`;
    this.progress.setAttribute("aria-valuemax", total);
    this.progress.setAttribute("aria-valuenow", decided);
    this.fill.style.width = `${total ? (100 * decided) / total : 0}%`;
  }

  showEnd(total, counts) {
    const words = [["keep", "kept"], ["relabel", "relabelled"], ["exclude", "excluded"], ["needs_review", "need review"]];
    this.body.hidden = true;
    this.end.hidden = false;
    this.end.replaceChildren(
      el("h3", { text: total ? `Queue finished: ${total} decided` : "This queue is empty" }),
      el("ul", {}, ...words.filter(([action]) => counts[action]).map(([action, word]) => el("li", { text: `${counts[action]} ${word}` }))),
      el("div", {}, ...(total ? [el("button", { text: "Go through it again", title: "From the first image, decided ones too", onclick: () => this.act("Home") }), " ", el("button", { title: "Take back your last decision (U)", onclick: () => this.act("u") }, el("kbd", { text: "U" }), "Undo")] : [])),
    );
  }

  showTrouble(words, again) {
    this.picture.stage.replaceChildren(el("p", {}, words, " ", el("button", { text: "Try again", onclick: again })));
  }
}
