/** Ctrl K (on a Mac, Cmd K) opens the command palette, whose code is loaded when it first opens. */
import { lazy, Suspense, useCallback, useEffect, useState, type ReactElement } from "react";
import type { Command } from "./palette.tsx";

const Palette = lazy(async () => ({ default: (await import("./palette.tsx")).Palette }));

/** `commands` is called when the palette opens. */
export function usePalette(commands: () => readonly Command[]): {
  readonly open: () => void;
  readonly element: ReactElement | undefined;
} {
  const [isOpen, setIsOpen] = useState(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
      setIsOpen(true);
      event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const open = useCallback(() => setIsOpen(true), []);
  return {
    open,
    element: isOpen ? (
      <Suspense>
        <Palette commands={commands()} onClose={() => setIsOpen(false)} />
      </Suspense>
    ) : undefined,
  };
}
