/* Numbers as people read them. */

export const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;

export const thousands = (n) => n.toLocaleString("en");

export const plural = (n, word) => `${thousands(n)} ${word}${n === 1 ? "" : "s"}`;

/* The first line of what a server answers, at most 300 characters. */
export const firstLine = (text) => text.slice(0, 300).split("\n")[0];

export const NAME_FIRST = "Enter your name in the sidebar first";
