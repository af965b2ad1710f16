/* The map's colours. No drawing here. */

/* After Okabe and Ito, for all kinds of colour vision; darkened or lightened until each stands 3 : 1 off its ground. */
const TEN = {
  light: ["#0072b2", "#c26a00", "#00805c", "#d0431f", "#a64d86", "#2b8cc4", "#8a7a00", "#4f4f9e", "#7a4a2b", "#5c6770"],
  dark: ["#56b4e9", "#f0a830", "#2fbf90", "#ff7a45", "#df9cc6", "#8fd0ff", "#e6dc55", "#a6a6ff", "#c99b78", "#b4bec8"],
};
const DECISIONS = {
  light: ["#8b96a1", "#00805c", "#0072b2", "#cc3311", "#b87400"],
  dark: ["#77828e", "#3ecf9d", "#5cb8f0", "#ff6a4d", "#eab54d"],
};
/* Rises evenly in lightness (and away from the ground), so that more suspicion always reads as more. */
const RAMP = {
  light: ["#b9c0c9", "#b79ab0", "#bd6a91", "#b03a68", "#8c1444", "#560224"],
  dark: ["#4a5463", "#6f5a85", "#a65f8c", "#d9707a", "#f59b62", "#ffe07a"],
};
const NOTHING = { light: "#8b939c", dark: "#7a838e" };
const UNLIT = { light: [150, 156, 164], dark: [128, 136, 146] };

const shade = (dark) => (dark ? "dark" : "light");

/* Red, green, blue, 0…255, of "#rrggbb". */
export const hexRgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

/* The same of a hue in degrees, saturation and lightness in percent. */
export function hslRgb(hue, saturation, lightness) {
  const l = lightness / 100, a = (saturation / 100) * Math.min(l, 1 - l);
  return [0, 8, 4].map((n) => {
    const k = (n + hue / 30) % 12;
    return Math.round(255 * (l - a * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  });
}

function hueWheel(n, dark) {
  // golden-angle steps keep neighbours in the list apart; three lightnesses double the room
  return Array.from({ length: n }, (_, i) => hslRgb((i * 137.508) % 360, dark ? 70 : 65, (dark ? [68, 58, 76] : [42, 34, 50])[i % 3]));
}

/* n colours for classes, as far apart as n allows. */
export const classColours = (n, dark) => (n <= 10 ? TEN[shade(dark)].map(hexRgb) : hueWheel(n, dark));

export const decisionColours = (dark) => DECISIONS[shade(dark)].map(hexRgb);

/* The colour of `share` (0…1) of the way up the ramp of suspicion. */
export function rampColour(share, dark) {
  const stops = RAMP[shade(dark)].map(hexRgb);
  const at = share * (stops.length - 1), low = Math.min(stops.length - 2, Math.floor(at)), t = at - low;
  return stops[low].map((v, c) => Math.round(v + (stops[low + 1][c] - v) * t));
}

/* For entries that stand for "none", and for points that are not lit. */
export const nothingColour = (dark) => hexRgb(NOTHING[shade(dark)]);
export const unlitColour = (dark) => UNLIT[shade(dark)];
