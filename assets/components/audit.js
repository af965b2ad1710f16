/* The audit of a finding's carriers. Its answers stay in this browser until the decision that rests on them; keys work
   only while the audit has the focus, because elsewhere on the page a letter is not meant as an answer. */

const KEPT = "taster:audit:";

/* Decisions on many images with a label of its own for each; the server's answer names the event, so that exactly this
   one can be taken back. */
class GroupDecisions extends Decisions {
  constructor(onChange, onStatus, onEvent) {
    super(onChange, onStatus);
    this.onEvent = onEvent;
  }

  group(rows, action, labels, note) {
    const before = new Map(rows.map((row) => [row, this.shown(row)]));
    const entry = this.outbox.add("/api/decide", { rows, action, label: "", note, ...(labels ? { labels } : {}) }, { before });
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
    if (other) this.open();
    else if (JSON.stringify(before?.actions) !== JSON.stringify(this.data.actions)) this.showOutcome();
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
    this.m = this.data.sizes.some(({ m }) => m === held.m) ? held.m : this.data.usual;
    this.toggle = markToggle(this.root, this.data.mark);
    this.started = Boolean(this.me) && Object.keys(this.answers).length > 0;
    this.draw();
  }

  keep() {
    try { localStorage.setItem(this.store, JSON.stringify({ m: this.m, answers: this.answers })); } catch { /* it lasts as long as the page */ }
  }

  get sample() { return this.data.sample.slice(0, this.m); }

  draw() {
    this.root.setAttribute("data-taster-ready", "1");
    if (!this.started) return this.view.showStart(this.data, this.m, this.me);
    this.go(this.open_after(-1));
  }

  /* The next image without an answer after i, from the start again; null when all have one. */
  open_after(i) {
    const n = this.sample.length, order = Array.from({ length: n }, (_, step) => (i + 1 + step) % n);
    return order.find((j) => !this.answers[this.sample[j].row]) ?? null;
  }

  size(m) {
    this.m = m;
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
    this.view.showProgress(this.sample, this.answers, i, this.m);
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
    if (!this.started) return;
    const key = commandKey(event);
    if (ANSWERS.some(([letter]) => letter === key) && this.at !== null) this.answer(key);
    else if (key === "ArrowLeft") this.step(-1);
    else if (key === "ArrowRight" && this.at !== null) this.step(1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // ---- what it proves, and what is done

  outcome() {
    const given = this.sample.map(({ row }) => this.answers[row]);
    const hits = given.filter((answer) => answer === "p").length, unsure = given.filter((answer) => answer === "s").length;
    const { bounds, notes } = this.data.sizes.find(({ m }) => m === this.m);
    return { hits, unsure, m: this.m, low: bounds[hits][0], high: bounds[hits][1], note: notes[hits] + (unsure ? `; ${unsure} not sure, counted as not poisoned` : "") };
  }

  showOutcome() {
    if (!this.data || !this.started || this.at !== null || this.open_after(-1) !== null) return;
    const before = ({ rows }) => (rows || this.data.rows).filter((row) => this.decisions.shown(row).action).length;
    this.view.showOutcome(this.data, this.outcome(), this.me, before);
  }

  decide({ action, rows, labels }) {
    const decided = rows || this.data.rows, { note } = this.outcome();
    this.decisions.group(decided, action, labels, note);
    this.mine = { event: "", action, images: decided.length, reviewer: this.me, at: "", note };
    this.notice();
  }

  undo({ event }) {
    this.decisions.undoEvent(event);
    this.mine = null;
    this.notice();
  }

  /* The database has it (a decision can now be taken back by name, Python's counts can follow), or has refused it. */
  settled(entry, answer) {
    if (!answer) this.mine = undefined;
    else if (entry.path === "/api/decide" && this.mine) this.mine.event = answer.event;
    this.notice();
    if (answer) this.api.setTriggerValue("saved", { head: answer.head });
  }

  /* What stands: what was just done here, else what Python knows. */
  notice() {
    this.view.showNotice(this.mine === undefined ? this.data.standing : this.mine, this.me);
  }

  destroy() {
    this.root.removeEventListener("keydown", this.onKey);
    this.decisions.close();
  }
}

export default (api) => mountOnce(api, (root) => new Audit(root));
