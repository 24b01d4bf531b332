/** All rows that match. Retains at most one entry per row of the channel. */
import type { ChannelDeclaration } from "../log/channel.ts";
import type { WireQuery } from "../protocol/query.ts";
import { ChangeOrderedRows, type Changes, type RowNode } from "./change-ordered-rows.ts";
import type { CommitPoint, RowChange } from "./live-table.ts";
import type { Membership } from "./membership.ts";
import { viewBytes, type View, type ViewOptions } from "./view.ts";

export interface FilteredViewOptions extends ViewOptions {
  /** The channel's rows, if they may answer a cursor that is older than the view. */
  readonly base: ChangeOrderedRows | undefined;
}

export class FilteredView implements View {
  readonly id: string;
  readonly channel: string;
  readonly declaration: ChannelDeclaration;
  readonly query: WireQuery;
  readonly rows: ChangeOrderedRows;
  readonly #membership: Membership;
  readonly #base: ChangeOrderedRows | undefined;

  constructor({
    id,
    declaration,
    query,
    membership,
    builtSeq,
    tombstonesMax,
    base,
  }: FilteredViewOptions) {
    this.id = id;
    this.channel = declaration.name;
    this.declaration = declaration;
    this.query = query;
    this.rows = new ChangeOrderedRows(builtSeq, tombstonesMax);
    this.#membership = membership;
    this.#base = base;
  }

  get entries(): number {
    return this.rows.size;
  }

  get bytes(): number {
    return viewBytes(this.entries, this.#membership.isProjected ? this.rows.bytes : 0);
  }

  /**
   * A cursor from before the view was built, or from below its floor, is answered from its channel:
   * each key that changed there is an upsert if it is in the view, else a remove. The whole answer
   * has one seq, since the channel's order of changes is not the view's: a client can't continue
   * from a part of it.
   */
  changesSince(cursor: number): Changes | undefined {
    const own = this.rows.changesSince(cursor);
    const channel = own === undefined ? this.#base?.changesSince(cursor) : undefined;
    if (channel === undefined) return own;
    const seq = Math.max(
      this.rows.lastSeq,
      channel.upserts.at(-1)?.seq ?? 0,
      channel.removes.at(-1)?.seq ?? 0,
    );
    const upserts: Pick<RowNode, "key" | "json" | "bytes" | "seq">[] = [];
    const removes = channel.removes.map(({ key }) => ({ key, seq }));
    for (const { key } of channel.upserts) {
      const node = this.rows.get(key);
      if (node === undefined) removes.push({ key, seq });
      else upserts.push({ key, json: node.json, bytes: node.bytes, seq });
    }
    return { upserts, removes };
  }

  /** Applies one change of the channel. Returns whether the view changed. */
  apply({ key, after }: RowChange, { seq, timeMs }: CommitPoint): boolean {
    if (after === undefined || !this.#membership.matches(after.row))
      return this.rows.delete(key, seq);
    const json = this.#membership.textOf(after);
    if (this.rows.get(key)?.json === json) return false;
    // Hundreds of views may have one row: its channel has counted the bytes of the same text.
    const bytes = json === after.json ? after.bytes : undefined;
    this.rows.set(key, after.row, json, seq, timeMs, bytes);
    return true;
  }
}
