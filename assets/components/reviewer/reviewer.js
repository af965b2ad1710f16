// The reviewer's name: asked once, kept by this browser, handed to Python as state.
const STORED = "taster-reviewer";
const MOST = 80;

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".taster-reviewer");
  const input = root.querySelector("input");
  const saved = root.querySelector("output");
  const known = () => {
    try {
      return window.localStorage.getItem(STORED) || "";
    } catch {
      return ""; // storage is switched off: the name lasts as long as the page
    }
  };
  const hand = (name) => {
    const plain = name.trim().slice(0, MOST);
    try {
      window.localStorage.setItem(STORED, plain);
    } catch {
      // see above
    }
    saved.textContent = plain ? "" : "Decisions are signed with it.";
    root.classList.toggle("missing", !plain);
    if (plain !== data.name) setStateValue("name", plain);
  };
  if (!root.dataset.ready) {
    root.dataset.ready = "1";
    input.value = data.name || known();
    input.maxLength = MOST;
    hand(input.value);
  }
  const onChange = () => hand(input.value);
  const onKey = (event) => {
    event.stopPropagation(); // letters typed here are no shortcuts
    if (event.key === "Enter") input.blur();
  };
  input.addEventListener("change", onChange);
  input.addEventListener("keydown", onKey);
  return () => {
    input.removeEventListener("change", onChange);
    input.removeEventListener("keydown", onKey);
  };
}
