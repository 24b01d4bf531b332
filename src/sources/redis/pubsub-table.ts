/**
 * One table of a pub/sub source: whether messages about it were lost, when it must be read, and
 * the time up to which it is complete. Pure: time comes in as an argument.
 */
import { TidemarkError } from "../../std/errors.ts";
import type { KeyedRow } from "../../log/log.ts";
import { inOneOrder, KnownRows, type ReadChange } from "./known-rows.ts";
import type { RedisLimits } from "./limits.ts";
import type { RedisPubSubOptions, RedisPubSubTable } from "./options.ts";
import type { Table, Tables } from "./tables.ts";

type TableRead = NonNullable<RedisPubSubTable["read"]>;

/** Whether the table is watched, and how often watched tables are read. */
interface ReadPolicy {
  readonly isWatched: boolean;
  readonly reconcileIntervalMs: number;
}

export class PubSubTable {
  readonly table: Table;
  readonly read: TableRead | undefined;
  readonly #limits: RedisLimits;
  readonly #known: KnownRows;
  /** Counts the losses of messages: a read makes up for those before it began. */
  #losses = 1;
  #lossesMadeUp = 0;
  /** Notices that no read has covered, those of the running read included. */
  #notices = 0;
  #noticesRead = 0;
  #failures = 0;
  #nextReadMs = 0;
  #reading: { readonly losses: number; readonly beganMs: number } | undefined;
  #lastReadMs: number | undefined;
  #completeToMs = 0;

  constructor(table: Table, read: TableRead | undefined, limits: RedisLimits) {
    this.table = table;
    this.read = read;
    this.#limits = limits;
    this.#known = new KnownRows(limits.readRowsMax);
  }

  get channel(): string {
    return this.table.declaration.name;
  }

  /** Messages were lost, and no read has made up for them. */
  get isMissing(): boolean {
    return this.#losses > this.#lossesMadeUp;
  }

  get isNoticed(): boolean {
    return this.#notices > 0;
  }

  get isReading(): boolean {
    return this.#reading !== undefined;
  }

  /** Everything that was published before this time, in Unix milliseconds, is in its rows. */
  get completeToMs(): number {
    return this.#completeToMs;
  }

  /** Messages may have been lost. */
  lose(): void {
    this.#losses++;
    this.#failures = 0;
    this.#nextReadMs = 0;
  }

  /** Nothing makes up for what was lost: a table without `read` is complete from here on. */
  forgive(): void {
    this.#lossesMadeUp = this.#losses;
  }

  /** A `table_update` has come. */
  notice(): void {
    this.#notices++;
  }

  /** The rows of a message in the form in which they are compared. */
  take(upserts: readonly KeyedRow[], removes: readonly string[]): readonly KeyedRow[] {
    if (this.read === undefined) return upserts;
    const rows = upserts.map(inOneOrder);
    if (!this.#known.note(rows, removes)) this.lose();
    return rows;
  }

  /** When the next read is due, by a monotonic clock; undefined for none. */
  readDueMs({ isWatched, reconcileIntervalMs }: ReadPolicy): number | undefined {
    if (this.read === undefined || this.isReading) return undefined;
    const isNeeded = this.isMissing && (this.#failures === 0 || isWatched);
    if (isNeeded || this.#lastReadMs === undefined || (isWatched && this.isNoticed))
      return this.#nextReadMs;
    return isWatched
      ? Math.max(this.#nextReadMs, this.#lastReadMs + reconcileIntervalMs)
      : undefined;
  }

  /** `beganMs` is Unix time, `nowMs` the monotonic clock's. */
  beginRead(beganMs: number, nowMs: number): void {
    this.#reading = { losses: this.#losses, beganMs };
    this.#noticesRead = this.#notices;
    this.#lastReadMs = nowMs;
    this.#known.begin();
  }

  /** `fencedMs`: messages up to this time have been taken. Undefined: the rows can't be used. */
  endRead(rows: readonly KeyedRow[], fencedMs: number, nowMs: number): ReadChange | undefined {
    const reading = this.#reading;
    this.#reading = undefined;
    this.#nextReadMs = nowMs + this.#limits.readPauseMs;
    const change = this.#known.finish(rows);
    if (reading === undefined || change === undefined) return undefined;
    this.#failures = 0;
    this.#lossesMadeUp = reading.losses;
    this.#notices -= this.#noticesRead;
    this.#complete(reading.beganMs);
    if (!this.isMissing && !this.isNoticed) this.#complete(fencedMs);
    return change;
  }

  failRead(nowMs: number): void {
    const { reconnectBaseMs, reconnectCapMs } = this.#limits;
    this.#reading = undefined;
    this.#known.abandon();
    this.#losses++;
    this.#nextReadMs = nowMs + Math.min(reconnectCapMs, reconnectBaseMs * 2 ** this.#failures++);
  }

  /** All messages up to this time have been taken. */
  fence(unixMs: number): void {
    if (!this.isMissing && !this.isNoticed) this.#complete(unixMs);
  }

  #complete(unixMs: number): void {
    this.#completeToMs = Math.max(this.#completeToMs, unixMs);
  }
}

/**
 * By name. @throws TidemarkError `BAD_OPTION` for a table that could lose rows, where the program
 * does not say that it may
 */
export function pubSubTables(
  tables: Tables,
  { channels }: RedisPubSubOptions,
  limits: RedisLimits,
): ReadonlyMap<string, PubSubTable> {
  return new Map(
    Array.from(tables.values(), (table) => {
      const { key, read, atMostOnce } = channels[table.name] ?? {};
      if (atMostOnce !== true && (key === undefined || read === undefined))
        throw new TidemarkError(
          "BAD_OPTION",
          `Table "${table.name}" needs ${key === undefined ? "key" : "read"}, because pub/sub loses messages; or declare atMostOnce: true.`,
        );
      if (key === undefined && read !== undefined)
        throw new TidemarkError(
          "BAD_OPTION",
          `Table "${table.name}" has read and no key: rows without a key can't be compared.`,
        );
      return [table.name, new PubSubTable(table, read, limits)] as const;
    }),
  );
}
