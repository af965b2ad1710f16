// Zoom, pan and the close look: arithmetic alone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { atOneToOne, closeLook, inPixels, inWindow, isWhole, moved, resized, scaled, scaleWords, seen, stepped, wholeScale, wholeView } from "../../assets/components/shared/zoom.js";

const ROOM = [400, 400];
const large = () => wholeView([4000, 3000], ROOM);

test("the whole fits, small images by whole factors", () => {
  assert.equal(wholeScale([4000, 3000], ROOM), 0.1);
  assert.equal(wholeScale([32, 32], ROOM), 12);
  assert.equal(wholeScale([100, 300], ROOM), 1);
  assert.ok(isWhole(large()));
  assert.deepEqual(inWindow(large(), { x: 0, y: 0, w: 4000, h: 3000 }), { left: 0, top: 50, width: 400, height: 300 });
});

test("what lies under the pointer stays there while the scale changes", () => {
  const at = [120, 210], before = large(), after = scaled(before, 0.5, at);
  const under = (view) => [view.x + (at[0] - 200) / view.scale, view.y + (at[1] - 200) / view.scale];
  assert.deepEqual(under(after).map(Math.round), under(before).map(Math.round));
  assert.equal(after.scale, 0.5);
});

test("no scale below the whole, none beyond sixteen or four times the whole", () => {
  assert.equal(scaled(large(), 0.001).scale, 0.1);
  assert.equal(scaled(large(), 500).scale, 16);
  const tiny = wholeView([10, 10], ROOM);
  assert.deepEqual([tiny.scale, stepped(tiny, 1).scale, scaled(tiny, 500).scale], [40, 80, 160]);
  assert.deepEqual(stepped(stepped(tiny, 1), -1), tiny);
});

test("steps are even and lead back to the whole", () => {
  const up = [];
  let view = large();
  for (let i = 0; i < 20; i++) { view = stepped(view, 1); up.push(view.scale); }
  assert.deepEqual(up.slice(0, 7), [1 / 8, 1 / 6, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 1]);
  assert.equal(up.at(-1), 16);
  for (let i = 0; i < 20; i++) view = stepped(view, -1);
  assert.deepEqual(view, large());
});

test("a step from the whole goes towards a place", () => {
  const view = stepped(stepped(large(), 1, [400, 350]), 1, [400, 350]);
  assert.equal(Math.round(seen(view).x + seen(view).w), 4000);
});

test("moving stops at the image's edges, and a whole image does not move", () => {
  const near = scaled(large(), 1);
  assert.deepEqual([moved(near, 1e6, 1e6).x, moved(near, 1e6, 1e6).y], [200, 200]);
  assert.deepEqual([moved(near, -1e6, -1e6).x, moved(near, -1e6, -1e6).y], [3800, 2800]);
  assert.equal(moved(near, -30, 0).x, near.x + 30, "the picture goes with the hand");
  assert.deepEqual(moved(large(), 50, 50), large());
});

test("one to one brings the place to the middle, as far as the edges let it", () => {
  const view = atOneToOne(large(), [0.5, 0.25, 0.1, 0.1]);
  assert.deepEqual([view.scale, view.x, view.y], [1, 2200, 900]);
  const corner = atOneToOne(large(), [0.95, 0.95, 0.05, 0.05]);
  assert.deepEqual([corner.x, corner.y], [3800, 2800]);
  assert.deepEqual(inWindow(corner, inPixels([0.95, 0.95, 0.05, 0.05], [4000, 3000])), { left: 200, top: 250, width: 200, height: 150 });
  assert.deepEqual([atOneToOne(large()).x, atOneToOne(large()).y], [2000, 1500], "without a place where one is");
});

test("what shows is a rectangle of whole pixels inside the image", () => {
  assert.deepEqual(seen(large()), { x: 0, y: 0, w: 4000, h: 3000 });
  assert.deepEqual(seen(scaled(large(), 1)), { x: 1800, y: 1300, w: 400, h: 400 });
});

test("another size of the window keeps the whole whole, and a part where it is", () => {
  assert.deepEqual(resized(large(), [200, 200]), wholeView([4000, 3000], [200, 200]));
  const near = atOneToOne(large(), [0.5, 0.5, 0, 0]);
  assert.deepEqual([resized(near, [200, 200]).x, resized(near, [200, 200]).scale], [2000, 1]);
});

test("a close look is one to one where the whole is much smaller", () => {
  assert.deepEqual(closeLook([0.9, 0.9, 0.05, 0.05], [4000, 3000], 256, 0.1), { x: 3572, y: 2647, w: 256, h: 256, factor: 1 });
  assert.deepEqual(closeLook([0.99, 0.99, 0.01, 0.01], [4000, 3000], 256, 0.1), { x: 3744, y: 2744, w: 256, h: 256, factor: 1 });
});

test("a close look enlarges what shows whole already, and never leaves the image", () => {
  const { x, y, w, h, factor } = closeLook([0.9, 0.9, 0.09, 0.09], [224, 224], 256, 1);
  assert.equal(factor, 6);
  assert.ok(x >= 0 && y >= 0 && x + w <= 224 && y + h <= 224 && x + w > 0.99 * 224 - 1);
  assert.deepEqual(closeLook([0, 0, 1, 1], [100, 20], 256, 2), { x: 0, y: 0, w: 100, h: 20, factor: 1 });
  assert.equal(closeLook([0.5, 0.5, 0.001, 0.001], [224, 224], 256, 1).factor, 8);
});

test("scales in words", () => {
  assert.deepEqual([0.1, 0.333, 1, 2.5, 12].map(scaleWords), ["10 %", "33 %", "1 : 1", "2.5 : 1", "12 : 1"]);
});
