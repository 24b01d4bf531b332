/**
 * The commands of one consumer of a stream's group, on two connections: one waits for entries,
 * the other acknowledges them meanwhile.
 */
import { RedisConnection, type RedisAddress } from "./connection.ts";
import { FIXED_REDIS_LIMITS } from "./limits.ts";
import type { StreamInfo } from "./stream-gaps.ts";

export interface StreamPlace {
  readonly stream: string;
  readonly group: string;
  readonly consumer: string;
  /** The field of an entry that holds the message. */
  readonly field: string;
}

export interface StreamEntry {
  readonly id: string;
  /** Undefined where the entry does not have the field. */
  readonly text: string | undefined;
}

/** The state of a group. */
export interface GroupState {
  /** The last entry that any of its consumers was given. */
  readonly delivered: string;
  /** How many were, where Redis knows. */
  readonly entriesRead: number | undefined;
}

type RawEntry = readonly [id: string, fields: readonly string[]];

export class StreamLink {
  readonly #reads: RedisConnection;
  readonly #acks: RedisConnection;
  readonly #place: StreamPlace;

  private constructor(reads: RedisConnection, acks: RedisConnection, place: StreamPlace) {
    [this.#reads, this.#acks, this.#place] = [reads, acks, place];
    // Without one of them the other is of no use; its commands then fail.
    reads.onLost(() => acks.close());
    acks.onLost(() => reads.close());
  }

  static async open(address: RedisAddress, place: StreamPlace): Promise<StreamLink> {
    const reads = await RedisConnection.open(address);
    try {
      return new StreamLink(reads, await RedisConnection.open(address), place);
    } catch (error) {
      reads.close();
      throw error;
    }
  }

  close(): void {
    this.#reads.close();
    this.#acks.close();
  }

  /** Creates the group where it is missing, from the stream's first entry on. */
  async begin(): Promise<GroupState> {
    const { stream, group } = this.#place;
    try {
      await this.#reads.call("XGROUP", ["CREATE", stream, group, "0", "MKSTREAM"]);
    } catch (error) {
      if (!String(error).includes("BUSYGROUP")) throw error;
    }
    const groups = (await this.#reads.call("XINFO", ["GROUPS", stream])) as unknown[][];
    const state = groups.map(fieldsOf).find((fields) => fields.get("name") === group);
    const entriesRead = state?.get("entries-read");
    return {
      delivered: String(state?.get("last-delivered-id")),
      entriesRead: typeof entriesRead === "number" ? entriesRead : undefined,
    };
  }

  async info(): Promise<StreamInfo> {
    const fields = fieldsOf(
      (await this.#reads.call("XINFO", ["STREAM", this.#place.stream])) as unknown[],
    );
    const added = fields.get("entries-added");
    return {
      added: typeof added === "number" ? added : undefined,
      length: Number(fields.get("length")),
      firstId: (fields.get("first-entry") as RawEntry | null)?.[0],
      lastId: String(fields.get("last-generated-id")),
    };
  }

  /** Entries that no consumer was given yet; waits for the first one for `blockMs`. */
  async read(countMax: number, blockMs: number | undefined): Promise<readonly StreamEntry[]> {
    const { stream, group, consumer } = this.#place;
    const wait = blockMs === undefined ? [] : ["BLOCK", blockMs];
    const answer = (await this.#reads.call(
      "XREADGROUP",
      ["GROUP", group, consumer, "COUNT", countMax, ...wait, "STREAMS", stream, ">"],
      blockMs,
    )) as readonly [readonly [string, readonly RawEntry[]]] | null;
    return (answer?.[0][1] ?? []).map((entry) => this.#entry(entry));
  }

  /** Entries from `from` (`(id` is behind it) to `through`, whoever was given them. */
  async range(from: string, through: string, countMax: number): Promise<readonly StreamEntry[]> {
    const args = [this.#place.stream, from, through, "COUNT", countMax];
    const entries = (await this.#reads.call("XRANGE", args)) as readonly RawEntry[];
    return entries.map((entry) => this.#entry(entry));
  }

  async ack(ids: readonly string[]): Promise<void> {
    const { stream, group } = this.#place;
    for (let at = 0; at < ids.length; at += FIXED_REDIS_LIMITS.idsMax)
      await this.#acks.call("XACK", [
        stream,
        group,
        ...ids.slice(at, at + FIXED_REDIS_LIMITS.idsMax),
      ]);
  }

  /**
   * Ids of entries that a consumer was given and has not acknowledged, in order, at most `idsMax`.
   * Default: every consumer's.
   */
  async pending(from: string, through: string, consumer?: string): Promise<readonly string[]> {
    const { stream, group } = this.#place;
    const who = consumer === undefined ? [] : [consumer];
    const args = [stream, group, from, through, FIXED_REDIS_LIMITS.idsMax, ...who];
    return ((await this.#acks.call("XPENDING", args)) as unknown[][]).map(([id]) => String(id));
  }

  /**
   * Takes over entries that nobody has acknowledged for `idleMs`; `deleted` ones are no longer in
   * the stream. Continue from `next`.
   */
  async claim(idleMs: number, from: string) {
    const { stream, group, consumer } = this.#place;
    const args = [stream, group, consumer, idleMs, from, "COUNT", FIXED_REDIS_LIMITS.idsMax];
    const [next, ids, deleted] = (await this.#acks.call("XAUTOCLAIM", [...args, "JUSTID"])) as [
      string,
      readonly string[],
      readonly string[],
    ];
    return { next, ids, deleted };
  }

  #entry([id, fields]: RawEntry): StreamEntry {
    // Redis lists names and values in turn.
    const at = fields.findIndex((name, index) => index % 2 === 0 && name === this.#place.field);
    return { id, text: at < 0 ? undefined : fields[at + 1] };
  }
}

/** Names and values in turn, as a map. */
function fieldsOf(list: readonly unknown[]): ReadonlyMap<unknown, unknown> {
  const fields = new Map<unknown, unknown>();
  for (let at = 0; at < list.length; at += 2) fields.set(list[at], list[at + 1]);
  return fields;
}
