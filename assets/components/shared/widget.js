/* What makes a script a widget of Streamlit: its life on a page, and the colours of the page's theme. */

function rgbOf(colour) {
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  probe.fillStyle = colour;
  probe.fillRect(0, 0, 1, 1);
  return Array.from(probe.getImageData(0, 0, 1, 1).data.slice(0, 3));
}

export function readTheme(root) {
  const style = getComputedStyle(root);
  const value = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  const background = rgbOf(value("--st-background-color", "#ffffff"));
  const dark = 0.299 * background[0] + 0.587 * background[1] + 0.114 * background[2] < 128;
  root.classList.toggle("dark", dark);
  return { dark, background, text: rgbOf(value("--st-text-color", "#1c1e26")), accent: value("--st-primary-color", "#2563eb") };
}

/* Streamlit calls the module again on the same element whenever data or theme change, and calls only the newest
   clean-up: so one instance lives per element, and an older clean-up must not end it. */
const mounted = new WeakMap();
export function mountOnce(api, create) {
  let held = mounted.get(api.parentElement);
  if (!held) {
    held = { turn: 0, instance: create(api.parentElement.querySelector(".taster")) };
    mounted.set(api.parentElement, held);
  }
  const turn = ++held.turn;
  held.instance.update(api);
  return () => {
    if (held.turn !== turn || mounted.get(api.parentElement) !== held) return;
    mounted.delete(api.parentElement);
    held.instance.destroy();
    api.parentElement.querySelector(".taster")?.replaceChildren();
  };
}
