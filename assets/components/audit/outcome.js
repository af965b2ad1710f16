/* What a sample's answers prove, and what an action would do. No drawing here. */

/* How many answers (keys, one an image) count as `as`: "hit", "miss" or "unsure". */
const counted = (keys, answers, as) => keys.filter((key) => answers.find((answer) => answer.key === key)?.counts === as).length;

/* { hits, unsure, m, low, high, note } of the keys given for the m images of `size`: { m, bounds, notes }, one of each for every number of hits. */
export function outcomeOf(keys, { m, bounds, notes }, { answers, miss }) {
  const hits = counted(keys, answers, "hit"), unsure = counted(keys, answers, "unsure"), [low, high] = bounds[hits];
  return { hits, unsure, m, low, high, note: notes[hits] + (unsure ? `; ${unsure} not sure, counted as ${miss}` : "") };
}

/* How many rows an action is for, how many of them have a decision already, and what happens to the others. */
export function effectOf(rows, actions, isDecided) {
  const counts = {};
  let decided = 0;
  rows.forEach((row, i) => {
    if (isDecided(row)) decided += 1;
    else if (actions) counts[actions[i]] = (counts[actions[i]] || 0) + 1;
  });
  return { all: rows.length, decided, counts };
}

/* An action's rows, actions and labels without those that are decided, where it leaves them alone. */
export function openOnly(rows, { undecided, actions, labels }, isDecided) {
  const places = rows.map((row, i) => i).filter((i) => !undecided || !isDecided(rows[i]));
  const only = (list) => list && places.map((i) => list[i]);
  return { rows: only(rows), actions: only(actions), labels: only(labels) };
}
