/* How the audit looks: the sample one image at a time, then what it proves, then what can be done. */

import { el } from "../shared/dom.js";
import { markedPicture } from "../shared/marked_picture.js";
import { imageUrl } from "../shared/server.js";
import { plural, thousands } from "../shared/words.js";
import { doneWords, keptWords, NAMELESS, outcomeWords, rangeWords, replacedWords } from "./audit_words.js";

const STAGE = 288;

/* Parts of a sentence; names come from the data set. */
const sentence = (parts) => parts.map((part) => (typeof part === "string" ? part : el("span", { class: "name", text: part.name })));

export class AuditView {
  constructor(root, act) {
    this.root = root;
    this.act = act;
    root.classList.add("audit");
    this.notice = el("div", { class: "notice", hidden: true, role: "status" });
    this.body = el("div", { class: "body" });
    this.dots = el("div", { class: "dots", role: "group", "aria-label": "The sample" });
    this.head = el("div", { class: "head" });
  }

  attach(savedNode) {
    this.root.append(this.notice, this.head, this.dots, this.body, el("div", { class: "foot" }, savedNode));
  }

  showNothing() {
    this.head.replaceChildren();
    this.dots.replaceChildren();
    this.body.replaceChildren();
  }

  showStart(data, m, me) {
    const sizes = data.sizes.map(({ m: size }) => el("button", { text: size === data.rows.length ? `all ${size}` : String(size), "aria-pressed": String(size === m), onclick: () => this.act("size", size) }));
    this.head.replaceChildren();
    this.dots.replaceChildren();
    this.body.className = "body start";
    this.body.replaceChildren(
      el("p", { text: `Before ${plural(data.rows.length, "image")} can be decided with one click, look at a few of them. They are drawn at random, always the same ones, so nobody can draw again until the sample looks good.` }),
      el("div", { class: "line" }, el("span", { text: "Images to look at:" }), el("span", { class: "group", role: "group", "aria-label": "Images to look at" }, ...sizes)),
      el("div", { class: "line" }, el("button", { class: "lead", text: "Start the audit", disabled: !me, onclick: () => this.act("start") }), el("span", { class: "muted", text: me ? "" : NAMELESS })),
    );
  }

  showProgress(words, sample, answers, at, m) {
    const said = (row) => words.answers.find(({ key }) => key === answers[row]);
    const done = sample.filter(({ row }) => answers[row]).length;
    this.head.replaceChildren(el("strong", { text: at === null ? `All ${m} answered` : `Image ${at + 1} of ${m}` }), el("span", { class: "muted", text: at === null ? "press one to change its answer" : `${done} answered` }));
    this.dots.replaceChildren(
      ...sample.map(({ row }, i) => {
        const title = `Image ${i + 1}: ${(said(row)?.text || "Not answered").toLowerCase()}`;
        return el("button", { class: `dot ${said(row)?.tone || ""}`, "aria-current": i === at ? "true" : null, title, "aria-label": `Image ${i + 1}`, text: said(row)?.sign || "", onclick: () => this.act("go", i) });
      }),
    );
  }

  /* One image of the sample; `ready` of what is returned resolves when it is there. */
  showImage(data, item, answer, toggle) {
    const shown = markedPicture(imageUrl(data.key, item.row), STAGE, data.mark, item.shift);
    const looks = data.looks ? [el("div", { class: "line" }, markedPicture(data.looks, 96, data.mark, [0, 0]).box, el("span", { class: "muted", text: "The pattern as it looks on grey." }))] : [];
    const buttons = data.words.answers.map(({ key, text, title }) => el("button", { title: `${title} (${key.toUpperCase()})`, "aria-pressed": String(answer === key), onclick: () => this.act("answer", key) }, el("kbd", { text: key.toUpperCase() }), text));
    this.body.className = "body ask";
    this.body.replaceChildren(
      el("div", {}, el("div", { class: "stage" }, shown.box), el("div", { class: "under" }, toggle)),
      el(
        "div", { class: "words" },
        el("h3", {}, ...sentence(item.question)),
        el("p", {}, ...sentence(item.facts)),
        el("div", { class: "acts" }, ...buttons),
        el("p", { class: "muted", text: data.words.hint }),
        el("ul", { class: "why", hidden: !item.why.length }, ...item.why.map((said) => el("li", { text: said }))),
        ...looks,
        el("div", { class: "line" }, el("button", { class: "plain", title: "The image before (←)", onclick: () => this.act("step", -1) }, el("kbd", { text: "←" }), "Back"), el("span", { class: "muted bdi", title: item.id }, el("bdi", { text: item.id }))),
      ),
    );
    return shown.ready;
  }

  showOutcome(data, outcome, me, about) {
    const { hits, unsure, m, low, high } = outcome, { many, hit, miss } = data.words;
    const bar = el("div", { class: "range", role: "img", "aria-label": `between ${rangeWords(low, high)}` }, el("div", { class: "band" }), el("div", { class: "tick" }));
    bar.firstChild.style.left = `${100 * low}%`;
    bar.firstChild.style.width = `${Math.max(0.5, 100 * (high - low))}%`;
    bar.lastChild.style.left = `${(100 * hits) / m}%`;
    this.body.className = "body outcome";
    this.body.replaceChildren(
      el("h3", { text: `${hits} of ${m} are ${hit}${unsure ? ` (${unsure} not sure, counted as ${miss})` : ""}` }),
      el("p", { text: outcomeWords(outcome, data.rows.length, data.words) }),
      bar,
      el("div", { class: "scale muted" }, el("span", { text: "0 %" }), el("span", { text: `share of ${many} that are ${hit}` }), el("span", { text: "100 %" })),
      ...data.actions.map((action, i) => this.actionLine(action, i, me, about(action))),
      el("p", { class: "muted", text: me ? "Each is one decision: one Undo takes all of it back. The outcome of the audit is kept with it." : NAMELESS }),
    );
    if (data.actions.length === 1 && me) this.body.lastChild.textContent = "It is one decision: one Undo takes all of it back. The outcome of the audit is kept with it.";
  }

  actionLine(action, i, me, { all, decided, counts }) {
    const left = action.undecided ? all - decided : all;
    return el(
      "div", { class: "choice" },
      el("button", { class: i === 0 ? "lead" : "", text: action.undecided && left ? `${action.title} ${thousands(left)}` : action.title, disabled: !left || !me, onclick: () => this.act("decide", action) }),
      el("span", { text: action.undecided ? keptWords(counts, decided, left) : action.says + replacedWords(all, decided) }),
    );
  }

  showNotice(held, me) {
    this.notice.hidden = !held;
    if (!held) return;
    const when = held.at ? new Date(held.at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "";
    const who = [held.reviewer && `by ${held.reviewer}`, when].filter(Boolean).join(", ");
    this.notice.replaceChildren(
      el("div", {}, el("strong", { text: doneWords(held) }), ` as one decision${held.event ? "" : " – being saved…"}${who ? `, ${who}` : ""}.`, el("div", { class: "muted", text: held.note })),
      el("span", { class: "spacer" }),
      el("button", { text: "Undo", disabled: !held.event || !me, title: "Take the whole decision back", onclick: () => this.act("undo", held) }),
    );
  }
}
