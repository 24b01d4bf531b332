/** The page's keyboard shortcuts. */
import { useEffect } from "react";

export const KEYS: readonly (readonly [keys: string, meaning: string])[] = [
  ["Tab", "next widget title, button or field"],
  ["← ↑ → ↓", "on a widget's title: move the widget"],
  ["Shift ← ↑ → ↓", "on a widget's title: resize the widget"],
  ["Delete", "on a widget's title: remove the widget"],
  ["/", "filter the widget that has the focus"],
  ["T", "rewind the page, and back to live"],
  ["Space", "while it is rewound: play and pause"],
  ["Esc", "leave the field; again: empty it"],
  ["?", "this list"],
];

export function usePageKeys({
  onHelp,
  onRewind,
}: {
  readonly onHelp: () => void;
  readonly onRewind: () => void;
}): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const { target } = event;
      const isTyping = target instanceof HTMLInputElement || target instanceof HTMLSelectElement;
      if (event.key === "Escape" && target instanceof HTMLElement && isTyping) target.blur();
      if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "?") onHelp();
      else if (event.key === "t") onRewind();
      else if (event.key === "/") focusFilter(document.activeElement);
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [onHelp, onRewind]);
}

/** Opens the filters of the widget that has the focus, or of the first one. */
function focusFilter(active: Element | null): void {
  const widget =
    active?.closest(".widget:has([data-filter])") ??
    document.querySelector(".widget:has([data-filter])");
  const button = widget?.querySelector<HTMLButtonElement>("[data-filter]");
  if (widget?.querySelector(".filter-bar") === null) button?.click();
  requestAnimationFrame(() =>
    widget?.querySelector<HTMLInputElement>(".filter-bar input")?.focus(),
  );
}
