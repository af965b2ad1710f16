/* What people call a class, where that is not its name in the set. Decisions travel under the set's own names. */

const titles = new Map();

/* given: { name: title }, as Python sends it with a widget's data. */
export function learnTitles(given) {
  for (const [name, title] of Object.entries(given || {})) titles.set(name, title);
}

export const classTitle = (name) => titles.get(name) ?? name;
