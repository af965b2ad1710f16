/* Which classes have `text` in their names, those that begin with it first; at most 200, because more than a screenful is
   found by typing on, not by scrolling. */
export function search(classes, text) {
  const sought = text.trim().toLowerCase(), starts = [], holds = [];
  for (const name of classes) {
    const at = name.toLowerCase().indexOf(sought);
    if (at === 0) starts.push(name);
    else if (at > 0) holds.push(name);
  }
  return [...starts, ...holds].slice(0, 200);
}
