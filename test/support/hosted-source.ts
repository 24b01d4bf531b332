/** Sources over a memory log with tables that follow it, without a server. */
import { SourceHost } from "../../src/server/source-host.ts";
import { InterestTracker } from "../../src/server/interest-tracker.ts";
import type { Commit } from "../../src/log/log.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import type { Row } from "../../src/protocol/row.ts";
import type { Source } from "../../src/sources/source.ts";
import { systemClock } from "../../src/std/clock.ts";
import { systemRandom } from "../../src/std/random.ts";
import { Replica } from "../../src/table/replica.ts";
import { atEnd } from "./trades-server.ts";

interface HostOptions {
  /** The source position that the log begins with, by source. */
  readonly positions?: Readonly<Record<string, string>>;
  readonly durable?: (seq: number) => Promise<void>;
}

export async function hostSources({ positions = {}, durable }: HostOptions = {}) {
  const log = new MemoryLog({ clock: systemClock, random: systemRandom });
  atEnd(() => log.close());
  const replica = new Replica();
  const commits: Commit[] = [];
  const reader = await log.open(0);
  replica.begin(reader.epoch);
  const follow = (): void => {
    for (const commit of reader.read(1_000)) {
      replica.apply(commit);
      commits.push(commit);
    }
    reader.ack(replica.seq);
  };
  reader.onAppend(follow);
  for (const [source, sourcePosition] of Object.entries(positions))
    await log.append({ changes: [], source, sourcePosition });
  follow();
  const refused: { readonly table: string; readonly reason: string }[] = [];
  const logged: { readonly fields: object; readonly message: string }[] = [];
  const note = (fields: object, message: string): void => void logged.push({ fields, message });
  const interest = new InterestTracker(systemClock);
  const host = new SourceHost({
    clock: systemClock,
    random: systemRandom,
    logger: { info: () => {}, warn: note, error: note },
    log,
    replica,
    interest,
    refuse: (each) => void refused.push(each),
    durable,
  });
  return {
    replica,
    commits,
    refused,
    logged,
    start: async (source: Source): Promise<Source> => {
      atEnd(() => source.stop());
      await source.start(host.contextFor(source));
      return source;
    },
    /** Subscribes to a channel. Returns a function that ends it. */
    watch: (channel: string): (() => void) => {
      const view = replica.acquire({ channel }, undefined);
      interest.watch(view, undefined);
      return () => interest.unwatch(view);
    },
    rows: (channel: string): readonly Row[] =>
      Array.from(replica.table(channel)?.rows.values() ?? [], ({ row }) => row),
    /** All rows that commits have set, in order, repeated ones included. */
    upserts: (channel: string): readonly Row[] =>
      commits.flatMap(({ changes }) =>
        changes.flatMap((change) =>
          change.channel === channel ? change.upserts.map(({ row }) => row) : [],
        ),
      ),
    state: (channel: string) => replica.stateOf(channel),
  };
}
