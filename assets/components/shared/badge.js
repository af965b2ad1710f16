/* What was decided on an image, as a sign and words; and whether all of it is in the database. */

import { decisionMark, decisionWords } from "./decision_words.js";
import { el } from "./dom.js";

/* The badge of what was decided, or null. `mine` is left out of the words: only other people are named. */
export function badge(state, me) {
  if (state.unsaved) return el("span", { class: "badge unsaved", title: "Not saved yet" }, el("span", { class: "mark", text: "!" }), el("span", { class: "what", text: "not saved" }));
  if (!state.action) return null;
  const who = state.reviewer && state.reviewer !== me ? ` · ${state.reviewer}` : "";
  const words = decisionWords(state) + who;
  return el(
    "span",
    { class: `badge ${state.action}${state.pending ? " pending" : ""}`, title: `${words}${state.reviewer && !who ? ` · ${state.reviewer}` : ""}` },
    el("span", { class: "mark", text: decisionMark(state.action) }),
    el("span", { class: "what", text: words }),
  );
}

/* The line that says whether everything is in the database. */
export function savedLine(decisions) {
  const line = el("span", { class: "saved", role: "status", "aria-live": "polite" });
  const show = () => {
    const { pending, trouble, stopped, rejected, lastSaved } = decisions.status();
    line.className = `saved${trouble ? " bad" : !pending && lastSaved ? " good" : ""}`;
    line.replaceChildren(trouble || (pending ? "saving…" : lastSaved ? `saved ✓ #${lastSaved}` : ""));
    if (trouble && !stopped) line.append(el("button", { text: "Retry", title: "Send it again now", onclick: () => decisions.retry() }));
    if (rejected) line.append(el("button", { text: "Dismiss", title: "Leave it undecided", onclick: () => decisions.dismiss() }));
  };
  /* Puts a remark in its place until the next change. */
  const say = (words) => Object.assign(line, { className: "saved bad", textContent: words });
  return { line, show, say };
}
