/* What all three components use. Every name that comes from the data set is the attacker's input: it is only ever
   set as textContent, never parsed as HTML. */

function el(tag, props = {}, ...children) {
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

const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;
const plural = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;

function randomHex(bytes) {
  // not crypto.randomUUID: that one is missing on plain-HTTP addresses other than localhost
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (b) => b.toString(16).padStart(2, "0")).join("");
}

function rgbOf(colour) {
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  probe.fillStyle = colour;
  probe.fillRect(0, 0, 1, 1);
  return Array.from(probe.getImageData(0, 0, 1, 1).data.slice(0, 3));
}

function readTheme(root) {
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
function mountOnce(api, create) {
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

// ---- keys

const typingIn = (node) => node instanceof HTMLElement && (node.matches("input, textarea, select") || node.isContentEditable);

/* The letter of a key press that is meant as a command, or "" (typing, a modifier, or a held key repeating). */
function commandKey(event) {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return "";
  if (event.composedPath().some(typingIn)) return "";
  return event.key.length === 1 ? event.key.toLowerCase() : event.key;
}

/* Listens on the component, and on the document while nothing else has the focus; returns the way to stop. */
function listenToKeys(root, handle) {
  const outside = (event) => {
    const dialogOpen = document.querySelector('[role="dialog"], dialog[open]');
    if (event.composedPath()[0] === document.body && !dialogOpen) handle(event);
  };
  root.addEventListener("keydown", handle);
  document.addEventListener("keydown", outside);
  return () => {
    root.removeEventListener("keydown", handle);
    document.removeEventListener("keydown", outside);
  };
}

/* The page's next dialog, being closed, leaves the focus to nobody: `home` takes it back then. */
function afterDialog(home) {
  let seen = false;
  const watch = new MutationObserver(() => {
    if (document.querySelector('[role="dialog"]')) seen = true;
    else if (seen) {
      watch.disconnect();
      // the dialog's own last word on the focus comes first
      setTimeout(() => { if (document.activeElement === document.body) home(); }, 60);
    }
  });
  watch.observe(document.body, { childList: true, subtree: true });
  // it may have been refused, and another dialog is not ours to follow
  setTimeout(() => { if (!seen) watch.disconnect(); }, 20000);
}

// ---- words for decisions

const ACTION_MARK = { keep: "✓", relabel: "→", exclude: "✕", needs_review: "?" };
const ACTION_WORD = { keep: "kept", exclude: "excluded", needs_review: "needs review" };

function decisionWords(state) {
  return state.action === "relabel" ? state.label : ACTION_WORD[state.action] || state.action;
}

/* The badge of what was decided, or null. `mine` is left out of the words: only other people are named. */
function badge(state, me) {
  if (state.unsaved) return el("span", { class: "badge unsaved", title: "Not saved yet" }, el("span", { class: "mark", text: "!" }), el("span", { class: "what", text: "not saved" }));
  if (!state.action) return null;
  const who = state.reviewer && state.reviewer !== me ? ` · ${state.reviewer}` : "";
  const words = decisionWords(state) + who;
  return el(
    "span",
    { class: `badge ${state.action}${state.pending ? " pending" : ""}`, title: `${words}${state.reviewer && !who ? ` · ${state.reviewer}` : ""}` },
    el("span", { class: "mark", text: ACTION_MARK[state.action] || "·" }),
    el("span", { class: "what", text: words }),
  );
}

/* The line that says whether everything is in the database. */
function savedLine(decisions) {
  const line = el("span", { class: "saved", role: "status", "aria-live": "polite" });
  const show = () => {
    const { pending, trouble, stopped, rejected, lastSaved } = decisions.status();
    line.className = `saved${trouble ? " bad" : !pending && lastSaved ? " good" : ""}`;
    line.replaceChildren(trouble || (pending ? "saving…" : lastSaved ? `saved ✓ #${lastSaved}` : ""));
    if (trouble && !stopped) line.append(el("button", { text: "Retry", title: "Send it again now", onclick: () => decisions.retry() }));
    if (rejected) line.append(el("button", { text: "Dismiss", title: "Leave it undecided", onclick: () => decisions.dismiss() }));
  };
  return { line, show };
}

// ---- one cell of a sprite, enlarged by a whole factor

const spriteColumns = (n) => Math.max(1, Math.ceil(Math.sqrt(n)));
const wholeFactor = (side, room) => Math.max(1, Math.floor(room / side));

function paintCell(node, url, n, cell, index, factor) {
  const columns = spriteColumns(n);
  const side = cell * factor;
  node.style.width = node.style.height = `${side}px`;
  node.style.backgroundImage = `url("${url}")`;
  node.style.backgroundSize = `${columns * side}px auto`;
  node.style.backgroundPosition = `${-(index % columns) * side}px ${-Math.floor(index / columns) * side}px`;
}

// ---- search among all classes

class ClassPicker {
  constructor(root, onPick, onClose) {
    this.root = root;
    this.onPick = onPick;
    this.onClose = onClose;
    this.input = el("input", { type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "picker-list", "aria-label": "Search a class", placeholder: "Search a class…", autocomplete: "off", spellcheck: "false" });
    this.list = el("ul", { role: "listbox", id: "picker-list", "aria-label": "Classes" });
    this.panel = el("div", { class: "picker", hidden: true }, this.input, this.list);
    this.input.addEventListener("input", () => this.filter());
    this.input.addEventListener("keydown", (event) => this.onKey(event));
    this.panel.addEventListener("focusout", (event) => { if (!this.panel.contains(event.relatedTarget)) this.close(false); });
    root.append(this.panel);
  }

  get isOpen() { return !this.panel.hidden; }

  open(anchor, classes) {
    this.classes = classes;
    this.panel.hidden = false;
    const box = anchor.getBoundingClientRect();
    const home = this.root.getBoundingClientRect();
    this.panel.style.left = `${Math.max(0, Math.min(box.left - home.left, home.width - 284))}px`;
    // above the button where there is more room there, because the bar sits at the foot of the page
    const above = box.top > window.innerHeight - box.bottom;
    this.panel.style.top = above ? "auto" : `${box.bottom - home.top + 4}px`;
    this.panel.style.bottom = above ? `${home.bottom - box.top + 4}px` : "auto";
    this.input.value = "";
    this.filter();
    this.input.focus();
  }

  close(refocus = true) {
    if (!this.isOpen) return;
    this.panel.hidden = true;
    if (refocus) this.onClose();
  }

  filter() {
    const sought = this.input.value.trim().toLowerCase();
    const starts = [], holds = [];
    for (const name of this.classes) {
      const at = name.toLowerCase().indexOf(sought);
      if (at === 0) starts.push(name);
      else if (at > 0) holds.push(name);
    }
    // more than a screenful is found by typing on, not by scrolling
    this.found = [...starts, ...holds].slice(0, 200);
    this.active = 0;
    this.list.replaceChildren(...this.found.map((name, i) => el("li", { role: "option", id: `pick-${i}`, text: name || "(no name)", onmousedown: (e) => { e.preventDefault(); this.pick(i); } })));
    if (!this.found.length) this.list.append(el("li", { class: "none", text: "No class has this in its name" }));
    this.mark();
  }

  mark() {
    [...this.list.children].forEach((item, i) => { if (this.found.length) item.setAttribute("aria-selected", String(i === this.active)); });
    this.input.setAttribute("aria-activedescendant", this.found.length ? `pick-${this.active}` : "");
    if (this.found.length) this.list.children[this.active].scrollIntoView({ block: "nearest" });
  }

  pick(i) {
    const name = this.found[i];
    if (name === undefined) return;
    this.close();
    this.onPick(name);
  }

  onKey(event) {
    event.stopPropagation();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.found.length) this.active = (this.active + step + this.found.length) % this.found.length;
    else if (event.key === "Enter" && !event.repeat) this.pick(this.active);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
    if (this.isOpen) this.mark();
  }
}
