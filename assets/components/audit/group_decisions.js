import { Decisions } from "../shared/decisions.js";

/* Decisions on many images, each with a label or an action of its own; the server's answer names the event, so that exactly this
   one can be taken back. */
export class GroupDecisions extends Decisions {
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
