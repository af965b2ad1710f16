/* Where things lie on the server, and how its refusals become errors. */

import { firstLine } from "./words.js";

export const imageUrl = (key, row) => `/api/image/${key}/${row}.png`;
export const thumbUrl = (key, row) => `/api/thumb/${key}/${row}.png`;
export const cropUrl = (key, row, { x, y, w, h }) => `/api/crop/${key}/${row}.png?x=${x}&y=${y}&w=${w}&h=${h}`;
export const spriteUrl = (sprite, cell) => `/api/sprite/${sprite}/${cell}.png`;

/* The same sprite with cells of another side. */
export const spriteAt = (url, cell) => url.replace(/\d+(?=\.png$)/, String(cell));

/* `reply` where it went well; throws what the server says otherwise. */
export async function checked(reply) {
  if (!reply.ok) throw new Error(firstLine(await reply.text()));
  return reply;
}

export const answerOf = async (reply) => (await checked(reply)).json();

/* Sends `body` with the token that lets a page write. */
export function post(path, token, body) {
  return fetch(path, { method: "POST", headers: { "Content-Type": "application/json", "X-Taster-Token": token }, body: JSON.stringify(body) });
}
