/**
 * Entries of a stream as steps for the log: in order, of at most `rowsMax` rows, each message
 * whole, each entry once.
 */
import { Draft } from "../draft.ts";
import { compareIds } from "./stream-id.ts";
import type { StreamEntry } from "./stream-link.ts";
import type { RowsMessage } from "./tables.ts";

/** What one commit holds of the stream. */
export interface Step {
  readonly draft: Draft;
  /** Its entries. */
  readonly ids: readonly string[];
  /** The source position that the commit moves to; undefined where it has nothing new. */
  readonly position: string | undefined;
}

export function emptyStep(): Step {
  return { draft: new Draft(), ids: [], position: undefined };
}

/** At least one step. Entries at or below `position` are in the log already. */
export function stepsOf(
  entries: readonly StreamEntry[],
  options: {
    readonly position: string | undefined;
    readonly rowsMax: number;
    /** Undefined for an entry that can't be taken. */
    readonly parse: (entry: StreamEntry) => RowsMessage | undefined;
  },
): readonly Step[] {
  const steps: Step[] = [];
  let { position } = options;
  let draft = new Draft();
  let ids: string[] = [];
  let moved: string | undefined;
  for (const entry of entries) {
    const isKnown = position !== undefined && compareIds(entry.id, position) <= 0;
    const message = isKnown ? undefined : options.parse(entry);
    const rows = message === undefined ? 0 : message.upserts.length + message.removes.length;
    if (draft.rows > 0 && draft.rows + rows > options.rowsMax) {
      steps.push({ draft, ids, position: moved });
      [draft, ids, moved] = [new Draft(), [], undefined];
    }
    if (message !== undefined)
      draft.add(message.table.declaration.name, message.upserts, message.removes);
    ids.push(entry.id);
    if (!isKnown) position = moved = entry.id;
  }
  return [...steps, { draft, ids, position: moved }];
}
