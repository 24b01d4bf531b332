/** The page's keyboard shortcuts. */
import { useEffect } from "react";

export const KEYS: readonly (readonly [keys: string, meaning: string])[] = [
  ["← ↑ → ↓", "on the chart: move the crosshair by a cell"],
  ["Shift ← ↑ → ↓", "on the chart: pan"],
  ["+ −", "on the chart: zoom; the wheel does so too, with Shift in time, with Alt in price"],
  ["0", "on the chart: show all of it"],
  ["Esc", "on the chart: hide the crosshair"],
  ["M", "choose the market"],
  ["T", "rewind the page, and back to live"],
  ["Space", "while it is rewound: play and pause"],
  ["?", "this list"],
];

/** By the key that is pressed, outside fields. */
export function usePageKeys(actions: Readonly<Record<string, () => void>>): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const { target } = event;
      const isTyping = target instanceof HTMLInputElement || target instanceof HTMLSelectElement;
      const action = actions[event.key.toLowerCase()];
      if (action === undefined || isTyping || event.ctrlKey || event.metaKey || event.altKey)
        return;
      action();
      event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [actions]);
}
