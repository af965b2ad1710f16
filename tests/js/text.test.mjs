// Words, numbers, searches and sizes that several widgets use.
import assert from "node:assert/strict";
import { test } from "node:test";
import { number } from "../../assets/components/inspector/numbers.js";
import { search } from "../../assets/components/shared/class_search.js";
import { classTitle, learnTitles, shortTitle } from "../../assets/components/shared/class_titles.js";
import { decisionMark, decisionWords } from "../../assets/components/shared/decision_words.js";
import { columnsIn, sideMark, sideOf } from "../../assets/components/shared/neighbours.js";
import { cellFor, cellSide, fitFactor, fitInto, isPhoto, paintCell, paintTile, sizeWords, wholeFactor } from "../../assets/components/shared/pixels.js";
import { randomHex } from "../../assets/components/shared/random.js";
import { answerOf, checked, cropUrl, imageUrl, post, spriteAt, spriteUrl, thumbUrl } from "../../assets/components/shared/server.js";
import { clamp, nextOpen } from "../../assets/components/shared/steps.js";
import { firstLine, percent, plural, thousands } from "../../assets/components/shared/words.js";

test("percents have as many digits as asked for", () => {
  assert.deepEqual([percent(0), percent(0.256), percent(1), percent(0.0123, 2)], ["0 %", "26 %", "100 %", "1.23 %"]);
});

test("thousands are parted, and one is no plural", () => {
  assert.equal(thousands(1234567), "1,234,567");
  assert.deepEqual([0, 1, 2, 1000].map((n) => plural(n, "image")), ["0 images", "1 image", "2 images", "1,000 images"]);
});

test("only the first line of an answer is shown, and not all of a long one", () => {
  assert.equal(firstLine("too large\nTraceback"), "too large");
  assert.equal(firstLine("x".repeat(1000)).length, 300);
  assert.equal(firstLine(""), "");
});

test("decisions have a sign and a word; a relabelling is told by its label", () => {
  assert.deepEqual(["keep", "relabel", "exclude", "needs_review", "mixed"].map(decisionMark), ["✓", "→", "✕", "?", "·"]);
  assert.equal(decisionWords({ action: "relabel", label: "<b>ship</b>" }), "<b>ship</b>");
  assert.equal(decisionWords({ action: "needs_review", label: "" }), "needs review");
  assert.equal(decisionWords({ action: "something new" }), "something new");
});

test("a search finds what begins with it first, in the given order", () => {
  const classes = ["sailboat", "boat", "Boathouse", "car"];
  assert.deepEqual(search(classes, " BOAT "), ["boat", "Boathouse", "sailboat"]);
  assert.deepEqual(search(classes, ""), classes);
  assert.deepEqual(search(classes, "plane"), []);
});

test("a search is no pattern, and at most 200 classes are listed", () => {
  assert.deepEqual(search(["a.b", "axb", "(", "[x]*"], "."), ["a.b"]);
  assert.deepEqual(search(["(", "[x]*"], "("), ["("]);
  assert.equal(search(Array.from({ length: 10_000 }, (_, i) => `class ${i}`), "class").length, 200);
});

test("a class is found by its title and by its own name, and only the title is shown", () => {
  learnTitles({ n02979186: "cassette player (n02979186)", n02105641: "Old English sheepdog (n02105641)" });
  learnTitles(undefined);
  assert.deepEqual([classTitle("n02979186"), shortTitle("n02979186")], ["cassette player (n02979186)", "cassette player"]);
  assert.deepEqual([classTitle("cat"), shortTitle("cat"), classTitle(null), shortTitle(null)], ["cat", "cat", null, null]);
  const classes = ["n02979186", "n02105641", "n00000001", "player piano"];
  assert.deepEqual(search(classes, "player"), ["player piano", "n02979186"]);
  assert.deepEqual(search(classes, "n029"), ["n02979186"]);
  assert.equal(decisionWords({ action: "relabel", label: "n02979186" }), "cassette player");
});

test("clamp keeps within bounds", () => {
  assert.deepEqual([-1, 0, 3, 5, 9].map((v) => clamp(v, 0, 5)), [0, 0, 3, 5, 5]);
});

test("the next open place is sought onwards, then from the start", () => {
  const open = (places) => (j) => places.includes(j);
  assert.equal(nextOpen(5, -1, open([0, 3])), 0);
  assert.equal(nextOpen(5, 0, open([0, 3])), 3);
  assert.equal(nextOpen(5, 3, open([0, 3])), 0);
  assert.equal(nextOpen(5, 3, open([0]), false), null);
  assert.equal(nextOpen(5, 4, open([4])), 4, "the same one, where no other is open");
});

test("where nothing is open there is no next", () => {
  assert.equal(nextOpen(5, 2, () => false), null);
  assert.equal(nextOpen(0, -1, () => true), null);
});

test("pictures are enlarged by whole factors, large ones made smaller", () => {
  assert.deepEqual([wholeFactor(32, 100), wholeFactor(64, 32)], [3, 1]);
  assert.equal(fitFactor(32, 20, 100), 3);
  assert.equal(fitFactor(100, 100, 100), 1);
  assert.equal(fitFactor(200, 50, 100), 0.5);
  assert.equal(sizeWords(32, 20, 3), "32 × 20 pixels, shown 3 : 1");
  assert.equal(sizeWords(200, 50, 0.5), "200 × 50 pixels, shown smaller");
});

test("an image is sized to its room", () => {
  const image = { naturalWidth: 28, naturalHeight: 14, style: {} };
  assert.equal(fitInto(image, 100), "28 × 14 pixels, shown 3 : 1");
  assert.deepEqual(image.style, { width: "84px", height: "42px" });
});

test("a cell of a sprite is cut out where it stands", () => {
  const node = { style: {} };
  // ten cells stand in lines of four
  paintCell(node, "/api/sprite/x/8.png", 10, 8, 6, 2);
  assert.deepEqual(node.style, { width: "16px", height: "16px", backgroundImage: 'url("/api/sprite/x/8.png")', backgroundSize: "64px auto", backgroundPosition: "-32px -16px" });
});

test("photographs are shown smoothly and fill their room, small images by whole factors", () => {
  assert.deepEqual([isPhoto(64, 64), isPhoto(64, 65), isPhoto(500, 20)], [false, true, true]);
  assert.deepEqual([32, 64, 96].map((cell) => cellSide(cell, 64)), [64, 64, 64]);
  assert.deepEqual([32, 64, 96].map((cell) => cellSide(cell, 192)), [192, 192, 192]);
  assert.equal(cellSide(28, 96), 84);
  assert.deepEqual([cellFor(96, 64, 1), cellFor(96, 96, 1), cellFor(96, 192, 1), cellFor(96, 96, 2), cellFor(32, 192, 2)], [96, 96, 192, 192, 32]);
  const node = { style: {}, classList: { toggle: (name, on) => { node.look = [name, on]; } } };
  paintTile(node, (cell) => `/s/${cell}.png`, 4, 96, 3, 192);
  assert.deepEqual(node.look, ["pixels", false]);
  assert.deepEqual(node.style, { width: "192px", height: "192px", backgroundImage: 'url("/s/192.png")', backgroundSize: "384px auto", backgroundPosition: "-192px -192px" });
});

test("neighbours say which label they bear", () => {
  const item = { given: "cat", suggested: "dog" };
  assert.deepEqual(["cat", "dog", "car", null].map((label) => sideOf({ label }, item)), ["given", "suggested", "", ""]);
  assert.equal(sideOf({ label: null }, { given: null, suggested: null }), "");
  assert.deepEqual(["given", "suggested", ""].map(sideMark), ["= ", "→ ", ""]);
});

test("twelve neighbours make whole lines", () => {
  assert.deepEqual([600, 599, 400, 399, 300, 299, 0].map((room) => columnsIn(room, 100)), [6, 4, 4, 3, 3, 2, 2]);
});

test("numbers have the digits that tell something", () => {
  assert.deepEqual([null, 0, 0.05, -0.05, 0.5, 99.999, 100, -1234.5].map(number), ["–", "0.00", "0.050", "-0.050", "0.50", "100.00", "100", "-1235"]);
});

test("random names are hexadecimal, of the asked length, and differ", () => {
  const names = Array.from({ length: 50 }, () => randomHex(16));
  assert.ok(names.every((name) => /^[0-9a-f]{32}$/.test(name)));
  assert.equal(new Set(names).size, 50);
});

test("addresses of pictures", () => {
  assert.equal(imageUrl("abc", 7), "/api/image/abc/7.png");
  assert.equal(thumbUrl("abc", 7), "/api/thumb/abc/7.png");
  assert.equal(spriteUrl("f00", 32), "/api/sprite/f00/32.png");
  assert.equal(spriteAt("/api/sprite/f00/96.png", 192), "/api/sprite/f00/192.png");
  assert.equal(cropUrl("abc", 7, { x: 1, y: 2, w: 3, h: 4 }), "/api/crop/abc/7.png?x=1&y=2&w=3&h=4");
});

test("a refusal becomes an error of one line, an answer is read", async () => {
  await assert.rejects(checked(new Response("no such row\nmore", { status: 404 })), { message: "no such row" });
  assert.deepEqual(await answerOf(Response.json({ head: 3 })), { head: 3 });
});

test("what is sent carries the token that lets a page write", async (t) => {
  const sent = t.mock.method(globalThis, "fetch", async () => new Response());
  await post("/api/select", "t0k3n", { key: "k" });
  const [path, { method, headers, body }] = sent.mock.calls[0].arguments;
  assert.deepEqual([path, method, headers["X-Taster-Token"], body], ["/api/select", "POST", "t0k3n", '{"key":"k"}']);
});
