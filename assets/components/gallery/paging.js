/* Which images a page of a list holds, and how lists are told apart. No drawing here. */

import { clamp } from "../shared/steps.js";
import { plural, thousands } from "../shared/words.js";

export const EMPTY_PAGE = { from: 0, rows: [], tiles: [], sprite_url: "" };

export const lastPage = (total, size) => Math.max(1, Math.ceil(total / size));

export const pageWithin = (number, last) => clamp(number, 1, last);

/* The query of page `number` (from 1). */
export const pageQuery = (number, size) => `from=${(number - 1) * size}&count=${size}`;

/* The page number that was typed, or 0. */
export const typedPage = (text) => Number(text.replace(/\D/g, ""));

/* What tells one list from another; a page of the same list is never drawn anew because Python sent it again. */
export const signOf = (list) => JSON.stringify([list.token, list.total, list.threshold_at ?? null, list.heading, list.selected || []]);

/* Where the line between suspicious and not cuts a page of n images from `from` on, or −1. At the seam of two pages it
   opens the second. */
export function thresholdCut(line, from, n, total) {
  const cut = (line ?? -1) - from;
  return cut >= 0 && cut <= n && (cut < n || from + cut === total) ? cut : -1;
}

/* "201–400 of 1,000 images", or only their number where a page holds all. */
export const rangeWords = (from, n, total) => (n < total ? `${thousands(from + 1)}–${thousands(from + n)} of ${plural(total, "image")}` : plural(n, "image"));

/* The places in `rows` of what is chosen at first. */
export const placesOf = (selected, rows) => (selected || []).map((row) => rows.indexOf(row)).filter((i) => i >= 0);
