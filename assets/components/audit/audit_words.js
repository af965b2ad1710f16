/* What an audit proves and an action does, in sentences. Whole percents are rounded so that an interval never says more than was shown. */

import { plural, thousands } from "../shared/words.js";

const DONE = { exclude: "excluded", relabel: "relabelled to their suggestions", needs_review: "marked for review", keep: "kept", mixed: "relabelled or left out, as proposed" };

export const NAMELESS = "Enter your name in the sidebar first: decisions are signed.";

export const doneWords = ({ images, action }) => `${plural(images, "image")} ${DONE[action] || action}`;

export const rangeWords = (low, high) => `${Math.floor(100 * low + 1e-9)}–${Math.ceil(100 * high - 1e-9)} %`;

export function outcomeWords({ hits, m, low, high }, population, { one, many, hit }) {
  const total = thousands(population);
  return m === population
    ? `Every ${one} was looked at, so this is no estimate: ${hits} of ${total} are ${hit}.`
    : `So of all ${total} ${many}, ${rangeWords(low, high)} are ${hit}, with 95 % confidence (exact interval after Clopper and Pearson, for a sample from ${total}).`;
}

/* What an action does that leaves alone what is decided. */
export function keptWords({ relabel = 0, exclude = 0 }, decided, left) {
  const parts = [relabel && `${plural(relabel, "image")} ${relabel === 1 ? "gets the label" : "get the labels"} proposed`, exclude && `${plural(exclude, "image")} ${exclude === 1 ? "is" : "are"} left out of the cleansed set`];
  const stays = decided ? ` ${plural(decided, "image")} that somebody has decided ${decided === 1 ? "stays as it is" : "stay as they are"}.` : "";
  return left ? `${parts.filter(Boolean).join(", ")}.${stays}` : "All of them are decided already.";
}

export function replacedWords(n, decided) {
  if (!decided) return "";
  const who = decided === n ? (n === 1 ? "It has" : "All of them have") : `${thousands(decided)} of them ${decided === 1 ? "has" : "have"}`;
  return ` ${who} a decision already, which this one replaces.`;
}
