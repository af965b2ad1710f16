// The gallery's pages, its way by keys, its choice and what is decided on it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { acceptOf, groupsOf } from "../../assets/components/gallery/accepting.js";
import { Choice } from "../../assets/components/gallery/choice.js";
import { lastPage, pageQuery, pageWithin, placesOf, rangeWords, signOf, thresholdCut, typedPage } from "../../assets/components/gallery/paging.js";
import { confidenceWords, scoreWords, suggestionWords } from "../../assets/components/gallery/tile_words.js";
import { linesOf, screenful, target, vertical } from "../../assets/components/gallery/walking.js";

test("there is always a page, and the last may be short", () => {
  assert.deepEqual([0, 1, 200, 201, 400].map((total) => lastPage(total, 200)), [1, 1, 1, 2, 2]);
});

test("a page beyond either end is the one at that end", () => {
  assert.deepEqual([-3, 0, 1, 4, 9].map((number) => pageWithin(number, 4)), [1, 1, 1, 4, 4]);
});

test("a page is asked for from its first image on", () => {
  assert.equal(pageQuery(1, 200), "from=0&count=200");
  assert.equal(pageQuery(3, 50), "from=100&count=50");
});

test("a typed number may have parts; what is no number is none", () => {
  assert.deepEqual(["12", " 1,234 ", "page 7", "", "x", "-2"].map(typedPage), [12, 1234, 7, 0, 0, 2]);
});

test("lists with the same signs are one list", () => {
  const list = { token: "t", total: 9, heading: "", selected: [] };
  assert.equal(signOf(list), signOf({ token: "t", total: 9, heading: "", threshold_at: null, page: { number: 3 } }));
  for (const change of [{ token: "u" }, { total: 8 }, { threshold_at: 0 }, { heading: "drawn" }, { selected: [4] }]) assert.notEqual(signOf(list), signOf({ ...list, ...change }));
});

test("the line between suspicious and not cuts the page that it falls on", () => {
  assert.equal(thresholdCut(3, 0, 10, 20), 3);
  assert.equal(thresholdCut(13, 0, 10, 20), -1);
  assert.equal(thresholdCut(13, 10, 10, 20), 3);
  assert.equal(thresholdCut(3, 10, 10, 20), -1);
});

test("at the seam of two pages it opens the second; at the end of all it closes the last", () => {
  assert.equal(thresholdCut(10, 0, 10, 20), -1);
  assert.equal(thresholdCut(10, 10, 10, 20), 0);
  assert.equal(thresholdCut(20, 10, 10, 20), 10);
  assert.equal(thresholdCut(0, 0, 10, 20), 0);
});

test("without a line there is no cut", () => {
  assert.deepEqual([thresholdCut(undefined, 0, 10, 10), thresholdCut(null, 0, 10, 10), thresholdCut(null, 0, 0, 0)], [-1, -1, -1]);
});

test("what a page shows of how many", () => {
  assert.equal(rangeWords(200, 200, 1000), "201–400 of 1,000 images");
  assert.equal(rangeWords(0, 1, 1), "1 image");
  assert.equal(rangeWords(0, 0, 0), "0 images");
});

test("rows chosen at first are found on this page only", () => {
  assert.deepEqual(placesOf([30, 99, 10], [10, 20, 30]), [2, 0]);
  assert.deepEqual(placesOf(undefined, [10]), []);
});

// two lines of four and, after the threshold, one of two
const TOPS = [0, 0, 0, 0, 100, 100, 100, 100, 230, 230], LEFTS = [0, 110, 220, 330, 0, 110, 220, 330, 0, 110];
const layout = () => ({ lines: linesOf(TOPS), lefts: LEFTS, screen: 2 });

test("tiles of one height make a line", () => {
  assert.deepEqual(linesOf(TOPS), [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]);
  assert.deepEqual(linesOf([]), []);
});

test("arrows to the side stop at the ends and measure nothing", () => {
  const never = () => assert.fail("nothing had to be measured");
  assert.deepEqual([target("ArrowRight", 3, 10, never), target("ArrowRight", 9, 10, never), target("ArrowLeft", 0, 10, never)], [4, 9, 0]);
  assert.deepEqual([target("Home", 5, 10, never), target("End", 5, 10, never)], [0, 9]);
  assert.deepEqual([target("x", 5, 10, never), target("Enter", 5, 10, never), target("constructor", 5, 10, never)], [null, null, null]);
});

test("arrows up and down stay in the column", () => {
  assert.deepEqual([target("ArrowDown", 1, 10, layout), target("ArrowUp", 6, 10, layout)], [5, 2]);
});

test("in a short line the nearest column is taken", () => {
  assert.equal(target("ArrowDown", 7, 10, layout), 9);
  assert.equal(vertical(9, -1, linesOf(TOPS), LEFTS), 5);
});

test("the first and the last line hold", () => {
  assert.deepEqual([target("ArrowUp", 2, 10, layout), target("ArrowDown", 8, 10, layout)], [2, 8]);
});

test("pages up and down go by a screenful", () => {
  assert.deepEqual([target("PageDown", 1, 10, layout), target("PageUp", 8, 10, layout), target("PageDown", 4, 10, layout)], [9, 0, 8]);
  assert.deepEqual([screenful(800, 192), screenful(100, 192)], [3, 1]);
});

test("a place is chosen and put back", () => {
  const choice = new Choice();
  choice.toggle(3);
  choice.toggle(1);
  assert.deepEqual([choice.sorted, choice.size, choice.has(3)], [[1, 3], 2, true]);
  choice.toggle(3);
  assert.deepEqual(choice.sorted, [1]);
});

test("a range reaches from the last toggled place, either way, and keeps the rest", () => {
  const choice = new Choice([9]);
  choice.toggle(4);
  choice.extend(6);
  choice.extend(3);
  assert.deepEqual(choice.sorted, [3, 4, 5, 6, 9]);
});

test("all and none", () => {
  const choice = new Choice();
  choice.all(12);
  assert.deepEqual(choice.sorted, Array.from({ length: 12 }, (_, i) => i));
  choice.clear();
  assert.equal(choice.size, 0);
});

test("accepting is relabelling, or keeping where the suggestion agrees", () => {
  assert.deepEqual(acceptOf({ given: "cat", suggested: "dog" }), { action: "relabel", label: "dog" });
  assert.deepEqual(acceptOf({ given: "cat", suggested: "cat" }), { action: "keep", label: "" });
  assert.deepEqual([acceptOf({ given: "cat", suggested: null }), acceptOf({ given: "cat" })], [null, null]);
});

test("accepting many makes one event of each label, and counts those without a suggestion", () => {
  const tile = (given, suggested) => ({ given, suggested });
  const chosen = [[7, tile("a", "b")], [8, tile("b", "b")], [9, tile("c", "b")], [10, tile("c", null)]];
  const { groups, without } = groupsOf(chosen, "accept", "");
  assert.deepEqual([...groups].map(([name, rows]) => [JSON.parse(name), rows]), [[["relabel", "b"], [7, 9]], [["keep", ""], [8]]]);
  assert.equal(without, 1);
});

test("any other action is one event, also for odd names", () => {
  const { groups, without } = groupsOf([[1, {}], [2, {}]], "relabel", '"],["');
  assert.deepEqual([...groups].map(([name, rows]) => [...JSON.parse(name), rows]), [["relabel", '"],["', [1, 2]]]);
  assert.equal(without, 0);
});

test("scores and suggestions in words", () => {
  assert.deepEqual([scoreWords({ score: 0 }, 2), scoreWords({ score: null }, 2), scoreWords({}, 3, "not scored")], ["0.00", "", "not scored"]);
  assert.deepEqual([confidenceWords({ confidence: 0.5 }), confidenceWords({})], ["50 %", ""]);
  assert.equal(suggestionWords({ suggested: "dog", confidence: 0.934 }), "dog, 93 % sure");
  assert.deepEqual([suggestionWords({ suggested: "dog", confidence: null }), suggestionWords({ suggested: null })], ["dog", "none"]);
});
