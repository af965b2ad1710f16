// Decisions on their way: in order, under numbers that never repeat, kept until the server has them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Outbox } from "../../assets/components/shared/outbox.js";
import { browser, settled, stored } from "./browser.mjs";

const WRITE = { token: "t", reviewer: "Ada" };

function opened(t) {
  const said = [], outbox = new Outbox((entry, answer) => said.push(["saved", entry.body.seq, answer.head]), (entry) => said.push(["refused", entry.body.seq]), () => {});
  t.after(() => outbox.close());
  outbox.configure(WRITE, "scan");
  return { outbox, said };
}

test("entries are numbered and signed, and sent one after another", async (t) => {
  let release;
  const first = new Promise((resolve) => { release = resolve; });
  const sent = browser(t, async (path, body) => { if (body.seq === 0) await first; return Response.json({ head: 10 + body.seq }); });
  const { outbox, said } = opened(t);
  for (const rows of [[1], [2], [3]]) outbox.add("/api/decide", { rows, action: "keep" });
  await settled();
  assert.equal(sent.length, 1, "the second waits for the first");
  release();
  await settled();
  assert.deepEqual(sent.map(({ body }) => [body.seq, ...body.rows]), [[0, 1], [1, 2], [2, 3]]);
  assert.deepEqual(sent[0], { path: "/api/decide", token: "t", body: { key: "scan", reviewer: "Ada", session: outbox.session, seq: 0, rows: [1], action: "keep" } });
  assert.deepEqual(said, [["saved", 0, 10], ["saved", 1, 11], ["saved", 2, 12]]);
});

test("every outbox has a session of its own", (t) => {
  browser(t);
  assert.notEqual(opened(t).outbox.session, opened(t).outbox.session);
});

test("what is on its way lies in the storage, what has arrived does not", async (t) => {
  browser(t);
  const { outbox } = opened(t);
  outbox.add("/api/decide", { rows: [1] });
  const [[name, held]] = stored();
  assert.equal(name, `taster:outbox:${outbox.session}`);
  assert.deepEqual([held.key, held.entries.length, held.entries[0].body.rows], ["scan", 1, [1]]);
  await settled();
  assert.deepEqual(stored(), []);
});

test("a server that fails is asked again under the same number, ever more slowly, at most every ten seconds", async (t) => {
  const sent = browser(t, () => new Response("Traceback", { status: 500 }));
  const { outbox, said } = opened(t);
  outbox.add("/api/decide", { rows: [1] });
  await settled();
  assert.equal(outbox.trouble, "Not saved – the server failed; trying again");
  for (const delay of [500, 1000, 2000, 4000, 8000, 10_000, 10_000]) {
    const before = sent.length;
    t.mock.timers.tick(delay - 1);
    await settled();
    assert.equal(sent.length, before);
    t.mock.timers.tick(1);
    await settled();
    assert.equal(sent.length, before + 1);
  }
  assert.deepEqual(new Set(sent.map(({ body }) => body.seq)), new Set([0]));
  assert.ok(said.every(([what]) => what === "refused"));
});

test("a server that is away is told by name, and nothing is lost when it comes back", async (t) => {
  let away = true;
  const sent = browser(t, () => (away ? new TypeError("network") : Response.json({ head: 4 })));
  const { outbox, said } = opened(t);
  outbox.add("/api/decide", { rows: [1] });
  outbox.add("/api/decide", { rows: [2] });
  await settled();
  assert.match(outbox.trouble, /the server does not answer; trying again/);
  away = false;
  t.mock.timers.tick(500);
  await settled();
  assert.deepEqual(sent.map(({ body }) => body.seq), [0, 0, 1]);
  assert.deepEqual([said.slice(1), outbox.trouble, outbox.entries], [[["saved", 0, 4], ["saved", 1, 4]], "", []]);
});

test("a busy database is told in its own words, and asked again", async (t) => {
  browser(t, () => new Response("the database is busy", { status: 503 }));
  const { outbox } = opened(t);
  outbox.add("/api/decide", { rows: [1] });
  await settled();
  assert.equal(outbox.trouble, "Not saved – the database is busy; trying again");
});

test("what the server refuses is put aside, the next goes on", async (t) => {
  browser(t, (path, body) => (body.seq === 0 ? new Response("no such class\nmore", { status: 400 }) : Response.json({ head: 2 })));
  const { outbox, said } = opened(t);
  outbox.add("/api/decide", { rows: [1] });
  outbox.add("/api/decide", { rows: [2] });
  await settled();
  assert.deepEqual(said, [["refused", 0], ["saved", 1, 2]]);
  assert.deepEqual([outbox.rejected.length, outbox.trouble], [1, "Not saved – no such class"]);
});

test("a refusal without words is told by its number", async (t) => {
  browser(t, () => new Response("", { status: 413 }));
  const { outbox } = opened(t);
  outbox.add("/api/decide", { rows: [1] });
  await settled();
  assert.equal(outbox.trouble, "Not saved – status 413");
});

test("the undo of a decision that was refused goes with it", async (t) => {
  const sent = browser(t, () => new Response("no", { status: 400 }));
  const { outbox } = opened(t);
  const entry = outbox.add("/api/decide", { rows: [1] });
  outbox.add("/api/undo", {}, { takesBack: entry });
  await settled();
  assert.deepEqual([sent.length, outbox.entries], [1, []]);
});

test("Retry sends what was refused again, under its old number and before newer ones", async (t) => {
  let refuses = true;
  const sent = browser(t, () => (refuses ? new Response("no", { status: 400 }) : Response.json({ head: 9 })));
  const { outbox } = opened(t);
  outbox.add("/api/decide", { rows: [1] });
  await settled();
  refuses = false;
  outbox.retry();
  outbox.add("/api/decide", { rows: [2] });
  await settled();
  assert.deepEqual(sent.map(({ body }) => body.seq), [0, 0, 1]);
  assert.deepEqual([outbox.rejected, outbox.trouble], [[], ""]);
});

test("Dismiss forgets what was refused", async (t) => {
  browser(t, () => new Response("no", { status: 400 }));
  const { outbox } = opened(t);
  outbox.add("/api/decide", { rows: [1] });
  await settled();
  outbox.dismiss();
  assert.deepEqual([outbox.rejected, outbox.trouble, stored()], [[], "", []]);
});

test("with an old token nothing more is sent, until there is a new one", async (t) => {
  const sent = browser(t, () => (sent.at(-1).token === "new" ? Response.json({ head: 1 }) : new Response("reload the page", { status: 403 })));
  const { outbox, said } = opened(t);
  outbox.add("/api/decide", { rows: [1] });
  await settled();
  outbox.add("/api/decide", { rows: [2] });
  t.mock.timers.tick(60_000);
  await settled();
  assert.deepEqual([sent.length, outbox.stopped, outbox.trouble, outbox.entries.length], [1, true, "Not saved – reload the page", 2]);
  outbox.configure({ token: "new", reviewer: "Ada" }, "scan");
  await settled();
  assert.deepEqual(said.slice(1), [["saved", 0, 1], ["saved", 1, 1]]);
});

test("the next mount sends what a closed page left, under its old session and number", async (t) => {
  const sent = browser(t);
  const left = { path: "/api/decide", body: { key: "scan", reviewer: "Ada", session: "gone", seq: 7, rows: [3], action: "keep" } };
  sessionStorage.setItem("taster:outbox:gone", JSON.stringify({ key: "scan", entries: [left] }));
  opened(t);
  await settled();
  assert.deepEqual(sent.map(({ path, body }) => ({ path, body })), [left]);
  assert.deepEqual(stored(), []);
});

test("what belongs to another scan, to a widget that lives, or to somebody else's storage is left alone", async (t) => {
  const sent = browser(t, () => new TypeError("away"));
  sessionStorage.setItem("taster:outbox:other", JSON.stringify({ key: "another scan", entries: [{ path: "/api/decide", body: {} }] }));
  sessionStorage.setItem("something else", "{");
  const { outbox } = opened(t);
  outbox.add("/api/decide", { rows: [1] });
  await settled();
  const names = Object.keys(sessionStorage).sort();
  const second = opened(t).outbox;
  await settled();
  assert.deepEqual(Object.keys(sessionStorage).sort(), names);
  assert.deepEqual([sent.length, second.entries], [1, []]);
});

test("a closed outbox leaves what it has to the next", async (t) => {
  let away = true;
  const sent = browser(t, () => (away ? new TypeError("away") : Response.json({ head: 1 })));
  const { outbox } = opened(t);
  outbox.add("/api/decide", { rows: [1] });
  await settled();
  outbox.close();
  t.mock.timers.tick(60_000);
  await settled();
  assert.equal(sent.length, 1, "the closed one sends nothing more");
  away = false;
  opened(t);
  await settled();
  assert.deepEqual(sent.map(({ body }) => [body.session, body.seq]), [[outbox.session, 0], [outbox.session, 0]]);
});
