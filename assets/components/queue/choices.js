/* What a key decides on the image that is shown. No drawing here. */

const PLAIN = { k: "keep", x: "exclude", n: "needs_review" };

/* A class that somebody chose: the given one again is no relabelling. */
export const relabelOrKeep = (name, given) => (name === given ? { action: "keep", label: "" } : { action: "relabel", label: name });

/* {action, label} of a key, or null: A accepts what is proposed, digits relabel to a candidate. */
export function choiceOf(key, { proposal, candidates, given }) {
  if (key === "a" && proposal) return { action: proposal.action, label: proposal.action === "relabel" ? proposal.label : "" };
  if (Object.hasOwn(PLAIN, key)) return { action: PLAIN[key], label: "" };
  const candidate = /^[1-9]$/.test(key) ? candidates[Number(key) - 1] : undefined;
  return candidate ? relabelOrKeep(candidate.label, given) : null;
}

/* How many there are of each action; null stands for none. */
export function countActions(actions) {
  const counts = {};
  for (const action of actions) if (action) counts[action] = (counts[action] || 0) + 1;
  return counts;
}
