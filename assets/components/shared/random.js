/* Names that never meet. */

export function randomHex(bytes) {
  // not crypto.randomUUID: that one is missing on plain-HTTP addresses other than localhost
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (b) => b.toString(16).padStart(2, "0")).join("");
}
