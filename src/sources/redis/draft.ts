/** The changes of several messages as one commit: the newest state of each key. */
import type { ChannelChange, KeyedRow } from "../../log/log.ts";

export class Draft {
  readonly #channels = new Map<string, Map<string, KeyedRow | undefined>>();
  #rows = 0;

  /** Rows and removes that were added, repeated ones included. */
  get rows(): number {
    return this.#rows;
  }

  add(channel: string, upserts: readonly KeyedRow[], removes: readonly string[]): void {
    let keys = this.#channels.get(channel);
    if (keys === undefined) this.#channels.set(channel, (keys = new Map()));
    for (const key of removes) keys.set(key, undefined);
    for (const row of upserts) keys.set(row.key, row);
    this.#rows += upserts.length + removes.length;
  }

  get changes(): readonly ChannelChange[] {
    return Array.from(this.#channels, ([channel, keys]) => {
      const upserts: KeyedRow[] = [];
      const removes: string[] = [];
      for (const [key, row] of keys) {
        if (row === undefined) removes.push(key);
        else upserts.push(row);
      }
      return { channel, upserts, removes };
    }).filter(({ upserts, removes }) => upserts.length + removes.length > 0);
  }
}
