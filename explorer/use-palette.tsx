/** Ctrl K (on a Mac, Cmd K) opens the command palette, whose code is loaded after the first view. */
import { lazy, Suspense, useCallback, useEffect, useState, type ReactElement } from "react";
import type { Command } from "./palette.tsx";

const load = async (): Promise<{ default: typeof import("./palette.tsx").Palette }> => ({
  default: (await import("./palette.tsx")).Palette,
});
const Palette = lazy(load);
/** After the first view, so that the palette opens at once. */
const LOAD_AFTER_MS = 3_000;

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
    const timer = setTimeout(() => void load(), LOAD_AFTER_MS);
    return () => {
      removeEventListener("keydown", onKey);
      clearTimeout(timer);
    };
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
