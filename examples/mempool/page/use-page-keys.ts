/** The page's keyboard shortcuts. */
import { useEffect } from "react";

export const KEYS: readonly (readonly [keys: string, meaning: string])[] = [
  ["Tab", "next list, button or field"],
  ["↑ ↓ Home End", "in a list: select a transaction"],
  ["/", "filter the transactions"],
  ["P", "pause the list, and go on"],
  ["Esc", "leave the field, or close the details"],
  ["?", "this list"],
];

export function usePageKeys({
  onHelp,
  onClose,
}: {
  readonly onHelp: () => void;
  readonly onClose: () => void;
}): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const { target } = event;
      const isTyping = target instanceof HTMLInputElement;
      if (event.key === "Escape") return isTyping ? target.blur() : onClose();
      if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "?") onHelp();
      else if (event.key === "/") focusFilter();
      else if (event.key === "p") document.querySelector<HTMLElement>("[data-pause]")?.click();
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [onHelp, onClose]);
}

function focusFilter(): void {
  const panel = document.querySelector('[data-panel="transactions"]');
  if (panel?.querySelector(".filter-bar") === null)
    panel.querySelector<HTMLButtonElement>("[data-filter]")?.click();
  requestAnimationFrame(() => panel?.querySelector<HTMLInputElement>(".filter-bar input")?.focus());
}
