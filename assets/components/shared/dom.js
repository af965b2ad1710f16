/* Elements. Every name that comes from the data set is the attacker's input: it is only ever set as textContent, never
   parsed as HTML. */

export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") node.textContent = value;
    else if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/* Switches between sharp and smoothed pixels everywhere in `root`. */
export function smoothToggle(root, look = "") {
  const button = el("button", { class: look, text: "Smooth", "aria-pressed": "false", title: "Blur between pixels; off shows every pixel as it is" });
  button.onclick = () => button.setAttribute("aria-pressed", String(root.classList.toggle("smooth")));
  return button;
}
