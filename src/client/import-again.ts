/** A second address for code that could not be loaded. */
let attempts = 0;

/**
 * Loads a module that could not be loaded a moment ago, from another address: some browsers keep
 * the failure for an address as long as the page lives.
 *
 * @throws what the first attempt threw, where this one fails too, or no address stands in it
 */
export async function importAgain<Module>(error: unknown): Promise<Module> {
  const [address] = /https?:\S+/.exec(String(error)) ?? [];
  if (address === undefined) throw error;
  const other = `${address}#${++attempts}`;
  return import(/* @vite-ignore */ other).catch(() => {
    throw error;
  }) as Promise<Module>;
}
