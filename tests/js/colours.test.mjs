// The map's colours, legend and words.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DECISION_NAMES, factsOf, legend, schemeOf, shownLines, tints } from "../../assets/components/map/colouring.js";
import { classColours, decisionColours, hexRgb, hslRgb, nothingColour, rampColour } from "../../assets/components/map/palette.js";
import { NO_LABEL, NONE, PointSet } from "../../assets/components/map/points.js";
import { pack, randoms } from "./points.mjs";

const NAMES = {
  classes: ["<b>ship</b>", "cat"],
  verdicts: { names: ["clean", "label mistake"], colours: { light: ["#010203", "#040506"], dark: ["#111213", "#141516"] } },
};
const ROWS = [
  { suspicion: 0, verdict: 0, label: 0 },
  { suspicion: 254, verdict: 1, label: 1 },
  { suspicion: 127, verdict: 1, label: 1 },
  { suspicion: NONE, verdict: NONE, label: NO_LABEL },
];
const points = () => new PointSet(pack(ROWS));
const luminance = (rgb) => {
  const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a, b) => {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
};
const GROUND = { light: [255, 255, 255], dark: [18, 22, 28] };

test("hexadecimal colours are read", () => assert.deepEqual(hexRgb("#0a80ff"), [10, 128, 255]));

test("hue, saturation and lightness become red, green and blue", () => {
  assert.deepEqual([hslRgb(0, 100, 50), hslRgb(120, 100, 50), hslRgb(240, 100, 50)], [[255, 0, 0], [0, 255, 0], [0, 0, 255]]);
  assert.deepEqual([hslRgb(200, 0, 50), hslRgb(77, 65, 0), hslRgb(77, 65, 100)], [[128, 128, 128], [0, 0, 0], [255, 255, 255]]);
  assert.deepEqual(hslRgb(60, 100, 25), [128, 128, 0]);
});

for (const [shade, dark] of [["light", false], ["dark", true]]) {
  test(`up to ten classes and all decisions stand 3 : 1 off a ${shade} ground`, () => {
    for (const colour of [...classColours(10, dark), ...decisionColours(dark)]) assert.ok(contrast(colour, GROUND[shade]) >= 3, String(colour));
    assert.equal(decisionColours(dark).length, DECISION_NAMES.length);
  });

  test(`the ramp of suspicion leads away from a ${shade} ground`, () => {
    const steps = Array.from({ length: 20 }, (_, i) => contrast(rampColour(i / 19, dark), GROUND[shade]));
    steps.slice(1).forEach((step, i) => assert.ok(step > steps[i]));
  });

  test(`a thousand classes have a colour each on a ${shade} ground, and neighbours differ`, () => {
    const colours = classColours(1000, dark);
    assert.equal(colours.length, 1000);
    assert.ok(colours.flat().every((v) => Number.isInteger(v) && v >= 0 && v <= 255));
    colours.slice(1).forEach((colour, i) => assert.ok(colour.some((v, c) => Math.abs(v - colours[i][c]) > 40)));
  });
}

test("both ends of the ramp are its first and last colour", () => {
  assert.deepEqual([rampColour(0, false), rampColour(1, false)], [hexRgb("#b9c0c9"), hexRgb("#560224")]);
});

test("by label: names as they are, a line for those without", () => {
  const scheme = schemeOf(points(), "label", false, NAMES);
  assert.deepEqual(scheme.entries.map(({ name }) => name), ["<b>ship</b>", "cat", "unlabelled"]);
  assert.deepEqual([0, 1, 2, 3].map(scheme.of), [0, 1, 1, 2]);
  assert.deepEqual(scheme.colour(3), nothingColour(false));
});

test("by verdict: words and colours are Python's, for either ground", () => {
  assert.deepEqual(schemeOf(points(), "verdict", false, NAMES).entries, [{ name: "clean", colour: [1, 2, 3] }, { name: "label mistake", colour: [4, 5, 6] }, { name: "no verdict", colour: nothingColour(false) }]);
  assert.deepEqual(schemeOf(points(), "verdict", true, NAMES).colour(1), [20, 21, 22]);
});

test("by decision: what is not decided is no gap in the list", () => {
  const set = points();
  set.setDecision(1, "exclude");
  const scheme = schemeOf(set, "decision", false, NAMES);
  assert.deepEqual(scheme.entries.map(({ name }) => name), DECISION_NAMES);
  assert.deepEqual([0, 1].map(scheme.of), [0, 3]);
});

test("by suspicion: fifths, the most suspicious first, and those not scored last", () => {
  const set = new PointSet(pack([0, 50, 51, 127, 203, 204, 254, NONE].map((suspicion) => ({ suspicion }))));
  const scheme = schemeOf(set, "suspicion", false, NAMES);
  assert.deepEqual(scheme.entries.map(({ name }) => name), ["0.8 – 1.0", "0.6 – 0.8", "0.4 – 0.6", "0.2 – 0.4", "0.0 – 0.2", "not scored"]);
  assert.deepEqual(Array.from({ length: 8 }, (_, i) => scheme.of(i)), [4, 4, 3, 2, 1, 0, 0, 5]);
  assert.deepEqual([scheme.colour(6), scheme.colour(7)], [rampColour(1, false), nothingColour(false)]);
});

test("a label beyond the list falls to the last line instead of failing", () => {
  const scheme = schemeOf(new PointSet(pack([{ label: 77 }])), "label", false, NAMES);
  assert.equal(scheme.entries[scheme.of(0)].name, "unlabelled");
});

test("a legend counts what is shown, and says unlabelled only where something is", () => {
  const set = points(), scheme = schemeOf(set, "label", false, NAMES);
  assert.deepEqual(legend(set, scheme, null).map(({ i, count }) => [i, count]), [[0, 1], [1, 2], [2, 1]]);
  assert.deepEqual(legend(set, scheme, Uint8Array.of(0, 1, 1, 0)).map(({ i, count }) => [i, count]), [[0, 0], [1, 2]]);
});

test("counts add up to all points, whatever the scheme", () => {
  const set = new PointSet(pack(randoms(300)));
  for (const by of ["label", "suspicion", "verdict", "decision"]) {
    assert.equal(legend(set, schemeOf(set, by, true, NAMES), null).reduce((sum, { count }) => sum + count, 0), 300, by);
  }
});

const alphaAndLit = (out) => [0, 1, 2, 3].map((i) => [out[8 * i + 3], out[8 * i + 4]]);

test("suspects are drawn strongest, and points not scored are no suspects", () => {
  const set = points(), out = tints(set, schemeOf(set, "label", false, NAMES), null, null, false, new Uint8Array(32));
  assert.deepEqual(alphaAndLit(out), [[215, 128], [255, 255], [255, 255], [215, 128]]);
  assert.deepEqual([...out.slice(0, 3)], classColours(2, false)[0]);
});

test("what is not selected, or not of the emphasised line, turns grey", () => {
  const set = points(), scheme = schemeOf(set, "label", false, NAMES);
  const selected = tints(set, scheme, Uint8Array.of(1, 0, 0, 1), null, false, new Uint8Array(32));
  assert.deepEqual(alphaAndLit(selected), [[215, 128], [70, 0], [70, 0], [215, 128]]);
  assert.deepEqual([...selected.slice(8, 11)], [150, 156, 164]);
  const emphasised = tints(set, scheme, Uint8Array.of(1, 1, 0, 1), 1, false, new Uint8Array(32));
  assert.deepEqual(alphaAndLit(emphasised), [[70, 0], [255, 255], [70, 0], [70, 0]]);
});

test("the facts of a point in words", () => {
  const set = points();
  set.setDecision(1, "relabel");
  assert.deepEqual(factsOf(set, 1, NAMES), { label: "cat", suspicion: "1.00", verdict: "label mistake", decision: "relabelled" });
  assert.deepEqual(factsOf(set, 3, NAMES), { label: "unlabelled", suspicion: "not scored", verdict: "none", decision: "undecided" });
});

test("a legend of many classes shows the largest, a search all, and always the chosen one", () => {
  const lines = Array.from({ length: 1000 }, (_, i) => ({ name: `class ${i}`, i, count: i }));
  const first = shownLines(lines, "", false, null);
  assert.deepEqual([first.shown.length, first.left, first.searchable, first.shown[0].i], [20, 980, true, 999]);
  assert.ok(shownLines(lines, "", false, 3).shown.some(({ i }) => i === 3));
  assert.deepEqual(shownLines(lines, " CLASS 99", false, null).shown.map(({ i }) => i).slice(0, 2), [999, 998]);
  assert.equal(shownLines(lines, "", true, null).shown.length, 1000);
  assert.deepEqual(shownLines(lines, "nothing", true, null).shown, []);
  assert.deepEqual(shownLines(lines.slice(0, 30), "ignored", false, null), { shown: lines.slice(0, 30), left: 0, searchable: false });
});
