/** What is typed between Ctrl K and the moment at which the palette can take it. */

let typed = "";
let onEscape = (): void => {};

function onKey(event: KeyboardEvent): void {
  const { key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (key === "Backspace") typed = typed.slice(0, -1);
  else if (key === "Enter") typed += "\n";
  else if (key.length === 1) typed += key;
  else if (key === "Escape") {
    takeKeys();
    onEscape();
  } else return;
  event.preventDefault();
  event.stopImmediatePropagation();
}

/** Catches all keys until they are taken, or until Escape: then `giveUp` is called. */
export function catchKeys(giveUp: () => void): void {
  typed = "";
  onEscape = giveUp;
  addEventListener("keydown", onKey, true);
}

/** Ends it. Returns the text; Enter is `\n`. */
export function takeKeys(): string {
  removeEventListener("keydown", onKey, true);
  return typed;
}
