/**
 * A store in memory for tests of what stands before a store: it holds the change log as it was
 * written, answers by going through all of it, and fails or waits when a test says so.
 */
import { TidemarkError } from "../std/errors.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import { compileOrder } from "../protocol/order.ts";
import type { Row } from "../protocol/row.ts";
import { compileWhere } from "../protocol/where.ts";
import { whereContextOf } from "../table/channel.ts";
import type {
  ChangesQuery,
  HistoryBatch,
  HistoryEntry,
  HistoryStore,
  NewestBounds,
  PageQuery,
  ScanQuery,
  StoredChannel,
  StoredChanges,
  StoredPage,
  StoredRow,
  StoredSpan,
  StoredState,
} from "./history.ts";

export class ScriptedStore implements HistoryStore {
  readonly name = "scripted";
  readonly spillFile: string | undefined;
  /** Called before each write: throw to fail it, or return a promise to delay it. */
  onWrite: (batch: HistoryBatch) => void | Promise<void> = () => {};
  readonly batches: HistoryBatch[] = [];
  readonly entries: HistoryEntry[] = [];
  readonly #channels = new Map<string, StoredChannel>();
  readonly #positions = new Map<string, string>();
  readonly #requestIds: string[] = [];
  #seq = 0;
  #timeMs = 0;
  #fromSeq = 0;

  constructor(spillFile?: string) {
    this.spillFile = spillFile;
  }

  open(): Promise<StoredState> {
    return Promise.resolve({
      seq: this.#seq,
      timeMs: this.#timeMs,
      sourcePositions: [...this.#positions],
      requestIds: [...this.#requestIds],
      channels: [...this.#channels.values()],
    });
  }

  declare(declared: StoredChannel): Promise<void> {
    const { name, key } = declared.channel;
    const known = this.#channels.get(name);
    if (known !== undefined && known.channel.key.join() !== key.join())
      return Promise.reject(new TidemarkError("BAD_OPTION", `"${name}" has another key.`));
    this.#channels.set(name, declared);
    return Promise.resolve();
  }

  async write(batch: HistoryBatch): Promise<void> {
    await this.onWrite(batch);
    if (batch.seq <= this.#seq) return;
    if (batch.after !== this.#seq)
      throw new TidemarkError("INTERNAL", `a batch after ${batch.after} at seq ${this.#seq}`);
    for (const { channel } of batch.entries)
      if (!this.#channels.has(channel))
        throw new TidemarkError("INTERNAL", `an entry of "${channel}", which was not declared`);
    this.batches.push(batch);
    this.entries.push(...batch.entries);
    this.#seq = batch.seq;
    this.#timeMs = batch.timeMs;
    for (const [source, position] of batch.sourcePositions) this.#positions.set(source, position);
    this.#requestIds.push(...batch.requestIds);
  }

  page({ channel, where, orderBy, limit, after, asOf, beforeSeq }: PageQuery): Promise<StoredPage> {
    if (!this.#channels.has(channel.name))
      return Promise.reject(new TidemarkError("NO_HISTORY", `"${channel.name}" is not declared.`));
    const context = whereContextOf(channel);
    const matches = where === undefined ? () => true : compileWhere(where, context);
    const order = compileOrder(orderBy, context);
    const rows = this.#rowsAsOf(channel.name, asOf)
      .map((stored) => ({ ...stored, row: JSON.parse(stored.json) as Row }))
      .filter(({ row, seq }) => matches(row) && seq < (beforeSeq ?? Number.POSITIVE_INFINITY))
      .sort(order)
      .filter((ranked) => after === undefined || order(ranked, after) > 0);
    return Promise.resolve({
      rows: rows.slice(0, limit).map(({ row: _row, ...stored }) => stored),
      isLast: rows.length <= limit,
      fromSeq: this.#fromSeq,
    });
  }

  newest(channel: { readonly name: string }, bounds: NewestBounds): Promise<readonly StoredRow[]> {
    const { asOf = this.#seq } = bounds;
    if (asOf < this.#fromSeq) return Promise.reject(this.#trimmed(asOf));
    let bytes = 0;
    const rows = this.#rowsAsOf(channel.name, asOf)
      .filter(({ timeMs }) => timeMs >= bounds.sinceMs)
      .reverse()
      .slice(0, bounds.rowsMax)
      .filter(({ json }) => (bytes += Buffer.byteLength(json)) <= bounds.bytesMax);
    return Promise.resolve(rows);
  }

  async *scan({ channel, asOf }: ScanQuery): AsyncIterable<readonly StoredRow[]> {
    if (asOf < this.#fromSeq) throw this.#trimmed(asOf);
    const rows = this.#rowsAsOf(channel.name, asOf);
    for (let from = 0; from < rows.length; from += 2) yield rows.slice(from, from + 2);
  }

  changes({ channels, after, through, entriesMax }: ChangesQuery): Promise<StoredChanges> {
    if (after < this.#fromSeq) return Promise.reject(this.#trimmed(after));
    const span = this.entries.filter(
      ({ channel, seq }) => channels.includes(channel) && seq > after && seq <= through,
    );
    const endSeq = span[entriesMax - 1]?.seq ?? through;
    return Promise.resolve({ entries: span.filter(({ seq }) => seq <= endSeq), seq: endSeq });
  }

  seqAt(timeMs: number): Promise<number> {
    const found = this.entries.findLast((entry) => entry.timeMs <= timeMs);
    return Promise.resolve(found?.seq ?? 0);
  }

  span(): Promise<StoredSpan> {
    const [first] = this.entries;
    return Promise.resolve({
      fromSeq: 0,
      fromTimeMs: first?.timeMs ?? 0,
      rows: this.entries.length,
      bytes: 0,
    });
  }

  trim(_channel: ChannelDeclaration, _nowMs: number): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Refuses what is older than a seq from now on, as retention does. */
  forget(seq: number): void {
    this.#fromSeq = seq;
  }

  #trimmed(seq: number): TidemarkError {
    return new TidemarkError("HISTORY_TRIMMED", `${seq} is before ${this.#fromSeq}.`);
  }

  /** In the order of their newest versions. */
  #rowsAsOf(channel: string, asOf: number): StoredRow[] {
    const rows = new Map<string, StoredRow>();
    for (const entry of this.entries) {
      if (entry.channel !== channel || entry.seq > asOf) continue;
      const { kind, key, seq, timeMs, json = "" } = entry;
      rows.delete(key);
      if (kind === "reload") rows.clear();
      if (kind === "upsert") rows.set(key, { key, json, seq, timeMs });
    }
    return [...rows.values()];
  }
}
