// Made-up points, packed as the server packs them; the same ones for the same seed.
export function pack(rows) {
  const n = rows.length, bytes = new ArrayBuffer(8 * n);
  const columns = { x: new Uint16Array(bytes, 0, n), y: new Uint16Array(bytes, 2 * n, n), suspicion: new Uint8Array(bytes, 4 * n, n), verdict: new Uint8Array(bytes, 5 * n, n), label: new Uint16Array(bytes, 6 * n, n) };
  rows.forEach((row, i) => { for (const [name, column] of Object.entries(columns)) column[i] = row[name] ?? 0; });
  return bytes;
}

export function randoms(n, seed = 1) {
  let state = seed;
  const next = () => (state = (state * 48271) % 2147483647) % 65536;
  return Array.from({ length: n }, () => ({ x: next(), y: next(), suspicion: next() % 256, verdict: next() % 6, label: next() % 10 }));
}
