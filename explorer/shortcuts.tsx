/** The keyboard shortcuts of the page, and their list. */
import { useEffect, type ReactElement } from "react";
import { KeyList } from "../examples/review/ui/key-list.tsx";

const KEYS: readonly (readonly [string, string])[] = [
  ["/", "filter the column; again: the next one"],
  ["Esc", "back to the rows; close details; back to live"],
  ["↑ ↓ ← →", "move in the grid"],
  ["Page Up, Page Down, Home, End", "move by a page, or to the ends"],
  ["Enter", "open the row"],
  ["Ctrl C", "copy the cell"],
  ["Ctrl Shift C", "copy the row as tab-separated text"],
  ["Shift click", "sort by one more column"],
  ["[ ]", "previous, next table"],
  ["Ctrl K", "find a table, a column or a command"],
  ["P", "pause; go on"],
  ["T", "rewind the page to another time"],
  ["Space", "rewound: play, pause"],
  ["← →, with Shift", "on the time slider: a second, a minute"],
  ["?", "show or hide this list"],
];

export function Shortcuts({
  isOpen,
  onToggle,
  onStep,
  onEscape,
}: {
  /** Whether the list is shown. */
  readonly isOpen: boolean;
  readonly onToggle: () => void;
  readonly onStep: (by: 1 | -1) => void;
  readonly onEscape: () => void;
}): ReactElement | null {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === "Escape") {
        if (isOpen) onToggle();
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
      if (event.key === "?") onToggle();
      else if (event.key === "]") onStep(1);
      else if (event.key === "[") onStep(-1);
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [isOpen, onToggle, onEscape, onStep]);
  if (!isOpen) return null;
  return <KeyList keys={KEYS} />;
}
