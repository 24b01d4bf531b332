/** What one commit of the log means for history: the entries, declarations and source position. */
import type { ChannelDeclaration } from "../log/channel.ts";
import type { ChannelChange, Commit } from "../log/log.ts";
import type { DerivedStep } from "../table/derived-tables.ts";
import type { HistoryEntry, StoredChannel, StoredState } from "./history.ts";
import { FIXED_HISTORY_LIMITS } from "./limits.ts";

export interface HistoryStep {
  readonly seq: number;
  /** The commit's time, Unix milliseconds. */
  readonly timeMs: number;
  /** Channels that the store prepares before it gets the entries. */
  readonly declares: readonly StoredChannel[];
  readonly entries: readonly HistoryEntry[];
  readonly sourcePositions: readonly (readonly [source: string, position: string])[];
  /** Each with its seq behind a colon. */
  readonly requestIds: readonly string[];
  /** Bytes of the rows' JSON, about. */
  readonly bytes: number;
}

/** Reads the commits of a log in order. It knows which channels have history. */
export class StepReader {
  readonly #channels = new Map<string, StoredChannel>();
  /** Of the last step. */
  #seq: number;

  /** The channels of a store, which the log may not declare again, and its seq. */
  constructor({ channels, seq }: Pick<StoredState, "channels" | "seq">) {
    this.#seq = seq;
    for (const stored of channels) this.#channels.set(stored.channel.name, stored);
  }

  /** The channel's declaration, if it has history. */
  channel(name: string): ChannelDeclaration | undefined {
    const channel = this.#channels.get(name)?.channel;
    return channel?.history === undefined ? undefined : channel;
  }

  /** The names of channels that have history. */
  get names(): readonly string[] {
    return [...this.#channels.keys()].filter((name) => this.channel(name) !== undefined);
  }

  /** The channels of a source, with and without history. */
  namesOf(source: string | undefined): readonly string[] {
    return [...this.#channels]
      .filter(([, stored]) => stored.source === source)
      .map(([name]) => name);
  }

  /** Leaves out a channel that the store can't keep. */
  leaveOut(name: string): void {
    const stored = this.#channels.get(name);
    if (stored === undefined) return;
    const { history: _history, ...channel } = stored.channel;
    this.#channels.set(name, { ...stored, channel });
  }

  /**
   * Undefined for a commit without a meaning for history. After many of those comes an empty step,
   * for their seqs are told too.
   */
  step(commit: Commit, derived?: DerivedStep): HistoryStep | undefined {
    const { seq, timeMs } = commit;
    // With the seq, because a repeat is answered with it.
    const requestIds = (commit.requestIds ?? []).map((id) => `${id}:${seq}`);
    const entries: HistoryEntry[] = [];
    for (const name of commit.drops ?? []) {
      if (this.channel(name) !== undefined)
        entries.push({ channel: name, kind: "reload", key: "", seq, timeMs });
      this.#channels.delete(name);
    }
    const declares = [
      ...this.#declare(commit),
      ...this.#declare({ declares: derived?.declares ?? [] }),
    ];
    let bytes = 0;
    for (const change of [...commit.changes, ...(derived?.changes ?? [])])
      if (this.channel(change.channel) !== undefined)
        bytes += addEntries(entries, change, seq, timeMs);
    const sourcePositions = this.#positionIn(commit);
    const isEmpty =
      entries.length + declares.length + sourcePositions.length + requestIds.length === 0;
    if (isEmpty && seq - this.#seq < FIXED_HISTORY_LIMITS.seqGap / 2) return undefined;
    this.#seq = seq;
    return { seq, timeMs, declares, entries, sourcePositions, requestIds, bytes };
  }

  #declare({
    declares = [],
    source,
  }: Pick<Commit, "declares" | "source">): readonly StoredChannel[] {
    const stored = declares.map((channel): StoredChannel => ({ channel, source }));
    for (const each of stored) this.#channels.set(each.channel.name, each);
    return stored.filter(({ channel }) => channel.history !== undefined);
  }

  /**
   * A source continues after a stored position only if each of its channels is in the store:
   * otherwise the others would lack what came before it.
   */
  #positionIn({
    source,
    sourcePosition,
  }: Commit): readonly (readonly [source: string, position: string])[] {
    if (source === undefined || sourcePosition === undefined) return [];
    const own = [...this.#channels.values()].filter((stored) => stored.source === source);
    const isWhole = own.length > 0 && own.every(({ channel }) => channel.history !== undefined);
    return isWhole ? [[source, sourcePosition]] : [];
  }
}

/** Returns the bytes of the rows' JSON. */
function addEntries(
  entries: HistoryEntry[],
  { channel, upserts, removes, reload }: ChannelChange,
  seq: number,
  timeMs: number,
): number {
  let bytes = 0;
  if (reload === true) entries.push({ channel, kind: "reload", key: "", seq, timeMs });
  for (const { key, row, json = JSON.stringify(row) } of upserts) {
    bytes += json.length;
    entries.push({ channel, kind: "upsert", key, seq, timeMs, row, json });
  }
  for (const key of removes) entries.push({ channel, kind: "remove", key, seq, timeMs });
  return bytes;
}

type PackedEntry = readonly [kind: string, channel: string, key: string, json?: string];

/** A step as one line of text without a line break, in parts of about so many characters. */
export function* packStep(step: HistoryStep, partSize: number): Generator<string> {
  const { seq, timeMs, declares, entries, sourcePositions, requestIds, bytes } = step;
  const infinite = (_name: string, value: unknown): unknown =>
    value === Number.POSITIVE_INFINITY ? INFINITY : value;
  let part = `[${seq},${timeMs},${JSON.stringify(declares, infinite)},[`;
  for (const [index, { kind, channel, key, json }] of entries.entries()) {
    if (part.length >= partSize) {
      yield part;
      part = "";
    }
    const packed: PackedEntry =
      json === undefined ? [kind, channel, key] : [kind, channel, key, json];
    part += `${index === 0 ? "" : ","}${JSON.stringify(packed)}`;
  }
  const rest = [sourcePositions, requestIds, bytes].map((each) => JSON.stringify(each));
  yield `${part}],${rest.join(",")}]`;
}

/** JSON has no infinity, and a bound may be infinite. */
const INFINITY = "\u0000Infinity";

/** Whether a line has a step up to `seq`, without parsing all of it. */
export function isThrough(line: string, seq: number): boolean {
  return Number.parseInt(line.slice(1, 20), 10) <= seq;
}

/** @throws SyntaxError for a line that was not written whole */
export function unpackStep(line: string): HistoryStep {
  const [seq, timeMs, declared, packed, sourcePositions, requestIds, bytes] = JSON.parse(line) as [
    number,
    number,
    StoredChannel[],
    [HistoryEntry["kind"], string, string, string?][],
    [string, string][],
    string[],
    number,
  ];
  const entries = packed.map(([kind, channel, key, json]): HistoryEntry =>
    json === undefined
      ? { channel, kind, key, seq, timeMs }
      : {
          channel,
          kind,
          key,
          seq,
          timeMs,
          row: JSON.parse(json) as NonNullable<HistoryEntry["row"]>,
          json,
        },
  );
  const declares = declared.length === 0 ? declared : withInfinity(declared);
  return { seq, timeMs, declares, entries, sourcePositions, requestIds, bytes };
}

function withInfinity(declares: readonly StoredChannel[]): readonly StoredChannel[] {
  return JSON.parse(JSON.stringify(declares), (_name, value: unknown) =>
    value === INFINITY ? Number.POSITIVE_INFINITY : value,
  ) as readonly StoredChannel[];
}
