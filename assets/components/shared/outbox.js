/* Decisions on their way to the database: sent in order, kept until the server has them. */

import { randomHex } from "./random.js";
import { post } from "./server.js";
import { firstLine } from "./words.js";

const OUTBOX = "taster:outbox:";
const LONGEST_WAIT_MS = 10000;
// every widget of a page has a copy of this script, and they must not send each other's
const live = (globalThis.__tasterSessions ??= new Set());

/* Sends one entry after another. Numbers of a session never repeat, because every mount has its own session; what a
   closed or reloaded page left unsent lies in sessionStorage and is sent by the next mount under its old number. */
export class Outbox {
  constructor(onSaved, onRefused, onStatus) {
    Object.assign(this, { onSaved, onRefused, onStatus });
    this.session = randomHex(16);
    this.seq = 0;
    this.entries = [];
    this.rejected = [];
    this.trouble = "";
    this.stopped = false;
    this.timer = 0;
    live.add(this.session);
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
      if (held.key !== this.key || live.has(name.slice(OUTBOX.length))) continue;
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
      const reply = await post(entry.path, this.write.token, entry.body);
      if (reply.ok) return { answer: await reply.json() };
      const line = firstLine(await reply.text()) || `status ${reply.status}`;
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
    live.delete(this.session);
  }
}
