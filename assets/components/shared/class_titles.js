/* What people call a class, where that is not its name in the set. Decisions travel under the set's own names. */

const titles = new Map();

/* given: { name: title }, as Python sends it with a widget's data. */
export function learnTitles(given) {
  for (const [name, title] of Object.entries(given || {})) titles.set(name, title);
}

export const classTitle = (name) => titles.get(name) ?? name;

/* The title without the set's own name in brackets, for captions and buttons; the whole of it belongs in their tooltip. */
export const shortTitle = (name) => (titles.has(name) ? titles.get(name).slice(0, -(name.length + 3)) : name);
