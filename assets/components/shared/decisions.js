/* What holds for each row: the server's state, overlaid with what is still on its way. */

import { Outbox } from "./outbox.js";

const POLL_MS = 1500;

/* The rows that an entry of the outbox speaks of. */
export const touches = (entry) => entry.body.rows || [...(entry.restores?.keys() || [])];
/* Where each row stands in an entry; made once, because a group may have thousands. */
const placesOf = (entry) => (entry.places ??= new Map(touches(entry).map((row, i) => [row, i])));

export class Decisions {
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
