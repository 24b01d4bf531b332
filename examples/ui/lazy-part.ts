/** A part of a page whose code is loaded when it is first shown. */
import { lazy, type ComponentType, type LazyExoticComponent } from "react";

const RETRY_MS = 1_000;

/** While the server that sends the code is away, the page shows the fallback and tries again. */
export function lazyPart<P extends object>(
  load: () => Promise<ComponentType<P>>,
): LazyExoticComponent<ComponentType<P>> {
  return lazy(async () => {
    for (;;)
      try {
        return { default: await load() };
      } catch {
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
  });
}
