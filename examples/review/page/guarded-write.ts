/** Writes that the server refuses when another user has changed the row since this page showed it. */
import { MutationError, type PageCursor } from "tidemark/client";
import { client, type Result } from "./client.ts";

/** What a reviewer decides on. Other columns may change without a conflict. */
export type Decision = Pick<Result, "value" | "status" | "supplier">;

export function isSameDecision(left: Decision, right: Decision): boolean {
  return (
    left.value === right.value && left.status === right.status && left.supplier === right.supplier
  );
}

/** Each try waits for a newer commit on the page. */
const TRIES_MAX = 20;

/**
 * Writes with the commit as of which the user has seen the row. `expectedSeq` counts any change to
 * the row, also of a flag. Where the decision is still the one that the user has seen, it writes
 * again as of a newer commit.
 * @throws MutationError `STALE_WRITE` with the row, when another user has decided otherwise
 */
export async function writeGuarded(
  seen: Decision,
  since: PageCursor | undefined,
  write: (options: { readonly expectedSeq?: PageCursor }) => Promise<unknown>,
): Promise<void> {
  let expectedSeq = since;
  for (let tries = 1; ; tries++) {
    try {
      await write(expectedSeq === undefined ? {} : { expectedSeq });
      return;
    } catch (error) {
      const row = staleRow(error);
      if (row == null || tries === TRIES_MAX || !isSameDecision(row, seen)) throw error;
      expectedSeq = await cursorAfter(expectedSeq);
    }
  }
}

/** The row as it is now; null when it was deleted; undefined when the error is another one. */
export function staleRow(error: unknown): Result | null | undefined {
  return error instanceof MutationError && error.code === "STALE_WRITE"
    ? ((error.row ?? null) as Result | null)
    : undefined;
}

/** The page's cursor, once it is a newer one. */
function cursorAfter(before: PageCursor | undefined): Promise<PageCursor | undefined> {
  const isNewer = (): boolean =>
    client.cursor?.epoch !== before?.epoch || (client.cursor?.seq ?? 0) > (before?.seq ?? 0);
  if (isNewer()) return Promise.resolve(client.cursor);
  return new Promise((resolve) => {
    const stop = client.connection.subscribe(() => {
      if (!isNewer()) return;
      stop();
      resolve(client.cursor);
    });
  });
}
