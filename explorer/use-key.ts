/** A key of the page, wherever the reader does not type. */
import { useEffect } from "react";

/** Without something to run, the key means nothing. */
export function useKey(key: string, run: (() => void) | undefined): void {
  useEffect(() => {
    if (run === undefined) return undefined;
    const onKey = (event: KeyboardEvent): void => {
      const { target } = event;
      if (event.key.toLowerCase() !== key || event.ctrlKey || event.metaKey || event.altKey) return;
      if (target instanceof HTMLInputElement || target instanceof HTMLSelectElement) return;
      event.preventDefault();
      run();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [key, run]);
}
