/** Ctrl K (on a Mac, Cmd K) opens the command palette, whose code is loaded after the first view. */
import { lazy, Suspense, useCallback, useEffect, useState, type ReactElement } from "react";
import { catchKeys } from "./early-keys.ts";
import type { PalettePage } from "./palette.tsx";

const load = async (): Promise<{ default: typeof import("./palette.tsx").Palette }> => ({
  default: (await import("./palette.tsx")).Palette,
});
const Palette = lazy(load);
/** After the first view, so that the palette opens at once. */
const LOAD_AFTER_MS = 3_000;

export function usePalette(page: PalettePage): {
  readonly open: () => void;
  readonly element: ReactElement | undefined;
} {
  const [isOpen, setIsOpen] = useState(false);
  const close = useCallback(() => setIsOpen(false), []);
  const open = useCallback(() => {
    catchKeys(close);
    setIsOpen(true);
  }, [close]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
      open();
      event.preventDefault();
    };
    addEventListener("keydown", onKey);
    const timer = setTimeout(() => void load(), LOAD_AFTER_MS);
    return () => {
      removeEventListener("keydown", onKey);
      clearTimeout(timer);
    };
  }, [open]);
  return {
    open,
    element: isOpen ? (
      <Suspense>
        <Palette page={page} onClose={close} />
      </Suspense>
    ) : undefined,
  };
}
