/* Which key presses are commands. */

const typingIn = (node) => node instanceof HTMLElement && (node.matches("input, textarea, select") || node.isContentEditable);

/* The letter of a key press that is meant as a command, or "" (typing, a modifier, or a held key repeating). */
export function commandKey(event) {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return "";
  if (event.composedPath().some(typingIn)) return "";
  return event.key.length === 1 ? event.key.toLowerCase() : event.key;
}

/* Listens on the component, and on the document while nothing else has the focus; returns the way to stop. */
export function listenToKeys(root, handle) {
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

export const isUndo = (event) => (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !event.repeat;
