// What the outbox needs of a browser, and a server that answers as it is told.

/* As in a browser, what is stored are the object's own properties. */
class Storage {
  getItem(name) { return Object.hasOwn(this, name) ? this[name] : null; }
  setItem(name, text) { this[name] = String(text); }
  removeItem(name) { delete this[name]; }
}

/* Prepares one test: empty storage, timers by hand, and `answers`: (path, body) -> Response, a promise of one, or an error to throw. */
export function browser(t, answers = () => Response.json({ head: 1, changes: [] })) {
  const sent = [];
  globalThis.sessionStorage = new Storage();
  globalThis.document = { hidden: false };
  t.mock.timers.enable({ apis: ["setTimeout"] });
  t.mock.method(globalThis, "fetch", async (path, { body, headers } = {}) => {
    if (!path.startsWith("/api/decisions/")) sent.push({ path, body: JSON.parse(body), token: headers["X-Taster-Token"] });
    const answer = await answers(path, body && JSON.parse(body), sent.length);
    if (answer instanceof Error) throw answer;
    return answer;
  });
  return sent;
}

/* Until all that is under way without a timer has come to rest. */
export const settled = async () => { for (let i = 0; i < 5; i++) await new Promise(setImmediate); };

export const stored = () => Object.entries(sessionStorage).map(([name, text]) => [name, JSON.parse(text)]);
