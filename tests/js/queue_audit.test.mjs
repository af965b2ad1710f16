// What keys decide in the relabel queue, and what an audit proves.
import assert from "node:assert/strict";
import { test } from "node:test";
import { doneWords, keptWords, outcomeWords, rangeWords, replacedWords } from "../../assets/components/audit/audit_words.js";
import { effectOf, openOnly, outcomeOf } from "../../assets/components/audit/outcome.js";
import { choiceOf, countActions, relabelOrKeep } from "../../assets/components/queue/choices.js";

const ITEM = { given: "cat", proposal: { action: "relabel", label: "dog" }, candidates: [{ label: "dog" }, { label: "cat" }] };

test("K, X and N say what they do", () => {
  assert.deepEqual(["k", "x", "n"].map((key) => choiceOf(key, ITEM)), ["keep", "exclude", "needs_review"].map((action) => ({ action, label: "" })));
});

test("A does what is proposed, and nothing where nothing is", () => {
  assert.deepEqual(choiceOf("a", ITEM), { action: "relabel", label: "dog" });
  assert.deepEqual(choiceOf("a", { ...ITEM, proposal: { action: "exclude", label: "dog" } }), { action: "exclude", label: "" });
  assert.equal(choiceOf("a", { ...ITEM, proposal: null }), null);
});

test("digits relabel to a candidate; the given class is kept", () => {
  assert.deepEqual([choiceOf("1", ITEM), choiceOf("2", ITEM)], [{ action: "relabel", label: "dog" }, { action: "keep", label: "" }]);
  assert.deepEqual(["3", "0", "12", "x1", "", " ", "Enter", "constructor", "__proto__"].map((key) => choiceOf(key, ITEM)), Array(9).fill(null));
});

test("a class that is searched for may be the given one", () => {
  assert.deepEqual([relabelOrKeep("cat", "cat"), relabelOrKeep("", null)], [{ action: "keep", label: "" }, { action: "relabel", label: "" }]);
});

test("actions are counted, undecided ones are not", () => {
  assert.deepEqual(countActions(["keep", null, "keep", "exclude", null]), { keep: 2, exclude: 1 });
});

const WORDS = { one: "carrier", many: "carriers", hit: "poisoned", miss: "not poisoned", answers: [{ key: "p", counts: "hit" }, { key: "n", counts: "miss" }, { key: "s", counts: "unsure" }] };
const SIZE = { m: 4, bounds: [[0, 0.6], [0.01, 0.8], [0.07, 0.93], [0.19, 0.99], [0.4, 1]], notes: ["n0", "n1", "n2", "n3", "n4"] };

test("an outcome takes bounds and note of its number of hits", () => {
  assert.deepEqual(outcomeOf(["p", "p", "n", "p"], SIZE, WORDS), { hits: 3, unsure: 0, m: 4, low: 0.19, high: 0.99, note: "n3" });
});

test("not sure is no hit, and the note says so", () => {
  assert.deepEqual(outcomeOf(["s", "p", "s", "n"], SIZE, WORDS), { hits: 1, unsure: 2, m: 4, low: 0.01, high: 0.8, note: "n1; 2 not sure, counted as not poisoned" });
});

test("an answer that is not known counts as nothing", () => {
  assert.equal(outcomeOf(["?", undefined, "n", "n"], SIZE, WORDS).hits, 0);
});

test("intervals are rounded outwards", () => {
  assert.equal(rangeWords(0.129, 0.871), "12–88 %");
  assert.equal(rangeWords(0, 1), "0–100 %");
  assert.equal(rangeWords(0.29, 0.57), "29–57 %", "29 % is no 28.999… %");
});

test("a sample gives an estimate, all images none", () => {
  assert.match(outcomeWords({ hits: 3, m: 4, low: 0.19, high: 0.99 }, 1234, WORDS), /^So of all 1,234 carriers, 19–99 % are poisoned, with 95 % confidence/);
  assert.equal(outcomeWords({ hits: 3, m: 4, low: 0.75, high: 0.75 }, 4, WORDS), "Every carrier was looked at, so this is no estimate: 3 of 4 are poisoned.");
});

test("the effect of an action counts what is decided already", () => {
  const decided = (row) => row === 5;
  assert.deepEqual(effectOf([4, 5, 6], ["relabel", "exclude", "exclude"], decided), { all: 3, decided: 1, counts: { relabel: 1, exclude: 1 } });
  assert.deepEqual(effectOf([4, 5, 6], null, decided), { all: 3, decided: 1, counts: {} });
});

test("what leaves decisions alone loses their rows, with their actions and labels", () => {
  const chosen = { undecided: true, actions: ["relabel", "exclude", "relabel"], labels: [1, -1, 2] };
  assert.deepEqual(openOnly([4, 5, 6], chosen, (row) => row === 4), { rows: [5, 6], actions: ["exclude", "relabel"], labels: [-1, 2] });
});

test("what replaces decisions keeps all rows", () => {
  assert.deepEqual(openOnly([4, 5], { labels: null }, () => true), { rows: [4, 5], actions: undefined, labels: null });
});

test("an action says what it does and what it leaves", () => {
  assert.equal(keptWords({ relabel: 2, exclude: 1 }, 1, 3), "2 images get the labels proposed, 1 image is left out of the cleansed set. 1 image that somebody has decided stays as it is.");
  assert.equal(keptWords({ relabel: 1 }, 0, 1), "1 image gets the label proposed.");
  assert.equal(keptWords({}, 3, 0), "All of them are decided already.");
});

test("an action says what it replaces", () => {
  assert.equal(replacedWords(3, 0), "");
  assert.equal(replacedWords(1, 1), " It has a decision already, which this one replaces.");
  assert.equal(replacedWords(3, 3), " All of them have a decision already, which this one replaces.");
  assert.equal(replacedWords(3000, 1200), " 1,200 of them have a decision already, which this one replaces.");
});

test("what was done is said", () => {
  assert.equal(doneWords({ images: 1200, action: "relabel" }), "1,200 images relabelled to their suggestions");
  assert.equal(doneWords({ images: 1, action: "other" }), "1 image other");
});
