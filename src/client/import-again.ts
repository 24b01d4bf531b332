/** A second address for code that could not be loaded. */
let attempts = 0;

/**
 * Loads a module that could not be loaded a moment ago, from another address: some browsers keep
 * the failure for an address as long as the page lives. Undefined where it can't be loaded, or
 * where the browser's error does not tell the address.
 */
export async function importAgain<Module>(error: unknown): Promise<Module | undefined> {
  const [address] = /https?:\S+/.exec(String(error)) ?? [];
  if (address === undefined) return undefined;
  const other = `${address}?again=${++attempts}`;
  return import(/* @vite-ignore */ other).catch(() => undefined) as Promise<Module | undefined>;
}
