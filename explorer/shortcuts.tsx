/** The keyboard shortcuts of the page, and their list. */
import { lazy, Suspense, useEffect, type ReactElement } from "react";

/** Loaded when someone first asks for it. */
const ShortcutList = lazy(async () => ({
  default: (await import("./shortcut-list.tsx")).ShortcutList,
}));

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
  return (
    <Suspense>
      <ShortcutList />
    </Suspense>
  );
}
