/** A part of a page whose code is loaded when it is first shown. */
import { lazy, type ComponentType, type LazyExoticComponent } from "react";

const RETRY_MS = 1_000;
let attempts = 0;

/** While the server that sends the code is away, the page shows the fallback and tries again. */
export function lazyPart<Module, P extends object>(
  load: () => Promise<Module>,
  partOf: (module: Module) => ComponentType<P>,
): LazyExoticComponent<ComponentType<P>> {
  return lazy(async () => {
    for (;;) {
      const module = await load().catch(loadAgain<Module>);
      if (module !== undefined) return { default: partOf(module) };
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  });
}

/** From another address: some browsers keep the failure for an address while the page lives. */
async function loadAgain<Module>(error: unknown): Promise<Module | undefined> {
  const [address] = /https?:\S+/.exec(String(error)) ?? [];
  if (address === undefined) return undefined;
  const other = `${address}#${++attempts}`;
  return import(/* @vite-ignore */ other).catch(() => undefined) as Promise<Module | undefined>;
}
