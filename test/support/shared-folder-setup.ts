/** Before and after a run of tests: the folder of what its files share. */
import { rmSync } from "node:fs";
import { makeFolder, SHARED_FOLDER } from "./shared-folder.ts";

export function setup(): (() => void) | undefined {
  // Each project calls this; the first one makes the folder, and removes it.
  if (process.env[SHARED_FOLDER] !== undefined) return undefined;
  const folder = makeFolder("tidemark-shared-");
  process.env[SHARED_FOLDER] = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
