import { classTitle } from "./class_titles.js";

/* Where `sought` stands in a class's title or in its own name: 0 where either begins with it, −1 nowhere. */
const place = (name, sought) => {
  const places = [classTitle(name), name].map((text) => text.toLowerCase().indexOf(sought));
  return places.includes(0) ? 0 : Math.max(...places);
};

/* Which classes have `text` in their names, those that begin with it first; at most 200, because more than a screenful is
   found by typing on, not by scrolling. */
export function search(classes, text) {
  const sought = text.trim().toLowerCase(), starts = [], holds = [];
  for (const name of classes) {
    const at = place(name, sought);
    if (at === 0) starts.push(name);
    else if (at > 0) holds.push(name);
  }
  return [...starts, ...holds].slice(0, 200);
}
