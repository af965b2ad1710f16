// The map's points, outlines and view.
import assert from "node:assert/strict";
import { test } from "node:test";
import { KeyBox } from "../../assets/components/map/key_box.js";
import { NO_LABEL, NONE, PointSet, SPAN } from "../../assets/components/map/points.js";
import { boxCorners, extent, rounded, thinned } from "../../assets/components/map/polygon.js";
import { MapView } from "../../assets/components/map/view.js";
import { pack, randoms } from "./points.mjs";

const near = (found, wanted) => found.forEach((v, i) => assert.ok(Math.abs(v - wanted[i]) < 1e-6, `${found} is not ${wanted}`));

test("the columns stand in the bytes as the server packs them", () => {
  const points = new PointSet(pack([{ x: 1, y: 2, suspicion: 3, verdict: 4, label: 5 }, { x: 65535, y: 256, suspicion: NONE, verdict: NONE, label: NO_LABEL }]));
  assert.equal(points.n, 2);
  assert.deepEqual([...points.x, ...points.y], [1, 65535, 2, 256]);
  assert.deepEqual([...points.suspicion, ...points.verdict, ...points.label], [3, 255, 4, 255, 5, 65535]);
  assert.deepEqual([...points.decision], [0, 0]);
});

test("no points are no trouble", () => {
  const points = new PointSet(new ArrayBuffer(0));
  assert.equal(points.n, 0);
  assert.equal(points.nearest(5, 5, 1e6), -1);
  assert.equal(points.inside([[0, 0], [9, 0], [9, 9]]).length, 0);
});

test("the index holds each row once, in its square", () => {
  const points = new PointSet(pack(randoms(500)));
  assert.deepEqual([...points.order].sort((a, b) => a - b), Array.from({ length: 500 }, (_, i) => i));
  assert.equal(points.starts[65536], 500);
  for (let square = 0; square < 65536; square++) {
    for (let k = points.starts[square]; k < points.starts[square + 1]; k++) assert.equal(points.square(points.x[points.order[k]], points.y[points.order[k]]), square);
  }
});

test("the nearest is the one that looking at all finds", () => {
  const rows = randoms(400, 7), points = new PointSet(pack(rows));
  for (const { x, y } of randoms(100, 8)) {
    const away = rows.map((row) => Math.hypot(row.x - x, row.y - y)), least = Math.min(...away);
    const found = points.nearest(x, y, 3000);
    if (least > 3000) assert.equal(found, -1);
    else assert.equal(away[found], least);
  }
});

test("beyond the reach nothing is near, at its end something is", () => {
  const points = new PointSet(pack([{ x: 1000, y: 1000 }]));
  assert.equal(points.nearest(1000, 1100, 99), -1);
  assert.equal(points.nearest(1000, 1100, 100), 0);
});

test("points at the rim are found from outside the plane", () => {
  const points = new PointSet(pack([{ x: SPAN, y: SPAN }, { x: 0, y: 0 }]));
  assert.equal(points.nearest(SPAN + 50, SPAN + 50, 100), 0);
  assert.equal(points.nearest(-50, -50, 100), 1);
});

test("inside a square are the points within it", () => {
  const points = new PointSet(pack([[5, 5], [15, 5], [5, 15], [0, 20]].map(([x, y]) => ({ x, y }))));
  assert.deepEqual([...points.inside([[1, 1], [10, 1], [10, 10], [1, 10]])], [1, 0, 0, 0]);
});

test("an outline that crosses itself holds by the even-odd rule", () => {
  // wound twice around the middle: that is outside
  const points = new PointSet(pack([{ x: 50, y: 50 }, { x: 15, y: 50 }]));
  const twice = [[10, 10], [90, 10], [90, 90], [10, 90], [10, 10], [20, 20], [80, 20], [80, 80], [20, 80], [20, 20]];
  assert.deepEqual([...points.inside(twice)], [0, 1]);
});

test("the way round does not matter, fewer than three corners hold nothing", () => {
  const points = new PointSet(pack(randoms(300, 3))), outline = [[100, 100], [60000, 9000], [50000, 61000], [8000, 40000]];
  assert.deepEqual(points.inside(outline), points.inside(outline.toReversed()));
  assert.ok(points.inside(outline).some((hit) => hit) && points.inside(outline).some((hit) => !hit));
  assert.ok(points.inside(outline.slice(0, 2)).every((hit) => hit === 0));
});

test("of two triangles that share an edge each point is in one", () => {
  const points = new PointSet(pack(Array.from({ length: 100 }, (_, i) => ({ x: (i % 10) * 10 + 5, y: Math.floor(i / 10) * 10 + 5 }))));
  const one = points.inside([[0, 0], [100, 0], [100, 100]]), other = points.inside([[0, 0], [100, 100], [0, 100]]);
  one.forEach((hit, i) => assert.equal(hit + other[i], 1));
});

test("decisions are kept by row; unknown rows and actions change nothing", () => {
  const points = new PointSet(pack(randoms(5)));
  ["keep", "relabel", "exclude", "needs_review", "undo"].forEach((action, row) => points.setDecision(row, action));
  points.setDecision(99, "keep");
  assert.deepEqual([...points.decision], [1, 2, 3, 4, 0]);
  points.setDecision(0, undefined);
  assert.equal(points.decision[0], 0);
});

test("outlines are rounded to hundredths; what encloses nothing is none", () => {
  assert.deepEqual(rounded([[1.004, 2.006], [3, 4], [5.5, 6.123]]), [[1, 2.01], [3, 4], [5.5, 6.12]]);
  assert.deepEqual([rounded(null), rounded([[1, 1], [2, 2]])], [null, null]);
});

test("a long path loses corners evenly, a short one none", () => {
  const path = Array.from({ length: 1000 }, (_, i) => [i, i]);
  assert.ok(thinned(path).length <= 400 && thinned(path).length > 300);
  assert.deepEqual(thinned(path.slice(0, 400)), path.slice(0, 400));
});

test("a box has four corners and an extent", () => {
  assert.deepEqual(boxCorners([1, 2], [5, 9]), [[1, 2], [5, 2], [5, 9], [1, 9]]);
  assert.equal(extent(boxCorners([1, 2], [5, 9])), 4);
});

function viewOf(width, height) {
  const view = new MapView();
  view.resize(width, height);
  return view;
}

test("at first all of the plane is shown, in its middle", () => {
  const view = viewOf(800, 400);
  near(view.toPixel(SPAN / 2, SPAN / 2), [400, 200]);
  near(view.toPixel(SPAN / 2, SPAN), [400, 0]);
  near(view.toPixel(SPAN / 2, 0), [400, 400]);
});

test("pixels and points are each other's inverse", () => {
  const view = viewOf(640, 480);
  view.zoom(3, 100, 50);
  view.pan(12, -7);
  near(view.toPixel(...view.toPoint(123, 45)), [123, 45]);
});

test("zooming leaves what is under the cursor where it is", () => {
  const view = viewOf(640, 480), before = view.toPoint(500, 100);
  view.zoom(4, 500, 100);
  near(view.toPoint(500, 100), before);
});

test("zooming ends", () => {
  const view = viewOf(640, 480);
  view.zoom(1e9);
  assert.equal(view.scale, 400 * view.whole);
  view.zoom(1e-12);
  assert.equal(view.scale, 0.5 * view.whole);
});

test("panning moves with the hand and stops at the rim", () => {
  const view = viewOf(600, 600), before = view.toPoint(300, 300);
  view.pan(10, 20);
  near(view.toPixel(...before), [310, 320]);
  view.pan(-1e9, 1e9);
  assert.deepEqual([view.x, view.y], [SPAN, SPAN]);
});

test("another size shows all again, unless a hand has moved it", () => {
  const view = viewOf(600, 600);
  view.resize(300, 300);
  near(view.toPixel(SPAN, SPAN), [300, 0]);
  view.zoom(2);
  const { scale } = view;
  view.resize(900, 900);
  assert.equal(view.scale, scale);
  view.reset();
  near(view.toPixel(SPAN, SPAN), [900, 0]);
});

test("a key that comes before the first size does no harm", () => {
  const view = new MapView();
  view.pan(60, 0);
  view.zoom(1.3);
  view.resize(500, 500);
  near(view.toPixel(SPAN / 2, SPAN / 2), [250, 250]);
});

test("points shrink where there are many and grow with the zoom, within bounds", () => {
  const view = viewOf(800, 600);
  assert.deepEqual([view.pointSize(0), view.pointSize(10), view.pointSize(1e7)], [7, 7, 2]);
  view.zoom(400);
  assert.equal(view.pointSize(10), 14);
  assert.ok(view.pointSize(1e7) > 2);
});

test("keys move a box, but not off the map", () => {
  const box = new KeyBox(800, 400);
  assert.deepEqual(box.corners, [[300, 150], [500, 150], [500, 250], [300, 250]]);
  box.move([1, -1]);
  assert.deepEqual([box.x, box.y], [420, 180]);
  for (let i = 0; i < 100; i++) box.move([-1, 1]);
  assert.deepEqual([box.x, box.y], [0, 400]);
});

test("keys size a box: right is wider, up is higher, and something always stays", () => {
  const box = new KeyBox(800, 400);
  box.size([1, 0]);
  box.size([0, -1]);
  assert.deepEqual([box.halfWidth, box.halfHeight, box.reach], [120, 70, 70]);
  for (let i = 0; i < 100; i++) box.size([-1, 1]);
  assert.deepEqual([box.halfWidth, box.halfHeight], [10, 10]);
});
