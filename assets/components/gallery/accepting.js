/* What a key does to the chosen images: which of them get which decision. No drawing here. */

/* What accepting means for one image: its suggested label, or its own where they agree; null without a suggestion. */
export function acceptOf(tile) {
  if (tile.suggested == null) return null;
  return tile.suggested === tile.given ? { action: "keep", label: "" } : { action: "relabel", label: tile.suggested };
}

/* One event for each (action, label), because that is what one line of the log can say; undo takes back one. */
export function groupsOf(chosen, action, label) {
  const groups = new Map();
  let without = 0;
  for (const [row, tile] of chosen) {
    const what = action === "accept" ? acceptOf(tile) : { action, label };
    if (!what) { without += 1; continue; }
    const name = JSON.stringify([what.action, what.label]);
    groups.set(name, [...(groups.get(name) || []), row]);
  }
  return { groups, without };
}
