/* The audit of a group: a finding's triggered images, or many proposals. Its answers stay in this browser until the decision that rests on them; keys work
   only while the audit has the focus, because elsewhere on the page a letter is not meant as an answer. */

import { savedLine } from "../shared/badge.js";
import { commandKey } from "../shared/keys.js";
import { markToggle } from "../shared/marked_picture.js";
import { imageUrl } from "../shared/server.js";
import { clamp, nextOpen } from "../shared/steps.js";
import { mountOnce, readTheme } from "../shared/widget.js";
import { AuditView } from "./audit_view.js";
import { GroupDecisions } from "./group_decisions.js";
import { effectOf, openOnly, outcomeOf } from "./outcome.js";

const KEPT = "taster:audit:";

class Audit {
  constructor(root) {
    this.root = root;
    root.tabIndex = -1;
    this.answers = {};
    this.at = null;
    this.started = false;
    this.decisions = new GroupDecisions(() => this.showOutcome(), () => this.saved?.show(), (entry, answer) => this.settled(entry, answer));
    this.saved = savedLine(this.decisions);
    this.view = new AuditView(root, (what, value) => this[what](value));
    this.view.attach(this.saved.line);
    root.addEventListener("keydown", this.onKey = (event) => this.key(event));
  }

  update(api) {
    const before = this.data;
    this.api = api;
    this.data = api.data;
    readTheme(this.root);
    this.decisions.configure(this.data.write, this.data.key);
    // Python's word counts again once it has heard of what was decided here
    if (JSON.stringify(before?.standing) !== JSON.stringify(this.data.standing)) this.mine = undefined;
    const other = before?.name !== this.data.name || before?.write.reviewer !== this.data.write.reviewer;
    const differs = (name) => JSON.stringify(before?.[name]) !== JSON.stringify(this.data[name]);
    if (other) this.open();
    else if (differs("sample") || differs("rows")) this.regroup();
    else if (differs("actions")) this.showOutcome();
    this.notice();
  }

  get me() { return this.data.write.reviewer; }

  get store() { return `${KEPT}${this.data.name}:${this.me}`; }

  /* Another finding, or another person: what was answered before is taken up again. */
  open() {
    this.mine = undefined;
    let held = {};
    try { held = JSON.parse(localStorage.getItem(this.store)) || {}; } catch { /* storage is switched off, or not ours */ }
    this.answers = held.answers || {};
    this.wanted = held.m;
    this.chooseSize();
    this.toggle = markToggle(this.root, this.data.mark);
    this.started = Boolean(this.me) && Object.keys(this.answers).length > 0;
    this.draw();
  }

  /* As many as were asked for, as far as the group has as many. */
  chooseSize() {
    this.m = this.data.sizes.some(({ m }) => m === this.wanted) ? this.wanted : this.data.usual;
  }

  /* The same question for a larger or smaller group: answers hold for what is still in the sample. */
  regroup() {
    this.chooseSize();
    this.draw();
  }

  keep() {
    try { localStorage.setItem(this.store, JSON.stringify({ m: this.wanted ?? this.m, answers: this.answers })); } catch { /* it lasts as long as the page */ }
  }

  get sample() { return this.data.sample.slice(0, this.m); }

  draw() {
    this.root.setAttribute("data-taster-ready", "1");
    if (!this.data.rows.length) return this.view.showNothing();
    if (!this.started) return this.view.showStart(this.data, this.m, this.me);
    this.go(this.unanswered(-1));
  }

  /* The next image without an answer after i, from the start again; null when all have one. */
  unanswered(i) {
    const { sample } = this;
    return nextOpen(sample.length, i, (j) => !this.answers[sample[j].row]);
  }

  size(m) {
    this.m = this.wanted = m;
    this.keep();
    this.draw();
  }

  start() {
    this.started = true;
    this.draw();
    this.root.focus({ preventScroll: true });
    this.root.scrollIntoView({ block: "nearest" });
  }

  async go(i) {
    this.at = i;
    this.painted = false;
    this.view.showProgress(this.data.words, this.sample, this.answers, i, this.m);
    if (i === null) return this.showOutcome();
    const item = this.sample[i];
    await this.view.showImage(this.data, item, this.answers[item.row], this.toggle);
    // an answer counts only for an image that has been on the screen
    requestAnimationFrame(() => { if (this.at === i && this.sample[i] === item) this.painted = true; });
    const next = this.unanswered(i);
    if (next !== null) new Image().src = imageUrl(this.data.key, this.sample[next].row);
  }

  step(by) {
    const last = this.sample.length - 1, from = this.at ?? last + 1;
    this.go(clamp(from + by, 0, last));
  }

  answer(key) {
    if (!this.painted || this.at === null) return;
    this.painted = false;
    this.answers[this.sample[this.at].row] = key;
    this.keep();
    this.go(this.unanswered(this.at));
    // the button that was pressed is gone, and the keys should go on working
    this.root.focus({ preventScroll: true });
  }

  key(event) {
    if (!this.started || !this.data.rows.length) return;
    const key = commandKey(event);
    if (this.data.words.answers.some((answer) => answer.key === key) && this.at !== null) this.answer(key);
    else if (key === "ArrowLeft") this.step(-1);
    else if (key === "ArrowRight" && this.at !== null) this.step(1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // ---- what it proves, and what is done

  outcome() {
    return outcomeOf(this.sample.map(({ row }) => this.answers[row]), this.data.sizes.find(({ m }) => m === this.m), this.data.words);
  }

  showOutcome() {
    if (!this.data?.rows.length || !this.started || this.at !== null || this.unanswered(-1) !== null) return;
    const focused = this.root.getRootNode().activeElement;
    if (focused !== this.root && this.view.body.contains(focused)) this.root.focus({ preventScroll: true });
    this.view.showOutcome(this.data, this.outcome(), this.me, ({ rows, actions }) => effectOf(rows || this.data.rows, actions, (row) => this.isDecided(row)));
  }

  /* As everywhere: what only needs review is undecided. */
  isDecided(row) {
    const { action } = this.decisions.shown(row);
    return Boolean(action) && action !== "needs_review";
  }

  decide(chosen) {
    const { note } = this.outcome();
    // the server leaves out what somebody decides meanwhile
    const { rows, ...each } = openOnly(chosen.rows || this.data.rows, chosen, (row) => this.isDecided(row));
    this.decisions.group(rows, { ...chosen, ...each }, this.data.group, note);
    this.mine = { event: "", action: chosen.action, images: rows.length, reviewer: this.me, at: "", note };
    this.notice();
    // the button that was pressed may go. Not on to Undo, which a held Enter would press: one Tab leads there
    this.root.focus({ preventScroll: true });
  }

  undo({ event }) {
    this.decisions.undoEvent(event);
    this.mine = null;
    this.notice();
    this.root.focus({ preventScroll: true });
  }

  /* The database has it (a decision can now be taken back by name, Python's counts can follow), or has refused it. */
  settled(entry, answer) {
    if (!answer) this.mine = undefined;
    else if (entry.path === "/api/decide" && this.mine) Object.assign(this.mine, { event: answer.event, images: answer.saved });
    this.notice();
    if (answer) this.api.setTriggerValue("saved", { head: answer.head });
  }

  /* What stands: what was just done here, else what Python knows. */
  notice() {
    const stays = this.view.notice.contains(this.root.getRootNode().activeElement);
    this.view.showNotice(this.mine === undefined ? this.data.standing : this.mine, this.me);
    // drawn anew, its Undo would lose the focus
    if (stays) (this.view.notice.querySelector("button:enabled") || this.root).focus({ preventScroll: true });
  }

  destroy() {
    this.root.removeEventListener("keydown", this.onKey);
    this.decisions.close();
  }
}

export default (api) => mountOnce(api, (root) => new Audit(root));
