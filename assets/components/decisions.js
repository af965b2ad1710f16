/* Decisions on their way to the database: shown at once, sent in order, kept until the server has them. */

const OUTBOX = "taster:outbox:";
const POLL_MS = 1500;
const LONGEST_WAIT_MS = 10000;

/* Sends one entry after another. Numbers of a session never repeat, because every mount has its own session; what a
   closed or reloaded page left unsent lies in sessionStorage and is sent by the next mount under its old number. */
class Outbox {
  constructor(onSaved, onRefused, onStatus) {
    Object.assign(this, { onSaved, onRefused, onStatus });
    this.session = randomHex(16);
    this.seq = 0;
    this.entries = [];
    this.rejected = [];
    this.trouble = "";
    this.stopped = false;
    this.timer = 0;
    (window.__tasterSessions ??= new Set()).add(this.session);
  }

  configure(write, key) {
    const changed = this.write?.token !== write.token || this.key !== key;
    this.write = write;
    if (this.key !== key) {
      this.key = key;
      this.adopt();
    }
    if (changed) this.resume();
  }

  adopt() {
    for (const name of Object.keys(sessionStorage).filter((n) => n.startsWith(OUTBOX))) {
      const held = JSON.parse(sessionStorage.getItem(name));
      if (held.key !== this.key || window.__tasterSessions.has(name.slice(OUTBOX.length))) continue;
      sessionStorage.removeItem(name);
      this.entries.unshift(...held.entries.map((sent) => ({ ...sent, tries: 0 })));
    }
    this.keep();
  }

  add(path, body, extra = {}) {
    const entry = { path, body: { key: this.key, reviewer: this.write.reviewer, session: this.session, seq: this.seq++, ...body }, tries: 0, ...extra };
    this.entries.push(entry);
    this.keep();
    this.send();
    return entry;
  }

  keep() {
    const sent = this.entries.map(({ path, body }) => ({ path, body }));
    if (sent.length) sessionStorage.setItem(OUTBOX + this.session, JSON.stringify({ key: this.key, entries: sent }));
    else sessionStorage.removeItem(OUTBOX + this.session);
    this.onStatus();
  }

  /* By hand: also what was refused is sent again, under its old number. */
  retry() {
    this.entries.unshift(...this.rejected.map((entry) => Object.assign(entry, { tries: 0 })));
    this.rejected = [];
    this.trouble = "";
    this.keep();
    this.resume();
  }

  resume() {
    this.stopped = false;
    clearTimeout(this.timer);
    this.timer = 0;
    this.send();
  }

  dismiss() {
    this.rejected = [];
    this.trouble = "";
    this.onStatus();
  }

  async send() {
    if (this.sending || this.timer || this.stopped || !this.entries.length) return;
    this.sending = true;
    const entry = this.entries[0];
    const outcome = await this.post(entry);
    this.sending = false;
    if (outcome.answer) this.done(entry, outcome.answer);
    else if (outcome.retry) this.wait(entry, outcome.line);
    else if (outcome.status === 403) this.halt(entry, outcome.line);
    else this.refuse(entry, outcome.line);
    this.send();
  }

  async post(entry) {
    try {
      const reply = await fetch(entry.path, { method: "POST", headers: { "Content-Type": "application/json", "X-Taster-Token": this.write.token }, body: JSON.stringify(entry.body) });
      if (reply.ok) return { answer: await reply.json() };
      const line = (await reply.text()).slice(0, 300).split("\n")[0] || `status ${reply.status}`;
      return { status: reply.status, line: reply.status >= 500 && reply.status !== 503 ? "the server failed" : line, retry: reply.status >= 500 };
    } catch {
      return { line: "the server does not answer", retry: true };
    }
  }

  done(entry, answer) {
    this.entries = this.entries.filter((other) => other !== entry);
    this.trouble = this.rejected.length ? this.trouble : "";
    this.onSaved(entry, answer);
    this.keep();
  }

  wait(entry, line) {
    entry.tries += 1;
    const delay = Math.min(LONGEST_WAIT_MS, 500 * 2 ** (entry.tries - 1));
    this.trouble = `Not saved – ${line}; trying again`;
    this.timer = setTimeout(() => this.resume(), delay);
    this.onRefused(entry);
    this.onStatus();
  }

  halt(entry, line) {
    // the write token is from an older page: what was decided stays here, and the reloaded page sends it
    entry.tries += 1;
    this.stopped = true;
    this.trouble = `Not saved – ${line}`;
    this.onRefused(entry);
    this.onStatus();
  }

  refuse(entry, line) {
    // an undo that was meant for the refused decision would take back another one
    this.entries = this.entries.filter((other) => other !== entry && other.takesBack !== entry);
    this.rejected.push(entry);
    this.trouble = `Not saved – ${line}`;
    this.onRefused(entry);
    this.keep();
  }

  close() {
    clearTimeout(this.timer);
    this.stopped = true;
    window.__tasterSessions.delete(this.session);
  }
}

const touches = (entry) => entry.body.rows || [...(entry.restores?.keys() || [])];
/* Where each row stands in an entry; made once, because a group may have thousands. */
const placesOf = (entry) => (entry.places ??= new Map(touches(entry).map((row, i) => [row, i])));

/* What holds for each row: the server's state, overlaid with what is still on its way. */
class Decisions {
  constructor(onChange, onStatus) {
    this.onChange = onChange;
    this.onStatus = onStatus;
    this.server = new Map();
    this.history = [];
    this.head = 0;
    this.lastSaved = 0;
    // resolved when the past is known, so that nothing already decided is shown as open
    this.known = new Promise((resolve) => { this.knowNow = resolve; });
    this.outbox = new Outbox((e, a) => this.saved(e, a), (e) => this.refused(e), () => this.onStatus());
  }

  configure(write, key) {
    if (this.key !== key) {
      this.key = key;
      this.server.clear();
      this.history = [];
      this.head = 0;
      clearTimeout(this.poller);
      this.outbox.configure(write, key);
      this.poll();
    } else this.outbox.configure(write, key);
  }

  get reviewer() { return this.outbox.write?.reviewer || ""; }

  status() {
    const { entries, trouble, stopped, rejected } = this.outbox;
    return { pending: entries.length, trouble, stopped, rejected: rejected.length, lastSaved: this.lastSaved };
  }

  retry() { this.outbox.retry(); }

  dismiss() { this.outbox.dismiss(); }

  shown(row) {
    const held = this.server.get(row) || { action: null, label: "", reviewer: "", seq: 0 };
    const mine = this.outbox.entries.findLast((e) => e.body.key === this.key && placesOf(e).has(row));
    if (!mine) return held;
    if (mine.tries > 0) return { ...held, unsaved: true };
    const soon = mine.restores ? mine.restores.get(row) : { action: mine.body.actions?.[placesOf(mine).get(row)] ?? mine.body.action, label: mine.body.label ?? "", reviewer: this.reviewer };
    return { ...soon, pending: true };
  }

  decide(rows, action, label = "") {
    const before = new Map(rows.map((row) => [row, this.shown(row)]));
    const entry = this.outbox.add("/api/decide", { rows, action, label }, { before });
    this.history.push(entry);
    this.onChange(rows, "mine");
    return entry;
  }

  /* Takes back the last decision; returns the rows that it will change, as far as this page knows. */
  undo() {
    const last = this.history.pop();
    this.outbox.add("/api/undo", {}, last ? { restores: last.before, takesBack: last } : {});
    const rows = last ? last.body.rows : [];
    this.onChange(rows, "mine");
    return rows;
  }

  refused(entry) {
    // what was never written cannot be taken back
    if (!this.outbox.entries.includes(entry)) this.history = this.history.filter((other) => other !== entry);
    this.onChange(touches(entry), "refused");
  }

  saved(entry, answer) {
    this.lastSaved = answer.head;
    this.take(answer, entry.path === "/api/undo" ? "undone" : "saved");
    // rows that the answer leaves out still lose their "on its way" mark
    this.onChange(touches(entry), "saved");
  }

  take({ head, changes }, why) {
    const rows = [];
    for (const { row, ...state } of changes) {
      const held = this.server.get(row);
      if (held && held.head > head) continue;
      if (!held || held.seq !== state.seq || held.action !== state.action) rows.push(row);
      this.server.set(row, { ...state, head });
    }
    if (rows.length) this.onChange(rows, why);
  }

  async poll() {
    const key = this.key;
    let wait = POLL_MS;
    if (!document.hidden) {
      try {
        const reply = await fetch(`/api/decisions/${key}?after=${this.head}`);
        if (reply.ok) {
          const news = await reply.json();
          if (key !== this.key || this.closed) return;
          this.head = news.head;
          this.take(news, "poll");
        } else wait *= 4;
      } catch {
        // a server that is away is told by the next decision; asking goes on, more slowly
        wait *= 4;
      }
    }
    this.knowNow();
    if (key === this.key && !this.closed) this.poller = setTimeout(() => this.poll(), wait);
  }

  close() {
    this.closed = true;
    clearTimeout(this.poller);
    this.outbox.close();
  }
}
