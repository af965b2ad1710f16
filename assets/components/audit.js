/* The audit of a group: a finding's carriers, or many proposals. Its answers stay in this browser until the decision that rests on them; keys work
   only while the audit has the focus, because elsewhere on the page a letter is not meant as an answer. */

const KEPT = "taster:audit:";

/* Decisions on many images, each with a label or an action of its own; the server's answer names the event, so that exactly this
   one can be taken back. */
class GroupDecisions extends Decisions {
  constructor(onChange, onStatus, onEvent) {
    super(onChange, onStatus);
    this.onEvent = onEvent;
  }

  group(rows, { action, actions, labels, undecided }, name, note) {
    const before = new Map(rows.map((row) => [row, this.shown(row)]));
    const what = actions ? { actions, labels } : { action, label: "", ...(labels ? { labels } : {}) };
    const entry = this.outbox.add("/api/decide", { rows, ...what, group: name, note, ...(undecided ? { undecided } : {}) }, { before });
    this.onChange(rows, "mine");
    return entry;
  }

  undoEvent(event) {
    this.outbox.add("/api/undo", { event });
    this.onStatus();
  }

  saved(entry, answer) {
    super.saved(entry, answer);
    this.onEvent(entry, answer);
  }

  refused(entry) {
    super.refused(entry);
    if (this.outbox.rejected.includes(entry)) this.onEvent(entry, null);
  }
}

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
    this.go(this.open_after(-1));
  }

  /* The next image without an answer after i, from the start again; null when all have one. */
  open_after(i) {
    const n = this.sample.length, order = Array.from({ length: n }, (_, step) => (i + 1 + step) % n);
    return order.find((j) => !this.answers[this.sample[j].row]) ?? null;
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
    const next = this.open_after(i);
    if (next !== null) new Image().src = `/api/image/${this.data.key}/${this.sample[next].row}.png`;
  }

  step(by) {
    const last = this.sample.length - 1, from = this.at ?? last + 1;
    this.go(Math.max(0, Math.min(last, from + by)));
  }

  answer(key) {
    if (!this.painted || this.at === null) return;
    this.painted = false;
    this.answers[this.sample[this.at].row] = key;
    this.keep();
    this.go(this.open_after(this.at));
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
    const given = this.sample.map(({ row }) => this.answers[row]);
    const { answers, miss } = this.data.words;
    const counted = (as) => given.filter((key) => answers.find((answer) => answer.key === key)?.counts === as).length;
    const hits = counted("hit"), unsure = counted("unsure");
    const { bounds, notes } = this.data.sizes.find(({ m }) => m === this.m);
    return { hits, unsure, m: this.m, low: bounds[hits][0], high: bounds[hits][1], note: notes[hits] + (unsure ? `; ${unsure} not sure, counted as ${miss}` : "") };
  }

  showOutcome() {
    if (!this.data?.rows.length || !this.started || this.at !== null || this.open_after(-1) !== null) return;
    const focused = this.root.getRootNode().activeElement;
    if (focused !== this.root && this.view.body.contains(focused)) this.root.focus({ preventScroll: true });
    this.view.showOutcome(this.data, this.outcome(), this.me, (action) => this.about(action));
  }

  /* As everywhere: what only needs review is undecided. */
  isDecided(row) {
    const { action } = this.decisions.shown(row);
    return Boolean(action) && action !== "needs_review";
  }

  /* How many images an action is for, and how many of them have a decision already. */
  about({ rows, actions }) {
    const all = rows || this.data.rows, counts = {};
    let decided = 0;
    all.forEach((row, i) => {
      if (this.isDecided(row)) decided += 1;
      else if (actions) counts[actions[i]] = (counts[actions[i]] || 0) + 1;
    });
    return { all: all.length, decided, counts };
  }

  decide(chosen) {
    const rows = chosen.rows || this.data.rows, { note } = this.outcome();
    // the server leaves out what somebody decides meanwhile
    const places = rows.map((row, i) => i).filter((i) => !chosen.undecided || !this.isDecided(rows[i]));
    const only = (list) => list && places.map((i) => list[i]);
    this.decisions.group(only(rows), { ...chosen, actions: only(chosen.actions), labels: only(chosen.labels) }, this.data.group, note);
    this.mine = { event: "", action: chosen.action, images: places.length, reviewer: this.me, at: "", note };
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
