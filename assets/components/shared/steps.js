/* Moving along a list. */

export const clamp = (value, least, most) => Math.max(least, Math.min(most, value));

/* The next of n places after i (from the start again, where `around`) that is open, or null. */
export function nextOpen(n, i, isOpen, around = true) {
  for (let j = i + 1; j < n; j++) if (isOpen(j)) return j;
  for (let j = 0; around && j <= Math.min(i, n - 1); j++) if (isOpen(j)) return j;
  return null;
}
