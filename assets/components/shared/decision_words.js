/* Decisions in signs and words. */

import { shortTitle } from "./class_titles.js";

const MARKS = { keep: "✓", relabel: "→", exclude: "✕", needs_review: "?" };
const WORDS = { keep: "kept", exclude: "excluded", needs_review: "needs review" };

export const decisionMark = (action) => MARKS[action] || "·";

/* A relabelling is told by its new label, which is the attacker's text. */
export const decisionWords = ({ action, label }) => (action === "relabel" ? shortTitle(label) : WORDS[action] || action);
