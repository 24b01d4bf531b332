/** The keyboard shortcuts of the page, and their list. */
import { useEffect, useState, type ReactElement } from "react";
import { KeyList } from "../examples/review/ui/key-list.tsx";

const KEYS: readonly (readonly [string, string])[] = [
  ["/", "filter the first column"],
  ["Esc", "leave the filter, close details"],
  ["↑ ↓ ← →", "move in the grid"],
  ["Page Up, Page Down, Home, End", "move by a page, or to the ends"],
  ["Enter", "open the row"],
  ["Ctrl C", "copy the row as tab-separated text"],
  ["Shift click", "sort by one more column"],
  ["[ ]", "previous, next channel"],
  ["?", "show or hide this list"],
];

export function Shortcuts({
  onStep,
  onEscape,
}: {
  readonly onStep: (by: 1 | -1) => void;
  readonly onEscape: () => void;
}): ReactElement | null {
  const [isOpen, setIsOpen] = useState(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === "Escape") {
        if (isOpen) setIsOpen(false);
        else onEscape();
        return;
      }
      if (
        event.target instanceof HTMLInputElement ||
        event.target instanceof HTMLSelectElement ||
        event.ctrlKey ||
        event.metaKey
      )
        return;
      if (event.key === "/") document.querySelector<HTMLInputElement>("[data-filter]")?.focus();
      else if (event.key === "?") setIsOpen((open) => !open);
      else if (event.key === "]") onStep(1);
      else if (event.key === "[") onStep(-1);
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [isOpen, onEscape, onStep]);
  if (!isOpen) return null;
  return <KeyList keys={KEYS} />;
}
