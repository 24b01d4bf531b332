/** The changes of several messages as one commit: the newest state of each key. */
import type { ChannelChange, KeyedRow } from "../log/log.ts";

export class Draft {
  readonly #channels = new Map<string, Map<string, KeyedRow | undefined>>();
  /** Channels whose whole new content the draft has. */
  readonly #reloaded = new Set<string>();
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

  /** These rows replace everything that the channel has. */
  reload(channel: string, rows: readonly KeyedRow[]): void {
    this.#channels.delete(channel);
    this.#reloaded.add(channel);
    this.add(channel, rows, []);
  }

  get changes(): readonly ChannelChange[] {
    return Array.from(this.#channels, ([channel, keys]) => {
      const upserts: KeyedRow[] = [];
      const removes: string[] = [];
      const isReload = this.#reloaded.has(channel);
      for (const [key, row] of keys) {
        if (row !== undefined) upserts.push(row);
        else if (!isReload) removes.push(key);
      }
      return { channel, upserts, removes, ...(isReload && { reload: true as const }) };
    }).filter(({ upserts, removes, reload }) => reload || upserts.length + removes.length > 0);
  }
}
