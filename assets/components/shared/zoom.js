/* Where an image stands behind a window through which it is looked at. No drawing here.

   A view is { image: [w, h] in its own pixels, room: [w, h] of the window, scale: screen pixels to one of the image's,
   x, y: the image's point in the middle of the window }. A place is [left, top, width, height] as shares of the image. */

import { clamp } from "./steps.js";

const STEPS = [1 / 8, 1 / 6, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 1, 2, 3, 4, 6, 8, 12, 16];
const MOST = STEPS[STEPS.length - 1], MOST_OF_WHOLE = 4;
// what a close look takes in around its place, and at least, in the image's pixels; and how far it enlarges
const AROUND = 2, LEAST = 24, CLOSEST = 8, MUCH_SMALLER = 0.5;

/* The scale at which the whole image shows: a whole factor for one that is smaller than the window. */
export function wholeScale([w, h], [across, down]) {
  const fits = Math.min(across / w, down / h);
  return fits >= 1 ? Math.floor(fits) : fits;
}

export const wholeView = (image, room) => ({ image, room, scale: wholeScale(image, room), x: image[0] / 2, y: image[1] / 2 });

export const isWhole = (view) => view.scale <= wholeScale(view.image, view.room) * 1.0001;

/* No empty ground on one side while the image goes on on the other. */
function within(view) {
  const middle = (at, size, room) => (size * view.scale <= room ? size / 2 : clamp(at, room / 2 / view.scale, size - room / 2 / view.scale));
  return { ...view, x: middle(view.x, view.image[0], view.room[0]), y: middle(view.y, view.image[1], view.room[1]) };
}

/* To `scale`; the point under `at` (window pixels, default: the middle) stays where it is. */
export function scaled(view, scale, at = [view.room[0] / 2, view.room[1] / 2]) {
  const least = wholeScale(view.image, view.room), to = clamp(scale, least, Math.max(MOST, MOST_OF_WHOLE * least));
  const off = [at[0] - view.room[0] / 2, at[1] - view.room[1] / 2], change = 1 / view.scale - 1 / to;
  return within({ ...view, scale: to, x: view.x + off[0] * change, y: view.y + off[1] * change });
}

/* To the next even scale, closer (1) or further away (−1), around `at`. */
export function stepped(view, direction, at) {
  const next = direction > 0 ? STEPS.find((step) => step > view.scale * 1.001) : STEPS.findLast((step) => step < view.scale * 0.999);
  return scaled(view, next ?? (direction > 0 ? 2 * view.scale : 0), at);
}

/* The picture moved by window pixels. */
export const moved = (view, right, down) => within({ ...view, x: view.x - right / view.scale, y: view.y - down / view.scale });

/* One pixel of the image to one of the screen, with the middle of `place` in the middle. */
export function atOneToOne(view, place) {
  const [left, top, width, height] = place ?? [view.x / view.image[0], view.y / view.image[1], 0, 0];
  return within({ ...scaled(view, 1), x: (left + width / 2) * view.image[0], y: (top + height / 2) * view.image[1] });
}

/* Another size of the window: the whole stays whole, a part stays where it is. */
export const resized = (view, room) => (isWhole(view) ? wholeView(view.image, room) : scaled({ ...view, room }, view.scale));

/* Where a rectangle of the image, in its own pixels, lies in the window. */
export function inWindow(view, { x, y, w, h }) {
  return { left: view.room[0] / 2 + (x - view.x) * view.scale, top: view.room[1] / 2 + (y - view.y) * view.scale, width: w * view.scale, height: h * view.scale };
}

export const inPixels = ([left, top, width, height], [w, h]) => ({ x: left * w, y: top * h, w: width * w, h: height * h });

/* 3 : 1, 2.5 : 1; below one, percent. */
export const scaleWords = (scale) => (scale < 1 ? `${Math.round(100 * scale)} %` : `${Math.round(10 * scale) / 10} : 1`);

/* The pixels of the image that show in the window, in whole ones. */
export function seen({ image, room, scale, x, y }) {
  const side = (at, size, across) => [Math.max(0, Math.floor(at - across / 2 / scale)), Math.min(size, Math.ceil(at + across / 2 / scale))];
  const [left, right] = side(x, image[0], room[0]), [top, bottom] = side(y, image[1], room[1]);
  return { x: left, y: top, w: right - left, h: bottom - top };
}

/* What a close look of room × room shows of an image whose whole stands at the scale `whole`: { x, y, w, h } in the image's
   pixels and the factor. One to one where the whole is shown at less than half its size; enlarged where it shows about every pixel already. */
export function closeLook(place, image, room, whole) {
  const { x, y, w, h } = inPixels(place, image);
  const wanted = Math.max(LEAST, AROUND * Math.max(w, h));
  const factor = whole < MUCH_SMALLER ? 1 : clamp(Math.floor(room / wanted), 1, CLOSEST), side = Math.floor(room / factor);
  const cut = (from, size, length) => [clamp(Math.round(from + length / 2 - side / 2), 0, Math.max(0, size - side)), Math.min(side, size)];
  const [left, across] = cut(x, image[0], w), [top, down] = cut(y, image[1], h);
  return { x: left, y: top, w: across, h: down, factor };
}
