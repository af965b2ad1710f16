// What is shown of each row: the server's state, overlaid with what is on its way.
import assert from "node:assert/strict";
import { test } from "node:test";
import { GroupDecisions } from "../../assets/components/audit/group_decisions.js";
import { Decisions, touches } from "../../assets/components/shared/decisions.js";
import { browser, settled } from "./browser.mjs";

const WRITE = { token: "t", reviewer: "Ada" };
const state = (row, action, seq, label = "") => ({ row, action, label, reviewer: "Ada", seq });
const never = () => new Promise(() => {});

/* decide: answers to what is sent.  past: what the server knows at first. */
async function opened(t, decide, past = [], make = (changed) => new Decisions(changed, () => {})) {
  const changes = [];
  const sent = browser(t, (path, body) => (path.startsWith("/api/decisions/") ? Response.json({ head: past.length, changes: past }) : decide(path, body)));
  const decisions = make((rows, why) => changes.push([why, ...rows]));
  t.after(() => decisions.close());
  decisions.configure(WRITE, "scan");
  await decisions.known;
  await settled();
  return { decisions, changes, sent };
}

test("the past is known before anything is shown", async (t) => {
  const { decisions, changes } = await opened(t, never, [state(3, "keep", 1), state(4, "relabel", 2, "<i>dog</i>")]);
  assert.deepEqual([decisions.shown(3).action, decisions.shown(4).label, decisions.shown(5).action], ["keep", "<i>dog</i>", null]);
  assert.deepEqual(changes, [["poll", 3, 4]]);
});

test("a decision is shown at once, as one on its way", async (t) => {
  const { decisions, changes } = await opened(t, never);
  decisions.decide([1, 2], "relabel", "dog");
  assert.deepEqual(decisions.shown(2), { action: "relabel", label: "dog", reviewer: "Ada", pending: true });
  assert.deepEqual([decisions.status().pending, changes], [1, [["mine", 1, 2]]]);
});

test("what the server has is no longer on its way", async (t) => {
  const { decisions } = await opened(t, () => Response.json({ head: 5, changes: [state(1, "keep", 5)] }));
  decisions.decide([1], "keep");
  await settled();
  assert.equal(decisions.shown(1).pending, undefined);
  assert.deepEqual([decisions.shown(1).action, decisions.status()], ["keep", { pending: 0, trouble: "", stopped: false, rejected: 0, lastSaved: 5 }]);
});

test("the newest decision on its way is the one that is shown", async (t) => {
  const { decisions } = await opened(t, never);
  decisions.decide([1, 2], "keep");
  decisions.decide([2], "exclude");
  assert.deepEqual([decisions.shown(1).action, decisions.shown(2).action], ["keep", "exclude"]);
});

test("what could not be sent is shown as not saved, over what holds", async (t) => {
  const { decisions } = await opened(t, () => new TypeError("away"), [state(1, "keep", 1)]);
  decisions.decide([1], "exclude");
  await settled();
  assert.deepEqual([decisions.shown(1).action, decisions.shown(1).unsaved], ["keep", true]);
});

test("undo shows what held before, and names the rows", async (t) => {
  const { decisions, sent } = await opened(t, never, [state(1, "keep", 1)]);
  decisions.decide([1, 2], "exclude");
  assert.deepEqual(decisions.undo(), [1, 2]);
  assert.deepEqual([decisions.shown(1).action, decisions.shown(2).action], ["keep", null]);
  assert.equal(sent.length, 1, "the undo waits for its decision");
});

test("undo of what an earlier page decided is left to the server", async (t) => {
  const { decisions, changes, sent } = await opened(t, () => Response.json({ head: 2, changes: [state(1, null, 2)] }), [state(1, "keep", 1)]);
  assert.deepEqual(decisions.undo(), []);
  await settled();
  assert.deepEqual([sent[0].path, decisions.shown(1).action], ["/api/undo", null]);
  assert.deepEqual(changes.filter(([why]) => why === "undone"), [["undone", 1]]);
});

test("a refused decision is gone, and cannot be taken back", async (t) => {
  const { decisions, changes } = await opened(t, () => new Response("no", { status: 400 }));
  decisions.decide([1], "keep");
  await settled();
  assert.deepEqual([decisions.shown(1).action, decisions.history, decisions.status().rejected], [null, [], 1]);
  assert.deepEqual(changes.at(-1), ["refused", 1]);
});

test("an older answer never replaces a newer state", async (t) => {
  const { decisions } = await opened(t, never);
  decisions.take({ head: 9, changes: [state(1, "exclude", 9)] }, "poll");
  decisions.take({ head: 4, changes: [state(1, "keep", 4)] }, "poll");
  assert.equal(decisions.shown(1).action, "exclude");
});

test("only what has changed is told", async (t) => {
  const { decisions, changes } = await opened(t, never);
  decisions.take({ head: 1, changes: [state(1, "keep", 1), state(2, "keep", 1)] }, "poll");
  decisions.take({ head: 2, changes: [state(1, "keep", 1), state(2, "exclude", 2)] }, "poll");
  assert.deepEqual(changes, [["poll", 1, 2], ["poll", 2]]);
});

test("others' decisions are asked for every second and a half, from where it stopped", async (t) => {
  const { decisions } = await opened(t, never, [state(1, "keep", 1)]);
  const asked = () => fetch.mock.calls.map(({ arguments: [path] }) => path);
  assert.deepEqual(asked(), ["/api/decisions/scan?after=0"]);
  t.mock.timers.tick(1500);
  await settled();
  assert.deepEqual(asked().slice(1), ["/api/decisions/scan?after=1"]);
  decisions.close();
  t.mock.timers.tick(60_000);
  await settled();
  assert.equal(asked().length, 2, "a closed one asks no more");
});

test("a hidden page asks nothing", async (t) => {
  await opened(t, never);
  document.hidden = true;
  t.mock.timers.tick(1500);
  await settled();
  assert.equal(fetch.mock.calls.length, 1);
});

test("another scan begins with nothing", async (t) => {
  const { decisions } = await opened(t, never, [state(1, "keep", 1)]);
  decisions.decide([2], "keep");
  decisions.configure(WRITE, "another");
  assert.deepEqual([decisions.shown(1).action, decisions.shown(2).action, decisions.history], [null, null, []]);
});

test("an entry speaks of its rows, an undo of those that it restores", () => {
  assert.deepEqual(touches({ body: { rows: [1, 2] } }), [1, 2]);
  assert.deepEqual([touches({ body: {}, restores: new Map([[3, {}]]) }), touches({ body: {} })], [[3], []]);
});

const group = (told) => (changed) => new GroupDecisions(changed, () => {}, (entry, answer) => told.push([entry.path, answer && answer.event]));

test("a group is one entry with an action and a label for each row", async (t) => {
  const { decisions, sent } = await opened(t, never, [], group([]));
  decisions.group([5, 6], { actions: ["relabel", "exclude"], labels: [2, -1], undecided: true }, "finding:t1", "why");
  const { actions, labels, undecided, note, rows, group: name } = sent[0].body;
  assert.equal(name, "finding:t1");
  assert.deepEqual({ actions, labels, undecided, note, rows }, { actions: ["relabel", "exclude"], labels: [2, -1], undecided: true, note: "why", rows: [5, 6] });
  assert.deepEqual([decisions.shown(5).action, decisions.shown(6).action], ["relabel", "exclude"]);
});

test("a group of one action says nothing of what it has not", async (t) => {
  const { decisions, sent } = await opened(t, never, [], group([]));
  decisions.group([5], { action: "exclude", labels: null }, "finding:t1", "why");
  const { session, ...said } = sent[0].body;
  assert.deepEqual(said, { key: "scan", reviewer: "Ada", seq: 0, rows: [5], action: "exclude", label: "", group: "finding:t1", note: "why" });
  assert.equal(session.length, 32);
});

test("the event that the server names is told, and a refusal as none", async (t) => {
  const told = [];
  const { decisions } = await opened(t, (path) => (path === "/api/decide" ? Response.json({ head: 1, changes: [], event: "e1" }) : new Response("no", { status: 409 })), [], group(told));
  decisions.group([5], { action: "exclude" }, "");
  await settled();
  decisions.undoEvent("e1");
  await settled();
  assert.deepEqual(told, [["/api/decide", "e1"], ["/api/undo", null]]);
});
