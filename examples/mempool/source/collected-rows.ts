/** Collects what one commit changes: of each key the last row, or that it is gone. */
import type { ChannelChange, Row } from "tidemark";
import type { Channels, FeedChannelName } from "../channels.ts";

type RowOf<N extends FeedChannelName> = NonNullable<Channels[N]["rowType"]>;

export class CollectedRows {
  readonly #channels = new Map<FeedChannelName, Map<string, Row | undefined>>();

  set<N extends FeedChannelName>(channel: N, key: string, row: RowOf<N>): void {
    this.#keys(channel).set(key, { ...row });
  }

  remove(channel: FeedChannelName, key: string): void {
    this.#keys(channel).set(key, undefined);
  }

  get changes(): readonly ChannelChange[] {
    return Array.from(this.#channels, ([channel, keys]) => {
      const upserts = [...keys].flatMap(([key, row]) => (row === undefined ? [] : [{ key, row }]));
      const removes = [...keys].flatMap(([key, row]) => (row === undefined ? [key] : []));
      return { channel, upserts, removes };
    });
  }

  #keys(channel: FeedChannelName): Map<string, Row | undefined> {
    const known = this.#channels.get(channel) ?? new Map<string, Row | undefined>();
    this.#channels.set(channel, known);
    return known;
  }
}
