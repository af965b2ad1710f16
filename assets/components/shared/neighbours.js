/* The images most like one, side by side. */

/* Which label a neighbour bears: "given", "suggested", or "" for another or none. */
export function sideOf(neighbour, { given, suggested }) {
  if (neighbour.label === null) return "";
  return neighbour.label === given ? "given" : neighbour.label === suggested ? "suggested" : "";
}

export const sideMark = (side) => ({ given: "= ", suggested: "→ " })[side] || "";

/* As many columns of `width` pixels as `room` holds: twelve make whole lines of six, four, three or two. */
export const columnsIn = (room, width) => [6, 4, 3].find((columns) => columns * width <= room) || 2;
