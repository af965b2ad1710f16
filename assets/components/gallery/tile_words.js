/* What is said of one image. */

import { classTitle } from "../shared/class_titles.js";
import { percent } from "../shared/words.js";

export const scoreWords = (tile, digits, none = "") => (tile.score == null ? none : tile.score.toFixed(digits));

export const confidenceWords = (tile) => (tile.confidence == null ? "" : percent(tile.confidence));

/* The suggestion and how sure it is; "none" where there is none. */
export function suggestionWords(tile) {
  if (tile.suggested == null) return "none";
  return tile.confidence == null ? classTitle(tile.suggested) : `${classTitle(tile.suggested)}, ${confidenceWords(tile)} sure`;
}
