/**
 * What several test files need and takes long to make: made once per run, in a folder that the
 * run's end removes (`test/support/shared-folder-setup.ts`). Outside of a run nothing is shared.
 */
import { chmodSync, existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Names the folder to the processes of a run. */
export const SHARED_FOLDER = "TIDEMARK_SHARED_FOLDER";

export function makeFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  // Postgres, which may run as another user, reads what is below.
  chmodSync(folder, 0o755);
  return folder;
}

/**
 * Returns a folder that `make` has filled, and that nobody may change. Two processes that begin at
 * the same time both make one; the first one's is used.
 */
export function sharedFolder(name: string, make: (folder: string) => void): string {
  const parent = process.env[SHARED_FOLDER];
  if (parent === undefined) {
    const own = makeFolder(`tidemark-${name}-`);
    process.once("exit", () => rmSync(own, { recursive: true, force: true }));
    make(own);
    return own;
  }
  const shared = join(parent, name);
  if (existsSync(shared)) return shared;
  const made = makeFolder(`tidemark-${name}-`);
  make(made);
  try {
    renameSync(made, shared);
  } catch (error) {
    if (!existsSync(shared)) throw error;
    rmSync(made, { recursive: true, force: true });
  }
  return shared;
}
