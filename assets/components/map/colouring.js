/* The ways to colour the points, what a legend says of them, and the bytes that go to the graphics card. */

import { classTitle } from "../shared/class_titles.js";
import { classColours, decisionColours, hexRgb, nothingColour, rampColour, unlitColour } from "./palette.js";
import { NO_LABEL, NONE } from "./points.js";

export const SCHEMES = { label: "Label", suspicion: "Suspicion", verdict: "Verdict", decision: "Decision" };
export const DECISION_NAMES = ["undecided", "kept", "relabelled", "excluded", "needs review"];
const RANGES = ["0.0 – 0.2", "0.2 – 0.4", "0.4 – 0.6", "0.6 – 0.8", "0.8 – 1.0"];
const MANY = 30, FIRST = 20;
const SUSPECT = 127; // suspicion 0.5 of 254 steps

/* { entries: [{name, colour}], of: row -> entry, colour: row -> rgb }; the last entry stands for "none".
   names: { classes, verdicts: {names, colours: {light, dark}} }, as Python gives them. */
export function schemeOf(points, by, dark, { classes, verdicts }) {
  if (by === "suspicion") return suspicionScheme(points.suspicion, dark);
  if (by === "verdict") return listScheme(verdicts.names, verdicts.colours[dark ? "dark" : "light"].map(hexRgb), points.verdict, NONE, "no verdict", dark);
  if (by === "decision") return listScheme(DECISION_NAMES, decisionColours(dark), points.decision, NONE, null, dark);
  return listScheme(classes.map(classTitle), classColours(classes.length, dark), points.label, NO_LABEL, "unlabelled", dark);
}

function listScheme(names, colours, column, none, noneName, dark) {
  const entries = names.map((name, i) => ({ name, colour: colours[i % colours.length] }));
  if (noneName) entries.push({ name: noneName, colour: nothingColour(dark) });
  const last = entries.length - 1;
  const of = (i) => (column[i] === none ? last : Math.min(column[i], last));
  return { entries, of, colour: (i) => entries[of(i)].colour };
}

function suspicionScheme(suspicion, dark) {
  const grey = nothingColour(dark), table = Array.from({ length: 255 }, (_, v) => rampColour(v / 254, dark));
  const entries = RANGES.map((name, i) => ({ name, colour: rampColour((i + 0.5) / 5, dark) })).reverse();
  entries.push({ name: "not scored", colour: grey });
  const of = (i) => (suspicion[i] === NONE ? 5 : 4 - Math.min(4, Math.floor((suspicion[i] * 5) / 254)));
  return { entries, of, colour: (i) => (suspicion[i] === NONE ? grey : table[suspicion[i]]) };
}

/* 8 bytes a point: red green blue alpha lit (255 for suspects, 128 for others, 0 for grey). Lit are the rows in `mask` (or all) that belong to `entry` (or any). */
export function tints(points, scheme, mask, entry, dark, out) {
  const grey = unlitColour(dark);
  for (let i = 0, o = 0; i < points.n; i++, o += 8) {
    const lit = (!mask || mask[i]) && (entry === null || scheme.of(i) === entry);
    const rgb = lit ? scheme.colour(i) : grey;
    out[o] = rgb[0]; out[o + 1] = rgb[1]; out[o + 2] = rgb[2];
    const suspect = points.suspicion[i] >= SUSPECT && points.suspicion[i] !== NONE;
    out[o + 3] = lit ? (suspect ? 255 : 215) : 70;
    out[o + 4] = lit ? (suspect ? 255 : 128) : 0;
  }
  return out;
}

/* Lines of a legend: {name, colour, i, count} of each entry; "none" only where there is any. */
export function legend(points, scheme, mask) {
  const counts = new Array(scheme.entries.length).fill(0);
  for (let i = 0; i < points.n; i++) if (!mask || mask[i]) counts[scheme.of(i)]++;
  return scheme.entries.map((entry, i) => ({ ...entry, i, count: counts[i] })).filter(({ count, i }) => count || i < counts.length - 1);
}

/* Of the lines of a legend those to draw: of more than MANY the largest FIRST ones whose name has `sought` in it (`all`:
   all of those), and the chosen `entry` in any case; `left`: how many more there are. */
export function shownLines(lines, sought, all, entry) {
  if (lines.length <= MANY) return { shown: lines, left: 0, searchable: false };
  const text = sought.trim().toLowerCase();
  const found = lines.filter(({ name, i }) => i === entry || name.toLowerCase().includes(text)).sort((a, b) => b.count - a.count);
  const shown = found.filter(({ i }, place) => all || i === entry || place < FIRST);
  return { shown, left: found.length - shown.length, searchable: true };
}

/* What is known of one row, in words. */
export function factsOf(points, row, { classes, verdicts }) {
  return {
    label: points.label[row] === NO_LABEL ? "unlabelled" : classTitle(classes[points.label[row]]),
    suspicion: points.suspicion[row] === NONE ? "not scored" : (points.suspicion[row] / 254).toFixed(2),
    verdict: points.verdict[row] === NONE ? "none" : verdicts.names[points.verdict[row]],
    decision: DECISION_NAMES[points.decision[row]],
  };
}
